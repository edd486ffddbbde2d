//! The lines of a recording, as JSON. Shapes of their own: a recording of an older version stays readable while the core changes.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{act, plant::arc_plant, told::Told};
use crate::{
    alert::{
        command::Command,
        discover::Introduction,
        engine,
        plant::Plant,
        signal::Signal,
        state::{Durable, SavedLive, SavedValue, SavedWatch},
    },
    clock::{BootId, Mono, Now, Wall},
    sample::{self, Bad, Reading, TagId},
};

/// The version of the lines. It rises when a reader of older ones would read something wrongly.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first: what the core was.
    Begin(Box<Begin>),
    /// An input, or samples that arrived at the same instant, and what was decided.
    Step(Step),
    /// Inputs are missing, because they were not fetched in time: nothing after it can be replayed.
    Gap(Gap),
    /// The last, with the reason. A recording without it broke off.
    End(String),
}

/// What the core was when the recording began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Begin {
    /// [`VERSION`]
    pub recording: u32,
    /// The version of the agent.
    pub andon: String,
    /// The hash of the configuration that ran, as `andon status` shows it.
    pub configuration: String,
    /// When.
    pub at: At,
    /// The boot that monotonic times count in.
    pub boot: String,
    /// What ids are made from where `durable` does not say, 32 hexadecimal digits.
    pub seed: String,
    /// Machines, tags, rules, policies.
    #[serde(with = "arc_plant")]
    pub plant: Arc<Plant>,
    /// What was on disk.
    pub durable: Durable,
    /// What was in memory; none where the recording begins with the start of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<SavedLive>,
    /// What the start itself decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Told>,
}

/// An instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// Nanoseconds on `CLOCK_BOOTTIME`.
    pub mono: i64,
    /// Milliseconds since the Unix epoch.
    pub wall: i64,
    /// The wall clock could not be trusted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unsynchronised: bool,
}

/// An input and what was decided.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// When it arrived.
    pub at: At,
    /// What.
    pub input: Input,
    /// What was decided, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Told>,
    /// Why a command changed nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What moved the core.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Samples that arrived at the same instant, in order.
    Samples(Vec<Sample>),
    /// A person's command.
    Command(#[serde(with = "act::Command")] Command),
    /// What the agent says about itself.
    Signal(#[serde(with = "act::Signal")] Signal),
    /// A machine that a source introduced: its tags come behind those that are there.
    Machine(#[serde(with = "act::Introduction")] Introduction),
    /// Another configuration: tags are counted anew from here on.
    Plant(#[serde(with = "arc_plant")] Arc<Plant>),
    /// Watches taken up from another database.
    Watches {
        /// The boot of this run.
        boot: String,
        /// As they were saved there.
        watches: Vec<SavedWatch>,
    },
    /// Something fell due.
    Tick,
}

/// A sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The index of its tag in the plant.
    pub tag: u32,
    /// A good value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<SavedValue>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad: Option<String>,
    /// The time stamp of the payload's own, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<i64>,
    /// A broker had kept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retained: Option<Retained>,
}

/// How a sample counts that a broker had kept for who comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retained {
    /// As if it were sent now.
    Used,
    /// Only as how things stand.
    State,
}

/// Inputs that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// How many.
    pub inputs: u64,
    /// When the first of them arrived.
    pub from: At,
    /// When the last of them arrived.
    pub to: At,
}

impl Line {
    /// The line as text, without its end.
    pub fn text(&self) -> String {
        serde_json::to_string(self)
            .expect("plain shapes with text keys and finite numbers always have a JSON form")
    }
}

impl From<Now> for At {
    fn from(now: Now) -> Self {
        Self {
            mono: now.mono.as_nanos(),
            wall: now.wall.as_millis(),
            unsynchronised: !now.synchronised,
        }
    }
}

impl From<At> for Now {
    fn from(at: At) -> Self {
        Self {
            mono: Mono::from_nanos(at.mono),
            wall: Wall::from_millis(at.wall),
            synchronised: !at.unsynchronised,
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Wall::from_millis(self.wall).fmt(f)
    }
}

impl From<sample::Sample> for Sample {
    fn from(sample: sample::Sample) -> Self {
        let (value, bad) = match sample.reading {
            Reading::Good(value) => (Some(value.into()), None),
            Reading::Bad(bad) => (None, Some(bad.word().into_owned())),
        };
        Self {
            tag: sample.tag.0,
            value,
            bad,
            stamp: sample.stamp.map(Wall::as_millis),
            retained: match sample.retained {
                sample::Retained::No => None,
                sample::Retained::Used => Some(Retained::Used),
                sample::Retained::State => Some(Retained::State),
            },
        }
    }
}

impl Sample {
    /// The sample that it was. A reason that this version does not know is bad all the same.
    pub fn read(&self) -> sample::Sample {
        let bad = || self.bad.as_deref().and_then(Bad::from_word);
        sample::Sample {
            tag: TagId(self.tag),
            reading: match self.value {
                Some(value) => Reading::Good(value.into()),
                None => Reading::Bad(bad().unwrap_or(Bad::Malformed)),
            },
            stamp: self.stamp.map(Wall::from_millis),
            retained: match self.retained {
                None => sample::Retained::No,
                Some(Retained::Used) => sample::Retained::Used,
                Some(Retained::State) => sample::Retained::State,
            },
        }
    }
}

impl Input {
    /// The inputs that it stands for, in order.
    pub fn read(self) -> Vec<engine::Input> {
        vec![match self {
            Self::Samples(samples) => {
                let samples = samples.iter();
                return samples
                    .map(|sample| engine::Input::Sample(sample.read()))
                    .collect();
            }
            Self::Command(command) => engine::Input::Command(Box::new(command)),
            Self::Signal(signal) => engine::Input::Signal(Box::new(signal)),
            Self::Machine(introduction) => engine::Input::Machine(Box::new(introduction)),
            Self::Plant(plant) => engine::Input::Plant(plant),
            Self::Watches { boot, watches } => {
                engine::Input::Watches(Box::new((BootId(boot), watches)))
            }
            Self::Tick => engine::Input::Tick,
        }]
    }
}

impl From<engine::Input> for Input {
    fn from(input: engine::Input) -> Self {
        match input {
            engine::Input::Sample(sample) => Self::Samples(vec![sample.into()]),
            engine::Input::Command(command) => Self::Command(*command),
            engine::Input::Signal(signal) => Self::Signal(*signal),
            engine::Input::Machine(introduction) => Self::Machine(*introduction),
            engine::Input::Plant(plant) => Self::Plant(plant),
            engine::Input::Watches(saved) => {
                let (BootId(boot), watches) = *saved;
                Self::Watches { boot, watches }
            }
            engine::Input::Tick => Self::Tick,
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
