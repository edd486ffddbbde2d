//! What came of an attempt, and what that means for its delivery. Plain words, no behaviour.

use std::time::Duration;

use super::LaneKey;
use crate::clock::Mono;

/// What came of one attempt. A sender that panicked or was cancelled reports [`Outcome::Failed`]: it may have been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Accepted,
    /// DNS, connect or TLS failed: nothing was sent, so no attempt is used.
    Unreachable,
    /// Timeout after sending, 5xx, 408, 425, 429: it may or may not have been heard.
    Failed {
        /// How long the receiver asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// Any other answer than success.
    Refused {
        /// The answer blames the payload, or is one of `give_up_on`: trying again is useless.
        give_up: bool,
    },
    /// It was not tried, because the store does not owe it any more: that says nothing about the destination.
    Void,
    /// It was not tried, because it cannot be read now: its lane waits for so long, or until [`super::Schedule::resume`].
    OutOfReach(Duration),
}

/// What an outcome means for its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is over; the store records it and the lane goes on.
    Settled(Settled),
    /// It is tried again, not before this time.
    Waiting {
        /// The earliest time at which it may start again.
        until: Mono,
    },
    /// No such delivery is in flight: it was reported before. Nothing has changed.
    Unknown,
}

/// A delivery that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The row of the outbox.
    pub row: i64,
    /// Its watch.
    pub lane: LaneKey,
    /// How it ended.
    pub state: State,
    /// Why, for people and for the record.
    pub why: &'static str,
}

impl Settled {
    pub(super) fn new(row: i64, lane: LaneKey, (state, why): (State, &'static str)) -> Self {
        Self {
            row,
            lane,
            state,
            why,
        }
    }
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The receiver has it.
    Accepted,
    /// Its list of retries is used up.
    Failed,
    /// It was older than `expire_after`.
    Expired,
    /// The receiver refused it for good, or a person dropped it.
    GivenUp,
    /// The destination knows it: it has just been told the same, or its alert came back and ended again meanwhile.
    Deduplicated,
    /// It was late, and a later one tells the latest state.
    Superseded,
}

impl State {
    /// The word of the database, the API and the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::GivenUp => "given_up",
            Self::Deduplicated => "deduplicated",
            Self::Superseded => "superseded",
        }
    }
}
