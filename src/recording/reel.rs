//! From the loop to whoever writes: a queue with a bound, whose one end never waits.
//!
//! The [`Tap`] hears every step and copies it; the [`Reel`] makes lines of the copies, elsewhere. A reader that is too slow costs a gap in
//! its recording, never a moment of the loop. What was heard leaves only when it is committed, like everything else of a step.

use std::{
    collections::VecDeque,
    task::{Context, Poll, ready},
};

use tokio::sync::mpsc::{self, error::TrySendError};

use super::{
    line::{At, Begin, Gap, Input, Line, Step},
    told::Told,
};
use crate::{
    alert::{
        engine::{self, Decided},
        event::Event,
    },
    clock::Now,
};

/// How many inputs wait for a slow reader, about 5 MiB; what comes beyond is a gap.
pub const QUEUE: usize = 32_768;
/// How many inputs become lines at once.
const AT_ONCE: usize = 512;

/// The loop's end.
#[derive(Debug)]
pub struct Tap {
    queue: mpsc::Sender<Frame>,
    /// Heard and not committed yet.
    held: VecDeque<Frame>,
    gap: Option<Gap>,
}

/// The reader's end.
#[derive(Debug)]
pub struct Reel {
    queue: mpsc::Receiver<Frame>,
    frames: Vec<Frame>,
}

/// What goes through the queue: plain copies, of which lines are made at the other end.
#[derive(Debug)]
enum Frame {
    Begin(Box<Begin>),
    Step(Box<Heard>),
    /// The common one, without a box of its own.
    Sample(Now, crate::sample::Sample),
    Gap(Gap),
    End(&'static str),
}

#[derive(Debug)]
struct Heard {
    at: Now,
    input: engine::Input,
    events: Vec<Event>,
    refused: Option<String>,
}

/// Both ends of a recording that begins so; at most `limit` inputs wait between them.
pub fn recording(begin: Begin, limit: usize) -> (Tap, Reel) {
    let (sender, queue) = mpsc::channel(limit);
    let tap = Tap {
        queue: sender,
        held: VecDeque::from([Frame::Begin(Box::new(begin))]),
        gap: None,
    };
    let frames = Vec::new();
    (tap, Reel { queue, frames })
}

impl Tap {
    /// Hears a step.
    pub fn hear(&mut self, at: Now, input: &engine::Input, decided: &Decided) {
        let frame = match input {
            engine::Input::Sample(sample) if decided.events.is_empty() => {
                Frame::Sample(at, *sample)
            }
            input => Frame::Step(Box::new(Heard {
                at,
                input: input.clone(),
                events: decided.events.clone(),
                refused: decided.refused.as_ref().map(ToString::to_string),
            })),
        };
        self.held.push_back(frame);
    }

    /// Lets go what was heard, as it is on disk now. False once nobody reads any more.
    pub fn let_go(&mut self) -> bool {
        while let Some(frame) = self.held.pop_front() {
            if let Err(Gone) = self.send(frame) {
                return false;
            }
        }
        !self.queue.is_closed()
    }

    /// Ends the recording, for this reason.
    pub fn end(mut self, why: &'static str) {
        self.held.push_back(Frame::End(why));
        self.let_go();
    }

    fn send(&mut self, frame: Frame) -> Result<(), Gone> {
        // A gap stands where it is: nothing overtakes the word about it.
        if let Some(gap) = self.gap {
            match self.queue.try_send(Frame::Gap(gap)) {
                Ok(()) => self.gap = None,
                Err(TrySendError::Closed(_)) => return Err(Gone),
                Err(TrySendError::Full(_)) => {
                    self.miss(&frame);
                    return Ok(());
                }
            }
        }
        match self.queue.try_send(frame) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(Gone),
            Err(TrySendError::Full(frame)) => {
                self.miss(&frame);
                Ok(())
            }
        }
    }

    fn miss(&mut self, frame: &Frame) {
        let at: At = match frame {
            Frame::Sample(at, _) => (*at).into(),
            Frame::Step(heard) => heard.at.into(),
            Frame::Begin(begin) => begin.at,
            Frame::Gap(_) | Frame::End(_) => return,
        };
        let gap = self.gap.get_or_insert(Gap {
            inputs: 0,
            from: at,
            to: at,
        });
        gap.inputs += 1;
        gap.to = at;
    }
}

/// Nobody reads any more.
struct Gone;

impl Reel {
    /// The next lines, each with its end; none when the recording is over.
    pub fn poll_text(&mut self, context: &mut Context<'_>) -> Poll<Option<String>> {
        let count = ready!(
            self.queue
                .poll_recv_many(context, &mut self.frames, AT_ONCE)
        );
        Poll::Ready((count > 0).then(|| text(self.frames.drain(..))))
    }

    /// The same for a thread that may wait.
    pub fn next_text(&mut self) -> Option<String> {
        let count = self.queue.blocking_recv_many(&mut self.frames, AT_ONCE);
        (count > 0).then(|| text(self.frames.drain(..)))
    }
}

/// Lines of what was heard. Samples of one instant share a line.
fn text(frames: impl Iterator<Item = Frame>) -> String {
    let mut lines = String::new();
    let mut put = |line: Line| {
        lines.push_str(&line.text());
        lines.push('\n');
    };
    let mut samples: Option<(Now, Vec<super::line::Sample>)> = None;
    for frame in frames {
        if let Frame::Sample(at, sample) = &frame
            && let Some((of, list)) = &mut samples
            && of == at
        {
            list.push((*sample).into());
            continue;
        }
        if let Some((at, list)) = samples.take() {
            put(step(at, Input::Samples(list)));
        }
        match frame {
            Frame::Sample(at, sample) => samples = Some((at, vec![sample.into()])),
            Frame::Step(heard) => put(Line::Step(Step {
                at: heard.at.into(),
                input: heard.input.into(),
                events: heard.events.iter().map(Told::from).collect(),
                refused: heard.refused,
            })),
            Frame::Begin(begin) => put(Line::Begin(begin)),
            Frame::Gap(gap) => put(Line::Gap(gap)),
            Frame::End(why) => put(Line::End(why.to_owned())),
        }
    }
    if let Some((at, list)) = samples {
        put(step(at, Input::Samples(list)));
    }
    lines
}

fn step(at: Now, input: Input) -> Line {
    Line::Step(Step {
        at: at.into(),
        input,
        events: Vec::new(),
        refused: None,
    })
}
