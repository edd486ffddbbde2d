//! Messages on their way through the session, and what comes of them.

use std::time::Duration;

use super::{
    claims::Claims,
    fault::Fault,
    plan::Plan,
    remark::{Counts, Last, Remark, What},
    report::Report,
};
use crate::{clock::Now, sample::Sample, source::trouble::Say};

/// A message of a node, with what its sender wants back when it is dealt with.
#[derive(Clone, Debug)]
pub(in crate::source::mqtt) struct Letter<T> {
    /// When it arrived.
    pub(in crate::source::mqtt) at: Now,
    /// Its topic.
    pub(in crate::source::mqtt) topic: String,
    /// What it says; nothing if it was too large to be taken.
    pub(in crate::source::mqtt) payload: Option<Vec<u8>>,
    /// The broker had kept it: nobody knows how old it is.
    pub(in crate::source::mqtt) kept: bool,
    /// The broker may have sent it before.
    pub(in crate::source::mqtt) again: bool,
    /// What is given back.
    pub(in crate::source::mqtt) token: T,
}

impl<T> Letter<T> {
    /// What it reports.
    pub(super) fn report(&self) -> Result<Report<'_>, Fault> {
        let payload = self.payload.as_ref().ok_or(Fault::TooLarge)?;
        Ok(Report::read(payload)?)
    }

    /// The bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.topic.len() + self.payload.as_ref().map_or(0, Vec::len)
    }
}

/// What has come of a message, or of time that has passed.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::source::mqtt) struct Outcome<T> {
    /// When it came.
    pub(in crate::source::mqtt) at: Now,
    /// Possibly none.
    pub(in crate::source::mqtt) samples: Vec<Sample>,
    /// Of the message that is dealt with; none where time has passed.
    pub(in crate::source::mqtt) token: Option<T>,
}

/// What came of one call.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::source::mqtt) struct Came<T> {
    /// In the order in which they are to be handed on.
    pub(in crate::source::mqtt) outcomes: Vec<Outcome<T>>,
    /// For the log.
    pub(in crate::source::mqtt) remarks: Vec<Remark>,
    /// Machines that were born and are not configured.
    pub(in crate::source::mqtt) strangers: Vec<String>,
}

/// What a node works with, and where it puts what comes of it.
#[derive(Debug)]
pub(super) struct Desk<'s, T> {
    pub(super) plan: &'s Plan,
    pub(super) claims: &'s mut Claims,
    /// How long messages wait for one that is missing.
    pub(super) reorder: Duration,
    /// How many bytes more may be held.
    pub(super) room: &'s mut usize,
    pub(super) counts: &'s mut Counts,
    /// What that was.
    pub(super) last: &'s mut Last,
    pub(super) outcomes: Vec<Outcome<T>>,
    pub(super) remarks: Vec<Remark>,
    /// Machines that were born and are not configured.
    pub(super) strangers: Vec<String>,
}

impl<T> Desk<'_, T> {
    /// All that was put on it.
    pub(super) fn came(self) -> Came<T> {
        Came {
            outcomes: self.outcomes,
            remarks: self.remarks,
            strangers: self.strangers,
        }
    }

    /// A message is dealt with.
    pub(super) fn done(&mut self, at: Now, letter: Letter<T>, samples: Vec<Sample>) {
        self.outcomes.push(Outcome {
            at,
            samples,
            token: Some(letter.token),
        });
    }

    /// Time has passed.
    pub(super) fn say(&mut self, at: Now, samples: Vec<Sample>) {
        if !samples.is_empty() {
            self.outcomes.push(Outcome {
                at,
                samples,
                token: None,
            });
        }
    }

    /// Remarks something, if it is to be said.
    pub(super) fn remark(&mut self, say: Option<Say>, what: What, of: impl FnOnce() -> String) {
        let remark = |say| Remark {
            of: of(),
            what,
            say,
        };
        self.remarks.extend(say.map(remark));
    }

    /// Takes room for a message that is to be held, if there is enough.
    pub(super) fn take_room(&mut self, letter: &Letter<T>) -> bool {
        let left = self.room.checked_sub(letter.size());
        *self.room = left.unwrap_or(*self.room);
        left.is_some()
    }

    /// A held message needs no room any more.
    pub(super) fn free_room(&mut self, letter: &Letter<T>) {
        *self.room += letter.size();
    }
}
