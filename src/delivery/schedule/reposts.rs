//! Telling again what a destination would forget: one that believes an alert to be over unless it hears of it now and then, as
//! Prometheus Alertmanager does.
//!
//! A repost is no delivery: it says once more what the last one that was accepted has said, has no row of its own and uses up no
//! attempt. It takes a token of the rate and counts for the breaker. What is new in a lane takes its place as soon as it starts, and waits
//! while one is in flight, so that the old state never arrives after the new one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{Due, LaneKey, Outcome, Schedule, desk::Desk, throttle::Kind};
use crate::clock::Mono;

/// How long it is told again that something is over.
const OVER: Duration = Duration::from_secs(5 * 60);

/// What was accepted, to be told once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repost {
    /// The row of what was accepted.
    pub row: i64,
    /// The destination's name.
    pub destination: Arc<str>,
    /// The watch.
    pub lane: LaneKey,
}

/// What is told again to one destination.
#[derive(Debug, Default)]
pub(super) struct Reposts {
    lanes: BTreeMap<LaneKey, Kept>,
    due: BTreeSet<(Mono, LaneKey)>,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    row: i64,
    due: Mono,
    /// When it ends by itself.
    until: Option<Mono>,
}

impl Reposts {
    fn keep(&mut self, key: LaneKey, kept: Kept) {
        self.drop(key);
        if kept.until.is_none_or(|until| kept.due <= until) {
            self.due.insert((kept.due, key));
            self.lanes.insert(key, kept);
        }
    }

    /// Something new is told in this lane.
    pub(super) fn drop(&mut self, key: LaneKey) {
        if let Some(kept) = self.lanes.remove(&key) {
            self.due.remove(&(kept.due, key));
        }
    }

    fn first(&self) -> Option<(Mono, LaneKey)> {
        self.due.first().copied()
    }
}

impl Desk {
    /// A delivery was accepted.
    pub(super) fn tell_again(&mut self, row: i64, key: LaneKey, kind: Kind, now: Mono) {
        if let Some(every) = self.plan.repost {
            let until = (kind == Kind::End).then_some(now + OVER);
            let due = now + every;
            self.reposts.keep(key, Kept { row, due, until });
        }
    }

    /// What is told again now.
    pub(super) fn repost(&mut self, now: Mono, due: &mut Due) {
        while self.may_repost()
            && self.gate().is_none_or(|gate| gate <= now)
            && let Some((at, key)) = self.reposts.first()
            && at <= now
            && let Some(kept) = self.reposts.lanes.get_mut(&key)
        {
            // Whether it came back or not, it is due again after that time.
            let row = kept.row;
            let again = Kept {
                due: now + self.plan.repost.unwrap_or(OVER),
                ..*kept
            };
            self.reposts.keep(key, again);
            self.breaker.started(row, key, now);
            self.activity.started(row, key);
            self.begin(now);
            self.queues.hold(key, now, &mut due.settled);
            due.reposts.push(Repost {
                row,
                destination: Arc::clone(&self.plan.name),
                lane: key,
            });
        }
    }

    /// When something is to be told again, as far as that can be known.
    pub(super) fn next_repost(&self) -> Option<Mono> {
        let (at, _) = self.reposts.first().filter(|_| self.may_repost())?;
        Some(self.gate().map_or(at, |gate| gate.max(at)))
    }

    /// Deliveries find out whether the destination is back; where there are none, this does.
    fn may_repost(&self) -> bool {
        let troubled = self.activity.off().is_some() || self.breaker.open().is_some();
        let probes = !self.is_probing() && self.is_idle();
        self.is_known() && self.has_room() && (!troubled || probes)
    }
}

impl Schedule {
    /// Something that was accepted in an earlier run, and is still so, or was over a short time ago. Where it is to be told again, it is
    /// now.
    pub fn was_accepted(&mut self, repost: &Repost, is_over: bool, now: Mono) {
        self.seen = self.seen.max(now);
        let desk = self.desks.get_mut(&repost.destination);
        if let Some(desk) = desk.filter(|desk| desk.plan.repost.is_some())
            && !desk.reposts.lanes.contains_key(&repost.lane)
        {
            let kept = Kept {
                row: repost.row,
                due: now,
                until: is_over.then_some(now + OVER),
            };
            desk.reposts.keep(repost.lane, kept);
        }
    }

    /// Reports what came of a repost, once; [`Outcome::Void`] if there was nothing left to tell.
    pub fn reposted(&mut self, repost: &Repost, outcome: Outcome, random: f64, now: Mono) {
        self.seen = self.seen.max(now);
        let mut settled = Vec::new();
        let (row, key) = (repost.row, repost.lane);
        if let Some(desk) = self.desks.get_mut(&repost.destination) {
            desk.in_flight = desk.in_flight.saturating_sub(1);
            desk.note(row, key, outcome, random, now);
            desk.queues.release(key, now, &mut settled);
            let is_same = |kept: &Kept| kept.row == row;
            if outcome == Outcome::Void && desk.reposts.lanes.get(&key).is_some_and(is_same) {
                desk.reposts.drop(key);
            }
        }
        self.append(settled);
    }
}
