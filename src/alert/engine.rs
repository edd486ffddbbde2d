//! The engine: one input and an instant go in, events come out.
//!
//! [`Engine::step`] first runs what fell due before its instant, in due order and stamped with its due time, then takes the input.
//! [`Engine::next_deadline`] says when it wants to be woken next; a tick that comes too often does nothing. There is no
//! IO here, no clock, no logging, no async, and ids are made from the state, so the same inputs give the same events.
//!
//! What this file decides is where an input goes. What a level does is in [`super::ladder`], what an alert goes through in
//! [`super::lifecycle`], what is not watched in [`super::blind`], what survives a restart in [`super::restore`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    blind::TagState,
    command::{Command, Refusal},
    discover::{Introduction, Machines},
    event::{DedupKey, Event},
    ids::Ids,
    ladder::Turn,
    plant::{Plant, WatchIx},
    shelving::Shelves,
    signal::Signal,
    state::SavedWatch,
    timers::{NEVER, Timer, Timers},
    watch::{LiveWatch, Watches},
};
use crate::{
    clock::{BootId, Mono, Now, Wall},
    sample::{Reading, Retained, Sample, TagId},
};

/// Everything that can move the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A source measured something, or failed to.
    Sample(Sample),
    /// A person wants something.
    Command(Box<Command>),
    /// Something whose condition its sender sets: the agent about itself, later other systems.
    Signal(Box<Signal>),
    /// The configuration has changed. Tags are counted anew: samples made for the old plant must not follow.
    Plant(Arc<Plant>),
    /// A source has heard of a machine, or something new of one.
    Machine(Box<Introduction>),
    /// Alerts that were open in another database go on here: their watches as they were saved there, in this boot or another.
    Watches(Box<(BootId, Vec<SavedWatch>)>),
    /// Only time has passed.
    Tick,
}

/// What a step decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decided {
    /// In the order in which they happened. They are to be on disk before anybody outside hears of them.
    pub events: Vec<Event>,
    /// Why a command changed nothing.
    pub refused: Option<Refusal>,
}

/// All rules, alerts and timers of one agent.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) plant: Arc<Plant>,
    pub(super) now: Now,
    pub(super) tags: Vec<TagState>,
    /// For each tag where its watches begin in `watch_of_tag`; one more entry at the end.
    watches_from: Vec<u32>,
    watch_of_tag: Vec<u32>,
    /// In the order of `watch_of_tag`: while a value stays in here, nothing can change. NaN where everything counts.
    rest: Vec<(f64, f64)>,
    /// Where a watch stands in `rest`.
    rest_of_watch: Vec<u32>,
    pub(super) watches: Watches,
    /// Signals by rule and subject.
    pub(super) signals: BTreeMap<(Arc<str>, Arc<str>), WatchIx>,
    pub(super) machines: Machines,
    pub(super) shelves: Shelves,
    pub(super) timers: Timers,
    /// The next deadline, kept so that a sample costs one comparison for it.
    next_due: Mono,
    pub(super) ids: Ids,
    pub(super) events: Vec<Event>,
    pub(super) dirty: BTreeSet<WatchIx>,
    pub(super) core_dirty: bool,
    /// Watches that are saved and not needed any more.
    pub(super) removed: Vec<DedupKey>,
}

impl Engine {
    /// Takes an input at its instant. Instants never go back: an earlier one counts as the last.
    pub fn step(&mut self, now: Now, input: Input) -> Decided {
        let now = if now.mono < self.now.mono {
            Now {
                mono: self.now.mono,
                ..now
            }
        } else {
            now
        };
        self.now = now;
        if self.next_due <= now.mono {
            self.run_due(now);
        }
        let mut refused = None;
        match input {
            Input::Sample(sample) => self.sample(now, sample),
            Input::Command(command) => refused = self.command(now, *command).err(),
            Input::Signal(signal) => self.signal(now, *signal),
            Input::Plant(plant) => self.replace_plant(now, plant),
            Input::Machine(introduction) => self.introduce(now, *introduction),
            Input::Watches(saved) => self.take_up(now, saved.1, &saved.0),
            Input::Tick => {}
        }
        if !self.events.is_empty() || refused.is_some() {
            return Decided {
                events: std::mem::take(&mut self.events),
                refused,
            };
        }
        Decided::default()
    }

