//! What the core watches: machines, their tags, the watches over them and the policies that escalate.
//!
//! A [`Plant`] is made whole by `config` and `rules` and is valid by then: indices are in range, levels are in order,
//! limits are finite. Nothing of it is read from a file here. While the core runs, machines that are discovered come behind what is there
//! ([`super::mould`]) and nothing else changes; a changed configuration is a new plant, given to
//! [`crate::alert::engine::Engine`] as an input.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use super::{
    category::Category,
    mould::{Found, Mould, MouldIx, Standing},
    when::{Traits, When},
};
use crate::sample::{Labels, TagId};

/// Everything that the core needs to know of a configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plant {
    /// The site's id, part of every `dedup_key`.
    pub site: Arc<str>,
    /// All machines. [`MachineIx`] is the index.
    pub machines: Vec<Machine>,
    /// All sources. [`SourceIx`] is the index.
    pub sources: Vec<Source>,
    /// All units behind sources. [`UnitIx`] is the index.
    pub units: Vec<Unit>,
    /// All tags. [`TagId`] is the index.
    pub tags: Vec<Tag>,
    /// All watches. [`WatchIx`] is the index.
    pub watches: Vec<Watch>,
    /// What machines are like that sources may discover. [`MouldIx`] is the index.
    pub moulds: Vec<Mould>,
    /// Escalation policies, the first that matches applies.
    pub policies: Vec<Policy>,
    /// Times that hold for the whole plant.
    pub times: Times,
}

/// Index into [`Plant::machines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineIx(pub u32);

/// Index into [`Plant::sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceIx(pub u32);

/// Index into [`Plant::units`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitIx(pub u32);

/// Index into [`Plant::watches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchIx(pub u32);

/// A thing with a name that people know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// `mill-1`
    pub id: Arc<str>,
    /// `CNC Mill #1`
    pub name: Arc<str>,
    /// `cnc-mill`
    pub class: Option<Arc<str>>,
    /// The labels that are configured; routes and policies match [`Machine::all_labels`].
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// What its topics say of it, beside those.
    pub captured: BTreeMap<Arc<str>, Arc<str>>,
    /// Silence then means that it is off: listed, not alerted.
    pub may_be_off: bool,
    /// Whether it is configured.
    pub standing: Standing,
    /// That it was discovered, if it was. Configured machines are not, so it takes room of its own.
    pub found: Option<Box<Found>>,
}

/// A connection that yields samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// `hall-2`
    pub name: Arc<str>,
    /// What people look for when it is silent: `192.168.10.21:502`.
    pub address: Arc<str>,
}

/// One Modbus unit id behind a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// The source it is behind.
    pub source: SourceIx,
    /// The Modbus unit id.
    pub id: u8,
}

/// A named value of a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    /// What it has in common with those of other machines, who share it: there are tens of thousands of tags, of few kinds.
    pub kind: Arc<TagKind>,
    /// The machine it belongs to.
    pub machine: MachineIx,
    /// The source it comes from.
    pub source: SourceIx,
    /// The Modbus unit it comes from, if it does.
    pub modbus_unit: Option<UnitIx>,
}

/// What a tag is, whichever machine it is of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TagKind {
    /// `spindle_temp`
    pub name: Arc<str>,
    /// Engineering unit for people: `°C`; may be empty.
    pub unit: Arc<str>,
    /// Decimals to show, 0 to 9.
    pub decimals: u8,
    /// Names of its numbers, if they have any.
    pub labels: Labels,
    /// Without a sample for this long the tag is stale.
    pub stale_after: Duration,
}

/// A rule bound to one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// The rule, with the limits of this machine in it.
    pub rule: Arc<Rule>,
    /// The machine.
    pub machine: MachineIx,
    /// The tag of that machine which the rule compares.
    pub tag: TagId,
}

/// What is abnormal.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `spindle-overtemp`
    pub id: Arc<str>,
    /// At least one, at most [`Rule::MAX_LEVELS`], the mildest first; severities never fall from one to the next.
    pub levels: Vec<Level>,
    /// How far a value must come back inside a limit before an active level counts as gone; 0 or more, in the tag's unit.
    pub deadband: f64,
    /// How long it must be gone before it falls.
    pub off_delay: Duration,
    /// Resolves only after it was acknowledged.
    pub latched: bool,
    /// Text with `{value}` and `{limit}` in it: `spindle {value}, limit {limit}`.
    pub message: Arc<str>,
    /// What to do: `Reduce feed, check coolant flow.`; may be empty.
    pub action: Arc<str>,
    /// Link to more.
    pub runbook: Option<Arc<str>>,
}

impl Rule {
    /// How many levels a rule may have.
    pub const MAX_LEVELS: usize = 8;

    /// The severity of its worst level.
    pub fn worst_severity(&self) -> Severity {
        self.levels
            .last()
            .map_or(Severity::Info, |level| level.severity)
    }
}

/// One step of a rule's ladder: `hi`, `hihi`.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// `hihi`
    pub name: Arc<str>,
    /// When it holds.
    pub condition: Condition,
    /// How long it must hold without interruption.
    pub on_delay: Duration,
    /// How bad it is.
    pub severity: Severity,
}

/// A comparison. All limits are finite; booleans are compared as 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// Holds at value > limit.
    Above(f64),
    /// Holds at value < limit.
    Below(f64),
    /// Holds at value < low or value > high.
    Outside {
        /// Lower limit.
        low: f64,
        /// Upper limit.
        high: f64,
    },
    /// Holds at low <= value <= high.
    Inside {
        /// Lower limit.
        low: f64,
        /// Upper limit.
        high: f64,
    },
    /// Holds at value = this.
    Equals(f64),
    /// Holds at value != this.
    NotEquals(f64),
}

/// How bad an alert is, mildest first so that the derived order is the order of severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should look.
    Warning,
    /// Something is broken.
    Error,
    /// Now.
    Critical,
}

impl Severity {
    /// All, mildest first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// The word of the configuration and of the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// The severity with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.word() == word)
    }
}

/// An escalation policy: steps that run until somebody acknowledges.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// `critical-15`
    pub id: Arc<str>,
    /// `Critical, 15min escalation`
    pub name: Arc<str>,
    /// Which alerts it is for.
    pub when: When,
    /// At least one, `after` rising.
    pub steps: Vec<Step>,
    /// Runs the last step again at this distance; at least one minute.
    pub repeat: Option<Duration>,
}

/// One step of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Counted from the trigger.
    pub after: Duration,
    /// Names of destinations.
    pub to: Vec<Arc<str>>,
    /// It is told as an incident of its own where that rings again.
    pub new_incident: bool,
}

/// Times that hold for the whole plant; `Default` is what the design gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// A condition that returns within this time after its alert resolved reopens it.
    pub reopen_within: Duration,
    /// How long something is blind before that is an alert.
    pub blind_after: Duration,
    /// The most that a payload's own time stamps may advance a delay in one sample.
    pub max_catch_up: Duration,
    /// The longest time for which anything may be shelved.
    pub max_shelve: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            reopen_within: Duration::from_secs(10 * 60),
            blind_after: Duration::from_secs(2 * 60),
            max_catch_up: Duration::from_secs(24 * 60 * 60),
            max_shelve: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_ordered_and_named() {
        assert!(Severity::Critical > Severity::Error);
        for severity in Severity::ALL {
            assert_eq!(Severity::from_word(severity.word()), Some(severity));
        }
        assert_eq!(Severity::from_word("fatal"), None);
    }
}
