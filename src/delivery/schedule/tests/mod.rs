//! One table test for each promise of the schedule, on a bench that plays shell, store and receivers in virtual time; and
//! random histories on the same bench ([`random`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::*;

mod memory;
mod patience;
mod random;
mod reposts;

/// Plays the shell, the outbox and the receivers, and checks after every step what must always hold.
struct Bench {
    schedule: Schedule,
    plans: Vec<DestinationPlan>,
    now: Mono,
    luck: fastrand::Rng,
    next_id: i64,
    pending: BTreeMap<i64, Row>,
    settled: BTreeMap<i64, State>,
    flying: BTreeMap<i64, (Mono, Attempt)>,
    modes: BTreeMap<Arc<str>, Mode>,
    /// What each receiver heard, in order, repeats included.
    heard: BTreeMap<Arc<str>, Vec<i64>>,
    rows: BTreeMap<i64, Row>,
    attempts: u64,
    starts: Vec<(Mono, i64)>,
    retold: Vec<i64>,
    fallbacks: Vec<i64>,
    groups: Vec<Vec<Arc<str>>>,
    /// How many attempts there were when the buckets of rates were filled.
    buckets_since: usize,
    /// What the store does not owe any more, and was in flight then.
    gone: BTreeSet<i64>,
    /// Digests do not always have room for all.
    cuts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Up,
    Down,
    /// Fails; half of the time it has heard it all the same.
    Sick,
    Busy(u64),
    Refusing {
        give_up: bool,
    },
}

const LATENCY: Duration = Duration::from_millis(20);

