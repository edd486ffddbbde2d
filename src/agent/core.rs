//! The core as the loop has it: the one place where an input reaches the engine, and so the place where recordings hear it.
//!
//! It is the engine to look at; only a step changes it. Without a recording a step costs one comparison more.

use std::{ops::Deref, sync::Arc};

use crate::{
    alert::{
        changes::Changes,
        engine::{Decided, Engine, Input},
        state::Durable,
    },
    clock::{BootId, Now},
    recording::{
        line::{At, Begin, VERSION},
        reel::{QUEUE, Reel, Tap, recording},
    },
};

/// So many recordings may run at once.
const RECORDINGS: usize = 2;

/// The engine with those who listen to it.
#[derive(Debug)]
pub(super) struct Core {
    engine: Engine,
    taps: Vec<Tap>,
}

impl Deref for Core {
    type Target = Engine;
    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Core {
    pub(super) fn new(engine: Engine) -> Self {
        let taps = Vec::new();
        Self { engine, taps }
    }

    /// Takes an input at its instant.
    pub(super) fn step(&mut self, now: Now, input: Input) -> Decided {
        if self.taps.is_empty() {
            return self.engine.step(now, input);
        }
        let heard = input.clone();
        let decided = self.engine.step(now, input);
        for tap in &mut self.taps {
            tap.hear(now, &heard, &decided);
        }
        decided
    }

    /// Takes what has changed since the last call.
    pub(super) fn take_changes(&mut self, boot: &BootId) -> Changes {
        self.engine.take_changes(boot)
    }

    /// Begins to record with this tap, whose reel somebody reads.
    pub(super) fn listen(&mut self, tap: Tap) {
        self.taps.push(tap);
    }

    /// Begins to record in the middle of a run.
    ///
    /// # Errors
    /// A sentence, when as many recordings run as may.
    pub(super) fn record(&mut self, configuration: String, boot: &BootId) -> Result<Reel, String> {
        self.let_go();
        if self.taps.len() >= RECORDINGS {
            return Err(format!(
                "{RECORDINGS} recordings run already; end one of them first"
            ));
        }
        let snapshot = self.engine.snapshot(boot);
        let begin = Begin {
            live: Some(snapshot.live),
            ..begin(self, configuration, snapshot.durable, self.now(), boot)
        };
        let (tap, reel) = recording(begin, QUEUE);
        self.listen(tap);
        Ok(reel)
    }

    /// Lets recordings go on to what is committed by now.
    pub(super) fn let_go(&mut self) {
        let before = self.taps.len();
        self.taps.retain_mut(Tap::let_go);
        if self.taps.len() < before {
            tracing::info!("a recording has ended");
        }
    }

    /// How many recordings run.
    pub(super) fn recordings(&self) -> usize {
        self.taps.len()
    }

    /// Ends all recordings.
    pub(super) fn end_recordings(&mut self, why: &'static str) {
        for tap in self.taps.drain(..) {
            tap.end(why);
        }
    }
}

/// How a recording of this engine begins, if it goes on from what was on disk.
pub(super) fn begin(
    engine: &Engine,
    configuration: String,
    durable: Durable,
    at: Now,
    boot: &BootId,
) -> Begin {
    Begin {
        recording: VERSION,
        andon: env!("CARGO_PKG_VERSION").to_owned(),
        configuration,
        at: At::from(at),
        boot: boot.0.clone(),
        seed: String::new(),
        plant: Arc::clone(engine.plant()),
        durable,
        live: None,
        events: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::{
        alert::tests::{boot, now, properties::busy_plant},
        sample::{Reading, Sample, TagId, Value},
    };

    fn core() -> Core {
        let (plant, nothing) = (Arc::new(busy_plant(300)), Durable::default());
        let (engine, _) = Engine::restore(plant, &nothing, now(0.0), &boot(), [1; 16]);
        Core::new(engine)
    }

    fn hot() -> Input {
        Input::Sample(Sample::new(TagId(3), Reading::Good(Value::Number(97.0))))
    }

    /// The lines that may be read by now.
    fn lines(reel: &mut Reel) -> Vec<String> {
        match reel.poll_text(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(text)) => text.lines().map(str::to_owned).collect(),
            Poll::Ready(None) | Poll::Pending => Vec::new(),
        }
    }

    #[test]
    fn what_was_decided_is_heard_of_only_when_it_is_committed() {
        let mut core = core();
        let mut reel = core.record("hash".to_owned(), &boot()).expect("a place");
        core.let_go();
        assert_eq!(lines(&mut reel).len(), 1, "how it begins");
        let decided = core.step(now(1.0), hot());
        assert_eq!(decided.events.len(), 1);
        assert_eq!(lines(&mut reel), [""; 0]);
        core.let_go();
        let heard = lines(&mut reel);
        assert!(heard[0].contains("\"kind\":\"triggered\""), "{heard:?}");
        core.end_recordings("the agent stopped");
        assert_eq!(lines(&mut reel), ["{\"end\":\"the agent stopped\"}"]);
    }

    #[test]
    fn only_so_many_recordings_run_at_once_and_one_that_nobody_reads_is_none() {
        let mut core = core();
        let record = |core: &mut Core| core.record(String::new(), &boot());
        let reels: Vec<Reel> = (0..RECORDINGS)
            .map(|_| record(&mut core).expect("a place"))
            .collect();
        let refused = record(&mut core).expect_err("no place is left");
        assert!(refused.contains("run already"), "{refused}");
        drop(reels);
        assert!(record(&mut core).is_ok());
    }
}
