//! Shelves: what people silenced for a time, and why. A shelved watch keeps evaluating; only its calls go nowhere.

use std::{collections::BTreeMap, sync::Arc};

use super::{command::Target, event::By};
use crate::clock::Mono;

/// One shelf.
#[derive(Clone, Debug, PartialEq)]
pub struct Shelf {
    /// When it ends.
    pub until: Mono,
    /// Who silenced it.
    pub by: By,
    /// Why.
    pub reason: Arc<str>,
}

/// All shelves, by what they silence. [`Target::Alert`] never is a key: an alert's watch is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shelves {
    pub(super) all: BTreeMap<Target, Shelf>,
    /// Restarts in a row after which the downtime was not known; after two, nothing stays silenced.
    pub(super) unknown_downtimes: u8,
}

impl Shelves {
    /// Whether a watch is silenced, by itself, its machine or its site.
    pub(super) fn covers(&self, machine: &str, rule: &str) -> bool {
        self.all
            .keys()
            .any(|target| target_covers(target, machine, rule))
    }

    /// When the first one ends.
    pub(super) fn next_end(&self) -> Option<Mono> {
        self.all.values().map(|shelf| shelf.until).min()
    }

    /// Takes those that are over.
    pub(super) fn take_ended(&mut self, now: Mono) -> Vec<(Target, Shelf)> {
        let ended: Vec<Target> = self
            .all
            .iter()
            .filter(|(_, shelf)| shelf.until <= now)
            .map(|(target, _)| target.clone())
            .collect();
        ended
            .into_iter()
            .filter_map(|target| self.all.remove_entry(&target))
            .collect()
    }
}

/// Whether a target includes a watch.
pub(super) fn target_covers(target: &Target, machine: &str, rule: &str) -> bool {
    match target {
        Target::Site => true,
        Target::Machine(id) => id.as_ref() == machine,
        Target::Watch {
            machine: of,
            rule: by,
        } => of.as_ref() == machine && by.as_ref() == rule,
        Target::Alert(_) => false,
    }
}

/// A target as people write it.
pub(super) fn target_name(target: &Target) -> String {
    match target {
        Target::Site => "the site".to_owned(),
        Target::Machine(id) => id.to_string(),
        Target::Watch { machine, rule } => format!("{machine}/{rule}"),
        Target::Alert(number) => format!("A-{number}"),
    }
}