fn lane(number: u8) -> LaneKey {
    LaneKey([number; 32])
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

impl Bench {
    fn new(plans: Vec<DestinationPlan>) -> Self {
        Self {
            schedule: Schedule::new(plans.clone()),
            modes: plans
                .iter()
                .map(|plan| (Arc::clone(&plan.name), Mode::Up))
                .collect(),
            plans,
            now: Mono::default(),
            luck: fastrand::Rng::with_seed(7),
            next_id: 1,
            pending: BTreeMap::new(),
            settled: BTreeMap::new(),
            flying: BTreeMap::new(),
            heard: BTreeMap::new(),
            rows: BTreeMap::new(),
            attempts: 0,
            starts: Vec::new(),
            retold: Vec::new(),
            fallbacks: Vec::new(),
            groups: Vec::new(),
            buckets_since: 0,
            gone: BTreeSet::new(),
            cuts: false,
        }
    }

    fn one(change: impl FnOnce(&mut DestinationPlan)) -> Self {
        let mut plan = DestinationPlan::new("ops");
        plan.call_every = Duration::ZERO;
        change(&mut plan);
        Self::new(vec![plan])
    }

    fn mode(&mut self, mode: Mode) {
        self.modes.values_mut().for_each(|old| *old = mode);
    }

    /// Adds without starting anything.
    fn queue(&mut self, destination: &str, key: u8, severity: Severity, kind: Kind) -> i64 {
        self.put(self.row(destination, key, severity, kind))
    }

    fn row(&self, destination: &str, key: u8, severity: Severity, kind: Kind) -> Row {
        Row {
            id: self.next_id,
            destination: destination.into(),
            lane: lane(key),
            severity,
            decided: self.now,
            kind,
            not_before: None,
            attempts: 0,
            alert: key.into(),
            likeness: None,
            may_fall_back: true,
            from_before: false,
        }
    }

    fn put(&mut self, row: Row) -> i64 {
        self.next_id = row.id + 1;
        self.schedule.add(&row, self.now);
        self.pending.insert(row.id, row.clone());
        self.rows.insert(row.id, row.clone());
        row.id
    }

    /// Adds a delivery to `ops` about this alert that says this, without starting anything.
    fn say(&mut self, key: u8, alert: u128, kind: Kind, likeness: u64) -> i64 {
        self.put(Row {
            alert,
            likeness: Some(likeness),
            ..self.row("ops", key, Severity::Error, kind)
        })
    }

    fn add(&mut self, key: u8, severity: Severity, kind: Kind) -> i64 {
        let id = self.queue("ops", key, severity, kind);
        self.pump();
        id
    }

    fn call(&mut self, key: u8) -> i64 {
        self.add(key, Severity::Error, Kind::Call)
    }

    fn settle(&mut self, settled: Settled) {
        let row = self.pending.remove(&settled.row);
        assert!(row.is_some(), "{settled:?} was not pending");
        self.settled.insert(settled.row, settled.state);
    }

    /// Asks what may start, starts it, and checks every rule of starting.
    fn pump(&mut self) {
        let due = self.schedule.next(self.now);
        due.settled.into_iter().for_each(|one| self.settle(one));
        for id in &due.retold {
            // It is told as a call from now on, so it says something else.
            for rows in [&mut self.pending, &mut self.rows] {
                let row = rows.get_mut(id).expect("what stands for others waits");
                (row.kind, row.likeness) = (Kind::Call, None);
            }
        }
        self.retold.extend(due.retold);
        for row in due.fallbacks {
            assert!(!self.fallbacks.contains(&row), "{row} is told twice");
            self.fallbacks.push(row);
        }
        for attempt in due.attempts {
            self.attempts += 1;
            let row = &self.pending[&attempt.row];
            assert_eq!(attempt.number, row.attempts + 1);
            let same = |other: &Row| other.destination == row.destination && other.lane == row.lane;
            let earlier = self
                .pending
                .range(..attempt.row)
                .find(|(_, other)| same(other));
            assert_eq!(earlier, None, "{attempt:?} overtakes in its lane");
            let flying = self
                .flying
                .values()
                .filter(|(_, other)| other.destination == attempt.destination);
            let plan = self
                .plans
                .iter()
                .find(|plan| plan.name == attempt.destination);
            let limit = plan.expect("only what exists is attempted").concurrency as usize;
            assert!(flying.clone().count() < limit, "too many in flight");
            assert!(flying.clone().all(|(_, other)| other.lane != attempt.lane));
            let status = self.schedule.status(&attempt.destination).unwrap();
            let open = status.breaker;
            assert_eq!(
                attempt.probe,
                open.is_some() || status.deactivated.is_some()
            );
            if let Some(off) = status.deactivated {
                assert_eq!(off.probing, Some(attempt.row), "one probe at a time");
            }
            let mut others = flying.clone().flat_map(|(_, other)| other.rows());
            assert!(others.all(|row| !attempt.rows().contains(row)));
            self.starts.push((self.now, attempt.row));
            if let Some(rate) = plan.unwrap().rate {
                let within = self.starts[self.buckets_since..].iter().rev();
                let within = within.take_while(|(at, _)| *at + rate.per > self.now);
                let mine = |row: i64| self.rows[&row].destination == attempt.destination;
                let count = within.filter(|(_, row)| mine(*row)).count();
                assert!(count < 2 * rate.count as usize, "{count} in {:?}", rate.per);
            }
            if let Some(open) = open {
                assert_eq!(open.probing, Some(attempt.row), "one probe at a time");
            }
            assert!(
                row.decided + plan.unwrap().expire_after > self.now,
                "attempted when expired"
            );
            let end = self.now + LATENCY.mul_f64(self.luck.f64());
            self.flying.insert(attempt.row, (end, attempt));
        }
        if let Some(at) = self.schedule.next_deadline() {
            assert!(at > self.now, "a deadline that has passed would spin");
        }
    }

    fn land(&mut self, id: i64) -> Verdict {
        let (_, attempt) = self.flying.remove(&id).expect("it is in flight");
        let is_digest = !attempt.digest.is_empty();
        let owed = |row: &i64| !self.gone.contains(row);
        let rows: Vec<i64> = attempt.rows().iter().copied().filter(owed).collect();
        // Now and then not all of it has room.
        let told = match self.luck.u8(..4) {
            0 if self.cuts => rows.len().div_ceil(2),
            _ => rows.len(),
        };
        let (rows, left) = rows.split_at(told);
        let (rows, left) = (rows.to_vec(), left.to_vec());
        let heard = self
            .heard
            .entry(Arc::clone(&attempt.destination))
            .or_default();
        let outcome = match self.modes[&attempt.destination] {
            Mode::Up => {
                heard.extend(&rows);
                Outcome::Accepted
            }
            Mode::Down => Outcome::Unreachable,
            Mode::Sick => {
                if self.luck.bool() {
                    heard.extend(&rows);
                }
                Outcome::Failed { retry_after: None }
            }
            Mode::Busy(wait) => Outcome::Failed {
                retry_after: Some(secs(wait)),
            },
            Mode::Refusing { give_up } => Outcome::Refused { give_up },
        };
        // Where nothing of it is owed any more, nothing is sent.
        let said = match rows.is_empty() {
            true => Outcome::Void,
            false => outcome,
        };
        let luck = self.luck.f64();
        let report = |bench: &mut Self, row: i64| {
            let own = match (bench.gone.contains(&row), left.contains(&row)) {
                (true, _) => Outcome::Void,
                (_, true) => Outcome::Unreachable,
                _ => said,
            };
            let (now, schedule) = (bench.now, &mut bench.schedule);
            let verdict = match is_digest {
                true => schedule.done_in_digest(row, own, said, now, &mut || luck),
                false => schedule.done(row, own, now, &mut || luck),
            };
            match verdict {
                // The store has its end already.
                Verdict::Settled(_) if own == Outcome::Void => {}
                Verdict::Settled(settled) => bench.settle(settled),
                Verdict::Waiting { .. } => {
                    let used = u32::from(own != Outcome::Unreachable);
                    bench.pending.get_mut(&row).unwrap().attempts += used;
                }
                Verdict::Unknown => panic!("{row} was in flight"),
            }
            let again = bench
                .schedule
                .done(row, Outcome::Accepted, bench.now, &mut || 0.0);
            assert_eq!(again, Verdict::Unknown, "an outcome counts once");
            verdict
        };
        let rows = attempt.rows().iter();
        let verdicts: Vec<Verdict> = rows.map(|row| report(self, *row)).collect();
        verdicts[0]
    }

    /// The store gives up what is under way.
    fn lose(&mut self, row: i64) {
        assert!(self.pending.remove(&row).is_some());
        self.settled.insert(row, State::GivenUp);
        self.gone.insert(row);
    }

    /// Lets time pass, event by event.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let landing = self.flying.iter().map(|(id, (at, _))| (*at, *id)).min();
            let deadline = self.schedule.next_deadline();
            let at = landing.map(|(at, _)| at).into_iter().chain(deadline).min();
            let Some(at) = at.filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            if let Some((_, id)) = landing.filter(|(landing, _)| *landing <= self.now) {
                self.land(id);
            }
            self.pump();
        }
        self.now = end;
    }

    /// Dies and starts again from the outbox; what was in flight may have been heard.
    fn crash(&mut self) {
        for (_, attempt) in std::mem::take(&mut self.flying).into_values() {
            if self.modes[&attempt.destination] == Mode::Up && self.luck.bool() {
                let rows = attempt.rows().iter();
                let rows = rows.filter(|row| !self.gone.contains(row)).copied();
                let heard = self.heard.entry(Arc::clone(&attempt.destination));
                heard.or_default().extend(rows);
            }
        }
        let stood: Vec<Status> = self.schedule.statuses().collect();
        self.schedule = Schedule::new(self.plans.clone());
        for stood in stood {
            let since = stood.deactivated.map(|off| off.since);
            self.schedule
                .restore(&stood.destination, stood.failures, since, self.now);
        }
        self.schedule.set_groups(self.groups.clone());
        self.buckets_since = self.starts.len();
        for row in self.pending.values_mut() {
            row.likeness = None;
            row.from_before = true;
            row.may_fall_back &= !self.fallbacks.contains(&row.id);
            self.schedule.add(row, self.now);
        }
        self.schedule.restored(self.now);
        self.pump();
    }

    fn heard(&self) -> Vec<i64> {
        self.heard.get("ops").cloned().unwrap_or_default()
    }

    fn status(&self) -> Status {
        self.schedule.status("ops").unwrap()
    }

    fn flying(&self) -> Vec<i64> {
        self.flying.keys().copied().collect()
    }
}

