//! The duplicate window: what says the same as the last delivery that a destination accepted for a watch is not sent.
//!
//! It is noise control. The last state always goes out, because only what equals it is left out; and a retry is never a
//! duplicate. What was accepted is remembered during this run of the agent only, so after a restart one notification may
//! be too many, never one too few.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::LaneKey;
use crate::clock::Mono;

/// What one destination accepted last, by lane, each for as long as the window.
#[derive(Clone, Debug, Default)]
pub(super) struct Repeats {
    said: BTreeMap<LaneKey, (u64, Mono)>,
    forget: BTreeSet<(Mono, LaneKey)>,
}

impl Repeats {
    /// Whether something like this was the last thing that was accepted, and a moment ago.
    pub(super) fn knows(&self, lane: LaneKey, likeness: Option<u64>, now: Mono) -> bool {
        let said = self.said.get(&lane);
        said.is_some_and(|(last, until)| Some(*last) == likeness && now < *until)
    }

    /// An attempt starts: whatever comes of it, the destination may have heard it, and then knows something else.
    pub(super) fn started(&mut self, lane: LaneKey, likeness: Option<u64>) {
        let same = |(last, _): &(u64, Mono)| Some(*last) == likeness;
        if !self.said.get(&lane).is_some_and(same) {
            self.forget_lane(lane);
        }
    }

    pub(super) fn accepted(
        &mut self,
        lane: LaneKey,
        likeness: Option<u64>,
        now: Mono,
        window: Duration,
    ) {
        self.forget_lane(lane);
        if let Some(likeness) = likeness.filter(|_| !window.is_zero()) {
            let until = now + window;
            self.said.insert(lane, (likeness, until));
            self.forget.insert((until, lane));
        }
    }

    pub(super) fn forget(&mut self, now: Mono) {
        while let Some(&(until, lane)) = self.forget.first()
            && until <= now
        {
            self.forget_lane(lane);
        }
    }

    pub(super) fn forget_lane(&mut self, lane: LaneKey) {
        if let Some((_, until)) = self.said.remove(&lane) {
            self.forget.remove(&(until, lane));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_accepted_last_and_a_moment_ago_is_known() {
        let (mut repeats, lane) = (Repeats::default(), LaneKey([1; 32]));
        let at = |secs: i64| Mono::from_nanos(secs * 1_000_000_000);
        let window = Duration::from_secs(60);
        repeats.accepted(lane, Some(7), at(0), window);
        assert!(repeats.knows(lane, Some(7), at(59)));
        assert!(!repeats.knows(lane, Some(7), at(60)));
        assert!(!repeats.knows(lane, Some(8), at(1)));
        assert!(!repeats.knows(lane, None, at(1)));
        repeats.started(lane, Some(7));
        assert!(repeats.knows(lane, Some(7), at(1)));
        // It may have been heard, whatever came of it.
        repeats.started(lane, Some(8));
        assert!(!repeats.knows(lane, Some(7), at(1)));
        repeats.accepted(lane, Some(7), at(100), window);
        repeats.forget(at(160));
        assert!(repeats.said.is_empty() && repeats.forget.is_empty());
        repeats.accepted(lane, Some(7), at(100), Duration::ZERO);
        assert!(!repeats.knows(lane, Some(7), at(100)));
    }
}
