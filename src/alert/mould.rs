//! Machines that nobody configured: what they are like, and how they come into a plant and leave it.
//!
//! A [`Mould`] is made from the configuration for each class that a source may discover: the tags that its subscriptions give to a
//! machine of that class, and the rules for that class. A machine that is heard of for the first time is cast in it: its tags and
//! watches are put behind those that are there, so that no index changes and samples that are under way stay right. One that is
//! forgotten leaves its place empty for the same reason; the next plant, at a reload or a start, closes the gap.
//!
//! ```text
//! configuration ─> moulds ─┐
//!                          ├─ cast ─> machine, tags, watches          source hears a name
//! name, labels  ───────────┘    ^
//!                               └── remembered (state, store) ──────> restart, reload
//! ```
//!
//! Here are the plain operations on a plant. What the engine does with its live state is in [`super::discover`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    plant::{Machine, MachineIx, Plant, Rule, SourceIx, Tag, Watch},
    state::{SavedFound, SavedMachine},
};
use crate::{clock::Wall, sample::TagId};

/// What a machine is like that a source may discover.
#[derive(Clone, Debug, PartialEq)]
pub struct Mould {
    /// The source that hears it.
    pub source: SourceIx,
    /// Its class.
    pub class: Arc<str>,
    /// Its tags; whose they are is filled in when a machine is cast.
    pub tags: Vec<Tag>,
    /// The rules for its class, each with the place of its tag in `tags`.
    pub watches: Vec<(Arc<Rule>, u32)>,
}

/// Index into [`Plant::moulds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MouldIx(pub u32);

/// Whether a machine is configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    #[default]
    Configured,
    /// A source has heard of it.
    Discovered,
    /// It was discovered and forgotten; only its place is left.
    Forgotten,
}

/// That a machine was discovered. It stays so until it is forgotten, even while it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The name of the source that heard of it.
    pub source: Arc<str>,
    /// The class that it got.
    pub class: Arc<str>,
    /// Its name as the source heard it.
    pub name: Arc<str>,
    /// When.
    pub since: Wall,
    /// Counts discoveries: their order is that of machines in the plant.
    pub number: u64,
    /// What it was cast in; none while no subscription discovers such machines any more, and it has neither tags nor watches.
    pub mould: Option<MouldIx>,
    /// Where its tags begin.
    pub first_tag: TagId,
}

impl Plant {
    /// The mould of a class at a source.
    pub fn mould_of(&self, source: &str, class: &str) -> Option<MouldIx> {
        let mut all = (0..).map(MouldIx).zip(&self.moulds);
        let found = all.find(|(_, mould)| {
            *mould.class == *class && *self.sources[mould.source.0 as usize].name == *source
        });
        found.map(|(ix, _)| ix)
    }

    /// Gives a machine that has none the tags and watches of a mould, behind all others.
    pub(super) fn cast(&mut self, machine: MachineIx, ix: MouldIx) {
        let mould = &self.moulds[ix.0 as usize];
        let first = TagId(self.tags.len() as u32);
        let of_machine = |tag: &Tag| Tag {
            machine,
            ..tag.clone()
        };
        self.tags.extend(mould.tags.iter().map(of_machine));
        self.watches
            .extend(mould.watches.iter().map(|(rule, tag)| Watch {
                rule: Arc::clone(rule),
                machine,
                tag: TagId(first.0 + tag),
            }));
        let cast = &mut self.machines[machine.0 as usize];
        cast.class = Some(Arc::clone(&mould.class));
        if let Some(found) = &mut cast.found {
            (found.mould, found.first_tag) = (Some(ix), first);
            found.class = Arc::clone(&mould.class);
            found.source = Arc::clone(&self.sources[mould.source.0 as usize].name);
        }
    }

