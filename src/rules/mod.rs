//! Rule files: from what the user wrote to the watches of the core.
//!
//! [`mod@read`] takes a rule file's tree and needs to know nothing else; [`mod@compile`] binds rules to machines and tags once these
//! are known. What a rule does while it runs is decided in [`crate::alert`].

pub mod check;
pub mod compile;
mod moulds;
mod read;
mod tags;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

pub use self::{
    compile::compile,
    read::{PLACEHOLDERS, read},
    tags::{Lost, SourceTags, tag_ids},
};
use crate::{
    alert::plant::Level,
    config::{
        tree::{Node, Place, Value},
        values::Placed,
    },
};

/// All rules of the merged rule files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Those that can be bound, in the order in which they were written.
    pub list: Vec<RuleConfig>,
    /// The ids of those with a mistake, which may have more levels than could be read.
    pub faulty: BTreeSet<Arc<str>>,
}

/// A rule as it was written: sound in itself, not yet bound to machines.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleConfig {
    /// `spindle-overtemp`
    pub id: Arc<str>,
    /// Which machines.
    pub target: Placed<Target>,
    /// Which tag of theirs.
    pub tag: Placed<Arc<str>>,
    /// The unit that its limits are in; must be the tag's.
    pub unit: Option<Placed<Arc<str>>>,
    /// The levels, mildest first, each with its place.
    pub levels: Vec<Placed<Level>>,
    /// The label that its one level compares with: which number that is, the tag knows. Until then the level has 0.
    pub label: Option<Arc<str>>,
    /// How far a value must come back.
    pub deadband: f64,
    /// How long it must be gone.
    pub off_delay: Duration,
    /// Resolves only after it was acknowledged.
    pub latched: bool,
    /// Text with placeholders.
    pub message: Arc<str>,
    /// What to do.
    pub action: Arc<str>,
    /// Link to more.
    pub runbook: Option<Arc<str>>,
    /// Where the rule begins.
    pub place: Place,
}

/// The machines that a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All machines of a class.
    Class(Arc<str>),
    /// One machine.
    Machine(Arc<str>),
}

/// The ids of all rules in a merged tree of rule files.
pub fn ids(tree: &Node) -> BTreeSet<Arc<str>> {
    match tree.get("rule").map(|node| &node.value) {
        Some(Value::Table(entries)) => entries.iter().map(|(id, _)| id.as_str().into()).collect(),
        _ => BTreeSet::new(),
    }
}
