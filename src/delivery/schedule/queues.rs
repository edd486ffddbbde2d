//! The lanes of one destination and the queues they stand in. It knows nothing of outcomes and breakers.
//!
//! Each lane stands in at most one of two queues, `ready` or `waiting`, and in `expiring` by its first delivery; a lane with
//! a delivery in flight stands in none. Every change of a lane takes it out of all queues, changes it, and puts it back
//! where it then belongs ([`Queues::change`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    time::Duration,
};

use super::{
    DestinationPlan, LaneKey, Row,
    lane::{Lane, Pending, Place, Turn},
    outcome::{Settled, State},
    repeats::Repeats,
    throttle::{self, Heard},
};
use crate::clock::Mono;

#[derive(Debug)]
pub(super) struct Queues {
    pub(super) expire_after: Duration,
    pub(super) call_every: Duration,
    pub(super) fallback_after: Option<Duration>,
    pub(super) heard: Heard,
    pub(super) repeats: Repeats,
    pub(super) lanes: BTreeMap<LaneKey, Lane>,
    ready: BTreeSet<Turn>,
    /// The same lanes as `ready`, in the order in which probes go round.
    round: BTreeSet<LaneKey>,
    waiting: BTreeSet<(Mono, LaneKey)>,
    expiring: BTreeSet<(Mono, LaneKey)>,
    ages: BTreeSet<(Mono, i64)>,
    /// What others are told if it is not accepted in time.
    pub(super) fallbacks: BTreeMap<(Mono, i64), LaneKey>,
    /// Lanes in which the state before is being told again: what they have waits.
    held: BTreeSet<LaneKey>,
}

impl Queues {
    pub(super) fn new(plan: &DestinationPlan) -> Self {
        Self {
            expire_after: plan.expire_after,
            call_every: plan.call_every,
            fallback_after: plan.fallback_after,
            heard: Heard::default(),
            repeats: Repeats::default(),
            lanes: BTreeMap::new(),
            ready: BTreeSet::new(),
            round: BTreeSet::new(),
            waiting: BTreeSet::new(),
            expiring: BTreeSet::new(),
            ages: BTreeSet::new(),
            fallbacks: BTreeMap::new(),
            held: BTreeSet::new(),
        }
    }

    /// Takes over a changed plan.
    pub(super) fn change_plan(
        &mut self,
        plan: &DestinationPlan,
        now: Mono,
        settled: &mut Vec<Settled>,
    ) {
        self.expire_after = plan.expire_after;
        self.call_every = plan.call_every;
        self.heard.clear();
        self.repeats = Repeats::default();
        if plan.fallback_after != self.fallback_after {
            self.fallback_after = plan.fallback_after;
            self.fallbacks.clear();
            for (key, lane) in &mut self.lanes {
                for (id, pending) in lane.rows_mut() {
                    if let Some(at) = pending.may_fall_back(self.fallback_after) {
                        self.fallbacks.insert((at, id), *key);
                    }
                }
            }
        }
        let keys: Vec<LaneKey> = self.lanes.keys().copied().collect();
        for key in keys {
            self.change(key, now, settled, |_| {});
        }
    }

    pub(super) fn lane(&self, key: LaneKey) -> Option<&Lane> {
        self.lanes.get(&key)
    }

    /// The lanes that could start now, in the order of their turn.
    pub(super) fn ready(&self) -> impl Iterator<Item = LaneKey> {
        self.ready.iter().map(|turn| turn.lane)
    }

    /// How many deliveries there are.
    pub(super) fn len(&self) -> usize {
        self.ages.len()
    }