    /// Puts a machine behind all others, without tags and watches yet.
    pub(super) fn add_found(&mut self, id: Arc<str>, found: Found) -> MachineIx {
        self.machines.push(Machine {
            id,
            name: Arc::clone(&found.name),
            class: Some(Arc::clone(&found.class)),
            standing: Standing::Discovered,
            found: Some(Box::new(found)),
            ..Machine::default()
        });
        MachineIx((self.machines.len() - 1) as u32)
    }

    /// Leaves only the place of a machine.
    pub(super) fn vacate(&mut self, machine: MachineIx) {
        self.machines[machine.0 as usize] = Machine {
            standing: Standing::Forgotten,
            ..Machine::default()
        };
    }

    /// Puts back what an earlier plant had learned of machines, in the order in which it had. What is there already stays.
    pub(super) fn remember(&mut self, saved: &[SavedMachine]) {
        let ids = (0..).map(MachineIx).zip(&self.machines);
        let mut ids: HashMap<Arc<str>, MachineIx> =
            ids.map(|(ix, machine)| (machine.id.clone(), ix)).collect();
        let mut saved: Vec<&SavedMachine> = saved.iter().collect();
        saved.sort_by_key(|machine| machine.found.as_ref().map_or(0, |found| found.number));
        for machine in saved {
            let found = machine.found.as_ref().map(read_found);
            let ix = match (ids.get(&*machine.id), found) {
                (Some(&ix), found) => {
                    let known = &mut self.machines[ix.0 as usize];
                    known.found = known.found.take().or(found.map(Box::new));
                    ix
                }
                (None, Some(found)) => {
                    let id: Arc<str> = machine.id.as_str().into();
                    let mould = self.mould_of(&found.source, &found.class);
                    let ix = self.add_found(Arc::clone(&id), found);
                    ids.insert(id, ix);
                    if let Some(mould) = mould {
                        self.cast(ix, mould);
                    }
                    ix
                }
                // It was configured, and is not any more.
                (None, None) => continue,
            };
            let pair =
                |(name, value): &(String, String)| (name.as_str().into(), value.as_str().into());
            self.machines[ix.0 as usize].captured = machine.labels.iter().map(pair).collect();
        }
    }
}

impl Machine {
    /// Its labels: those that were captured, and over them those that were configured.
    pub fn all_labels(&self) -> BTreeMap<Arc<str>, Arc<str>> {
        let mut all = self.labels.clone();
        for (name, value) in &self.captured {
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
        all
    }

    /// What it is cast in, while it is watched as one that was discovered.
    pub(super) fn mould(&self) -> Option<MouldIx> {
        let found = self.found.as_ref();
        found.and_then(|found| found.mould)
    }

    /// Whether it is configured, discovered or not.
    pub fn is_configured(&self) -> bool {
        self.standing == Standing::Configured
    }

    /// Whether only its place is left.
    pub fn is_gone(&self) -> bool {
        self.standing == Standing::Forgotten
    }

    /// What is to be remembered of it; none where the configuration says everything.
    pub(super) fn save(&self) -> Option<SavedMachine> {
        let nothing = self.found.is_none() && self.captured.is_empty();
        let found = |found: &Found| SavedFound {
            source: found.source.to_string(),
            class: found.class.to_string(),
            name: found.name.to_string(),
            since: found.since.as_millis(),
            number: found.number,
        };
        let pair = |(name, value): (&Arc<str>, &Arc<str>)| (name.to_string(), value.to_string());
        (!nothing && !self.is_gone()).then(|| SavedMachine {
            id: self.id.to_string(),
            labels: self.captured.iter().map(pair).collect(),
            found: self.found.as_deref().map(found),
        })
    }
}

fn read_found(saved: &SavedFound) -> Found {
    Found {
        source: saved.source.as_str().into(),
        class: saved.class.as_str().into(),
        name: saved.name.as_str().into(),
        since: Wall::from_millis(saved.since),
        number: saved.number,
        mould: None,
        first_tag: TagId(0),
    }
}
