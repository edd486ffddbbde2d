//! What people should know of nodes, beside the readings: for the log, and as counts.

use std::fmt;

use super::fault::Fault;
use crate::source::trouble::Say;

/// Something about a node or device that is worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source::mqtt) struct Remark {
    /// Group and node, and the device if it is about one.
    pub(in crate::source::mqtt) of: String,
    /// What.
    pub(in crate::source::mqtt) what: What,
    /// Whether it begins, goes on or is over, and how often it was.
    pub(in crate::source::mqtt) say: Say,
}

/// What a remark is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source::mqtt) enum What {
    /// Something in its messages is not understood.
    Fault(Fault),
    /// Faults, which are over.
    Faults,
    /// A message did not come.
    Gap,
    /// It would fill a machine that another one fills, and is not heard.
    Clash,
    /// It was asked to be born again, and does not answer.
    Deaf,
    /// There are more nodes than are followed.
    TooMany,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "a message is not understood: {fault}"),
            Self::Faults => f.write_str("messages are understood"),
            Self::Gap => f.write_str(
                "messages are missing, so nothing of the node counts until it is born again",
            ),
            Self::Deaf => f.write_str(
                "it does not answer when it is asked to be born again; is it connected, and may this agent publish \
                 to its NCMD topic?",
            ),
            Self::TooMany => f.write_str(
                "it is not heard, as there are more nodes than are followed; subscribe to fewer groups or nodes",
            ),
            Self::Clash => f.write_str(
                "another node or device is the same machine and lives, so this one is not heard; \
                 name machines apart: machine = \"{node}-{device}\"",
            ),
        }
    }
}

/// How often something has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::source::mqtt) struct Counts {
    /// Messages of which something was not understood.
    pub(in crate::source::mqtt) faults: u64,
    /// Times that messages of a node were missing.
    pub(in crate::source::mqtt) gaps: u64,
    /// Times that a node was asked to be born again.
    pub(in crate::source::mqtt) asked: u64,
}

/// What was counted last, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::source::mqtt) struct Last {
    /// What was not understood, and of whom.
    pub(in crate::source::mqtt) fault: String,
    /// The node of which messages were missing.
    pub(in crate::source::mqtt) gap: String,
}

impl Counts {
    /// What has come since then.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            faults: self.faults.saturating_sub(before.faults),
            gaps: self.gaps.saturating_sub(before.gaps),
            asked: self.asked.saturating_sub(before.asked),
        }
    }
}