#[test]
fn a_lane_is_strictly_in_order_and_one_at_a_time() {
    let mut bench = Bench::one(|_| {});
    let ids: Vec<i64> = (0..3).map(|_| bench.call(1)).collect();
    assert_eq!(bench.flying(), ids[..1]);
    bench.run(secs(1));
    assert_eq!(bench.heard(), ids);
}

#[test]
fn other_lanes_overtake_a_lane_that_waits() {
    let mut bench = Bench::one(|_| {});
    bench.mode(Mode::Refusing { give_up: false });
    let stuck = bench.call(1);
    bench.run(secs(1));
    bench.mode(Mode::Up);
    let behind = bench.call(1);
    let other = bench.call(2);
    bench.run(secs(1));
    assert_eq!(bench.heard(), [other]);
    bench.run(secs(300));
    assert_eq!(bench.heard(), [other, stuck, behind]);
}

#[test]
fn the_worst_goes_first_then_the_oldest_within_the_concurrency() {
    let mut bench = Bench::one(|plan| plan.concurrency = 1);
    let first = bench.call(1);
    let old = bench.queue("ops", 2, Severity::Warning, Kind::Call);
    bench.now = bench.now + Duration::from_millis(1);
    let young = bench.queue("ops", 3, Severity::Warning, Kind::Call);
    let critical = bench.queue("ops", 4, Severity::Critical, Kind::Call);
    bench.run(secs(1));
    assert_eq!(bench.heard(), [first, critical, old, young]);
}

