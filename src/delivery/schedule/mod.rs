//! The second pure core: which delivery is tried when.
//!
//! It holds row ids and due times, no bodies, does no IO, and is told the time and the luck. Per lane deliveries go strictly in
//! the order of their rows, one in flight; between lanes the worst goes first, then the oldest. It forgets everything in
//! a restart and is filled again from the pending rows of the outbox; a delivery that was in flight is then repeated.
//!
//! The shell calls [`Schedule::next`] after each change and at [`Schedule::next_deadline`], starts every attempt that it
//! returns, records every delivery that it reports as settled, and reports each attempt once with [`Schedule::done`], also
//! one whose sender panicked. How many rows there can be is bounded by the limits of the store.

mod activity;
mod breaker;
mod desk;
mod due;
mod gather;
mod judge;
mod lane;
mod late;
mod outcome;
mod plan;
mod queues;
mod rate;
mod repeats;
mod reposts;
mod retry;
mod status;
#[cfg(test)]
mod tests;
pub mod throttle;

use std::{collections::BTreeMap, sync::Arc};

use desk::Desk;

pub use self::{
    activity::Deactivated,
    breaker::{Open, Trouble},
    due::{Attempt, Due},
    outcome::{Outcome, Settled, State, Verdict},
    plan::DestinationPlan,
    reposts::Repost,
    retry::Retry,
    status::Status,
    throttle::Kind,
};
use crate::{alert::plant::Severity, clock::Mono};

/// All deliveries that are not settled. Every operation on one of them costs O(log n).
#[derive(Debug, Default)]
pub struct Schedule {
    desks: BTreeMap<Arc<str>, Desk>,
    rows: BTreeMap<i64, (Arc<str>, LaneKey)>,
    /// What was settled without an attempt since the last [`Schedule::next`].
    settled: Vec<Settled>,
    /// Destinations of which one at least must stay active: the lists of routes and steps.
    groups: Vec<Vec<Arc<str>>>,
    /// The latest time that it was told.
    seen: Mono,
}

/// Names the watch of a lane; with a destination it names the lane. The bytes of the `dedup_key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey(pub [u8; 32]);

/// One delivery, a row of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its id; ids rise in the order of decision, which is the order within a lane.
    pub id: i64,
    /// The destination's name, which need not exist.
    pub destination: Arc<str>,
    /// The watch.
    pub lane: LaneKey,
    /// How bad the alert is.
    pub severity: Severity,
    /// When the event was decided; may lie before this boot.
    pub decided: Mono,
    /// What it is to its lane.
    pub kind: Kind,
    /// Not to be tried before this time; its lane waits for it.
    pub not_before: Option<Mono>,
    /// Attempts used in earlier runs.
    pub attempts: u32,
    /// The alert, by the number of its ULID.
    pub alert: u128,
    /// What it says, without its values: two that are alike say the same. None if that is not known.
    pub likeness: Option<u64>,
    /// Others may be told in its place, which was not done yet.
    pub may_fall_back: bool,
    /// It is older than this run, so it may have been heard although no attempt of it is on record.
    pub from_before: bool,
}

impl Schedule {
    /// Nothing to deliver to these destinations.
    pub fn new(destinations: Vec<DestinationPlan>) -> Self {
        let desk = |plan: DestinationPlan| (Arc::clone(&plan.name), Desk::new(plan, false));
        Self {
            desks: destinations.into_iter().map(desk).collect(),
            ..Self::default()
        }
    }

    /// Takes a delivery over; one that is known already is left as it is. One to a destination that does not exist waits.
    pub fn add(&mut self, row: &Row, now: Mono) {
        self.seen = self.seen.max(now);
        if self.rows.contains_key(&row.id) {
            return;
        }
        let name = &row.destination;
        let desk = self.desks.entry(Arc::clone(name)).or_insert_with(|| {
            let plan = DestinationPlan::new(Arc::clone(name));
            Desk::new(plan, true)
        });
        self.rows.insert(row.id, (Arc::clone(name), row.lane));
        let from = self.settled.len();
        desk.add(row, now, &mut self.settled);
        self.leave(from);
    }

    /// What may start now, and what is over without an attempt. To be called after each change and at each deadline.
    pub fn next(&mut self, now: Mono) -> Due {
        self.seen = self.seen.max(now);
        let mut due = Due {
            settled: self.take_settled(),
            ..Due::default()
        };
        let from = due.settled.len();
        for desk in self.desks.values_mut() {
            desk.next(now, &mut due);
            desk.repost(now, &mut due);
        }
        for settled in &due.settled[from..] {
            self.rows.remove(&settled.row);
        }
        due
    }

