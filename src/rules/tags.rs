//! The tags that sources promise, put into a plant: names become indices here.
//!
//! How a tag is read stays with its source.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::compile::{hint, no_machine};
use crate::{
    alert::plant::{MachineIx, Plant, Source, SourceIx, Tag, Unit, UnitIx},
    config::{section::Problems, tree::Place},
    sample::TagId,
    source::{TagIds, TagSpec},
};

/// The tags of one source, as its configuration names them.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceTags {
    /// `hall-2`
    pub name: Arc<str>,
    /// What people look for when it is silent: `192.168.10.21:502`.
    pub address: Arc<str>,
    /// Where the source was configured.
    pub place: Place,
    /// Its tags.
    pub tags: Vec<TagSpec>,
}

/// Adds sources, units and tags to a plant that has its machines. A tag that cannot be added is reported and left out.
pub(super) fn add(plant: &mut Plant, sources: &[SourceTags], problems: &Problems) -> TagIds {
    let machines: HashMap<Arc<str>, MachineIx> = (0..)
        .zip(&plant.machines)
        .map(|(ix, machine)| (machine.id.clone(), MachineIx(ix)))
        .collect();
    let mut units: HashMap<(SourceIx, u8), UnitIx> = HashMap::new();
    let mut unknown: HashSet<(SourceIx, Arc<str>)> = HashSet::new();
    let mut owners: HashMap<TagId, Arc<str>> = HashMap::new();
    let mut tag_ids = TagIds::new();
    for (source_ix, source) in (0..).map(SourceIx).zip(sources) {
        plant.sources.push(Source {
            name: source.name.clone(),
            address: source.address.clone(),
        });
        for spec in &source.tags {
            let Some(&machine) = machines.get(&spec.machine) else {
                if unknown.insert((source_ix, spec.machine.clone())) {
                    let known = machines.keys().map(AsRef::as_ref);
                    let message = format!(
                        "{}{}",
                        no_machine(&spec.machine),
                        hint(&spec.machine, known)
                    );
                    problems.error(
                        Some(&source.place),
                        &format!("source {}", source.name),
                        message,
                    );
                }
                continue;
            };
            let key = (spec.machine.clone(), spec.tag.clone());
            if let Some(owner) = tag_ids.get(&key).and_then(|id| owners.get(id)) {
                let message = format!(
                    "reads {}/{}, which {owner} reads already",
                    spec.machine, spec.tag
                );
                problems.error(
                    Some(&source.place),
                    &format!("source {}", source.name),
                    message,
                );
                continue;
            }
            let modbus_unit = spec.modbus_unit.map(|id| {
                *units.entry((source_ix, id)).or_insert_with(|| {
                    plant.units.push(Unit {
                        source: source_ix,
                        id,
                    });
                    UnitIx(index(plant.units.len() - 1))
                })
            });
            let id = TagId(index(plant.tags.len()));
            plant.tags.push(Tag {
                name: spec.tag.clone(),
                machine,
                source: source_ix,
                modbus_unit,
                unit: spec.unit.clone(),
                decimals: spec.decimals,
                stale_after: spec.stale_after,
            });
            owners.insert(id, source.name.clone());
            tag_ids.insert(key, id);
        }
    }
    tag_ids
}

/// A configuration is at most 1000 files of 1 MiB, far from four billion tags.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
