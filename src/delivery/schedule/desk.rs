//! One destination: its breaker, its pauses, and what outcomes mean. It knows nothing of other destinations.

use std::{sync::Arc, time::Duration};

use super::{
    Attempt, DestinationPlan, Due, LaneKey, Row, Status,
    breaker::Breaker,
    lane::Pending,
    outcome::{Outcome, Settled, State, Verdict},
    queues::{EXPIRED, Queues},
};
use crate::clock::Mono;

/// The most that a `Retry-After` is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(2 * 60 * 60);

#[derive(Debug)]
pub(super) struct Desk {
    plan: DestinationPlan,
    /// The configuration has no such destination: its deliveries wait until it returns or they expire.
    orphaned: bool,
    queues: Queues,
    in_flight: u32,
    /// How many may be in flight: 1 after trouble, one more with each answer, up to the plan's concurrency.
    allowance: u32,
    paused_until: Option<Mono>,
    breaker: Breaker,
}

impl Desk {
    pub(super) fn new(plan: DestinationPlan, orphaned: bool) -> Self {
        Self {
            queues: Queues::new(plan.expire_after, plan.call_every),
            allowance: plan.concurrency,
            plan,
            orphaned,
            in_flight: 0,
            paused_until: None,
            breaker: Breaker::default(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queues.len() == 0
    }

    pub(super) fn add(&mut self, row: &Row, now: Mono, settled: &mut Vec<Settled>) {
        self.queues.add(row, now, settled);
    }

    /// What may start now, and what is over without an attempt.
    pub(super) fn next(&mut self, now: Mono, due: &mut Due) {
        self.queues.expire(now, &mut due.settled);
        if self.orphaned {
            return;
        }
        self.queues.wake(now, &mut due.settled);
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
        let Some(pending) = self.queues.lane(key).and_then(|lane| {
            let flying = lane.in_flight == Some(row);
            lane.get(row).copied().filter(|_| flying)
        }) else {
            return Verdict::Unknown;
        };
        self.in_flight = self.in_flight.saturating_sub(1);
        self.note(row, key, &pending, outcome, random, now);
        let used = u32::from(!matches!(outcome, Outcome::Unreachable | Outcome::Void));
        let attempts = pending.attempts.saturating_add(used);
        let wait = match outcome {
            Outcome::Accepted => Err((State::Accepted, "the receiver has it")),
            Outcome::Void => Err((State::GivenUp, "it is not owed any more")),
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
        match wait {
            Ok(until) => {
                self.queues.change(key, now, settled, |lane| {
                    lane.in_flight = None;
                    if let Some(pending) = lane.get_mut(row) {
                        pending.attempts = attempts;
                        pending.not_before = pending.not_before.max(Some(until));
                    }
                });
                Verdict::Waiting {
                    until: self.gate().map_or(until, |gate| gate.max(until)),
                }
            }
            Err((state, why)) => {
                self.queues.take(row, key, now, settled);
                Verdict::Settled(Settled { row, state, why })
            }
        }
    }

    /// When something falls due here without anything being reported, as far as that can be known.
    pub(super) fn next_deadline(&self, seen: Mono) -> Option<Mono> {
        let expiry = self.queues.next_expiry();
        if self.orphaned {
            return expiry;
        }
        let wakes = self.queues.next_wake();
        let probing = self
            .breaker
            .open()
            .is_some_and(|open| open.probing.is_some());
        let starts = (self.has_room() && self.queues.is_ready() && !probing)
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
        let lane = self.queues.lane(key);
        let unheard = lane.is_some_and(|lane| {
            lane.in_flight != Some(row) && lane.get(row).is_some_and(|row| row.attempts == 0)
        });
        unheard && self.queues.take(row, key, now, settled)
    }

    /// Drops a delivery because a person said so; one in flight is dropped when it comes back, unless it was accepted.
    pub(super) fn discard(
        &mut self,
        row: i64,
        key: LaneKey,
        now: Mono,
        settled: &mut Vec<Settled>,
    ) {
        let lane = self.queues.lane(key);
        if lane.is_some_and(|lane| lane.in_flight == Some(row)) {
            self.queues.change(key, now, settled, |lane| {
                if let Some(pending) = lane.get_mut(row) {
                    pending.dropped = true;
                }
            });
        } else if self.queues.take(row, key, now, settled) {
            let (state, why) = DROPPED;
            settled.push(Settled { row, state, why });
        }
    }

    /// A person says that it may work now: whatever the delivery's lane and the destination wait for is over.
    pub(super) fn retry_now(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) {
        self.paused_until = None;
        self.breaker.hurry(now);
        // A held call is chatter only until somebody wants to hear it.
        self.queues.heard.forget_lane(key, self.plan.call_every);
        self.queues.change(key, now, settled, |lane| {
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
        self.queues.expire_after = plan.expire_after;
        self.queues.call_every = plan.call_every;
        self.queues.heard.clear();
        self.plan = plan;
        let keys: Vec<LaneKey> = self.queues.keys();
        for key in keys {
            self.queues.change(key, now, settled, |_| {});
        }
    }

    pub(super) fn status(&self) -> Status {
        Status {
            destination: Arc::clone(&self.plan.name),
            orphaned: self.orphaned,
            breaker: self.breaker.open().copied(),
            paused_until: self.paused_until,
            queued: self.queues.len(),
            in_flight: self.in_flight,
            oldest: self.queues.oldest(),
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
            return self.queues.first();
        };
        if open.probing.is_some() || now < open.until {
            return None;
        }
        self.queues.after(open.last())
    }

    fn start(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) -> Option<Attempt> {
        let (row, head) = self.queues.lane(key)?.head()?;
        let (number, kind) = (head.attempts.saturating_add(1), head.kind);
        let probe = self.breaker.open().is_some();
        let record = self.breaker.started(row, key, now);
        self.queues.heard.started(key, kind);
        self.in_flight += 1;
        self.queues
            .change(key, now, settled, |lane| lane.in_flight = Some(row));
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
            Outcome::Void => self.breaker.not_tried(row),
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
            self.queues
                .heard
                .accepted(key, kind, severity, decided, self.plan.call_every);
        }
    }
}

const DROPPED: (State, &str) = (State::GivenUp, "a person dropped it");