    /// What was settled without an attempt since the last [`Schedule::next`], which then does not report it.
    pub fn take_settled(&mut self) -> Vec<Settled> {
        std::mem::take(&mut self.settled)
    }

    /// Reports what came of an attempt that told one delivery. `random` yields numbers in [0, 1).
    pub fn done(
        &mut self,
        row: i64,
        outcome: Outcome,
        now: Mono,
        random: &mut dyn FnMut() -> f64,
    ) -> Verdict {
        self.judge(row, (outcome, None), now, random)
    }

    /// Reports what came of one delivery of a digest; to be called for all of them, in their order, with the same luck. `said` is
    /// what came of the digest, `own` differs from it where this delivery was left out: void, or unreachable to be told in the next one.
    pub fn done_in_digest(
        &mut self,
        row: i64,
        own: Outcome,
        said: Outcome,
        now: Mono,
        random: &mut dyn FnMut() -> f64,
    ) -> Verdict {
        self.judge(row, (own, Some(said)), now, random)
    }

    fn judge(
        &mut self,
        row: i64,
        outcome: (Outcome, Option<Outcome>),
        now: Mono,
        random: &mut dyn FnMut() -> f64,
    ) -> Verdict {
        self.seen = self.seen.max(now);
        let Some((desk, lane)) = self.find(row) else {
            return Verdict::Unknown;
        };
        let destination = Arc::clone(&desk.plan.name);
        let mut settled = Vec::new();
        let verdict = desk.done(row, lane, outcome, random(), now, &mut settled);
        let worn_out = desk.is_worn_out();
        if matches!(verdict, Verdict::Settled(_)) {
            self.rows.remove(&row);
        }
        self.append(settled);
        if worn_out {
            self.deactivate(destination, now);
        }
        verdict
    }

    /// Names the destinations of which one at least must stay active: the lists of routes and of steps of policies. One that is
    /// the last of a list is not deactivated, and is active again if it was.
    pub fn set_groups(&mut self, groups: Vec<Vec<Arc<str>>>) {
        self.groups = groups;
        self.keep_the_last();
    }

    /// How a destination stood when the agent ran last. To be called before anything else is asked.
    pub fn restore(
        &mut self,
        destination: &str,
        failures: u32,
        deactivated: Option<Mono>,
        now: Mono,
    ) {
        self.seen = self.seen.max(now);
        if let Some(desk) = self.desks.get_mut(destination) {
            desk.restore(failures, deactivated, now);
            self.keep_the_last();
        }
    }

    /// All deliveries of earlier runs were added: what grew old while the agent was down is late.
    pub fn restored(&mut self, now: Mono) {
        self.seen = self.seen.max(now);
        for desk in self.desks.values_mut() {
            desk.trouble_over(now);
        }
    }

    /// The watch of a delivery that is not settled.
    pub fn lane(&self, row: i64) -> Option<LaneKey> {
        self.rows.get(&row).map(|(_, lane)| *lane)
    }

    /// When [`Schedule::next`] has something to do although nothing is reported. After `next` it lies in the future.
    pub fn next_deadline(&self) -> Option<Mono> {
        let due = (!self.settled.is_empty()).then_some(self.seen);
        let desks = self.desks.values();
        let of_desk = |desk: &Desk| [desk.next_deadline(self.seen), desk.next_repost()];
        due.or(desks.flat_map(of_desk).flatten().min())
    }

    /// Takes out those of these deliveries that nobody can have heard of (never in flight, no attempt used), and returns
    /// them: the caller records why. The others go on.
    pub fn withdraw(&mut self, rows: &[i64], now: Mono) -> Vec<i64> {
        self.seen = self.seen.max(now);
        let mut withdrawn = Vec::new();
        for &row in rows {
            let mut settled = Vec::new();
            if let Some((desk, lane)) = self.find(row)
                && desk.withdraw(row, lane, now, &mut settled)
            {
                self.rows.remove(&row);
                withdrawn.push(row);
            }
            self.append(settled);
        }
        withdrawn
    }

    /// All deliveries that are not settled, by row.
    pub fn row_ids(&self) -> impl Iterator<Item = i64> {
        self.rows.keys().copied()
    }

