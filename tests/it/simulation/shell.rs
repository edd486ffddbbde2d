//! The agent without its IO: it steps, commits, then wakes, as `src/agent` does, and starts, lands and records attempts as
//! `src/delivery/dispatch.rs` does. Everything in [`Run`] is lost in a crash.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use andon::{
    alert::{
        command::{Action, AlertRef, Command, Target},
        engine::{Engine, Input},
        event::{By, Event, EventKind},
        plant::Severity,
        signal::Signal,
    },
    clock::{BootId, Mono, Now, Wall},
    delivery::{
        audience::Audience,
        owed,
        route::{Owed, Routes},
        schedule::{Attempt, Kind, LaneKey, Outcome, Row, Schedule, Verdict},
        withdrawable::Withdrawable,
    },
    sample::{Bad, Reading, Sample, TagId, Value},
};
use ulid::Ulid;

use super::{
    disk::Disk,
    history::{Act, Boot, DESTINATIONS, Mode, Point, groups, plans, plant, routes, secs},
};

const STATE_EVERY: Duration = Duration::from_secs(1);

/// The agent has died.
#[derive(Debug)]
struct Crashed;

/// What one receiver has got, in order, repeats included.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) row: i64,
    /// How many events were committed by then.
    pub(super) events: usize,
}

#[derive(Debug)]
struct Flight {
    attempt: Attempt,
    outcome: Outcome,
    lands: Mono,
    /// The receiver has it, or gets it before the answer.
    heard: Option<bool>,
}

/// What a crash takes.
#[derive(Debug)]
struct Run {
    engine: Engine,
    schedule: Schedule,
    withdrawable: Withdrawable,
    audiences: HashMap<Ulid, Audience>,
    flights: Vec<Flight>,
    committed: Mono,
}