#[test]
fn a_critical_delivery_pulls_its_lane_forward() {
    let mut bench = Bench::one(|plan| plan.concurrency = 1);
    let first = bench.call(1);
    let other = bench.queue("ops", 2, Severity::Error, Kind::Call);
    let mild = bench.queue("ops", 3, Severity::Info, Kind::Call);
    let critical = bench.queue("ops", 3, Severity::Critical, Kind::Other);
    bench.run(secs(1));
    assert_eq!(bench.heard(), [first, mild, critical, other]);
}

#[test]
fn unreachable_uses_no_attempt_and_probes_go_round_the_lanes() {
    let mut bench = Bench::one(|plan| plan.concurrency = 1);
    bench.mode(Mode::Down);
    let ids: Vec<i64> = (1..=3).map(|key| bench.call(key)).collect();
    let mut probed = Vec::new();
    for _ in 0..8 {
        let [id] = bench.flying()[..] else {
            panic!("one at a time")
        };
        probed.push(id);
        bench.land(id);
        bench.pump();
        assert!(bench.flying.is_empty());
        bench.now = bench.schedule.next_deadline().unwrap();
        bench.pump();
    }
    let around: Vec<i64> = ids.iter().copied().cycle().take(8).collect();
    assert_eq!(probed, around);
    assert!(bench.pending.values().all(|row| row.attempts == 0));
    assert!(
        bench
            .status()
            .breaker
            .is_some_and(|open| open.trouble == Trouble::Unreachable)
    );
}

#[test]
fn a_success_closes_the_breaker_and_releases_the_rest_one_by_one_more() {
    let mut bench = Bench::one(|_| {});
    bench.mode(Mode::Down);
    for key in 0..40 {
        bench.call(key);
    }
    bench.run(secs(600));
    assert!(bench.heard().is_empty());
    bench.mode(Mode::Up);
    bench.now = bench.schedule.next_deadline().unwrap();
    bench.pump();
    let mut widths = Vec::new();
    while let Some(&id) = bench.flying.keys().next() {
        widths.push(bench.flying.len());
        bench.land(id);
        bench.pump();
    }
    assert_eq!(widths[..6], [1, 1, 2, 3, 4, 4]);
    assert_eq!(bench.heard().len(), 40);
    assert_eq!(bench.status().breaker, None);
}

#[test]
fn five_lanes_failing_in_a_row_open_the_breaker_and_its_probe_uses_an_attempt() {
    let mut bench = Bench::one(|_| {});
    bench.mode(Mode::Sick);
    for key in 0..9 {
        bench.call(key);
    }
    bench.run(Duration::from_millis(90));
    let open = bench.status().breaker.expect("five have failed");
    assert_eq!(open.trouble, Trouble::Failing);
    let before: u32 = bench.pending.values().map(|row| row.attempts).sum();
    bench.now = open.until;
    bench.pump();
    let probe = bench.flying()[0];
    assert!(!bench.flying[&probe].1.record, "counted in memory");
    bench.land(probe);
    let after: u32 = bench.pending.values().map(|row| row.attempts).sum();
    assert_eq!(after, before + 1);
    assert_eq!(bench.status().breaker.unwrap().since, open.since);
}

