//! What may be seen of the engine from outside: copies, never the state itself.

use std::{sync::Arc, time::Duration};

use super::{
    command::Target, engine::Engine, event::Alert, plant::WatchIx, shelving::Shelf,
    watch::LiveWatch,
};
use crate::{
    clock::{Now, Wall},
    sample::{Bad, TagId, Value},
};

/// One tag at this instant.
#[derive(Clone, Debug, PartialEq)]
pub struct TagView {
    /// The last good value.
    pub value: Option<Value>,
    /// A broker had kept that for us: it may be older than it was heard.
    pub retained: bool,
    /// How long ago that was heard.
    pub good: Option<Duration>,
    /// How long ago anything was heard of it, good or bad.
    pub age: Duration,
    /// Why it is bad and since when, if it is.
    pub bad: Option<(Bad, Wall)>,
    /// How many of its samples came with a time stamp that was not newer than the last.
    pub late: u64,
}

impl Engine {
    /// All alerts that are open.
    pub fn open_alerts(&self, now: Now) -> Vec<Alert> {
        let open = self
            .watches
            .iter()
            .filter(|(_, live)| live.open().is_some());
        open.filter_map(|(watch, _)| self.view(watch, now))
            .collect()
    }

    /// A tag of the plant; none if its machine was forgotten.
    pub fn tag(&self, tag: TagId, now: Now) -> Option<TagView> {
        let state = self.tags.get(tag.0 as usize).filter(|tag| !tag.gone)?;
        let bad = state.bad.as_ref();
        let bad = bad.map(|blindness| (blindness.why, blindness.since));
        Some(TagView {
            value: state.value,
            retained: state.retained,
            good: state.value.map(|_| now.mono.since(state.good_at())),
            age: now.mono.since(state.heard),
            bad,
            late: state.late.into(),
        })
    }

    /// What is silenced, and for how long still.
    pub fn shelves(&self, now: Now) -> Vec<(Target, Shelf, Duration)> {
        let view = |(target, shelf): (&Target, &Shelf)| {
            (target.clone(), shelf.clone(), shelf.until.since(now.mono))
        };
        self.shelves.all.iter().map(view).collect()
    }

    /// For each machine of the plant the rules whose watches on it are frozen, because their tag is bad.
    pub fn not_watched(&self) -> Vec<Vec<Arc<str>>> {
        let mut rules = vec![Vec::new(); self.plant.machines.len()];
        for (watch, _) in self.watches.iter().filter(|(_, live)| live.frozen) {
            if let Some(definition) = self.plant.watches.get(watch.0 as usize) {
                rules[definition.machine.0 as usize].push(definition.rule.id.clone());
            }
        }
        rules
    }

    /// How many watches there are, and how many of them are frozen.
    pub fn watch_counts(&self) -> (usize, usize) {
        let of_plant =
            |(watch, _): &(WatchIx, &LiveWatch)| self.plant.watches.get(watch.0 as usize).is_some();
        let all = || self.watches.iter().filter(of_plant);
        let frozen = all().filter(|(_, live)| live.frozen);
        (all().count(), frozen.count())
    }
}
