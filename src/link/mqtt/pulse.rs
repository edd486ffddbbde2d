//! When a connection is given up, and when the broker must hear something. Pure: time is an argument.
//!
//! A connection whose other end is gone looks like one on which nothing happens, so the broker is asked whether it is there, and everything
//! that waits has an end.

use std::time::Duration;

use crate::clock::Mono;

/// The signs of life of one connection.
#[derive(Debug)]
pub(super) struct Pulse {
    keep_alive: Duration,
    patience: Duration,
    /// When the broker last sent anything.
    heard: Mono,
    /// When something was last given to the socket.
    sent: Mono,
    /// When the socket last took something, or had nothing to take.
    took: Mono,
    /// A ping waits for its answer.
    pinged: bool,
    /// Since when nothing is read because nobody takes it.
    behind: Option<Mono>,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    /// It is over: why, in words that follow the broker's name.
    End(&'static str),
}

impl Pulse {
    /// A connection that has just been accepted; the socket may take nothing for `patience`.
    pub(super) fn new(keep_alive: Duration, patience: Duration, now: Mono) -> Self {
        Self {
            keep_alive,
            patience,
            heard: now,
            sent: now,
            took: now,
            pinged: false,
            behind: None,
        }
    }

    /// A packet was taken.
    pub(super) fn heard(&mut self, now: Mono) {
        (self.heard, self.pinged, self.behind) = (now, false, None);
    }

    /// Whether anything is read; with `false`, nothing can be heard.
    pub(super) fn reads(&mut self, reads: bool, now: impl Fn() -> Mono) {
        match (reads, self.behind) {
            (true, Some(_)) => self.heard(now()),
            (false, None) => self.behind = Some(now()),
            _ => {}
        }
    }

    /// Something was given to the socket, which had something left to send or not.
    pub(super) fn sends(&mut self, was_flushed: bool, now: Mono) {
        if was_flushed {
            self.took = now;
        }
        self.sent = now;
    }

    /// The socket took something.
    pub(super) fn took(&mut self, now: Mono) {
        self.took = now;
    }

    /// What is to be done now; a ping counts as sent.
    pub(super) fn look(&mut self, is_flushed: bool, now: Mono) -> Due {
        let keep_alive = self.keep_alive;
        if let Some(since) = self.behind {
            // No answer is read meanwhile, so one cannot be missed. The broker sends again what was not acknowledged.
            if now.since(since) > keep_alive / 2 {
                return Due::End(
                    "sends faster than it is dealt with; what was not acknowledged comes again",
                );
            }
        } else if now.since(self.heard) > keep_alive * 3 / 2 {
            return Due::End("does not answer any more");
        }
        if !is_flushed && now.since(self.took) > self.patience {
            return Due::End("does not take what is sent");
        }
        let quiet = keep_alive * 3 / 4;
        let is_due = now.since(self.sent) >= quiet || now.since(self.heard) >= quiet;
        if !is_due || std::mem::replace(&mut self.pinged, true) {
            return Due::Nothing;
        }
        self.sends(is_flushed, now);
        Due::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tenths: u64) -> Mono {
        Mono::from_nanos(0) + Duration::from_millis(tenths * 100)
    }

    fn pulse() -> Pulse {
        Pulse::new(Duration::from_secs(10), Duration::from_secs(10), at(0))
    }

    #[test]
    fn a_broker_that_is_silent_is_asked_once_and_then_given_up() {
        let mut pulse = pulse();
        assert_eq!(pulse.look(true, at(74)), Due::Nothing);
        assert_eq!(pulse.look(true, at(75)), Due::Ping);
        assert_eq!(pulse.look(true, at(150)), Due::Nothing);
        assert_eq!(
            pulse.look(true, at(151)),
            Due::End("does not answer any more")
        );
        pulse.heard(at(149));
        assert_eq!(pulse.look(true, at(149)), Due::Nothing);
        assert_eq!(pulse.look(true, at(150)), Due::Ping);
    }

    #[test]
    fn a_broker_that_talks_hears_something_in_time_all_the_same() {
        let mut pulse = pulse();
        let mut pings = 0;
        for tenths in 0..1000 {
            pulse.heard(at(tenths));
            match pulse.look(true, at(tenths)) {
                Due::Ping => pings += 1,
                due => assert_eq!(due, Due::Nothing),
            }
        }
        assert_eq!(pings, 13);
    }

    #[test]
    fn what_is_not_taken_ends_it() {
        let mut pulse = pulse();
        pulse.sends(true, at(50));
        pulse.sends(false, at(140));
        pulse.heard(at(150));
        assert_eq!(pulse.look(false, at(150)), Due::Nothing);
        let end = Due::End("does not take what is sent");
        assert_eq!(pulse.look(false, at(151)), end);
        pulse.took(at(151));
        assert_eq!(pulse.look(false, at(160)), Due::Nothing);
    }

    #[test]
    fn a_reader_that_is_behind_has_half_a_keep_alive() {
        let mut pulse = pulse();
        for tenths in [100, 101, 150] {
            pulse.reads(false, || at(tenths));
        }
        // Nothing was heard for long, but nothing was read either.
        assert_eq!(pulse.look(true, at(150)), Due::Ping);
        assert!(matches!(pulse.look(true, at(151)), Due::End(why) if why.contains("faster")));
        pulse.reads(true, || at(151));
        assert_eq!(pulse.look(true, at(200)), Due::Nothing);
        // A message that was taken is progress.
        pulse.reads(false, || at(210));
        pulse.heard(at(250));
        pulse.sends(true, at(250));
        pulse.reads(false, || at(250));
        assert_eq!(pulse.look(true, at(300)), Due::Nothing);
    }
}
