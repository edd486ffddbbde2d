//! The core once more, moved by the lines of a recording.

use std::sync::Arc;

use thiserror::Error;

use super::{
    line::{Begin, Gap, Line, Step, VERSION},
    told::Told,
};
use crate::{
    alert::{engine::Engine, restore::Snapshot},
    clock::{BootId, Now, Wall},
};

/// A replay, and what it found so far.
#[derive(Debug)]
pub struct Replay {
    engine: Engine,
    /// The first instant and the last one.
    pub began: Wall,
    /// The same.
    pub until: Wall,
    /// How many inputs were played.
    pub inputs: u64,
    /// How many events were decided.
    pub events: u64,
    /// Where the replay first decided something else than the recorded run.
    pub difference: Option<Difference>,
    /// Where it had to stop.
    pub gap: Option<Gap>,
    /// How the recording ends; none while it has not, or if it broke off.
    pub end: Option<String>,
}

/// Where a replay went another way.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Difference {
    /// The line of the recording, the first is 1.
    pub line: u64,
    /// When, RFC 3339.
    pub at: String,
    /// What was decided in the recorded run.
    pub recorded: Vec<Told>,
    /// What is decided now.
    pub replayed: Vec<Told>,
}

/// Why a recording cannot be played.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It does not begin like one.
    #[error("this is no recording of andon: its first line says nothing of how it begins")]
    NoBegin,
    /// It was made by a newer version.
    #[error("this recording is of version {0}, this andon knows {VERSION}: use a newer one")]
    Newer(u32),
    /// A line cannot be read.
    #[error("line {line} cannot be read")]
    Line {
        /// Which, the first is 1.
        line: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It begins twice.
    #[error("line {0} begins a second recording; one file holds one")]
    SecondBegin(u64),
}

impl Replay {
    /// Begins with the first line of a recording. The events are those that the start itself decided.
    ///
    /// # Errors
    /// When it is not the first line of a recording, or of one that is newer.
    pub fn begin(line: &str) -> Result<(Self, Vec<Told>), ReplayError> {
        let begin = first(line)?;
        let at = Wall::from_millis(begin.at.wall);
        let recorded = begin.events.clone();
        let (engine, events) = engine(begin);
        let mut replay = Self {
            engine,
            began: at,
            until: at,
            inputs: 0,
            events: 0,
            difference: None,
            gap: None,
            end: None,
        };
        replay.compare(1, recorded, &events, false, false);
        Ok((replay, events))
    }

    /// Plays the next line, and says what was decided. After a gap nothing is played any more.
    ///
    /// # Errors
    /// When the line cannot be read.
    pub fn play(&mut self, number: u64, line: &str) -> Result<Vec<Told>, ReplayError> {
        let read = serde_json::from_str(line);
        let step = match read.map_err(|source| ReplayError::Line {
            line: number,
            source,
        })? {
            Line::Begin(_) => return Err(ReplayError::SecondBegin(number)),
            Line::End(why) => {
                self.end = Some(why);
                return Ok(Vec::new());
            }
            Line::Gap(gap) => {
                self.gap.get_or_insert(gap);
                return Ok(Vec::new());
            }
            Line::Step(step) => step,
        };
        if self.gap.is_some() {
            return Ok(Vec::new());
        }
        Ok(self.step(number, step))
    }

    /// Whether everything was played and decided as recorded.
    pub fn is_same(&self) -> bool {
        self.difference.is_none() && self.gap.is_none()
    }

    fn step(&mut self, number: u64, step: Step) -> Vec<Told> {
        let now = Now::from(step.at);
        self.until = now.wall;
        let (mut events, mut refused) = (Vec::new(), false);
        for input in step.input.read() {
            self.inputs += 1;
            let decided = self.engine.step(now, input);
            events.extend(decided.events.iter().map(Told::from));
            refused = decided.refused.is_some();
        }
        let was_refused = step.refused.is_some();
        self.compare(number, step.events, &events, was_refused, refused);
        events
    }

    fn compare(
        &mut self,
        line: u64,
        recorded: Vec<Told>,
        replayed: &[Told],
        was_refused: bool,
        is_refused: bool,
    ) {
        self.events += replayed.len() as u64;
        // Not the words: a watch that is over and forgotten is "over" to one run and unknown to another.
        let same = recorded == replayed && was_refused == is_refused;
        if !same && self.difference.is_none() {
            self.difference = Some(Difference {
                line,
                at: self.until.to_string(),
                recorded,
                replayed: replayed.to_vec(),
            });
        }
    }
}

/// The first line of a recording.
pub(super) fn first(line: &str) -> Result<Begin, ReplayError> {
    match serde_json::from_str(line) {
        Ok(Line::Begin(begin)) if begin.recording <= VERSION => Ok(*begin),
        Ok(Line::Begin(begin)) => Err(ReplayError::Newer(begin.recording)),
        _ => Err(newer(line).map_or(ReplayError::NoBegin, ReplayError::Newer)),
    }
}

/// The core as it was, and what its start decided.
pub(super) fn engine(begin: Begin) -> (Engine, Vec<Told>) {
    let (now, boot) = (Now::from(begin.at), BootId(begin.boot));
    let plant = Arc::clone(&begin.plant);
    let (engine, events) = match begin.live {
        None => Engine::restore(plant, &begin.durable, now, &boot, seed(&begin.seed)),
        Some(live) => {
            let durable = begin.durable;
            Engine::resume(plant, &Snapshot { durable, live }, now, &boot)
        }
    };
    (engine, events.iter().map(Told::from).collect())
}

/// The version of a first line that cannot be read otherwise, if it is a newer one.
fn newer(line: &str) -> Option<u32> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let version = line.pointer("/begin/recording")?.as_u64()?;
    u32::try_from(version)
        .ok()
        .filter(|version| *version > VERSION)
}

fn seed(text: &str) -> [u8; 16] {
    let mut seed = [0; 16];
    for (byte, at) in seed.iter_mut().zip((0..text.len()).step_by(2)) {
        let digits = text.get(at..at + 2);
        *byte = digits
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .unwrap_or_default();
    }
    seed
}
