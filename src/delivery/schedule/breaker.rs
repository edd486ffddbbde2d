//! The breaker of one destination: while it is open, one probe at a time finds out whether the destination is back.
//!
//! It knows rows and lanes by name only; which lane is free for a probe is the queue's business.

use std::time::Duration;

use super::{LaneKey, retry::jittered};
use crate::clock::Mono;

/// The waits between probes double from the first to the last, with full jitter; none is longer than the trouble before it
/// and the first.
const FIRST: Duration = Duration::from_secs(1);
const MAX: Duration = Duration::from_secs(5 * 60);
/// So many lanes failing in a row are the destination's fault, not theirs.
const FAILED_LANES: usize = 5;
/// While the breaker is open, attempts are counted in memory and written this often.
const RECORD_EVERY: Duration = Duration::from_secs(60 * 60);

/// Why a breaker is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Name resolution, connect or TLS fails.
    Unreachable,
    /// It answers, but with failures, or not in time.
    Failing,
}

impl Trouble {
    /// The word of the API and the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Failing => "failing",
        }
    }
}

/// An open breaker, as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Why.
    pub trouble: Trouble,
    /// Since when.
    pub since: Mono,
    /// When the next probe is due.
    pub until: Mono,
    /// How many probes were started since.
    pub probes: u32,
    /// The row that is probing now.
    pub probing: Option<i64>,
    step: u32,
    last: LaneKey,
    recorded: Mono,
}

impl Open {
    /// The lane that was tried last; the next probe takes the one after it.
    pub(super) fn last(&self) -> LaneKey {
        self.last
    }
}

/// Closed, with the lanes that failed since the last answer, or open.
#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    open: Option<Open>,
    failed: Vec<LaneKey>,
}

impl Breaker {
    pub(super) fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// Notes that an attempt was started, which is the probe if the breaker is open; true if it is due to be written down.
    pub(super) fn started(&mut self, row: i64, lane: LaneKey, now: Mono) -> bool {
        let Some(open) = &mut self.open else {
            return true;
        };
        open.probing = Some(row);
        open.last = lane;
        open.probes = open.probes.saturating_add(1);
        let record = now.since(open.recorded) >= RECORD_EVERY;
        if record {
            open.recorded = now;
        }
        record
    }

    /// The receiver gave a definite answer, so it is there: since when the breaker was open, if that closed it.
    pub(super) fn answered(&mut self) -> Option<Mono> {
        self.failed.clear();
        self.open.take().map(|open| open.since)
    }

    /// An attempt did not reach the destination.
    pub(super) fn unreachable(&mut self, row: i64, lane: LaneKey, now: Mono, random: f64) {
        match &mut self.open {
            Some(open) if open.probing == Some(row) => {
                open.again(Trouble::Unreachable, now, random);
            }
            // It was started before the breaker opened and tells nothing new.
            Some(_) => {}
            None => self.trip(Trouble::Unreachable, lane, now, random),
        }
    }

    /// An attempt was sent and failed.
    pub(super) fn failed(&mut self, row: i64, lane: LaneKey, now: Mono, random: f64) {
        match &mut self.open {
            Some(open) if open.probing == Some(row) => open.again(Trouble::Failing, now, random),
            Some(_) => {}
            None => {
                if !self.failed.contains(&lane) {
                    self.failed.push(lane);
                }
                if self.failed.len() >= FAILED_LANES {
                    self.trip(Trouble::Failing, lane, now, random);
                }
            }
        }
    }

    /// An attempt was started and not made: if it was the probe, the next one is due as this one was.
    pub(super) fn not_tried(&mut self, row: i64) {
        if let Some(open) = &mut self.open
            && open.probing == Some(row)
        {
            open.probing = None;
        }
    }

    /// A person or a new configuration says that it may work now: the next probe is due at once, the waits begin anew.
    pub(super) fn hurry(&mut self, now: Mono) {
        if let Some(open) = &mut self.open {
            open.until = now;
            open.step = 0;
        }
    }