    /// When the engine wants a [`Input::Tick`] at the latest; always later than the last step.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.timers.next()
    }

    /// The instant of the last step.
    pub fn now(&self) -> Now {
        self.now
    }

    /// The plant that it runs.
    pub fn plant(&self) -> &Arc<Plant> {
        &self.plant
    }

    /// An engine over a plant, without any history: what [`Engine::restore`] fills.
    pub(super) fn empty(plant: Arc<Plant>, now: Now, ids: Ids) -> Self {
        let mut watches_from = Vec::with_capacity(plant.tags.len() + 1);
        watches_from.push(0);
        let mut engine = Self {
            now,
            tags: Vec::with_capacity(plant.tags.len()),
            watches_from,
            rest: Vec::with_capacity(plant.watches.len()),
            watch_of_tag: Vec::with_capacity(plant.watches.len()),
            rest_of_watch: Vec::with_capacity(plant.watches.len()),
            watches: Watches::default(),
            signals: BTreeMap::new(),
            machines: Machines::new(&plant),
            shelves: Shelves::default(),
            timers: Timers::for_tags(plant.tags.len()),
            next_due: NEVER,
            ids,
            events: Vec::new(),
            dirty: BTreeSet::new(),
            core_dirty: false,
            removed: Vec::new(),
            plant,
        };
        engine.grow(now.mono);
        engine
    }

    /// Brings the live state to the length of the plant: what is new there begins at rest and unheard. The watches that are new are of
    /// tags that are new.
    pub(super) fn grow(&mut self, now: Mono) {
        let plant = Arc::clone(&self.plant);
        let (tags, watches) = (self.tags.len(), self.rest_of_watch.len());
        self.watches.reserve(plant.watches.len() - watches);
        let mut by_tag = Vec::with_capacity(plant.watches.len() - watches);
        for (index, watch) in (watches as u32..).zip(&plant.watches[watches..]) {
            self.watches.push(LiveWatch {
                gone: plant.machines[watch.machine.0 as usize].is_gone(),
                ..LiveWatch::default()
            });
            by_tag.push((watch.tag, index));
        }
        by_tag.sort_unstable();
        self.rest_of_watch.resize(plant.watches.len(), 0);
        let mut by_tag = by_tag.into_iter().peekable();
        for tag in (tags as u32..plant.tags.len() as u32).map(TagId) {
            while let Some((_, watch)) = by_tag.next_if(|(of, _)| *of == tag) {
                self.rest_of_watch[watch as usize] = self.watch_of_tag.len() as u32;
                self.watch_of_tag.push(watch);
                self.rest.push((f64::NAN, f64::NAN));
            }
            self.watches_from.push(self.watch_of_tag.len() as u32);
        }
        for (index, tag) in (tags as u32..).zip(&plant.tags[tags..]) {
            let gone = plant.machines[tag.machine.0 as usize].is_gone();
            self.tags.push(TagState {
                gone,
                ..TagState::new(now)
            });
            if !gone {
                self.await_tag(TagId(index));
            }
        }
        for index in watches..plant.watches.len() {
            self.refresh(WatchIx(index as u32));
        }
    }

    /// A sample: the fast path. A good value in which no watch of its tag can change costs one comparison per watch.
    fn sample(&mut self, now: Now, sample: Sample) {
        let index = sample.tag.0 as usize;
        let Some(tag) = self.tags.get_mut(index).filter(|tag| !tag.gone) else {
            return;
        };
        let heard_before = std::mem::replace(&mut tag.heard, now.mono);
        let value = match sample.reading {
            Reading::Good(value) if tag.bad.is_none() => value,
            Reading::Good(value) => {
                self.sees_again(sample.tag, now);
                value
            }
            Reading::Bad(why) => return self.goes_blind(sample.tag, why, heard_before, now),
        };
        if self.tags[index].value.replace(value).is_none() {
            // A blind alert from before a restart waits for the first value.
            self.review_soon(now.mono);
        }
        self.tags[index].retained = sample.retained.is_kept();
        let begins = sample.retained != Retained::State;
        if let Some(stamp) = sample.stamp.filter(|_| begins) {
            self.catch_up(sample.tag, stamp, now);
        }
        let number = value.as_number();
        for at in self.watches_from[index]..self.watches_from[index + 1] {
            let (low, high) = self.rest[at as usize];
            if low <= number && number <= high {
                continue;
            }
            let watch = WatchIx(self.watch_of_tag[at as usize]);
            self.judge(watch, number, begins, now);
        }
    }

    /// Lets a watch judge a good value; where it `begins` nothing, one that only tells how things stand.
    fn judge(&mut self, watch: WatchIx, value: f64, begins: bool, now: Now) {
        let rule = Arc::clone(&self.plant.watches[watch.0 as usize].rule);
        let live = &mut self.watches[watch];
        let thawed = std::mem::replace(&mut live.frozen, false);
        let turn = match begins {
            true => live.ladder.judge(&rule, value, now.mono),
            false => live.ladder.confirm(&rule, value, now.mono),
        };
        if turn.changed || thawed {
            self.dirty.insert(watch);
        }
        if begins {
            self.measure(watch, &rule, value);
        }
        self.settle(watch, turn, now);
        self.refresh(watch);
    }

    /// Makes of a turn of levels what it means for the alert.
    pub(super) fn settle(&mut self, watch: WatchIx, turn: Turn, now: Now) {
        if turn.came_back
            && let Some(open) = self.watches[watch].open_mut()
        {
            open.occurrences = open.occurrences.saturating_add(1);
            self.dirty.insert(watch);
        }
        match (turn.before, turn.after) {
            (None, None) if self.watches[watch].ladder.is_idle() => {
                self.nothing_is_active(watch, now)
            }
            (None, None) => {}
            (Some(_), None) => self.nothing_is_active(watch, now),
            (before, Some(after)) if before != Some(after) => {
                self.level_is(watch, after, before, now)
            }
            (_, Some(after)) => self.level_stays(watch, after, now),
        }
    }

    /// Runs everything that is due, in due order, each at its own instant.
    fn run_due(&mut self, now: Now) {
        while let Some((due, timer)) = self.timers.pop(now.mono) {
            let at = Now {
                mono: due,
                wall: now.wall - now.mono.since(due),
                synchronised: now.synchronised,
            };
            match timer {
                Timer::Stale(tag) => self.may_be_stale(tag, at),
                Timer::Delay(watch) => self.delay_is_over(watch, at),
                Timer::Blind => self.review_blind(at),
                Timer::Shelves => self.shelves_end(at),
                Timer::Escalation(watch) => self.escalate(watch, at),
            }
        }
        self.next_due = self.timers.next().unwrap_or(NEVER);
    }

    fn delay_is_over(&mut self, watch: WatchIx, at: Now) {
        let turn = self.watches[watch].ladder.elapse(at.mono);
        self.dirty.insert(watch);
        self.settle(watch, turn, at);
        self.refresh(watch);
    }

    /// The payload carries its own time: what passed between two samples at their source is what delays count (a message
    /// that waited at a broker arrives late, but its values lasted). A stamp that is not newer takes no time.
    fn catch_up(&mut self, tag: TagId, stamp: Wall, now: Now) {
        let state = &mut self.tags[tag.0 as usize];
        let Some((last, heard)) = state.stamp.replace((stamp, now.mono)) else {
            return;
        };
        if stamp <= last {
            state.stamp = Some((last, heard));
            state.late = state.late.saturating_add(1);
            return;
        }
        let at_source = stamp.since(last).min(self.plant.times.max_catch_up);
        let extra = at_source.saturating_sub(now.mono.since(heard));
        if extra.is_zero() {
            return;
        }
        for watch in self.watches_of(tag) {
            let ladder = &mut self.watches[watch].ladder;
            if ladder.due().is_none() {
                continue;
            }
            ladder.advance(extra);
            let turn = ladder.elapse(now.mono);
            self.dirty.insert(watch);
            self.settle(watch, turn, now);
            self.refresh(watch);
        }
    }

    /// The watches of a tag.
    pub(super) fn watches_of(&self, tag: TagId) -> Vec<WatchIx> {
        let index = tag.0 as usize;
        let range = self.watches_from[index] as usize..self.watches_from[index + 1] as usize;
        self.watch_of_tag[range]
            .iter()
            .map(|&watch| WatchIx(watch))
            .collect()
    }

    /// Brings timers and the fast path in line with a watch that has changed.
    pub(super) fn refresh(&mut self, watch: WatchIx) {
        let index = watch.0 as usize;
        if let Some(definition) = self.plant.watches.get(index) {
            let live = &self.watches[watch];
            let at_rest = live.ladder.is_idle() && !live.frozen && live.open().is_none();
            let rest = definition.rule.levels.iter().try_fold(
                (f64::NEG_INFINITY, f64::INFINITY),
                |(low, high): (f64, f64), level| {
                    level
                        .condition
                        .rest()
                        .map(|(from, to)| (low.max(from), high.min(to)))
                },
            );
            let rest = rest.filter(|_| at_rest).unwrap_or((f64::NAN, f64::NAN));
            self.rest[self.rest_of_watch[index] as usize] = rest;
            let due = live.ladder.due();
            self.set_timer(Timer::Delay(watch), due);
        }
    }

    /// Sets a timer and keeps `next_due` true.
    pub(super) fn set_timer(&mut self, timer: Timer, due: Option<Mono>) {
        self.timers.set(timer, due);
        self.next_due = self.timers.next().unwrap_or(NEVER);
    }

    /// Arms the timer that notices silence.
    pub(super) fn await_tag(&mut self, tag: TagId) {
        let due = self.tags[tag.0 as usize].heard + self.stale_after(tag);
        self.set_timer(Timer::Stale(tag), Some(due));
    }

    pub(super) fn stale_after(&self, tag: TagId) -> Duration {
        self.plant.tags[tag.0 as usize].kind.stale_after
    }

    fn command(&mut self, now: Now, command: Command) -> Result<(), Refusal> {
        self.obey(now, command)
    }
}
