//! What a source says of machines that it knows by their names only: samples of machines that nobody configured, and what topics
//! say of machines beside their names.
//!
//! Whether such a machine is watched, and where its tags are, only the loop knows: it remembers machines over restarts of the source
//! and forgets them when a person says so. So a source says each time whose samples they are, and keeps no state that could differ.

use std::{collections::BTreeMap, sync::Arc};

use crate::sample::Sample;

/// A machine as a source hears of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The class that it is to have; none for one that is configured.
    pub class: Option<Arc<str>>,
    /// Its id, mapped from its name.
    pub id: Arc<str>,
    /// Its name as it was heard, at most 64 characters, all of them printed.
    pub name: Arc<str>,
    /// What its topics say of it: at most 64 characters each.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
}

/// Something that is heard of a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// It belongs before this one of the batch's samples.
    pub before: usize,
    /// Whose they are.
    pub of: Arc<Who>,
    /// Their tags are places in the [`super::MouldSpec`] of the class; none where only something is said of the machine.
    pub samples: Vec<Sample>,
}