#[test]
fn retry_after_pauses_the_whole_destination_for_two_hours_at_most() {
    for (asked, paused) in [(30, 30), (1_000_000, 7200)] {
        let mut bench = Bench::one(|_| {});
        bench.mode(Mode::Busy(asked));
        let id = bench.call(1);
        let Verdict::Waiting { until } = bench.land(id) else {
            panic!("it waits")
        };
        assert_eq!(until.since(bench.now), secs(paused));
        bench.mode(Mode::Up);
        let other = bench.call(2);
        bench.run(secs(paused - 1));
        assert!(bench.heard().is_empty(), "lane 2 waits too");
        bench.run(secs(2));
        assert_eq!(bench.heard(), [id, other]);
    }
}

#[test]
fn a_list_of_retries_ends_as_failed_and_the_lane_goes_on() {
    let mut bench = Bench::one(|plan| plan.retry = Retry::List(vec![secs(30), secs(120)]));
    bench.mode(Mode::Busy(0));
    let id = bench.call(1);
    bench.run(secs(149));
    assert_eq!((bench.attempts, bench.settled.len()), (2, 0));
    bench.run(secs(2));
    assert_eq!(
        (bench.attempts, bench.settled.get(&id)),
        (3, Some(&State::Failed))
    );
    bench.mode(Mode::Up);
    let next = bench.call(1);
    bench.run(secs(1));
    assert_eq!(bench.heard(), [next]);
}

#[test]
fn a_refusal_waits_for_the_slowest_step_or_gives_up_where_told_to() {
    let mut bench = Bench::one(|_| {});
    bench.mode(Mode::Refusing { give_up: false });
    let id = bench.call(1);
    bench.run(secs(299));
    assert_eq!(bench.attempts, 1);
    bench.mode(Mode::Refusing { give_up: true });
    let next = bench.call(1);
    bench.run(secs(2));
    assert_eq!(bench.settled.get(&id), Some(&State::GivenUp));
    assert_eq!(bench.settled.get(&next), Some(&State::GivenUp));
    assert_eq!(bench.status().breaker, None, "a refusal is an answer");
}

#[test]
fn deliveries_expire_in_order_also_while_the_destination_is_away() {
    for orphaned in [false, true] {
        let mut bench = Bench::one(|plan| plan.expire_after = secs(3600));
        bench.mode(Mode::Down);
        let call = bench.call(1);
        bench.run(secs(10));
        bench.now = bench.now + secs(600);
        let end = bench.queue("ops", 1, Severity::Error, Kind::End);
        if orphaned {
            bench.run(secs(1));
            bench.plans.clear();
            bench.schedule.reload(Vec::new(), bench.now);
            assert!(bench.status().orphaned);
        }
        bench.run(secs(2991));
        assert_eq!(
            bench.settled.get(&call),
            Some(&State::Expired),
            "{orphaned}"
        );
        assert_eq!(bench.settled.get(&end), None);
        bench.run(secs(620));
        assert_eq!(bench.settled.get(&end), Some(&State::Expired));
        assert_eq!(bench.schedule.next_deadline(), None);
    }
}

#[test]
fn an_end_that_looks_older_than_its_trigger_does_not_expire_before_it() {
    let mut bench = Bench::one(|plan| plan.expire_after = secs(100));
    bench.mode(Mode::Down);
    let call = bench.call(1);
    let mut end = bench.rows[&call].clone();
    (end.id, end.kind, end.decided) = (2, Kind::End, Mono::default() - secs(99));
    bench.schedule.add(&end, bench.now);
    bench.pending.insert(2, end);
    bench.run(secs(50));
    assert!(bench.settled.is_empty());
    bench.run(secs(60));
    assert_eq!(bench.settled.len(), 2);
}