    fn trip(&mut self, trouble: Trouble, lane: LaneKey, now: Mono, random: f64) {
        self.failed.clear();
        self.open = Some(Open {
            trouble,
            since: now,
            until: now + jittered(FIRST, MAX, 0, random),
            probes: 0,
            probing: None,
            step: 0,
            last: lane,
            recorded: now,
        });
    }
}

impl Open {
    fn again(&mut self, trouble: Trouble, now: Mono, random: f64) {
        self.trouble = trouble;
        self.probing = None;
        self.step = self.step.saturating_add(1);
        // After a few small waits in a row a step is much longer than the trouble, which doubling waits never are.
        let most = now.since(self.since) + FIRST;
        self.until = now + jittered(FIRST, MAX, self.step, random).min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Mono = Mono::from_nanos(0);

    fn lane(number: u8) -> LaneKey {
        LaneKey([number; 32])
    }

    #[test]
    fn waits_between_probes_double_up_to_five_minutes() {
        let mut breaker = Breaker::default();
        breaker.unreachable(1, lane(1), START, 1.0);
        let mut waits = Vec::new();
        let mut now = START;
        for row in 2..14 {
            let until = breaker.open().unwrap().until;
            waits.push(until.since(now).as_secs());
            now = until;
            breaker.started(row, lane(2), now);
            breaker.unreachable(row, lane(2), now, 1.0);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn a_destination_is_looked_for_again_within_the_time_that_it_was_away() {
        for luck in 0..1000 {
            let mut random = fastrand::Rng::with_seed(luck);
            let mut breaker = Breaker::default();
            breaker.unreachable(1, lane(1), START, random.f64());
            let mut probes = 0;
            // Small waits come in a row now and then; the next one must not be minutes all the same.
            while breaker.open().unwrap().until < START + Duration::from_secs(60) {
                let now = breaker.open().unwrap().until;
                breaker.started(2, lane(2), now);
                breaker.unreachable(2, lane(2), now, random.f64());
                probes += 1;
            }
            let found = breaker.open().unwrap().until.since(START);
            assert!(
                found <= Duration::from_secs(121),
                "{found:?} with luck {luck}"
            );
            assert!(probes <= 60, "{probes} probes with luck {luck}");
        }
    }

    #[test]
    fn attempts_that_were_under_way_do_not_lengthen_the_wait() {
        let mut breaker = Breaker::default();
        breaker.unreachable(1, lane(1), START, 1.0);
        let before = *breaker.open().unwrap();
        breaker.unreachable(2, lane(2), START + Duration::from_millis(1), 1.0);
        breaker.failed(3, lane(3), START + Duration::from_millis(2), 1.0);
        assert_eq!(breaker.open(), Some(&before));
    }

    #[test]
    fn only_failures_of_different_lanes_in_a_row_open_it() {
        let mut breaker = Breaker::default();
        for row in 0..20 {
            breaker.failed(row, lane(1), START, 0.5);
        }
        for row in 2..5 {
            breaker.failed(20, lane(row), START, 0.5);
        }
        assert!(breaker.open().is_none());
        breaker.answered();
        for row in 1..5 {
            breaker.failed(30, lane(row), START, 0.5);
        }
        assert!(breaker.open().is_none());
        breaker.failed(34, lane(5), START, 0.5);
        assert_eq!(breaker.open().unwrap().trouble, Trouble::Failing);
        assert_eq!(breaker.answered(), Some(START));
        assert!(breaker.open().is_none());
    }

    #[test]
    fn probes_are_written_down_once_an_hour() {
        let mut breaker = Breaker::default();
        breaker.unreachable(1, lane(1), START, 0.5);
        let mut written = Vec::new();
        for minute in 1..=180_u64 {
            let now = START + Duration::from_secs(60 * minute);
            if breaker.started(2, lane(2), now) {
                written.push(minute);
            }
            breaker.unreachable(2, lane(2), now, 0.5);
        }
        assert_eq!(written, [60, 120, 180]);
    }
}
