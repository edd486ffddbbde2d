//! One destination: its lanes, its breaker, its pauses. It knows nothing of other destinations.
//!
//! Each lane stands in at most one of two queues, `ready` or `waiting`, and in `expiring` by its first delivery. Every change
//! of a lane takes it out of all queues, changes it, and puts it back where it then belongs ([`Desk::change`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
    time::Duration,
};

use super::{
    Attempt, DestinationPlan, Due, LaneKey, Row, Status,
    breaker::Breaker,
    lane::{Lane, Pending, Place, Turn},
    outcome::{Outcome, Settled, State, Verdict},
    throttle::{self, Heard},
};
use crate::clock::Mono;

/// The most that a `Retry-After` is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(2 * 60 * 60);

#[derive(Debug)]
pub(super) struct Desk {
    plan: DestinationPlan,
    /// The configuration has no such destination: its deliveries wait until it returns or they expire.
    orphaned: bool,
    lanes: BTreeMap<LaneKey, Lane>,
    ready: BTreeSet<Turn>,
    /// The same lanes as `ready`, in the order in which probes go round.
    round: BTreeSet<LaneKey>,
    waiting: BTreeSet<(Mono, LaneKey)>,
    expiring: BTreeSet<(Mono, LaneKey)>,
    ages: BTreeSet<(Mono, i64)>,
    in_flight: u32,
    /// How many may be in flight: 1 after trouble, one more with each answer, up to the plan's concurrency.
    allowance: u32,
    paused_until: Option<Mono>,
    breaker: Breaker,
    heard: Heard,
}

