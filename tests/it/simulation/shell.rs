//! The agent without its IO: it steps, commits, then wakes, as `src/agent` does, and delivers as `src/delivery/dispatch` does
//! ([`super::attempts`]). Everything in [`Run`] is lost in a crash.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use andon::{
    alert::{
        command::{Action, AlertRef, Command, Target},
        engine::{Engine, Input},
        event::{By, Event, EventKind, State},
        plant::Severity,
        signal::Signal,
    },
    clock::{BootId, Mono, Now, Wall},
    delivery::{
        audience::Audience,
        owed,
        route::Owed,
        schedule::{Kind, LaneKey, Row, Schedule},
        withdrawable::Withdrawable,
    },
    sample::{Bad, Reading, Sample, TagId, Value},
};
use ulid::Ulid;

use super::{
    act::{Act, Boot, Mode, Point},
    attempts::{Flight, Heard},
    disk::Disk,
    scene::{DESTINATIONS, Scene, fallback, secs},
};

const STATE_EVERY: Duration = Duration::from_secs(1);

/// The agent has died.
#[derive(Debug)]
pub(super) struct Crashed;

/// What a crash takes.
#[derive(Debug)]
pub(super) struct Run {
    engine: Engine,
    pub(super) schedule: Schedule,
    pub(super) withdrawable: Withdrawable,
    audiences: HashMap<Ulid, Audience>,
    pub(super) flights: Vec<Flight>,
    /// What was not accepted in time.
    unaccepted: Vec<i64>,
    committed: Mono,
}

/// The agent, its disk and the world around it.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) scene: &'a Scene,
    pub(super) disk: Disk,
    /// What each receiver has got, in order, repeats included.
    pub(super) heard: BTreeMap<&'static str, Vec<Heard>>,
    /// When attempts were started at them, and in which run of the agent.
    pub(super) starts: BTreeMap<&'static str, Vec<(u32, Mono)>>,
    /// How often the loop went round.
    pub(super) turns: u64,
    /// How often the agent was started again.
    pub(super) restarts: u32,
    pub(super) run: Run,
    plant: u8,
    pub(super) modes: [Mode; 3],
    pub(super) now: Now,
    boots: u32,
    armed: Option<(Point, Boot, u64)>,
    pub(super) luck: fastrand::Rng,
}

impl<'a> World<'a> {
    pub(super) fn new(scene: &'a Scene, seed: u64) -> Self {
        let now = Now {
            mono: Mono::from_nanos(1_000_000_000_000),
            wall: Wall::from_millis(1_775_298_600_000),
            synchronised: true,
        };
        let disk = Disk::default();
        let run = Run::start(scene, &disk, 0, now, &boot(0)).0;
        Self {
            scene,
            disk,
            heard: DESTINATIONS.map(|name| (name, Vec::new())).into(),
            starts: DESTINATIONS.map(|name| (name, Vec::new())).into(),
            turns: 0,
            restarts: 0,
            run,
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
    pub(super) fn open(&self) -> BTreeSet<String> {
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

    pub(super) fn crash(&self, here: Point) -> Result<(), Crashed> {
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
        self.restarts += 1;
        self.now = later(self.now, secs(away));
        if how != Boot::Same {
            self.boots += 1;
            self.now.mono = Mono::from_nanos(20_000_000_000);
            self.now.synchronised = how == Boot::OtherSynchronised;
        }
        let (run, ends) = Run::start(
            self.scene,
            &self.disk,
            self.plant,
            self.now,
            &boot(self.boots),
        );
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
                let decided = self
                    .run
                    .engine
                    .step(self.now, Input::Plant(self.scene.plant(variant)));
                let plans = self.scene.plans.clone();
                self.run.schedule.reload(plans, self.now.mono);
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
            if self.fall_back()? {
                self.start_due();
            }
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
        self.turns += 1;
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
            let routes = &self.scene.routes;
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
                from_before: false,
            };
            if withdrawable {
                self.run.withdrawable.add(&row);
            }
            self.run.schedule.add(&row, now.mono);
        }
        self.start_due();
        Ok(())
    }

    pub(super) fn start_due(&mut self) {
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
        self.run.unaccepted.extend(due.fallbacks);
        for attempt in due.attempts {
            self.start(attempt);
        }
    }

    /// Tells others what was not accepted in time, unless somebody has taken the alert; false if there was nothing.
    fn fall_back(&mut self) -> Result<bool, Crashed> {
        let any = !self.run.unaccepted.is_empty();
        for row in std::mem::take(&mut self.run.unaccepted) {
            let stored = self.disk.row(row).clone();
            let mut events = self.disk.events.iter().rev();
            let latest = events.find(|event| event.alert.id.to_string() == stored.alert);
            let event = latest.expect("its alert has events").clone();
            let to = fallback(&stored.destination).filter(|_| event.alert.state == State::Active);
            let Some(to) = to else {
                continue;
            };
            let made = self.disk.fall_back(row, to);
            self.crash(Point::AfterFallBack)?;
            let Some(id) = made else {
                continue;
            };
            let audience = self.run.audience_of_alert(event.alert.id, &self.disk);
            audience.made(&to.into(), id, false);
            let made = self.disk.row(id);
            let mut owed = owed::Owed::read(made, &boot(self.boots), self.now)
                .expect("every stored row is understood");
            owed.row.decided = self.now.mono;
            self.run.schedule.add(&owed.row, self.now.mono);
        }
        Ok(any)
    }
}

impl Run {
    fn start(
        scene: &Scene,
        disk: &Disk,
        variant: u8,
        now: Now,
        boot: &BootId,
    ) -> (Self, Vec<Event>) {
        let seed = [boot.0.len() as u8; 16];
        let (engine, ends) =
            Engine::restore(scene.plant(variant), &disk.durable(), now, boot, seed);
        let mut schedule = Schedule::new(scene.plans.clone());
        for (name, (failures, deactivated)) in &disk.standings {
            let since = deactivated.map(|at| now.mono - now.wall.since(at));
            schedule.restore(name, *failures, since, now.mono);
        }
        schedule.set_groups(scene.groups.clone());
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
            unaccepted: Vec::new(),
            committed: now.mono,
        };
        (run, ends)
    }

    /// The audience of an event's alert; a new alert has no past.
    fn audience(&mut self, event: &Event, disk: &Disk) -> &mut Audience {
        match event.kind {
            EventKind::Triggered => self.audiences.entry(event.alert.id).or_default(),
            _ => self.audience_of_alert(event.alert.id, disk),
        }
    }

    /// The audience of an alert that has a past, as the rows on disk tell it.
    fn audience_of_alert(&mut self, alert: Ulid, disk: &Disk) -> &mut Audience {
        self.audiences.entry(alert).or_insert_with(|| {
            let mut audience = Audience::default();
            let id = alert.to_string();
            let rows = disk.rows.iter().rev().filter(|row| row.alert == id);
            rows.for_each(|row| audience.restore(row));
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
    Input::Sample(Sample::new(TagId(u32::from(tag)), reading))
}