#[test]
fn deliveries_of_a_vanished_destination_wait_until_it_returns() {
    let mut bench = Bench::one(|_| {});
    let plans = bench.plans.clone();
    bench.schedule.reload(Vec::new(), bench.now);
    let id = bench.queue("ops", 1, Severity::Info, Kind::Call);
    bench.run(secs(3600));
    assert!(bench.heard().is_empty() && bench.status().orphaned);
    bench.schedule.reload(plans, bench.now);
    bench.pump();
    bench.run(secs(1));
    assert_eq!(bench.heard(), [id]);
}

#[test]
fn a_delivery_that_is_held_holds_its_lane_only() {
    let mut bench = Bench::one(|_| {});
    let held = Row {
        id: 1,
        not_before: Some(bench.now + secs(60)),
        destination: "ops".into(),
        lane: lane(1),
        severity: Severity::Critical,
        decided: bench.now,
        kind: Kind::Call,
        attempts: 0,
        alert: 1,
        likeness: None,
        may_fall_back: true,
        from_before: false,
    };
    bench.schedule.add(&held, bench.now);
    bench.pending.insert(1, held);
    bench.next_id = 2;
    let (behind, other) = (bench.call(1), bench.call(2));
    bench.run(secs(59));
    assert_eq!(bench.heard(), [other]);
    bench.run(secs(2));
    assert_eq!(bench.heard(), [other, 1, behind]);
}

#[test]
fn chatter_is_told_once_in_five_minutes_and_the_last_state_always_goes_out() {
    let mut bench = Bench::one(|plan| plan.call_every = secs(300));
    for _ in 0..10 {
        bench.call(1);
        bench.run(secs(5));
        bench.add(1, Severity::Error, Kind::Other);
        bench.add(1, Severity::Error, Kind::End);
        bench.run(secs(5));
    }
    assert_eq!(bench.heard(), [1, 2, 3], "one episode was told");
    let dropped = bench
        .settled
        .values()
        .filter(|state| **state == State::Deduplicated);
    assert_eq!(dropped.count(), 27);
    let last = bench.call(1);
    bench.run(secs(199));
    assert_eq!(bench.heard(), [1, 2, 3], "held");
    bench.run(secs(2));
    assert_eq!(bench.heard(), [1, 2, 3, last], "it stayed");
}

#[test]
fn a_held_call_goes_out_at_once_when_it_gets_worse_or_escalates() {
    let worse = (Severity::Critical, Kind::Other);
    let escalated = (Severity::Error, Kind::Escalation);
    for (severity, kind) in [worse, escalated] {
        let mut bench = Bench::one(|plan| plan.call_every = secs(300));
        bench.call(1);
        bench.run(secs(1));
        let end = bench.add(1, Severity::Error, Kind::End);
        bench.run(secs(1));
        let again = bench.call(1);
        bench.run(secs(1));
        assert_eq!(bench.heard(), [1, end]);
        let pulls = bench.add(1, severity, kind);
        bench.run(secs(1));
        assert_eq!(bench.heard(), [1, end, again, pulls]);
    }
}

#[test]
fn an_end_is_never_dropped_if_a_call_may_have_been_heard_since_the_last() {
    let mut bench = Bench::one(|plan| plan.call_every = secs(300));
    bench.call(1);
    bench.run(secs(1));
    bench.add(1, Severity::Error, Kind::End);
    bench.run(secs(1));
    bench.mode(Mode::Busy(0));
    let worse = bench.add(1, Severity::Critical, Kind::Call);
    bench.land(worse);
    bench.schedule.discard(worse, bench.now);
    bench.mode(Mode::Up);
    bench.call(1);
    let end = bench.add(1, Severity::Error, Kind::End);
    bench.run(secs(600));
    assert_eq!(bench.heard().last(), Some(&end));
}

