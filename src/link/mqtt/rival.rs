//! Whether somebody else uses our client id. MQTT 3.1.1 has no word for it: the broker just ends the older connection. Pure.

use std::time::Duration;

/// So many connections in a row that a broker accepted and soon ended are no accident.
const TIMES: u32 = 3;

/// Counts connections that the broker has ended without a word.
#[derive(Debug, Default)]
pub(super) struct Rival {
    ended: u32,
}

impl Rival {
    /// The broker ended a connection that had held for so long. Says whether another client is likely.
    pub(super) fn ended(&mut self, lasted: Duration, short: Duration) -> bool {
        self.ended = match lasted <= short {
            true => self.ended.saturating_add(1),
            false => 0,
        };
        self.ended >= TIMES
    }

    /// A connection ended for another reason.
    pub(super) fn is_none(&mut self) {
        self.ended = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_connections_in_a_row_speak_of_another_client() {
        let (mut rival, short) = (Rival::default(), Duration::from_secs(120));
        let mut ends = |seconds| rival.ended(Duration::from_secs(seconds), short);
        assert_eq!([1, 60, 119, 5].map(&mut ends), [false, false, true, true]);
        // One that held, as with a broker that restarts now and then.
        assert_eq!([3600, 1, 1].map(&mut ends), [false, false, false]);
        rival.is_none();
        assert!(!rival.ended(Duration::ZERO, short));
    }
}
