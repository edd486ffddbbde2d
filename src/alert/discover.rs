//! Machines that sources introduce while the core runs, and that people forget.
//!
//! A source that hears a name which nobody configured introduces it, with the mould that it is to be cast in; that is an input like
//! any other, durable and replayed. The machine is watched from then on as if it were configured with its class: heard no more it is
//! blind, after a restart too, until a person forgets it. Then its alerts end, told as such, and nothing of it is kept.
//!
//! What topics say of a machine beside its name are labels, of configured machines too; they are remembered, because an alert
//! about silence is routed by them as well.
//!
//! Which names are introduced, and how many, is decided by who steps the engine; [`Engine::place_of`] says what it would make of one.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    command::{Refusal, Target},
    engine::Engine,
    event::{By, EventKind},
    plant::{Found, Machine, MachineIx, MouldIx, Plant, SourceIx, Standing, WatchIx},
    state::SavedMachine,
    telling::Extra,
    timers::Timer,
};
use crate::{
    clock::{Mono, Now},
    sample::TagId,
};

/// What a source says of a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Introduction {
    /// What it is to be cast in, if nobody knows it yet.
    pub mould: Option<MouldIx>,
    /// Its id.
    pub id: Arc<str>,
    /// Its name as the source heard it.
    pub name: Arc<str>,
    /// What its topics say of it.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
}

/// What the engine would make of a machine that a source names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nobody knows it: it may be introduced.
    Free,
    /// It is known.
    Here {
        /// Where its tags begin.
        first: TagId,
        /// Its labels are others by now, so it is to be introduced again.
        news: bool,
    },
    /// It is watched already, and not like that.
    Taken(Taken),
}

/// Why a name is not that of a machine which a source may discover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is configured.
    Configured,
    /// Another source discovered it, or the same as of another class.
    Discovered {
        /// The source.
        source: Arc<str>,
        /// The class.
        class: Arc<str>,
    },
    /// Another name has become the same id.
    Namesake(Arc<str>),
}

/// What the engine knows of its machines beside the plant.
#[derive(Clone, Debug, Default)]
pub(super) struct Machines {
    by_id: HashMap<Arc<str>, MachineIx>,
    /// The number of the next discovery.
    next: u64,
    /// By mould: how many are cast in it.
    cast: Vec<usize>,
    /// Of these something new was learned.
    dirty: BTreeSet<MachineIx>,
    /// These are saved and not to be remembered any more.
    forgotten: Vec<Arc<str>>,
}

impl Machines {
    pub(super) fn new(plant: &Plant) -> Self {
        let all = (0..).map(MachineIx).zip(&plant.machines);
        let there = all.filter(|(_, machine)| !machine.is_gone());
        let mut cast = vec![0; plant.moulds.len()];
        let found = plant.machines.iter().filter_map(Machine::mould);
        for MouldIx(mould) in found {
            cast[mould as usize] += 1;
        }
        let numbers = plant
            .machines
            .iter()
            .filter_map(|machine| machine.found.as_ref());
        Self {
            by_id: there
                .map(|(ix, machine)| (machine.id.clone(), ix))
                .collect(),
            cast,
            next: numbers.map(|found| found.number + 1).max().unwrap_or(1),
            ..Self::default()
        }
    }

    /// The machine with this id.
    pub(super) fn find(&self, id: &str) -> Option<MachineIx> {
        self.by_id.get(id).copied()
    }

    /// What was saved and has no place any more is to be saved no longer: machines that are not configured now and never were discovered.
    pub(super) fn compare(&mut self, saved: &[SavedMachine], plant: &Plant) {
        let stays = |saved: &&SavedMachine| {
            let found = self.find(&saved.id);
            found.is_some_and(|ix| plant.machines[ix.0 as usize].save().is_some())
        };
        let lost = saved.iter().filter(|saved| !stays(saved));
        self.forgotten = lost.map(|saved| saved.id.as_str().into()).collect();
    }

    /// Goes on where another stopped, whose plant was replaced.
    pub(super) fn take_over(&mut self, before: &mut Self) {
        for (id, ix) in before.by_id.drain() {
            if before.dirty.contains(&ix)
                && let Some(here) = self.find(&id)
            {
                self.dirty.insert(here);
            }
        }
        self.forgotten.append(&mut before.forgotten);
    }

