//! The tags that sources promise, put into a plant: names become indices here.
//!
//! How a tag is read stays with its source.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    alert::plant::{MachineIx, Mould, Plant, Source, SourceIx, Tag, TagKind, Unit, UnitIx},
    config::{
        section::Problems,
        tree::{Node, Place, Value},
    },
    sample::TagId,
    source::{MouldSpec, TagIds, TagSpec},
};

/// The tags of one source, as its configuration names them.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceTags {
    /// `hall-2`
    pub name: Arc<str>,
    /// What people look for when it is silent: `192.168.10.21:502`.
    pub address: Arc<str>,
    /// Its path in the configuration: `source.modbus.hall-2`.
    pub path: String,
    /// Where it was configured.
    pub place: Place,
    /// Its tags.
    pub tags: Vec<TagSpec>,
    /// What machines are like that it may discover.
    pub moulds: Vec<MouldSpec>,
}

/// Tags that sources with a mistake were meant to give. A rule that names one of them is not told that there is no such tag:
/// nobody made that mistake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    tags: BTreeSet<String>,
    /// A profile is named that does not exist, so it could be any tag.
    any: bool,
}

impl Lost {
    /// Adds what a source mentions, itself and by the profiles that it names.
    pub fn add(&mut self, source: &Node, profiles: &[(&str, &Node)]) {
        match &source.value {
            Value::Table(entries) => {
                for (key, node) in entries {
                    match (key.as_str(), &node.value) {
                        ("tag", Value::Text(tag)) => {
                            self.tags.insert(tag.clone());
                        }
                        ("profile", Value::Text(wanted)) => {
                            match profiles.iter().find(|(id, _)| id == wanted) {
                                Some((_, profile)) => self.add(profile, &[]),
                                None => self.any = true,
                            }
                        }
                        _ => self.add(node, profiles),
                    }
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.add(item, profiles)),
            _ => {}
        }
    }

    /// Their names.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str)
    }

    /// Whether this tag may be one of them.
    pub fn may_be(&self, tag: &str) -> bool {
        self.any || self.tags.contains(tag)
    }
}

/// Adds sources, units and tags to a plant that has its machines. A tag that cannot be added is reported and left out.
pub(super) fn add(plant: &mut Plant, sources: &[SourceTags], problems: &Problems) -> TagIds {
    let machines: HashMap<Arc<str>, MachineIx> = (0..)
        .zip(&plant.machines)
        .map(|(ix, machine)| (machine.id.clone(), MachineIx(ix)))
        .collect();
    let mut units: HashMap<(SourceIx, u8), UnitIx> = HashMap::new();
    let mut owners: HashMap<TagId, Arc<str>> = HashMap::new();
    let mut tag_ids = TagIds::new();
    let mut kinds = Kinds::default();
    for (source_ix, source) in (0..).map(SourceIx).zip(sources) {
        plant.sources.push(Source {
            name: source.name.clone(),
            address: source.address.clone(),
        });
        for spec in &source.tags {
            // The source was told that there is no such machine when it was read, where the name stands.
            let Some(&machine) = machines.get(&spec.machine) else {
                continue;
            };
            let key = (spec.machine.clone(), spec.tag.clone());
            if let Some(owner) = tag_ids.get(&key).and_then(|id| owners.get(id)) {
                let message = format!(
                    "reads {}/{}, which {owner} reads already",
                    spec.machine, spec.tag
                );
                problems.error(Some(&source.place), &source.path, message);
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
                kind: kinds.of(spec),
                machine,
                source: source_ix,
                modbus_unit,
            });
            owners.insert(id, source.name.clone());
            tag_ids.insert(key, id);
        }
        for spec in &source.moulds {
            // Whose they are is filled in when a machine is there.
            let of_nobody = |of| Tag {
                kind: kinds.of(of),
                machine: MachineIx(0),
                source: source_ix,
                modbus_unit: None,
            };
            plant.moulds.push(Mould {
                source: source_ix,
                class: spec.class.clone(),
                tags: spec.tags.iter().map(of_nobody).collect(),
                watches: Vec::new(),
            });
        }
    }
    tag_ids
}

/// The way from names into a plant, for sources: made where one begins and not kept, as it takes more room than its tags do.
pub fn tag_ids(plant: &Plant) -> TagIds {
    let tags = (0..).map(TagId).zip(&plant.tags);
    let named = |(id, tag): (TagId, &Tag)| {
        let machine = &plant.machines[tag.machine.0 as usize].id;
        ((machine.clone(), tag.kind.name.clone()), id)
    };
    tags.map(named).collect()
}

/// The kinds of tags so far, by their names.
#[derive(Default)]
struct Kinds(HashMap<Arc<str>, Vec<Arc<TagKind>>>);

/// So many kinds of one name are compared with another tag of that name; what is more is not shared.
const KINDS_OF_NAME: usize = 16;

impl Kinds {
    /// What a source promises, the same one for all tags that are alike.
    fn of(&mut self, spec: &TagSpec) -> Arc<TagKind> {
        let kind = TagKind {
            name: spec.tag.clone(),
            unit: spec.unit.clone(),
            decimals: spec.decimals,
            labels: spec.labels.clone(),
            stale_after: spec.stale_after,
        };
        let known = self.0.entry(spec.tag.clone()).or_default();
        if let Some(known) = known.iter().find(|known| ***known == kind) {
            return Arc::clone(known);
        }
        let kind = Arc::new(kind);
        if known.len() < KINDS_OF_NAME {
            known.push(Arc::clone(&kind));
        }
        kind
    }
}

/// A configuration is at most 1000 files of 1 MiB, far from four billion tags.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