/// The agent, its disk and the world around it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) disk: Disk,
    pub(super) heard: BTreeMap<&'static str, Vec<Heard>>,
    run: Run,
    routes: Routes,
    plant: u8,
    modes: [Mode; 3],
    now: Now,
    boots: u32,
    armed: Option<(Point, Boot, u64)>,
    luck: fastrand::Rng,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let now = Now {
            mono: Mono::from_nanos(1_000_000_000_000),
            wall: Wall::from_millis(1_775_298_600_000),
            synchronised: true,
        };
        let disk = Disk::default();
        let run = Run::start(&disk, 0, now, &boot(0)).0;
        Self {
            disk,
            heard: DESTINATIONS.map(|name| (name, Vec::new())).into(),
            run,
            routes: routes(),
            plant: 0,
            modes: [Mode::Accept; 3],
            now,
            boots: 0,
            armed: None,
            luck: fastrand::Rng::with_seed(seed),
        }
    }

    pub(super) fn play(&mut self, history: &[Act]) {
        let mut group = Vec::new();
        for act in history {
            if let Some(input) = self.input(act) {
                group.push(input);
                continue;
            }
            let inputs = std::mem::take(&mut group);
            let done = self.turn(inputs).and_then(|()| self.act(*act));
            self.survive(done);
        }
        let done = self.turn(group);
        self.survive(done);
    }

    /// All receivers are well and nothing happens any more until nothing is owed.
    pub(super) fn heal(&mut self) {
        self.modes = [Mode::Accept; 3];
        self.armed = None;
        for _ in 0..200 {
            let done = self.pass(secs(170));
            self.survive(done);
            if self.disk.pending().next().is_none() {
                return;
            }
        }
        let rows: Vec<_> = self.disk.pending().collect();
        panic!("after hours these are still owed: {rows:#?}");
    }

    /// The alerts that the core holds open.
    pub(super) fn open(&self) -> Vec<String> {
        let saved = self.run.engine.snapshot(&boot(self.boots)).durable.watches;
        let episodes = saved.into_iter().filter_map(|watch| watch.episode);
        let open = episodes.filter(|episode| episode.ended.is_none());
        open.map(|episode| episode.id).collect()
    }

    fn survive(&mut self, done: Result<(), Crashed>) {
        if done.is_err() {
            let (_, how, away) = self.armed.take().expect("only an armed crash happens");
            self.restart(how, away);
        }
    }

    fn crash(&self, here: Point) -> Result<(), Crashed> {
        match self.armed {
            Some((point, ..)) if point == here => Err(Crashed),
            _ => Ok(()),
        }
    }

    fn restart(&mut self, how: Boot, away: u64) {
        for flight in std::mem::take(&mut self.run.flights) {
            // What was sent arrives, or not.
            if flight.heard == Some(false) && self.luck.bool() {
                self.hear(&flight.attempt);
            }
        }
        self.now = later(self.now, secs(away));
        if how != Boot::Same {
            self.boots += 1;
            self.now.mono = Mono::from_nanos(20_000_000_000);
            self.now.synchronised = how == Boot::OtherSynchronised;
        }
        let (run, ends) = Run::start(&self.disk, self.plant, self.now, &boot(self.boots));
        self.run = run;
        let done = if ends.is_empty() && !self.run.engine.has_changes() {
            Ok(())
        } else {
            self.commit(ends)
        };
        self.survive(done);
    }

    fn input(&mut self, act: &Act) -> Option<Input> {
        let number = |n: u8| AlertRef::Number(u64::from(n) + 1);
        let target = |n: u8| match n {
            0 => Target::Site,
            1 => Target::Machine("mill-0".into()),
            2 => Target::Watch {
                machine: "mill-1".into(),
                rule: "temp".into(),
            },
            _ => Target::Alert(1),
        };
        let why: Arc<str> = "why".into();
        let action = match *act {
            Act::Good(tag, value) => {
                return Some(sample(tag, Reading::Good(Value::Number(value))));
            }
            Act::Bad(tag) => return Some(sample(tag, Reading::Bad(Bad::NoAnswer))),
            Act::Signal(true) => {
                let text = "full".to_owned();
                let signal =
                    Signal::raised("andon.disk", Signal::AGENT, Severity::Critical, text, "");
                return Some(Input::Signal(Box::new(signal)));
            }
            Act::Signal(false) => {
                let signal = Signal::gone("andon.disk", Signal::AGENT);
                return Some(Input::Signal(Box::new(signal)));
            }
            Act::Ack(n) => Action::Acknowledge {
                alert: number(n),
                note: None,
            },
            Act::Close(n) => Action::Close {
                alert: number(n),
                why,
            },
            Act::Shelve(n, long) => Action::Shelve {
                target: target(n),
                duration: secs(long),
                reason: why,
            },
            Act::Unshelve(n) => Action::Unshelve { target: target(n) },
            _ => return None,
        };
        let by = By {
            name: "eva".into(),
            claimed: false,
            via: "cli".into(),
        };
        Some(Input::Command(Box::new(Command { action, by })))
    }

    fn act(&mut self, act: Act) -> Result<(), Crashed> {
        match act {
            Act::Wait(long) => self.pass(secs(long)),
            Act::Sleep(long) => {
                self.now = later(self.now, secs(long));
                self.pass(Duration::ZERO)
            }
            Act::Mode(destination, mode) => {
                self.modes[usize::from(destination)] = mode;
                Ok(())
            }
            Act::Drop(n) => {
                let row = self.disk.pending().nth(usize::from(n)).map(|row| row.id);
                if let Some(row) = row {
                    self.run.schedule.discard(row, self.now.mono);
                }
                self.start_due();
                Ok(())
            }
            Act::Plant(variant) => {
                self.commit(Vec::new())?;
                self.plant = variant;
                let decided = self.run.engine.step(self.now, Input::Plant(plant(variant)));
                self.run.schedule.reload(plans(), self.now.mono);
                self.commit(decided.events)
            }
            Act::Crash(point, how, away) => {
                self.armed = Some((point, how, away));
                self.crash(Point::Now)
            }
            _ => Ok(()),
        }
    }

    /// Lets time pass; everything runs when it is due.
    fn pass(&mut self, long: Duration) -> Result<(), Crashed> {
        let end = self.now.mono + long;
        for _ in 0..100_000 {
            self.land()?;
            self.turn(Vec::new())?;
            self.start_due();
            let run = &self.run;
            let state = run.engine.has_changes();
            let next = [
                run.engine.next_deadline(),
                run.schedule.next_deadline(),
                run.flights.iter().map(|flight| flight.lands).min(),
                state.then_some(run.committed + STATE_EVERY),
            ];
            let next = next.into_iter().flatten().min().unwrap_or(end);
            assert!(next > self.now.mono, "something stays due for ever");
            if self.now.mono == end {
                return Ok(());
            }
            self.now = later(self.now, next.min(end).since(self.now.mono));
        }
        panic!("it never comes to rest");
    }

    /// One turn of the loop.
    fn turn(&mut self, inputs: Vec<Input>) -> Result<(), Crashed> {
        let now = self.now;
        let engine = &mut self.run.engine;
        let mut events = Vec::new();
        for input in inputs {
            events.extend(engine.step(now, input).events);
        }
        if engine.next_deadline().is_some_and(|due| due <= now.mono) {
            events.extend(engine.step(now, Input::Tick).events);
        }
        let is_due = now.mono >= self.run.committed + STATE_EVERY;
        if !events.is_empty() || (engine.has_changes() && is_due) {
            self.commit(events)?;
        }
        Ok(())
    }

    fn commit(&mut self, events: Vec<Event>) -> Result<(), Crashed> {
        let now = self.now;
        let changes = self.run.engine.take_changes(&boot(self.boots));
        let mut decided: Vec<(Event, Vec<i64>, Vec<Owed>)> = Vec::new();
        for (index, event) in events.iter().enumerate() {
            let lane = LaneKey(event.alert.dedup_key.bytes());
            let audience = self.run.audience(event, &self.disk);
            let (mut withdraws, mut gone) = (Vec::new(), Vec::new());
            if audience.may_withdraw(event) {
                let taken = self
                    .run
                    .withdrawable
                    .take(lane, &mut self.run.schedule, now.mono);
                let audience = self.run.audience(event, &self.disk);
                gone = audience.withdrawn(&taken);
                withdraws = taken.into_iter().map(|(row, _)| row).collect();
                // The task that delivers goes on while the disk is busy.
                for flight in &mut self.run.flights {
                    if self.luck.bool() {
                        flight.lands = now.mono;
                    }
                }
                self.land()?;
                self.start_due();
                self.crash(Point::AfterWithdrawal)?;
            }
            for (earlier, _, owed) in &mut decided {
                if earlier.alert.id == event.alert.id {
                    owed.retain(|owed| !gone.contains(&owed.destination));
                }
            }
            let routes = &self.routes;
            let audience = self.run.audiences.entry(event.alert.id).or_default();
            let (owed, _) = audience.owe(event, &events[index + 1..], routes);
            decided.push((event.clone(), withdraws, owed));
        }
        self.crash(Point::BeforeCommit)?;
        let made = self.disk.commit(changes, decided, &boot(self.boots), now);
        self.run.committed = now.mono;
        if !events.is_empty() {
            self.crash(Point::BeforeHandOver)?;
        }
        self.run.withdrawable.decided();
        for id in made {
            let row = self.disk.row(id);
            let event = self.disk.event_of(row);
            let destination: Arc<str> = row.destination.as_str().into();
            let audience = self.run.audiences.entry(event.alert.id).or_default();
            audience.made(&destination, id, row.withdrawable);
            let withdrawable = row.withdrawable;
            let row = Row {
                id,
                destination,
                lane: LaneKey(event.alert.dedup_key.bytes()),
                severity: event.alert.severity,
                decided: now.mono,
                kind: Kind::of(event.kind, row.as_trigger),
                not_before: None,
                attempts: 0,
                alert: event.alert.id.0,
                likeness: Some(owed::likeness(event, row.as_trigger)),
                may_fall_back: true,
            };
            if withdrawable {
                self.run.withdrawable.add(&row);
            }
            self.run.schedule.add(&row, now.mono);
        }
        self.start_due();
        Ok(())
    }

    fn start_due(&mut self) {
        if !self.run.withdrawable.may_start() {
            return;
        }
        let due = self.run.schedule.next(self.now.mono);
        for row in due.retold {
            self.disk.row_mut(row).as_trigger = true;
        }
        for settled in due.settled {
            self.disk.settle_for(settled);
        }
        for attempt in due.attempts {
            self.start(attempt);
        }
    }

    fn start(&mut self, attempt: Attempt) {
        let same = |other: &Flight| {
            other.attempt.lane == attempt.lane && other.attempt.destination == attempt.destination
        };
        assert!(
            !self.run.flights.iter().any(same),
            "two attempts of one lane at once: {attempt:?}"
        );
        let at = DESTINATIONS
            .iter()
            .position(|name| **name == *attempt.destination);
        let mode = match self.modes[at.expect("all destinations exist")] {
            Mode::Fickle => Mode::STEADY[self.luck.usize(..Mode::STEADY.len())],
            steady => steady,
        };
        let (outcome, may_hear, long) = match mode {
            Mode::Accept | Mode::Fickle => (Outcome::Accepted, true, 0),
            Mode::Unreachable => (Outcome::Unreachable, false, 1),
            Mode::Fail => (Outcome::Failed { retry_after: None }, self.luck.bool(), 1),
            Mode::Refuse => (Outcome::Refused { give_up: false }, false, 1),
            Mode::RefuseForGood => (Outcome::Refused { give_up: true }, false, 1),
            Mode::Hang => (Outcome::Failed { retry_after: None }, self.luck.bool(), 10),
            Mode::Busy => {
                // Without the header, and with one of either form, a date being at most a day off.
                let asked = [30, self.luck.u64(1..300), self.luck.u64(1..86_400)];
                let retry_after = Some(secs(asked[self.luck.usize(..3)]));
                (Outcome::Failed { retry_after }, false, 1)
            }
        };
        let lands = self.now.mono + Duration::from_millis(long * 1000 + self.luck.u64(1..500));
        let at_once = self.luck.bool();
        if may_hear && at_once {
            self.hear(&attempt);
        }
        self.run.flights.push(Flight {
            attempt,
            outcome,
            lands,
            heard: may_hear.then_some(at_once),
        });
    }

    /// Takes back the attempts that have ended.
    fn land(&mut self) -> Result<(), Crashed> {
        let now = self.now;
        while let Some(index) = self
            .run
            .flights
            .iter()
            .position(|flight| flight.lands <= now.mono)
        {
            let Flight {
                attempt,
                outcome,
                heard,
                ..
            } = self.run.flights.remove(index);
            if heard == Some(false) {
                self.hear(&attempt);
            }
            self.crash(Point::BeforeSettle)?;
            let luck = self.luck.f64();
            for row in rows(&attempt) {
                self.report(row, &attempt, outcome, luck);
            }
            self.keep(&attempt.destination);
            self.crash(Point::AfterSettle)?;
        }
        Ok(())
    }

    fn report(&mut self, row: i64, attempt: &Attempt, outcome: Outcome, luck: f64) {
        let now = self.now;
        let used = u32::from(outcome != Outcome::Unreachable);
        let lane = self.disk.lane(row);
        if used > 0 {
            self.run.withdrawable.heard(lane, row);
        }
        let schedule = &mut self.run.schedule;
        match schedule.done(row, outcome, now.mono, &mut || luck) {
            Verdict::Settled(settled) => {
                self.disk.settle(row, owed::stored(settled.state), used);
            }
            Verdict::Waiting { until } if attempt.record => {
                let stored = self.disk.row_mut(row);
                stored.attempts += used;
                stored.not_before = Some(now.wall + until.since(now.mono));
            }
            Verdict::Waiting { .. } => {}
            Verdict::Unknown => panic!("an attempt that nobody knows: {row}"),
        }
    }

    /// How a destination stands is on disk, too.
    fn keep(&mut self, destination: &Arc<str>) {
        let status = self.run.schedule.status(destination);
        let status = status.expect("all destinations exist");
        let now = self.now;
        let deactivated = status
            .deactivated
            .map(|off| now.wall - now.mono.since(off.since));
        self.disk
            .standings
            .insert(Arc::clone(destination), (status.failures, deactivated));
    }

    fn hear(&mut self, attempt: &Attempt) {
        let events = self.disk.events.len();
        let heard = self.heard.get_mut(&*attempt.destination);
        let heard = heard.expect("all destinations exist");
        heard.extend(rows(attempt).into_iter().map(|row| Heard { row, events }));
    }
}

