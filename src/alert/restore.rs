//! Out of the engine and back into one: after a restart, after a reload, in a test.
//!
//! Restart and reload are one operation. A watch is (rule, subject): where the new plant still has it, its alert and escalation
//! stay and changed limits are judged at the next good sample; where it has not, its alert ends, said to be not
//! measured as normal. Downtime never counts for on- and off-delays. It counts for escalation, shelves and reopening
//! where it is known; where not, what remained goes on from the last mark, and after two such restarts in a row it is due at once.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    blind::TagState,
    command::Target,
    engine::Engine,
    event::{DedupKey, Event, EventKind},
    ladder::Ladder,
    passage::{PATIENCE, Passage},
    plant::{Machine, Plant, WatchIx},
    saving::{is_forgotten, phase_of, read_by, read_face, read_ids, read_tag},
    shelving::Shelf,
    state::{Durable, SavedCore, SavedLive, SavedPhase, SavedWatch},
    telling::Extra,
    timers::Timer,
    watch::{Face, LiveWatch},
};
use crate::{
    clock::{BootId, Mono, Now},
    sample::TagId,
};

/// The whole state of an engine: what is durable, and what lives only in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What a restart would find on disk.
    pub durable: Durable,
    /// Last values and the like, by names, so that they find their place in another plant.
    pub live: SavedLive,
}

impl Engine {
    /// An engine that goes on from what is on disk. `seed` is used where nothing is. Events are the ends of alerts whose rule is gone.
    pub fn restore(
        plant: Arc<Plant>,
        durable: &Durable,
        now: Now,
        boot: &BootId,
        seed: [u8; 16],
    ) -> (Self, Vec<Event>) {
        let watches = durable.watches.iter().map(Cow::Borrowed);
        Self::rebuild(plant, durable, watches, None, now, boot, seed)
    }

    /// An engine that goes on exactly where another stopped.
    pub fn resume(
        plant: Arc<Plant>,
        snapshot: &Snapshot,
        now: Now,
        boot: &BootId,
    ) -> (Self, Vec<Event>) {
        let (durable, live) = (&snapshot.durable, Some(&snapshot.live));
        let watches = durable.watches.iter().map(Cow::Borrowed);
        Self::rebuild(plant, durable, watches, live, now, boot, [0; 16])
    }

    /// The whole state at this instant.
    pub fn snapshot(&self, boot: &BootId) -> Snapshot {
        let mut snapshot = self.without_watches(boot);
        let mark = &snapshot.durable.mark;
        let watches = self.watches.iter();
        let watches = watches.map(|(watch, _)| self.save_watch(watch, mark));
        snapshot.durable.watches = watches.collect();
        snapshot
    }

    /// The same, watches aside: saved at once, these are many times what they are.
    fn without_watches(&self, boot: &BootId) -> Snapshot {
        let live = SavedLive {
            tags: (0..self.tags.len())
                .filter(|&index| !self.tags[index].gone)
                .map(|index| self.save_tag(index))
                .collect(),
            review: self.timers.due(Timer::Blind).map(Mono::as_nanos),
        };
        Snapshot {
            durable: Durable {
                core: Some(self.save_core()),
                watches: Vec::new(),
                machines: self
                    .plant
                    .machines
                    .iter()
                    .filter_map(Machine::save)
                    .collect(),
                mark: self.mark(boot),
            },
            live,
        }
    }

    /// A changed configuration: everything stays that still has a place.
    pub(super) fn replace_plant(&mut self, now: Now, plant: Arc<Plant>) {
        let boot = BootId("this one".to_owned());
        let state = self.without_watches(&boot);
        self.go_on(plant, &state, Vec::new(), now, &boot);
    }

    /// Watches of another database go on from what was saved there, instead of what is known of them here.
    pub(super) fn take_up(&mut self, now: Now, watches: Vec<SavedWatch>, boot: &BootId) {
        let mut state = self.without_watches(boot);
        let core = state.durable.core.get_or_insert_default();
        let mut others: Vec<SavedWatch> = Vec::new();
        for saved in watches {
            let number = saved.episode.as_ref().map_or(0, |episode| episode.number);
            core.next_number = core.next_number.max(number + 1);
            others.retain(|other| (&other.rule, &other.subject) != (&saved.rule, &saved.subject));
            others.push(saved);
        }
        self.go_on(Arc::clone(&self.plant), &state, others, now, boot);
    }