    /// How many entries all queues hold, beside the deliveries themselves.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        let times = self.waiting.len() + self.expiring.len() + self.ages.len();
        self.ready.len() + self.round.len() + times + self.fallbacks.len()
    }

    /// When the oldest delivery was decided.
    pub(super) fn oldest(&self) -> Option<Mono> {
        self.ages.first().map(|(decided, _)| *decided)
    }

    /// Whether a lane could start now.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The lane whose turn it is.
    pub(super) fn first(&self) -> Option<LaneKey> {
        self.ready.first().map(|turn| turn.lane)
    }

    /// The lane that comes after this one on the round of probes.
    pub(super) fn after(&self, last: LaneKey) -> Option<LaneKey> {
        let after = (Bound::Excluded(last), Bound::Unbounded);
        let next = self.round.range(after).next();
        next.or_else(|| self.round.first()).copied()
    }

    pub(super) fn next_expiry(&self) -> Option<Mono> {
        self.expiring.first().map(|(at, _)| *at)
    }

    /// When others are told next of what is not accepted here.
    pub(super) fn next_fallback(&self) -> Option<Mono> {
        self.fallbacks.first_key_value().map(|((at, _), _)| *at)
    }

    /// What others are to be told now, because it was not accepted in time.
    pub(super) fn fall_back(&mut self, now: Mono, told: &mut Vec<i64>) {
        while let Some(first) = self.fallbacks.first_entry()
            && first.key().0 <= now
        {
            let ((_, row), key) = first.remove_entry();
            let lane = self.lanes.get_mut(&key);
            if let Some(pending) = lane.and_then(|lane| lane.get_mut(row)) {
                pending.has_fallen_back();
            }
            told.push(row);
        }
    }

    pub(super) fn next_wake(&self) -> Option<Mono> {
        self.waiting.first().map(|(at, _)| *at)
    }

    pub(super) fn add(&mut self, row: &Row, now: Mono, settled: &mut Vec<Settled>) {
        self.ages.insert((row.decided, row.id));
        let mut pending = Pending::new(row);
        if let Some(at) = pending.may_fall_back(self.fallback_after) {
            self.fallbacks.insert((at, row.id), row.lane);
        }
        self.change(row.lane, now, settled, |lane| lane.insert(row.id, pending));
    }

    /// Takes a delivery out; false if there is no such.
    pub(super) fn take(
        &mut self,
        row: i64,
        key: LaneKey,
        now: Mono,
        settled: &mut Vec<Settled>,
    ) -> bool {
        let mut taken = None;
        self.change(key, now, settled, |lane| taken = lane.remove(row));
        if let Some(pending) = taken {
            self.forget(row, &pending);
        }
        taken.is_some()
    }

    pub(super) fn forget(&mut self, row: i64, pending: &Pending) {
        self.ages.remove(&(pending.decided, row));
        self.forget_fallback(row, pending);
    }

    pub(super) fn forget_fallback(&mut self, row: i64, pending: &Pending) {
        if let Some(at) = pending.falls_back {
            self.fallbacks.remove(&(at, row));
        }
    }

    /// Gives up what is too old. Only the first of a lane ever expires, so nothing does before what it follows. `told` gets what
    /// others are to be told of it, however much time there was left for that.
    pub(super) fn expire(&mut self, now: Mono, settled: &mut Vec<Settled>, told: &mut Vec<i64>) {
        while let Some(&(at, key)) = self.expiring.first()
            && at <= now
        {
            self.expiring.pop_first();
            if let Some((row, head)) = self.lanes.get(&key).and_then(Lane::head) {
                told.extend(head.falls_back.map(|_| row));
                settled.push(Settled::new(row, key, EXPIRED));
                self.take(row, key, now, settled);
            }
        }
    }

    /// Lets go on what has waited long enough, and forgets calls that no longer hold anything.
    pub(super) fn wake(&mut self, now: Mono, settled: &mut Vec<Settled>) {
        self.heard.forget(now);
        self.repeats.forget(now);
        while let Some(&(at, key)) = self.waiting.first()
            && at <= now
        {
            self.waiting.pop_first();
            self.change(key, now, settled, |_| {});
        }
    }

    /// The only way to change a lane: out of all queues, changed, and back to where it then belongs.
    pub(super) fn change(
        &mut self,
        key: LaneKey,
        now: Mono,
        settled: &mut Vec<Settled>,
        change: impl FnOnce(&mut Lane),
    ) {
        let lane = self.lanes.entry(key).or_default();
        let place = std::mem::take(&mut lane.place);
        change(lane);
        if let Some(turn) = place.ready {
            self.ready.remove(&turn);
            self.round.remove(&key);
        }
        if let Some(at) = place.wakes {
            self.waiting.remove(&(at, key));
        }
        if let Some(at) = place.expires {
            self.expiring.remove(&(at, key));
        }
        if lane.in_flight.is_none() && !self.held.contains(&key) {
            self.settle_repeats(key, now, settled);
            self.settle_chatter(key, now, settled);
            self.place(key, now);
        }
    }

    /// The first of a lane need not wait for its time any more.
    pub(super) fn resume(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) {
        self.change(key, now, settled, |lane| {
            if let Some(head) = lane.head_mut() {
                head.not_before = None;
            }
        });
    }

    /// Lets nothing of a lane start.
    pub(super) fn hold(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) {
        self.held.insert(key);
        self.change(key, now, settled, |_| {});
    }

    /// Lets it go on.
    pub(super) fn release(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) {
        self.held.remove(&key);
        self.change(key, now, settled, |_| {});
    }

    fn settle_repeats(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) {
        while let Some(lane) = self.lanes.get_mut(&key)
            && let Some((row, head)) = lane.head()
            && head.attempts == 0
            && self.repeats.knows(key, head.likeness, now)
            && let Some(pending) = lane.remove(row)
        {
            self.forget(row, &pending);
            settled.push(Settled::new(row, key, REPEATED));
        }
    }

    fn settle_chatter(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) {
        let last = self.heard.last(key);
        while last.is_some()
            && let Some(lane) = self.lanes.get(&key)
            && held(&self.heard, lane, key, self.call_every, now).is_some()
        {
            let count = throttle::chatter(last, lane.rows().map(|(_, row)| row.kind));
            if count == 0 {
                break;
            }
            let rows: Vec<i64> = lane.rows().take(count).map(|(id, _)| id).collect();
            for row in rows {
                let lane = self.lanes.get_mut(&key);
                if let Some(pending) = lane.and_then(|lane| lane.remove(row)) {
                    self.forget(row, &pending);
                    settled.push(Settled::new(row, key, CHATTER));
                }
            }
        }
    }

    fn place(&mut self, key: LaneKey, now: Mono) {
        let Some(lane) = self.lanes.get_mut(&key) else {
            return;
        };
        let Some(turn) = lane.turn(key) else {
            self.lanes.remove(&key);
            return;
        };
        let held = held(&self.heard, lane, key, self.call_every, now);
        if let Some((until, after)) = held.zip(self.fallback_after) {
            // What is only held is nobody's failure: it has its time from the end of the hold.
            for (id, pending) in lane.rows_mut() {
                let due = pending.falls_back.filter(|due| *due < until + after);
                if due.is_some_and(|due| self.fallbacks.remove(&(due, id)).is_some()) {
                    pending.falls_back = Some(until + after);
                    self.fallbacks.insert((until + after, id), key);
                }
            }
        }
        let Some((_, head)) = lane.head() else {
            return;
        };
        let wakes = held.max(head.not_before).filter(|until| now < *until);
        let expires = head.decided + self.expire_after;
        self.expiring.insert((expires, key));
        match wakes {
            Some(until) => {
                self.waiting.insert((until, key));
            }
            None => {
                self.ready.insert(turn);
                self.round.insert(key);
            }
        }
        lane.place = Place {
            ready: wakes.is_none().then_some(turn),
            wakes,
            expires: Some(expires),
        };
    }
}

/// Until when the first delivery of a lane is held because people were called a moment ago. One that was attempted is not
/// held: it is a retry. One of an earlier run may have been attempted: were it held and then left out together with its end, whoever
/// heard it from a digest would not hear that it is over.
fn held(heard: &Heard, lane: &Lane, key: LaneKey, every: Duration, now: Mono) -> Option<Mono> {
    let (_, head) = lane.head()?;
    let (worst, escalated) = (lane.worst(), lane.has_escalation());
    let until = throttle::held_until(heard.last(key), head.kind, worst, escalated, every)?;
    let unheard = head.attempts == 0 && !head.from_before;
    (unheard && now < until).then_some(until)
}

const REPEATED: (State, &str) = (
    State::Deduplicated,
    "it says the same as what was accepted a moment before",
);
pub(super) const EXPIRED: (State, &str) = (State::Expired, "it was older than expire_after");
const CHATTER: (State, &str) = (
    State::Deduplicated,
    "its alert came back and ended again within the time between two calls",
);