/// What one attempt tells.
fn rows(attempt: &Attempt) -> Vec<i64> {
    match attempt.digest.is_empty() {
        true => vec![attempt.row],
        false => attempt.digest.clone(),
    }
}

impl Run {
    fn start(disk: &Disk, variant: u8, now: Now, boot: &BootId) -> (Self, Vec<Event>) {
        let seed = [boot.0.len() as u8; 16];
        let (engine, ends) = Engine::restore(plant(variant), &disk.durable(), now, boot, seed);
        let mut schedule = Schedule::new(plans());
        for (name, (failures, deactivated)) in &disk.standings {
            let since = deactivated.map(|at| now.mono - now.wall.since(at));
            schedule.restore(name, *failures, since, now.mono);
        }
        schedule.set_groups(groups());
        let mut withdrawable = Withdrawable::default();
        for row in disk.pending() {
            let owed = owed::Owed::read(row, boot, now).expect("every stored row is understood");
            withdrawable.restore(&owed.row, owed.withdrawable);
            schedule.add(&owed.row, now.mono);
        }
        withdrawable.restored();
        schedule.restored(now.mono);
        let run = Self {
            engine,
            schedule,
            withdrawable,
            audiences: HashMap::new(),
            flights: Vec::new(),
            committed: now.mono,
        };
        (run, ends)
    }

    fn audience(&mut self, event: &Event, disk: &Disk) -> &mut Audience {
        self.audiences.entry(event.alert.id).or_insert_with(|| {
            let mut audience = Audience::default();
            if event.kind != EventKind::Triggered {
                let alert = event.alert.id.to_string();
                let rows = disk.rows.iter().rev().filter(|row| row.alert == alert);
                rows.for_each(|row| audience.restore(row));
            }
            audience
        })
    }
}

fn boot(number: u32) -> BootId {
    BootId(format!("boot-{number}"))
}

fn later(now: Now, long: Duration) -> Now {
    // Nanoseconds and milliseconds must not drift apart, so that a wall time is as late as its monotonic one.
    Now {
        mono: now.mono + long,
        wall: now.wall + long,
        ..now
    }
}

fn sample(tag: u8, reading: Reading) -> Input {
    Input::Sample(Sample {
        tag: TagId(u32::from(tag)),
        reading,
        stamp: None,
    })
}