    /// Takes out deliveries that are not owed any more, but for those in flight: they are reported as [`Outcome::Void`].
    pub fn forget(&mut self, rows: impl IntoIterator<Item = i64>, now: Mono) {
        self.seen = self.seen.max(now);
        for row in rows {
            let mut settled = Vec::new();
            if let Some((desk, lane)) = self.find(row)
                && desk.forget(row, lane, now, &mut settled)
            {
                self.rows.remove(&row);
            }
            self.append(settled);
        }
    }

    /// Drops a delivery because a person said so; [`Schedule::next`] reports it as given up. One that is in flight is dropped
    /// when it comes back, unless it was accepted. False if there is no such delivery.
    pub fn discard(&mut self, row: i64, now: Mono) -> bool {
        self.seen = self.seen.max(now);
        let mut settled = Vec::new();
        let Some((desk, lane)) = self.find(row) else {
            return false;
        };
        desk.discard(row, lane, now, &mut settled);
        self.append(settled);
        true
    }

    /// A person says that it may work now: the delivery's lane, its destination's pause and the next probe are due at
    /// once. What stands before it in its lane still goes first. False if there is no such delivery.
    pub fn retry_now(&mut self, row: i64, now: Mono) -> bool {
        self.seen = self.seen.max(now);
        let mut settled = Vec::new();
        let Some((desk, lane)) = self.find(row) else {
            return false;
        };
        desk.retry_now(lane, now, &mut settled);
        self.append(settled);
        true
    }

    /// What was [`Outcome::OutOfReach`] can be read again.
    pub fn resume(&mut self, row: i64, now: Mono) {
        let mut settled = Vec::new();
        if let Some((desk, lane)) = self.find(row) {
            desk.queues.resume(lane, now, &mut settled);
        }
        self.append(settled);
    }

    /// Takes over changed destinations. Deliveries of one that vanished wait until it returns or they expire.
    pub fn reload(&mut self, destinations: Vec<DestinationPlan>, now: Mono) {
        self.seen = self.seen.max(now);
        let mut plans: BTreeMap<Arc<str>, DestinationPlan> = destinations
            .into_iter()
            .map(|plan| (Arc::clone(&plan.name), plan))
            .collect();
        let mut settled = Vec::new();
        self.desks.retain(|name, desk| {
            let plan = plans.remove(name);
            let keep = plan.is_some() || !desk.is_idle();
            desk.reload(plan, now, &mut settled);
            keep
        });
        for (name, plan) in plans {
            self.desks.insert(name, Desk::new(plan, false));
        }
        self.append(settled);
    }

    /// One destination, for views; none if nothing is known of it.
    pub fn status(&self, destination: &str) -> Option<Status> {
        self.desks.get(destination).map(Desk::status)
    }

    /// All destinations, by name, orphaned ones included.
    pub fn statuses(&self) -> impl Iterator<Item = Status> {
        self.desks.values().map(Desk::status)
    }

    fn deactivate(&mut self, name: Arc<str>, now: Mono) {
        let needed = self.is_last(&name);
        if let Some(desk) = self.desks.get_mut(&name).filter(|_| !needed) {
            desk.deactivate(now);
        }
    }

    /// Whether some list would be left without an active destination.
    fn is_last(&self, name: &str) -> bool {
        let active = |other: &Arc<str>| {
            **other != *name && self.desks.get(other).is_some_and(Desk::is_active)
        };
        let mut mine = self
            .groups
            .iter()
            .filter(|group| group.iter().any(|member| **member == *name));
        mine.any(|group| !group.iter().any(active))
    }

    fn keep_the_last(&mut self) {
        let names: Vec<Arc<str>> = self.desks.keys().cloned().collect();
        for name in names {
            let needed = self.is_last(&name);
            if let Some(desk) = self.desks.get_mut(&name).filter(|_| needed) {
                desk.activity.reactivate();
            }
        }
    }

    fn find(&mut self, row: i64) -> Option<(&mut Desk, LaneKey)> {
        let (destination, lane) = self.rows.get(&row)?;
        let desk = self.desks.get_mut(destination)?;
        Some((desk, *lane))
    }

    fn append(&mut self, settled: Vec<Settled>) {
        let from = self.settled.len();
        self.settled.extend(settled);
        self.leave(from);
    }

    fn leave(&mut self, from: usize) {
        for settled in &self.settled[from..] {
            self.rows.remove(&settled.row);
        }
    }
}
