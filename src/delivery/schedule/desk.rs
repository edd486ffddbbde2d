//! One destination: its breaker, its pauses, and what outcomes mean. It knows nothing of other destinations.

use std::{sync::Arc, time::Duration};

use super::{
    Attempt, DestinationPlan, Due, LaneKey, Row, Status,
    activity::Activity,
    breaker::Breaker,
    lane::Flight,
    outcome::{Settled, State},
    queues::Queues,
    rate::Bucket,
    reposts::Reposts,
};
use crate::{clock::Mono, destination::Late};

/// A breaker that was open for no longer than this leaves no backlog that receivers have to be spared.
const OUTAGE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) plan: DestinationPlan,
    /// The configuration has no such destination: its deliveries wait until it returns or they expire.
    orphaned: bool,
    pub(super) queues: Queues,
    pub(super) in_flight: u32,
    /// How many may be in flight: 1 after trouble, one more with each answer, up to the plan's concurrency.
    pub(super) allowance: u32,
    pub(super) paused_until: Option<Mono>,
    /// After an outage nothing starts before.
    resume_at: Option<Mono>,
    /// What was decided up to then is late: it had to wait for trouble that is over.
    pub(super) late_before: Option<Mono>,
    pub(super) breaker: Breaker,
    pub(super) activity: Activity,
    bucket: Bucket,
    /// What others are to be told, because it ended without being accepted.
    pub(super) fallbacks: Vec<i64>,
    pub(super) reposts: Reposts,
}