#[test]
fn a_call_that_was_attempted_is_retried_and_not_held() {
    let mut bench = Bench::one(|plan| plan.call_every = secs(300));
    bench.call(1);
    bench.run(secs(1));
    bench.add(1, Severity::Error, Kind::End);
    bench.run(secs(1));
    bench.mode(Mode::Busy(0));
    let again = bench.queue("ops", 1, Severity::Error, Kind::Call);
    let escalated = bench.add(1, Severity::Error, Kind::Escalation);
    bench.land(again);
    assert_eq!(
        bench.schedule.withdraw(&[escalated], bench.now),
        [escalated]
    );
    bench.pending.remove(&escalated);
    bench.mode(Mode::Up);
    bench.run(secs(10));
    assert_eq!(bench.heard().last(), Some(&again));
}

#[test]
fn only_what_nobody_can_have_heard_is_withdrawn() {
    let mut bench = Bench::one(|_| {});
    bench.mode(Mode::Sick);
    let flying = bench.call(1);
    let waiting = bench.call(1);
    assert_eq!(
        bench.schedule.withdraw(&[flying, waiting, 99], bench.now),
        [waiting]
    );
    bench.pending.remove(&waiting);
    bench.land(flying);
    assert!(
        bench.schedule.withdraw(&[flying], bench.now).is_empty(),
        "it may have been heard"
    );
    bench.mode(Mode::Up);
    bench.run(secs(10));
    assert_eq!(bench.settled.get(&flying), Some(&State::Accepted));
    assert_eq!(bench.status().queued, 0);
}

#[test]
fn a_person_drops_a_delivery_unless_it_is_accepted_meanwhile() {
    let table = [(Mode::Down, State::GivenUp), (Mode::Up, State::Accepted)];
    for (mode, expected) in table {
        let mut bench = Bench::one(|_| {});
        bench.mode(mode);
        let (flying, waiting) = (bench.call(1), bench.call(1));
        assert!(bench.schedule.discard(waiting, bench.now));
        assert!(bench.schedule.discard(flying, bench.now));
        assert!(!bench.schedule.discard(99, bench.now));
        bench.pump();
        bench.run(secs(1));
        assert_eq!(bench.settled.get(&waiting), Some(&State::GivenUp));
        assert_eq!(bench.settled.get(&flying), Some(&expected));
    }
}

#[test]
fn a_person_who_says_retry_now_waits_for_nothing() {
    for mode in [
        Mode::Down,
        Mode::Busy(7000),
        Mode::Refusing { give_up: false },
    ] {
        let mut bench = Bench::one(|_| {});
        bench.mode(mode);
        let id = bench.call(1);
        bench.run(secs(100));
        bench.mode(Mode::Up);
        assert!(bench.schedule.retry_now(id, bench.now));
        bench.pump();
        bench.run(LATENCY);
        assert_eq!(bench.heard(), [id], "{mode:?}");
    }
}

#[test]
fn what_is_out_of_reach_holds_its_lane_and_no_other_until_it_is_released_or_its_time_is_up() {
    for released in [false, true] {
        let mut bench = Bench::one(|plan| plan.concurrency = 1);
        let call = bench.call(1);
        let end = bench.add(1, Severity::Error, Kind::End);
        let other = bench.call(2);
        bench.flying.remove(&call).expect("it is in flight");
        let outcome = Outcome::OutOfReach(secs(900));
        let verdict = bench.schedule.done(call, outcome, bench.now, &mut || 0.5);
        let until = bench.now + secs(900);
        assert_eq!(verdict, Verdict::Waiting { until });
        bench.pump();
        bench.run(secs(60));
        assert_eq!(bench.heard(), [other]);
        if released {
            bench.schedule.resume(call, bench.now);
            bench.pump();
            bench.run(secs(1));
            assert_eq!(bench.heard(), [other, call, end]);
        } else {
            bench.run(secs(850));
            assert_eq!(bench.heard(), [other, call, end]);
        }
    }
}

#[test]
fn views_see_the_queue_the_breaker_and_the_oldest() {
    let mut bench = Bench::one(|_| {});
    bench.mode(Mode::Down);
    let first = bench.call(1);
    bench.run(secs(60));
    bench.call(2);
    let status = bench.status();
    assert_eq!((status.queued, status.orphaned), (2, false));
    assert_eq!(status.oldest, Some(bench.rows[&first].decided));
    let open = status.breaker.unwrap();
    assert!(open.probes > 0 && open.since < bench.now && open.until > open.since);
}
