//! What people tell the core to do, and why it may refuse.
//!
//! Who may say it and over which door is decided elsewhere; a command arrives with its [`By`].

use std::{sync::Arc, time::Duration};

use thiserror::Error;

use super::event::{By, DedupKey};
use crate::clock::Wall;

/// One instruction of one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What to do.
    pub action: Action,
    /// Who says so.
    pub by: By,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Take an alert: its escalation ends.
    Acknowledge {
        /// Which.
        alert: AlertRef,
        /// A note for the others.
        note: Option<Arc<str>>,
    },
    /// Silence something for a time.
    Shelve {
        /// What.
        target: Target,
        /// For how long.
        duration: Duration,
        /// Why; required, never empty.
        reason: Arc<str>,
    },
    /// End a shelf before its time.
    Unshelve {
        /// What was shelved.
        target: Target,
    },
    /// End an alert without having measured it as normal.
    Close {
        /// Which.
        alert: AlertRef,
        /// Why; required, never empty.
        why: Arc<str>,
    },
    /// Remember a machine no longer that was discovered: its alerts end.
    Forget {
        /// The machine's id.
        machine: Arc<str>,
    },
}

/// How a command names an alert.
#[derive(Clone, Debug, PartialEq)]
pub enum AlertRef {
    /// By the number of `A-1042`.
    Number(u64),
    /// By the watch, for systems that know only that: counts only if the alert did not trigger after `seen`, the
    /// last trigger that this system accepted.
    Key {
        /// The watch.
        dedup_key: DedupKey,
        /// When the trigger that it accepted last was decided.
        seen: Wall,
    },
    /// By names: `mill-1/spindle-overtemp`.
    Watch {
        /// The machine's id.
        machine: Arc<str>,
        /// The rule's id.
        rule: Arc<str>,
    },
}

/// What can be shelved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The watch of the alert with this number.
    Alert(u64),
    /// One watch.
    Watch {
        /// The machine's id.
        machine: Arc<str>,
        /// The rule's id.
        rule: Arc<str>,
    },
    /// All watches of a machine.
    Machine(Arc<str>),
    /// All watches of the site.
    Site,
}

/// Why a command was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No such alert was ever made, or it is too old to be known.
    #[error("there is no alert {0}; `andon alerts` lists them")]
    UnknownAlert(String),
    /// It is over.
    #[error("alert {0} is over already")]
    Over(String),
    /// It was taken before.
    #[error("alert A-{number} was acknowledged by {by} already")]
    AlreadyAcknowledged {
        /// The alert's number.
        number: u64,
        /// Who was first.
        by: Arc<str>,
    },
    /// A newer alert of the same watch has triggered since.
    #[error("alert A-{0} triggered after what is being acknowledged; look at it first")]
    Newer(u64),
    /// No such machine or watch.
    #[error("nothing is called {0}; `andon status` lists machines and watches")]
    UnknownTarget(String),
    /// Only what was discovered can be forgotten.
    #[error("{0} is configured; take it out of the configuration to have it watched no longer")]
    Configured(String),
    /// No such machine.
    #[error("no machine is called {0}; `andon machines` lists them")]
    UnknownMachine(String),
    /// It is not shelved.
    #[error("{0} is not shelved")]
    NotShelved(String),
    /// A shelf or an end needs a reason.
    #[error("a reason is required, so that the next shift knows")]
    NoReason,
    /// Too short or too long.
    #[error("may be shelved for 1 minute up to {}, not for {}", spoken(*max), spoken(*asked))]
    BadDuration {
        /// What was asked for.
        asked: Duration,
        /// The longest that is allowed.
        max: Duration,
    },
}

/// A duration in the largest unit that it is whole in.
fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "days"), (3600, "hours"), (60, "minutes")];
    let whole = units
        .into_iter()
        .find(|(unit, _)| seconds != 0 && seconds.is_multiple_of(*unit));
    whole.map_or_else(
        || format!("{seconds} seconds"),
        |(unit, name)| format!("{} {name}", seconds / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_that_is_too_long_is_refused_in_units_that_people_use() {
        let day = Duration::from_secs(86_400);
        let refusal = Refusal::BadDuration {
            asked: 100 * day,
            max: 7 * day,
        };
        let text = "may be shelved for 1 minute up to 7 days, not for 100 days";
        assert_eq!(refusal.to_string(), text);
    }
}
