//! Deactivation: a destination that failed or refused again and again is left alone, but for a probe now and then.
//!
//! It counts and remembers; whether others are left to hear of alerts, so that this one may rest, is asked by the schedule.

use std::time::Duration;

use super::LaneKey;
use crate::clock::Mono;

/// A deactivated destination, as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deactivated {
    /// Since when.
    pub since: Mono,
    /// When the next probe is due.
    pub until: Mono,
    /// The row that is probing now.
    pub probing: Option<i64>,
    last: LaneKey,
}

impl Deactivated {
    /// The lane that was tried last; the next probe takes the one after it.
    pub(super) fn last(&self) -> LaneKey {
        self.last
    }
}

/// Failed and refused attempts in a row, and what came of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity {
    failures: u32,
    off: Option<Deactivated>,
}

impl Activity {
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn off(&self) -> Option<&Deactivated> {
        self.off.as_ref()
    }

    /// An attempt was accepted: since when it was deactivated, if that reactivated it.
    pub(super) fn accepted(&mut self) -> Option<Mono> {
        self.failures = 0;
        self.off.take().map(|off| off.since)
    }

    /// An attempt failed or was refused.
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// A probe has started.
    pub(super) fn started(&mut self, row: i64, lane: LaneKey) {
        if let Some(off) = &mut self.off {
            off.probing = Some(row);
            off.last = lane;
        }
    }

    /// A probe came back and was not accepted; `after` is the wait to the next one.
    pub(super) fn probed(&mut self, row: i64, now: Mono, after: Duration) {
        if let Some(off) = &mut self.off
            && off.probing == Some(row)
        {
            off.probing = None;
            off.until = now + after;
        }
    }

    pub(super) fn deactivate(&mut self, now: Mono, every: Duration) {
        self.off = Some(Deactivated {
            since: now,
            until: now + every,
            probing: None,
            last: LaneKey([0; 32]),
        });
    }

    /// As it was before a restart. Probes go on in their old rhythm.
    pub(super) fn restore(
        &mut self,
        failures: u32,
        since: Option<Mono>,
        now: Mono,
        every: Duration,
    ) {
        self.failures = failures;
        if let Some(since) = since {
            self.deactivate(since, every);
            let rounds = now.since(since).as_nanos() / every.as_nanos().max(1) + 1;
            let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
            if let Some(off) = &mut self.off {
                off.until = since + every.saturating_mul(rounds);
            }
        }
    }

    /// It is needed, or is not deactivated by its terms any more.
    pub(super) fn reactivate(&mut self) {
        self.off = None;
    }

    /// The next probe is due at once.
    pub(super) fn hurry(&mut self, now: Mono) {
        if let Some(off) = &mut self.off {
            off.until = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_goes_on_with_the_probes_where_they_were() {
        let (at, every) = (
            |secs: i64| Mono::from_nanos(secs * 1_000_000_000),
            Duration::from_secs(1800),
        );
        for (now, next) in [(1000, 1900), (1899, 1900), (1900, 3700), (9000, 9100)] {
            let mut activity = Activity::default();
            activity.restore(10, Some(at(100)), at(now), every);
            let off = activity.off().expect("it is deactivated");
            assert_eq!((off.since, off.until), (at(100), at(next)));
        }
    }
}