    pub(super) fn have_changes(&self) -> bool {
        !self.dirty.is_empty() || !self.forgotten.is_empty()
    }

    /// What is to be saved, and what to be saved no longer.
    pub(super) fn take_changes(&mut self, plant: &Plant) -> (Vec<SavedMachine>, Vec<Arc<str>>) {
        let dirty = std::mem::take(&mut self.dirty).into_iter();
        let saved = dirty.filter_map(|ix| plant.machines[ix.0 as usize].save());
        (saved.collect(), std::mem::take(&mut self.forgotten))
    }
}

impl Engine {
    /// A source has heard of a machine.
    pub(super) fn introduce(&mut self, now: Now, said: Introduction) {
        let known = |mould: &MouldIx| (mould.0 as usize) < self.plant.moulds.len();
        let ix = match (self.machines.find(&said.id), said.mould.filter(known)) {
            (Some(ix), mould) => {
                self.welcome_back(ix, mould, now.mono);
                ix
            }
            (None, Some(mould)) => self.discover(now, mould, &said),
            (None, None) => return,
        };
        if self.plant.machines[ix.0 as usize].captured != said.labels {
            let plant = Arc::make_mut(&mut self.plant);
            plant.machines[ix.0 as usize].captured = said.labels;
            self.machines.dirty.insert(ix);
        }
    }

    fn discover(&mut self, now: Now, mould: MouldIx, said: &Introduction) -> MachineIx {
        let of = &self.plant.moulds[mould.0 as usize];
        let found = Found {
            source: self.plant.sources[of.source.0 as usize].name.clone(),
            class: of.class.clone(),
            name: said.name.clone(),
            since: now.wall,
            number: self.machines.next,
            mould: None,
            first_tag: TagId(0),
        };
        self.machines.next += 1;
        let plant = Arc::make_mut(&mut self.plant);
        let ix = plant.add_found(said.id.clone(), found);
        self.machines.by_id.insert(said.id.clone(), ix);
        self.cast(ix, mould, now.mono);
        ix
    }

    /// A machine that was discovered by a subscription which is gone gets its tags from the one that hears it now.
    fn welcome_back(&mut self, ix: MachineIx, mould: Option<MouldIx>, now: Mono) {
        let machine = &self.plant.machines[ix.0 as usize];
        let orphaned = machine.standing == Standing::Discovered
            && machine
                .found
                .as_ref()
                .is_some_and(|found| found.mould.is_none());
        if let Some(mould) = mould
            && orphaned
        {
            self.cast(ix, mould, now);
        }
    }

    /// Gives a machine its tags and watches, behind all others.
    fn cast(&mut self, ix: MachineIx, mould: MouldIx, now: Mono) {
        let before = self.plant.watches.len();
        Arc::make_mut(&mut self.plant).cast(ix, mould);
        self.machines.cast[mould.0 as usize] += 1;
        self.machines.dirty.insert(ix);
        self.grow(now);
        for index in before..self.plant.watches.len() {
            let watch = WatchIx(index as u32);
            // Its rule was gone for a while, and what was told of it then goes on under the same name.
            let key = (self.rule_of(watch).clone(), self.subject_of(watch).clone());
            if let Some(signal) = self.signals.remove(&key) {
                self.dirty.remove(&signal);
                let was = self.watches[signal].leave();
                self.watches[watch].episode = was.episode;
                self.dirty.insert(watch);
            }
        }
    }