impl Desk {
    pub(super) fn new(plan: DestinationPlan, orphaned: bool) -> Self {
        Self {
            allowance: plan.concurrency,
            plan,
            orphaned,
            lanes: BTreeMap::new(),
            ready: BTreeSet::new(),
            round: BTreeSet::new(),
            waiting: BTreeSet::new(),
            expiring: BTreeSet::new(),
            ages: BTreeSet::new(),
            in_flight: 0,
            paused_until: None,
            breaker: Breaker::default(),
            heard: Heard::default(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.lanes.is_empty()
    }

    pub(super) fn add(&mut self, row: &Row, now: Mono, settled: &mut Vec<Settled>) {
        self.ages.insert((row.decided, row.id));
        self.change(row.lane, now, settled, |lane| {
            lane.insert(row.id, Pending::new(row));
        });
    }

    /// What may start now, and what is over without an attempt.
    pub(super) fn next(&mut self, now: Mono, due: &mut Due) {
        while let Some(&(at, lane)) = self.expiring.first()
            && at <= now
        {
            self.expiring.pop_first();
            self.expire(lane, now, &mut due.settled);
        }
        self.heard.forget(now);
        if self.orphaned {
            return;
        }
        while let Some(&(at, lane)) = self.waiting.first()
            && at <= now
        {
            self.waiting.pop_first();
            self.change(lane, now, &mut due.settled, |_| {});
        }
        if self.paused_until.is_some_and(|until| now < until) {
            return;
        }
        self.paused_until = None;
        while self.has_room()
            && let Some(lane) = self.turn(now)
            && let Some(attempt) = self.start(lane, now, &mut due.settled)
        {
            due.attempts.push(attempt);
        }
    }

    pub(super) fn done(
        &mut self,
        row: i64,
        key: LaneKey,
        outcome: Outcome,
        random: f64,
        now: Mono,
        settled: &mut Vec<Settled>,
    ) -> Verdict {
        let Some(pending) = self.lanes.get(&key).and_then(|lane| {
            let flying = lane.in_flight == Some(row);
            lane.get(row).copied().filter(|_| flying)
        }) else {
            return Verdict::Unknown;
        };
        self.in_flight = self.in_flight.saturating_sub(1);
        self.note(row, key, &pending, outcome, random, now);
        let used = u32::from(!matches!(outcome, Outcome::Unreachable));
        let attempts = pending.attempts.saturating_add(used);
        let wait = match outcome {
            Outcome::Accepted => Err((State::Accepted, "the receiver has it")),
            Outcome::Unreachable => Ok(Duration::ZERO),
            Outcome::Failed { .. } => {
                let wait = self.plan.retry.after_failed(attempts, random);
                wait.ok_or((State::Failed, "all attempts failed"))
            }
            Outcome::Refused { give_up: true } => Err((
                State::GivenUp,
                "the receiver refused it; trying again is useless",
            )),
            Outcome::Refused { give_up: false } => {
                let wait = self.plan.retry.after_refused(attempts);
                wait.ok_or((State::Failed, "the receiver refused every attempt"))
            }
        };
        let wait = wait.and_then(|wait| {
            let expired = pending.decided + self.plan.expire_after <= now;
            match (pending.dropped, expired) {
                (true, _) => Err(DROPPED),
                (_, true) => Err(EXPIRED),
                _ => Ok(now + wait),
            }
        });
        self.change(key, now, settled, |lane| {
            lane.in_flight = None;
            match wait {
                Ok(until) => {
                    if let Some(pending) = lane.get_mut(row) {
                        pending.attempts = attempts;
                        pending.not_before = pending.not_before.max(Some(until));
                    }
                }
                Err(_) => {
                    lane.remove(row);
                }
            }
        });
        match wait {
            Ok(until) => Verdict::Waiting {
                until: self.gate().map_or(until, |gate| gate.max(until)),
            },
            Err((state, why)) => {
                self.ages.remove(&(pending.decided, row));
                Verdict::Settled(Settled { row, state, why })
            }
        }
    }

    /// When something falls due here without anything being reported, as far as that can be known.
    pub(super) fn next_deadline(&self, seen: Mono) -> Option<Mono> {
        let expiry = self.expiring.first().map(|(at, _)| *at);
        if self.orphaned {
            return expiry;
        }
        let wakes = self.waiting.first().map(|(at, _)| *at);
        let probing = self
            .breaker
            .open()
            .is_some_and(|open| open.probing.is_some());
        let starts = (self.has_room() && !self.ready.is_empty() && !probing)
            .then(|| self.gate().unwrap_or(seen));
        [expiry, wakes, starts].into_iter().flatten().min()
    }

    /// Takes a delivery out that nobody can have heard of; false if somebody may have.
    pub(super) fn withdraw(
        &mut self,
        row: i64,
        key: LaneKey,
        now: Mono,
        settled: &mut Vec<Settled>,
    ) -> bool {
        let lane = self.lanes.get(&key);
        let unheard = lane.is_some_and(|lane| {
            lane.in_flight != Some(row) && lane.get(row).is_some_and(|row| row.attempts == 0)
        });
        unheard && self.take(row, key, now, settled)
    }

    /// Drops a delivery because a person said so; one in flight is dropped when it comes back, unless it was accepted.
    pub(super) fn discard(
        &mut self,
        row: i64,
        key: LaneKey,
        now: Mono,
        settled: &mut Vec<Settled>,
    ) {
        if let Some(lane) = self.lanes.get_mut(&key)
            && lane.in_flight == Some(row)
        {
            if let Some(pending) = lane.get_mut(row) {
                pending.dropped = true;
            }
        } else if self.take(row, key, now, settled) {
            let (state, why) = DROPPED;
            settled.push(Settled { row, state, why });
        }
    }

    /// A person says that it may work now: whatever the delivery's lane and the destination wait for is over.
    pub(super) fn retry_now(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) {
        self.paused_until = None;
        self.breaker.hurry(now);
        // A held call is chatter only until somebody wants to hear it.
        self.heard.forget_lane(key, self.plan.call_every);
        self.change(key, now, settled, |lane| {
            if let Some(head) = lane.head_mut() {
                head.not_before = None;
            }
        });
    }

    /// Takes over a changed plan, or becomes orphaned. What the trouble was may be mended by it, so it is tried at once.
    pub(super) fn reload(
        &mut self,
        plan: Option<DestinationPlan>,
        now: Mono,
        settled: &mut Vec<Settled>,
    ) {
        self.breaker.hurry(now);
        let changed = plan.as_ref() != (!self.orphaned).then_some(&self.plan);
        self.orphaned = plan.is_none();
        let (Some(plan), true) = (plan, changed) else {
            return;
        };
        self.plan = plan;
        self.heard.clear();
        let keys: Vec<LaneKey> = self.lanes.keys().copied().collect();
        for key in keys {
            self.change(key, now, settled, |_| {});
        }
    }

    pub(super) fn status(&self) -> Status {
        Status {
            destination: Arc::clone(&self.plan.name),
            orphaned: self.orphaned,
            breaker: self.breaker.open().copied(),
            paused_until: self.paused_until,
            queued: self.ages.len(),
            in_flight: self.in_flight,
            oldest: self.ages.first().map(|(decided, _)| *decided),
        }
    }

    fn has_room(&self) -> bool {
        self.in_flight < self.allowance.min(self.plan.concurrency)
    }

    /// Until when nothing may start, whatever waits.
    fn gate(&self) -> Option<Mono> {
        let probe = self.breaker.open().map(|open| open.until);
        self.paused_until.max(probe)
    }

    /// The lane whose turn it is: the first, or while the breaker is open the next one round for a probe.
    fn turn(&self, now: Mono) -> Option<LaneKey> {
        let Some(open) = self.breaker.open() else {
            return self.ready.first().map(|turn| turn.lane);
        };
        if open.probing.is_some() || now < open.until {
            return None;
        }
        let after = (Bound::Excluded(open.last()), Bound::Unbounded);
        let next = self.round.range(after).next();
        next.or_else(|| self.round.first()).copied()
    }

    fn start(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) -> Option<Attempt> {
        let (row, head) = self.lanes.get(&key)?.head()?;
        let (number, kind) = (head.attempts.saturating_add(1), head.kind);
        let probe = self.breaker.open().is_some();
        let record = self.breaker.started(row, key, now);
        self.heard.started(key, kind);
        self.in_flight += 1;
        self.change(key, now, settled, |lane| lane.in_flight = Some(row));
        Some(Attempt {
            row,
            destination: Arc::clone(&self.plan.name),
            lane: key,
            number,
            probe,
            record,
        })
    }

    /// What an outcome says about the destination, as opposed to the delivery.
    fn note(
        &mut self,
        row: i64,
        key: LaneKey,
        pending: &Pending,
        outcome: Outcome,
        random: f64,
        now: Mono,
    ) {
        match outcome {
            Outcome::Accepted | Outcome::Refused { .. } => {
                if self.breaker.answered() {
                    self.allowance = 1;
                } else {
                    self.allowance = self.allowance.saturating_add(1).min(self.plan.concurrency);
                }
            }
            Outcome::Unreachable => self.breaker.unreachable(row, key, now, random),
            Outcome::Failed { retry_after } => {
                self.breaker.failed(row, key, now, random);
                if let Some(pause) = retry_after {
                    self.allowance = 1;
                    let until = now + pause.min(MAX_RETRY_AFTER);
                    self.paused_until = self.paused_until.max(Some(until));
                }
            }
        }
        if outcome == Outcome::Accepted {
            let (kind, severity, decided) = (pending.kind, pending.severity, pending.decided);
            self.heard
                .accepted(key, kind, severity, decided, self.plan.call_every);
        }
    }

    fn expire(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) {
        let Some((row, _)) = self.lanes.get(&key).and_then(Lane::head) else {
            return;
        };
        let (state, why) = EXPIRED;
        settled.push(Settled { row, state, why });
        self.take(row, key, now, settled);
    }

    fn take(&mut self, row: i64, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) -> bool {
        let mut taken = None;
        self.change(key, now, settled, |lane| taken = lane.remove(row));
        if let Some(pending) = taken {
            self.ages.remove(&(pending.decided, row));
        }
        taken.is_some()
    }

    /// The only way to change a lane: out of all queues, changed, and back to where it then belongs.
    fn change(
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
        let until = loop {
            if lane.in_flight.is_some() {
                return;
            }
            let Some((_, head)) = lane.head() else {
                self.lanes.remove(&key);
                return;
            };
            let last = self.heard.last(key);
            let (worst, escalated) = (lane.worst(), lane.has_escalation());
            let every = self.plan.call_every;
            let held = throttle::held_until(last, head.kind, worst, escalated, every)
                .filter(|until| head.attempts == 0 && now < *until);
            let chatter: Vec<i64> = match held {
                Some(_) => {
                    let kinds = lane.rows().map(|(_, row)| row.kind);
                    let count = throttle::chatter(last, kinds);
                    lane.rows().take(count).map(|(id, _)| id).collect()
                }
                None => Vec::new(),
            };
            if chatter.is_empty() {
                break held.max(head.not_before).filter(|until| now < *until);
            }
            for row in chatter {
                if let Some(pending) = lane.remove(row) {
                    self.ages.remove(&(pending.decided, row));
                    let (state, why) = CHATTER;
                    settled.push(Settled { row, state, why });
                }
            }
        };
        let Some((turn, (_, head))) = lane.turn(key).zip(lane.head()) else {
            return;
        };
        let expires = head.decided + self.plan.expire_after;
        self.expiring.insert((expires, key));
        let ready = match until {
            Some(until) => {
                self.waiting.insert((until, key));
                None
            }
            None => {
                self.ready.insert(turn);
                self.round.insert(key);
                Some(turn)
            }
        };
        lane.place = Place {
            ready,
            wakes: until,
            expires: Some(expires),
        };
    }
}

const DROPPED: (State, &str) = (State::GivenUp, "a person dropped it");
const EXPIRED: (State, &str) = (State::Expired, "it was older than expire_after");
const CHATTER: (State, &str) = (
    State::Deduplicated,
    "its alert came back and ended again within the time between two calls",
);