impl Desk {
    pub(super) fn new(plan: DestinationPlan, orphaned: bool) -> Self {
        Self {
            queues: Queues::new(&plan),
            allowance: plan.concurrency,
            bucket: Bucket::new(plan.rate),
            plan,
            orphaned,
            in_flight: 0,
            paused_until: None,
            resume_at: None,
            late_before: None,
            breaker: Breaker::default(),
            activity: Activity::default(),
            fallbacks: Vec::new(),
            reposts: Reposts::default(),
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
        self.queues
            .expire(now, &mut due.settled, &mut self.fallbacks);
        if self.orphaned {
            return;
        }
        due.fallbacks.append(&mut self.fallbacks);
        self.queues.fall_back(now, &mut due.fallbacks);
        self.queues.wake(now, &mut due.settled);
        if self.paused_until.take_if(|until| *until <= now).is_some() {
            self.trouble_over(now);
        }
        self.resume_at.take_if(|until| *until <= now);
        while self.has_room()
            && self.gate().is_none_or(|gate| gate <= now)
            && let Some(lane) = self.turn()
        {
            if self.is_late(lane, now)
                && self.plan.late == Late::Collapse
                && self.queues.collapse(lane, now, due)
            {
                // What is left may be less urgent than another lane.
                continue;
            }
            let Some(attempt) = self.start(lane, now, &mut due.settled) else {
                break;
            };
            due.attempts.push(attempt);
        }
    }

    /// When something falls due here without anything being reported, as far as that can be known.
    pub(super) fn next_deadline(&self, seen: Mono) -> Option<Mono> {
        let expiry = self.queues.next_expiry();
        if self.orphaned {
            return expiry;
        }
        let wakes = self.queues.next_wake();
        let starts = (self.has_room() && self.queues.is_ready() && !self.is_probing())
            .then(|| self.gate().unwrap_or(seen));
        let fallback = match self.fallbacks.is_empty() {
            true => self.queues.next_fallback(),
            false => Some(seen),
        };
        [expiry, wakes, starts, fallback]
            .into_iter()
            .flatten()
            .min()
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
        let unheard = lane
            .and_then(|lane| lane.get(row))
            .is_some_and(|row| row.flight == Flight::None && row.attempts == 0 && !row.stands);
        unheard && self.queues.take(row, key, now, settled)
    }

    /// Takes a delivery out that is not owed any more, unless it is in flight.
    pub(super) fn forget(
        &mut self,
        row: i64,
        key: LaneKey,
        now: Mono,
        settled: &mut Vec<Settled>,
    ) -> bool {
        let lane = self.queues.lane(key);
        let pending = lane.and_then(|lane| lane.get(row));
        pending.is_some_and(|row| row.flight == Flight::None)
            && self.queues.take(row, key, now, settled)
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
        let pending = lane.and_then(|lane| lane.get(row));
        if pending.is_some_and(|row| row.flight != Flight::None) {
            self.queues.change(key, now, settled, |lane| {
                if let Some(pending) = lane.get_mut(row) {
                    pending.dropped = true;
                }
            });
        } else if self.queues.take(row, key, now, settled) {
            settled.push(Settled::new(row, key, DROPPED));
        }
    }

    /// A person says that it may work now: whatever the delivery's lane and the destination wait for is over.
    pub(super) fn retry_now(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) {
        self.paused_until = None;
        self.resume_at = None;
        self.breaker.hurry(now);
        self.activity.hurry(now);
        // A held call is chatter only until somebody wants to hear it.
        self.queues.heard.forget_lane(key, self.plan.call_every);
        self.queues.repeats.forget_lane(key);
        self.queues.resume(key, now, settled);
    }

    /// Takes over a changed plan, or becomes orphaned. What the trouble was may be mended by it, so it is tried at once.
    pub(super) fn reload(
        &mut self,
        plan: Option<DestinationPlan>,
        now: Mono,
        settled: &mut Vec<Settled>,
    ) {
        self.breaker.hurry(now);
        self.activity.hurry(now);
        let changed = plan.as_ref() != (!self.orphaned).then_some(&self.plan);
        self.orphaned = plan.is_none();
        let (Some(plan), true) = (plan, changed) else {
            return;
        };
        self.queues.change_plan(&plan, now, settled);
        self.bucket.change(plan.rate);
        if plan.deactivate_after.is_none() {
            self.activity.reactivate();
        }
        if plan.repost.is_none() {
            self.reposts = Reposts::default();
        }
        self.plan = plan;
    }

    pub(super) fn status(&self) -> Status {
        Status {
            destination: Arc::clone(&self.plan.name),
            orphaned: self.orphaned,
            breaker: self.breaker.open().copied(),
            deactivated: self.activity.off().copied(),
            failures: self.activity.failures(),
            paused_until: self.paused_until,
            queued: self.queues.len(),
            in_flight: self.in_flight,
            oldest: self.queues.oldest(),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight < self.allowance.min(self.plan.concurrency)
    }

    /// Until when nothing may start, whatever waits.
    pub(super) fn gate(&self) -> Option<Mono> {
        let probe = match (self.activity.off(), self.breaker.open()) {
            (Some(off), _) => Some(off.until),
            (None, open) => open.map(|open| open.until),
        };
        let gates = [
            probe,
            self.paused_until,
            self.resume_at,
            self.bucket.free_at(),
        ];
        gates.into_iter().flatten().max()
    }

    pub(super) fn is_probing(&self) -> bool {
        let (off, open) = (self.activity.off(), self.breaker.open());
        off.is_some_and(|off| off.probing.is_some())
            || open.is_some_and(|open| open.probing.is_some())
    }

    /// The lane whose turn it is: the first, or while there is trouble the next one round for a probe.
    fn turn(&self) -> Option<LaneKey> {
        let last = match (self.activity.off(), self.breaker.open()) {
            (Some(off), _) => off.last(),
            (None, Some(open)) => open.last(),
            (None, None) => return self.queues.first(),
        };
        let one_at_a_time = !self.is_probing();
        one_at_a_time.then(|| self.queues.after(last)).flatten()
    }

    fn start(&mut self, key: LaneKey, now: Mono, settled: &mut Vec<Settled>) -> Option<Attempt> {
        let (row, head) = self.queues.lane(key)?.head()?;
        let number = head.attempts.saturating_add(1);
        let digest = self.gather(key, now);
        let troubled = self.activity.off().is_some();
        let probe = troubled || self.breaker.open().is_some();
        let record = self.breaker.started(row, key, now) || troubled;
        self.activity.started(row, key);
        self.begin(now);
        if digest.is_empty() {
            self.take_off(key, &[row], row, now, settled);
        }
        for (lane, rows) in &digest {
            self.take_off(*lane, rows, row, now, settled);
        }
        Some(Attempt {
            row,
            destination: Arc::clone(&self.plan.name),
            lane: key,
            number,
            probe,
            record,
            digest: digest.into_iter().flat_map(|(_, rows)| rows).collect(),
        })
    }

    /// One more is in flight.
    pub(super) fn begin(&mut self, now: Mono) {
        self.bucket.take(now);
        self.in_flight += 1;
    }

    /// Marks the first deliveries of a lane as in flight.
    fn take_off(
        &mut self,
        key: LaneKey,
        rows: &[i64],
        carrier: i64,
        now: Mono,
        settled: &mut Vec<Settled>,
    ) {
        self.reposts.drop(key);
        for id in rows {
            let lane = self.queues.lane(key);
            if let Some(row) = lane.and_then(|lane| lane.get(*id)).copied() {
                self.queues.heard.started(key, row.kind);
                self.queues.repeats.started(key, row.likeness);
            }
        }
        self.queues.change(key, now, settled, |lane| {
            lane.in_flight = rows.last().copied();
            for id in rows {
                if let Some(row) = lane.get_mut(*id) {
                    row.flight = match *id == carrier {
                        true => Flight::Carrier,
                        false => Flight::Carried,
                    };
                }
            }
        });
    }

    /// The destination is back after being away since then.
    pub(super) fn is_back(&mut self, since: Mono, now: Mono) {
        self.trouble_over(now);
        self.allowance = 1;
        // The probe that was accepted is not counted any more where this is called.
        if now.since(since) > OUTAGE && self.queues.len() > 1 {
            self.resume_at = Some(now + self.plan.catch_up);
        }
    }

    /// Whether it has failed so often that it is to be left alone, if others are left.
    pub(super) fn is_worn_out(&self) -> bool {
        let limit = self.plan.deactivate_after;
        self.is_active() && limit.is_some_and(|limit| self.activity.failures() >= limit)
    }

    /// Whether the configuration has it.
    pub(super) fn is_known(&self) -> bool {
        !self.orphaned
    }

    pub(super) fn is_active(&self) -> bool {
        !self.orphaned && self.activity.off().is_none()
    }

    pub(super) fn deactivate(&mut self, now: Mono) {
        self.activity.deactivate(now, self.plan.reactivate_every);
        self.breaker = Breaker::default();
        self.paused_until = None;
        self.allowance = 1;
    }

    /// As it was before a restart.
    pub(super) fn restore(&mut self, failures: u32, deactivated: Option<Mono>, now: Mono) {
        let deactivated = deactivated.filter(|_| self.plan.deactivate_after.is_some());
        let every = self.plan.reactivate_every;
        self.activity.restore(failures, deactivated, now, every);
    }
}

pub(super) const DROPPED: (State, &str) = (State::GivenUp, "a person dropped it");