    /// Remembers a machine no longer that was discovered.
    pub(super) fn forget(&mut self, id: &str, by: &By, now: Now) -> Result<(), Refusal> {
        let ix = self.machines.find(id);
        let ix = ix.ok_or_else(|| Refusal::UnknownMachine(id.to_owned()))?;
        if self.plant.machines[ix.0 as usize].standing != Standing::Discovered {
            return Err(Refusal::Configured(id.to_owned()));
        }
        let all = self.watches.iter().map(|(watch, _)| watch);
        let of_machine: Vec<WatchIx> = all
            .filter(|&watch| **self.machine_of(watch) == *id)
            .collect();
        for &watch in &of_machine {
            let extra = Extra {
                by: Some(by.clone()),
                why: Some("machine forgotten, not measured as normal".into()),
                ..Extra::default()
            };
            self.end(watch, EventKind::Closed, now, extra);
        }
        for watch in of_machine {
            self.leave(watch);
        }
        for index in 0..self.tags.len() {
            if self.plant.tags[index].machine == ix {
                self.tags[index].gone = true;
                self.set_timer(Timer::Stale(TagId(index as u32)), None);
            }
        }
        let of_machine = |target: &Target| match target {
            Target::Machine(machine) | Target::Watch { machine, .. } => **machine == *id,
            Target::Site | Target::Alert(_) => false,
        };
        if self.shelves.all.keys().any(of_machine) {
            self.shelves.all.retain(|target, _| !of_machine(target));
            self.shelves_changed();
        }
        if let Some(MouldIx(mould)) = self.plant.machines[ix.0 as usize].mould() {
            self.machines.cast[mould as usize] -= 1;
        }
        Arc::make_mut(&mut self.plant).vacate(ix);
        self.machines.by_id.remove(id);
        self.machines.dirty.remove(&ix);
        self.machines.forgotten.push(id.into());
        self.review_soon(now.mono);
        Ok(())
    }

    /// Leaves only the place of a watch.
    fn leave(&mut self, watch: WatchIx) {
        self.set_timer(Timer::Delay(watch), None);
        self.set_timer(Timer::Escalation(watch), None);
        let key = self.key_of(watch);
        let names = (self.rule_of(watch).clone(), self.subject_of(watch).clone());
        self.watches[watch].leave();
        self.signals.remove(&names);
        self.dirty.remove(&watch);
        self.removed.push(key);
    }

    /// What would come of introducing a machine to be cast in this mould.
    pub fn place_of(
        &self,
        mould: MouldIx,
        id: &str,
        name: &str,
        labels: &BTreeMap<Arc<str>, Arc<str>>,
    ) -> Place {
        let Some(ix) = self.machines.find(id) else {
            return Place::Free;
        };
        let machine = &self.plant.machines[ix.0 as usize];
        let found = match &machine.found {
            Some(found) if machine.standing == Standing::Discovered => found,
            _ => return Place::Taken(Taken::Configured),
        };
        if *found.name != *name {
            return Place::Taken(Taken::Namesake(found.name.clone()));
        }
        match found.mould {
            None => Place::Free,
            Some(of) if of == mould => Place::Here {
                first: found.first_tag,
                news: machine.captured != *labels,
            },
            Some(_) => Place::Taken(Taken::Discovered {
                source: found.source.clone(),
                class: found.class.clone(),
            }),
        }
    }

    /// Whether something else is said of a machine than is known.
    pub fn is_news(&self, id: &str, labels: &BTreeMap<Arc<str>, Arc<str>>) -> bool {
        let ix = self.machines.find(id);
        ix.is_some_and(|ix| self.plant.machines[ix.0 as usize].captured != *labels)
    }

    /// How many machines are watched that a source discovered.
    pub fn discovered_by(&self, source: SourceIx) -> usize {
        let moulds = self.plant.moulds.iter().zip(&self.machines.cast);
        let of_source = moulds.filter(|(mould, _)| mould.source == source);
        of_source.map(|(_, cast)| cast).sum()
    }

    /// The tags of all machines that a source discovered.
    pub fn discovered_tags(&self, source: SourceIx) -> Vec<TagId> {
        let moulds = &self.plant.moulds;
        let of_source = |machine: &Machine| {
            let found = machine.found.as_ref()?;
            let mould = &moulds[machine.mould()?.0 as usize];
            let tags = 0..mould.tags.len() as u32;
            let first = found.first_tag.0;
            (mould.source == source).then(|| tags.map(move |tag| TagId(first + tag)))
        };
        let all = self.plant.machines.iter().filter_map(of_source);
        all.flatten().collect()
    }

    /// A tag of a machine that was cast in this mould, by its place there.
    #[cfg(test)]
    pub(crate) fn tag_of(&self, machine: &str, mould: MouldIx, tag: u32) -> Option<TagId> {
        let ix = self.machines.find(machine)?;
        let machine = &self.plant.machines[ix.0 as usize];
        let found = machine
            .found
            .as_ref()
            .filter(|found| found.mould == Some(mould))?;
        let tags = self.plant.moulds.get(mould.0 as usize)?.tags.len();
        ((tag as usize) < tags).then_some(TagId(found.first_tag.0 + tag))
    }
}
