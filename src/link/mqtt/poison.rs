//! What to do about a packet that rumqttc cannot read and that the broker sends again at every connect. Pure.
//!
//! Such a packet waits in the session or is retained. So after the same error three times the session is discarded, and
//! the filters are subscribed to one by one; the one whose message cannot be read is left out for a while.

use std::{collections::HashMap, time::Duration};

use crate::clock::Mono;

/// How often the same packet may end a connection.
const TIMES: u32 = 3;

/// What is known of unreadable packets, over all connections.
#[derive(Debug, Default)]
pub(super) struct Poison {
    last: Option<(String, u32)>,
    aside: HashMap<usize, Mono>,
    flush: bool,
    searching: bool,
}

impl Poison {
    /// A connection ended with a packet that could not be read, while this filter was suspected. Returns the filter
    /// if it is left out from now on.
    pub(super) fn unreadable(
        &mut self,
        error: &str,
        suspect: Option<usize>,
        until: Mono,
    ) -> Option<usize> {
        if let Some(filter) = suspect {
            self.aside.insert(filter, until);
            (self.flush, self.searching, self.last) = (true, true, None);
            return Some(filter);
        }
        let times = match self.last.take() {
            Some((last, times)) if last == error => times + 1,
            _ => 1,
        };
        if times >= TIMES {
            (self.flush, self.searching) = (true, true);
        } else {
            self.last = Some((error.to_owned(), times));
        }
        None
    }

    /// Whether the next connect is to discard the session.
    pub(super) fn must_flush(&self) -> bool {
        self.flush
    }

    /// The session was discarded.
    pub(super) fn flushed(&mut self) {
        self.flush = false;
    }

    /// Whether filters are to be subscribed to one by one.
    pub(super) fn is_searching(&self) -> bool {
        self.searching
    }

    /// All filters that are not left out did no harm.
    pub(super) fn settled(&mut self) {
        self.searching = false;
    }

    /// Whether this filter is left out.
    pub(super) fn is_aside(&self, filter: usize) -> bool {
        self.aside.contains_key(&filter)
    }

    /// A filter whose time aside is over: it is to be tried again.
    pub(super) fn take_due(&mut self, now: Mono) -> Option<usize> {
        let due = self.aside.iter().find(|(_, until)| **until <= now);
        let filter = *due?.0;
        self.aside.remove(&filter);
        Some(filter)
    }
}

/// How long a filter stays aside, for messages.
pub(super) fn hours(aside: Duration) -> u64 {
    aside.as_secs().div_ceil(3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Mono = Mono::from_nanos(0);

    #[test]
    fn the_same_error_three_times_discards_the_session_and_starts_a_search() {
        let mut poison = Poison::default();
        for error in ["a", "a", "b", "b"] {
            assert_eq!(poison.unreadable(error, None, T0), None);
            assert!(!poison.must_flush());
        }
        poison.unreadable("b", None, T0);
        assert!(poison.must_flush() && poison.is_searching());
        poison.flushed();
        assert!(!poison.must_flush() && poison.is_searching());
    }

    #[test]
    fn a_filter_that_is_to_blame_is_left_out_until_its_time() {
        let mut poison = Poison::default();
        let until = T0 + Duration::from_secs(9);
        assert_eq!(poison.unreadable("a", Some(2), until), Some(2));
        assert!(poison.is_aside(2) && poison.must_flush());
        assert_eq!(poison.take_due(T0), None);
        assert_eq!(poison.take_due(until), Some(2));
        assert!(!poison.is_aside(2));
    }
}
