//! What is wholly blind: the widest sources, units, machines and tags that cover everything that is bad.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    engine::Engine,
    plant::{MachineIx, SourceIx, UnitIx},
    signal::Signal,
    watch::Face,
};
use crate::sample::TagId;

/// How much a blind alert covers, the narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    Tag,
    Machine,
    Unit,
    Source,
}

impl Width {
    /// All, the narrowest first: each stands at its own number.
    pub(super) const ALL: [Self; 4] = [Self::Tag, Self::Machine, Self::Unit, Self::Source];
}

/// What a blind alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Source(SourceIx),
    Unit(UnitIx),
    Machine(MachineIx),
    Tag(TagId),
}

impl Subject {
    pub(super) fn width(self) -> Width {
        match self {
            Self::Source(_) => Width::Source,
            Self::Unit(_) => Width::Unit,
            Self::Machine(_) => Width::Machine,
            Self::Tag(_) => Width::Tag,
        }
    }
}

impl Engine {
    /// The widest things that are wholly blind, with their blind tags. A machine that may be off and is silent does not count, nor does
    /// one that was forgotten.
    pub(super) fn cover(&self) -> BTreeMap<Subject, Vec<TagId>> {
        let mut counts: BTreeMap<Subject, (u32, u32)> = BTreeMap::new();
        let excused = |index: usize| {
            if self.tags[index].gone {
                return true;
            }
            let machine = &self.plant.machines[self.plant.tags[index].machine.0 as usize];
            machine.may_be_off
                && self.tags[index]
                    .bad
                    .as_ref()
                    .is_some_and(|blindness| blindness.why.is_silence())
        };
        for index in 0..self.tags.len() {
            if excused(index) {
                continue;
            }
            for subject in self.subjects_of(TagId(index as u32)) {
                let (bad, all) = counts.entry(subject).or_default();
                *all += 1;
                *bad += u32::from(self.tags[index].bad.is_some());
            }
        }
        let mut cover: BTreeMap<Subject, Vec<TagId>> = BTreeMap::new();
        for index in
            (0..self.tags.len()).filter(|&index| self.tags[index].bad.is_some() && !excused(index))
        {
            let tag = TagId(index as u32);
            let wholly =
                |subject: &Subject| counts.get(subject).is_some_and(|(bad, all)| bad == all);
            if let Some(widest) = self.subjects_of(tag).find(wholly) {
                cover.entry(widest).or_default().push(tag);
            }
        }
        cover
    }

    /// What a tag belongs to, the widest first.
    pub(super) fn subjects_of(&self, tag: TagId) -> impl Iterator<Item = Subject> + use<> {
        let definition = &self.plant.tags[tag.0 as usize];
        let unit = definition.modbus_unit.map(Subject::Unit);
        let (source, machine) = (
            Subject::Source(definition.source),
            Subject::Machine(definition.machine),
        );
        [Some(source), unit, Some(machine), Some(Subject::Tag(tag))]
            .into_iter()
            .flatten()
    }

    /// The subject's name in the key of its watch.
    pub(super) fn subject_id(&self, subject: Subject) -> Arc<str> {
        let plant = &self.plant;
        match subject {
            Subject::Source(source) => {
                format!("source.{}", plant.sources[source.0 as usize].name).into()
            }
            Subject::Unit(unit) => {
                let unit = &plant.units[unit.0 as usize];
                format!(
                    "source.{}.{}",
                    plant.sources[unit.source.0 as usize].name, unit.id
                )
                .into()
            }
            Subject::Machine(machine) => plant.machines[machine.0 as usize].id.clone(),
            Subject::Tag(tag) => {
                let tag = &plant.tags[tag.0 as usize];
                format!(
                    "{}.{}",
                    plant.machines[tag.machine.0 as usize].id, tag.kind.name
                )
                .into()
            }
        }
    }

    /// The machine that an alert about the subject counts to, and where people should look.
    pub(super) fn subject_face(&self, subject: Subject) -> (Face, String) {
        let plant = &self.plant;
        let of_agent = |name: String| Face {
            machine: Signal::AGENT.into(),
            machine_name: name.into(),
            ..Face::default()
        };
        let of_machine = |index: MachineIx| {
            let machine = &plant.machines[index.0 as usize];
            Face {
                machine: machine.id.clone(),
                machine_name: machine.name.clone(),
                class: machine.class.clone(),
                labels: machine.all_labels(),
                ..Face::default()
            }
        };
        match subject {
            Subject::Source(index) => {
                let source = &plant.sources[index.0 as usize];
                (
                    of_agent(format!("source {}", source.name)),
                    source.address.to_string(),
                )
            }
            Subject::Unit(index) => {
                let unit = &plant.units[index.0 as usize];
                let source = &plant.sources[unit.source.0 as usize];
                let name = format!("source {} unit {}", source.name, unit.id);
                (
                    of_agent(name),
                    format!("{} unit {}", source.address, unit.id),
                )
            }
            Subject::Machine(index) => (
                of_machine(index),
                plant.machines[index.0 as usize].name.to_string(),
            ),
            Subject::Tag(tag) => {
                let definition = &plant.tags[tag.0 as usize];
                (
                    of_machine(definition.machine),
                    definition.kind.name.to_string(),
                )
            }
        }
    }
}
