//! What may be seen of the engine from outside: copies, never the state itself.

use std::{sync::Arc, time::Duration};

use super::{command::Target, engine::Engine, event::Alert, plant::WatchIx, shelving::Shelf};
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
        let watches = (0..self.watches.len()).map(|index| WatchIx(index as u32));
        watches
            .filter(|watch| self.watches[watch.0 as usize].open().is_some())
            .filter_map(|watch| self.view(watch, now))
            .collect()
    }

    /// A tag of the plant.
    pub fn tag(&self, tag: TagId, now: Now) -> Option<TagView> {
        let state = self.tags.get(tag.0 as usize)?;
        let bad = state.bad.map(|blindness| (blindness.why, blindness.since));
        Some(TagView {
            value: state.value,
            retained: state.retained,
            good: state.value.map(|_| now.mono.since(state.good_at())),
            age: now.mono.since(state.heard),
            bad,
            late: state.late,
        })
    }

    /// What is silenced, and for how long still.
    pub fn shelves(&self, now: Now) -> Vec<(Target, Shelf, Duration)> {
        let view = |(target, shelf): (&Target, &Shelf)| {
            (target.clone(), shelf.clone(), shelf.until.since(now.mono))
        };
        self.shelves.all.iter().map(view).collect()
    }

    /// The rules whose watches on this machine are frozen, because their tag is bad.
    pub fn not_watched(&self, machine: &str) -> Vec<Arc<str>> {
        let frozen = self
            .watches
            .iter()
            .filter(|live| live.frozen && live.subject.as_ref() == machine);
        frozen.map(|live| live.rule.clone()).collect()
    }

    /// How many watches there are, and how many of them are frozen.
    pub fn watch_counts(&self) -> (usize, usize) {
        let all = self.plant.watches.len();
        (
            all,
            self.watches[..all]
                .iter()
                .filter(|live| live.frozen)
                .count(),
        )
    }
}