    /// Goes on over a plant, with what is saved of `others` in place of what is known of these.
    fn go_on(
        &mut self,
        plant: Arc<Plant>,
        state: &Snapshot,
        others: Vec<SavedWatch>,
        now: Now,
        boot: &BootId,
    ) {
        let named: HashSet<(&str, &str)> =
            others.iter().map(|of| (&*of.rule, &*of.subject)).collect();
        let own = self.watches.iter().map(|(watch, _)| watch);
        let own = own.filter(|&watch| {
            named.is_empty() || !named.contains(&(self.rule_of(watch), self.subject_of(watch)))
        });
        let own = own.map(|watch| Cow::Owned(self.save_watch(watch, &state.durable.mark)));
        let watches = own.chain(others.iter().map(Cow::Borrowed));
        let (durable, live) = (&state.durable, Some(&state.live));
        let (mut engine, ends) = Self::rebuild(plant, durable, watches, live, now, boot, [0; 16]);
        let mut events = std::mem::take(&mut self.events);
        events.extend(ends);
        engine.events = events;
        engine.removed.append(&mut self.removed);
        engine.machines.take_over(&mut self.machines);
        *self = engine;
    }

    /// An engine over a plant with this state; watches come one by one, whatever `durable` has of them.
    fn rebuild<'s>(
        plant: Arc<Plant>,
        durable: &Durable,
        watches: impl Iterator<Item = Cow<'s, SavedWatch>>,
        live: Option<&SavedLive>,
        now: Now,
        boot: &BootId,
        seed: [u8; 16],
    ) -> (Self, Vec<Event>) {
        let plant = match durable.machines.as_slice() {
            [] => plant,
            machines => {
                let mut plant = Arc::unwrap_or_clone(plant);
                plant.remember(machines);
                Arc::new(plant)
            }
        };
        let mut engine = Self::empty(plant, now, read_ids(durable.core.as_ref(), seed));
        engine.machines.compare(&durable.machines, &engine.plant);
        if let Some(live) = live {
            engine.take_live(live);
        }
        let named = |(watch, _): (WatchIx, &LiveWatch)| {
            let (rule, subject) = (engine.rule_of(watch), engine.subject_of(watch));
            ((rule.clone(), subject.clone()), watch)
        };
        let mut watches = watches.peekable();
        let any = watches.peek().is_some();
        // Nothing is looked for in it at a first start, and it would take as much room as all watches.
        let all = engine.watches.iter().filter(|_| any);
        let index: HashMap<(Arc<str>, Arc<str>), WatchIx> = all.map(named).collect();
        let mut orphans = Vec::new();
        for saved in watches {
            let passage = Passage::new(&saved.mark, &durable.mark, now, boot);
            let key = (
                Arc::from(saved.rule.as_str()),
                Arc::from(saved.subject.as_str()),
            );
            match index.get(&key) {
                Some(&watch) => engine.load_watch(watch, &saved, &passage),
                None if is_forgotten(&saved, now, engine.plant.times.reopen_within) => {
                    let key = DedupKey::new(&engine.plant.site, &key.0, &key.1);
                    engine.removed.push(key);
                }
                None if saved.face.is_some() => {
                    let watch = engine.signal_watch(&key.0, &key.1);
                    engine.load_watch(watch, &saved, &passage);
                }
                None if saved.is_open() => orphans.push((key, saved, passage)),
                None => {}
            }
        }
        if let Some(core) = &durable.core {
            engine.load_shelves(core, &Passage::new(&durable.mark, &durable.mark, now, boot));
        }
        for ((rule, subject), saved, passage) in orphans {
            engine.end_orphan(&rule, &subject, &saved, &passage, now);
        }
        let events = std::mem::take(&mut engine.events);
        (engine, events)
    }

    /// A watch whose rule or machine is gone: its open alert ends, and nobody says that it was measured as normal.
    fn end_orphan(
        &mut self,
        rule: &Arc<str>,
        subject: &Arc<str>,
        saved: &SavedWatch,
        passage: &Passage,
        now: Now,
    ) {
        let watch = self.signal_watch(rule, subject);
        self.load_watch(watch, saved, passage);
        let face = Face {
            machine: subject.clone(),
            machine_name: subject.clone(),
            ..Face::default()
        };
        let live = &mut self.watches[watch];
        live.show(Some(face));
        live.ladder = Ladder::default();
        let why = Some("rule removed, not measured as normal".into());
        self.end(
            watch,
            EventKind::Closed,
            now,
            Extra {
                why,
                ..Extra::default()
            },
        );
    }

    fn take_live(&mut self, live: &SavedLive) {
        let saved: HashMap<(&str, &str), TagState> = live
            .tags
            .iter()
            .map(|tag| ((&*tag.machine, &*tag.tag), read_tag(tag)))
            .collect();
        for index in 0..self.tags.len() {
            let tag = &self.plant.tags[index];
            let machine = &self.plant.machines[tag.machine.0 as usize].id;
            if let Some(state) = saved.get(&(&**machine, &*tag.kind.name)) {
                self.tags[index] = state.clone();
                if state.bad.is_some() {
                    self.set_timer(Timer::Stale(TagId(index as u32)), None);
                } else {
                    self.await_tag(TagId(index as u32));
                }
            }
        }
        self.set_timer(Timer::Blind, live.review.map(Mono::from_nanos));
    }

    fn load_watch(&mut self, watch: WatchIx, saved: &SavedWatch, passage: &Passage) {
        let index = watch.0 as usize;
        let phases = match self.plant.watches.get(index) {
            Some(definition) => definition
                .rule
                .levels
                .iter()
                .map(|level| phase_of(saved, &level.name))
                .collect(),
            None => vec![
                saved
                    .levels
                    .first()
                    .map_or(SavedPhase::Idle, |(_, phase)| *phase),
            ],
        };
        let live = &mut self.watches[watch];
        live.ladder = Ladder::from_phases(
            phases
                .into_iter()
                .map(|phase| passage.phase(phase))
                .collect(),
        );
        live.frozen = saved.frozen;
        // A rule that is back describes its watch itself; what was said of it while it was gone counts no more.
        live.show(match self.plant.watches.get(index) {
            Some(_) => None,
            None => saved.face.as_ref().map(read_face),
        });
        live.episode = saved
            .episode
            .as_ref()
            .and_then(|episode| passage.episode(episode))
            .map(Box::new);
        let lost_policy = live
            .open()
            .and_then(|open| open.escalation.as_ref())
            .is_some_and(|run| {
                !self
                    .plant
                    .policies
                    .iter()
                    .any(|policy| policy.id == run.policy && !policy.steps.is_empty())
            });
        self.refresh(watch);
        if lost_policy {
            self.start_policy(watch, passage.now);
        } else {
            self.arm_escalation(watch);
        }
        // What was just read is on disk, but relative to an older mark: it is written anew with this one.
        let timed = saved.episode.is_some() || self.watches[watch].ladder.due().is_some();
        if !timed {
            self.dirty.remove(&watch);
        }
    }

    fn load_shelves(&mut self, core: &SavedCore, passage: &Passage) {
        self.shelves.unknown_downtimes = match passage.downtime {
            Some(_) => 0,
            None => core.unknown_downtimes.saturating_add(1),
        };
        let impatient = self.shelves.unknown_downtimes >= PATIENCE;
        for saved in &core.shelves {
            let target = match (&saved.machine, &saved.rule) {
                (Some(machine), Some(rule)) => Target::Watch {
                    machine: machine.as_str().into(),
                    rule: rule.as_str().into(),
                },
                (Some(machine), None) => Target::Machine(machine.as_str().into()),
                _ => Target::Site,
            };
            let until = if impatient {
                passage.now
            } else {
                passage.carry(Mono::from_nanos(saved.until))
            };
            let shelf = Shelf {
                until,
                by: read_by(&saved.by),
                reason: saved.reason.as_str().into(),
            };
            self.shelves.all.insert(target, shelf);
        }
        let next = self.shelves.next_end();
        self.set_timer(Timer::Shelves, next);
        self.core_dirty |= !core.shelves.is_empty();
    }
}
