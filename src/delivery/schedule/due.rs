//! What is to be done now: the attempts to start, and what is over. Plain words, no behaviour.

use std::sync::Arc;

use super::{LaneKey, Repost, Settled};

/// One try of one delivery, to be started now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The row of the outbox.
    pub row: i64,
    /// The destination's name.
    pub destination: Arc<str>,
    /// The watch.
    pub lane: LaneKey,
    /// Which attempt this is if one is used, the first is 1.
    pub number: u32,
    /// It finds out whether the destination is back.
    pub probe: bool,
    /// Whether to write it down if it settles nothing. While a breaker is open that is so once an hour; what settles a
    /// delivery is always written.
    pub record: bool,
    /// All rows that are told by this one attempt, this one first, if it is a digest of what is late: each is to be reported
    /// with [`super::Schedule::done_in_digest`], in this order. Empty if the row is told alone.
    pub digest: Vec<i64>,
}

impl Attempt {
    /// All rows that it tells.
    pub fn rows(&self) -> &[i64] {
        match self.digest.is_empty() {
            true => std::slice::from_ref(&self.row),
            false => &self.digest,
        }
    }
}

/// What [`super::Schedule::next`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// To be started now, each reported with [`super::Schedule::done`] once.
    pub attempts: Vec<Attempt>,
    /// Over without an attempt, to be recorded.
    pub settled: Vec<Settled>,
    /// To be told as triggers from now on, because they stand for the calls among what was superseded. This, and then what
    /// was superseded, must be on record before an attempt of this `Due` starts.
    pub retold: Vec<i64>,
    /// Not accepted in time: their alert is owed to others. Each is reported once in a run.
    pub fallbacks: Vec<i64>,
    /// To be told again now, each reported with [`super::Schedule::reposted`] once.
    pub reposts: Vec<Repost>,
}
