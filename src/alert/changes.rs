//! What has changed in the engine and belongs on disk: what a commit writes beside the events.

use std::sync::Arc;

use super::{
    engine::Engine,
    event::DedupKey,
    plant::WatchIx,
    state::{Mark, SavedCore, SavedMachine, SavedWatch},
    watch::LiveWatch,
};
use crate::clock::BootId;

/// What has changed since it was last asked for and belongs on disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Changed watches with their keys, and whether each has an open alert.
    pub watches: Vec<(DedupKey, bool, SavedWatch)>,
    /// Watches that need not be kept any more: their rule or machine is gone, and their alert is long over.
    pub removed: Vec<DedupKey>,
    /// The rest, if it changed.
    pub core: Option<SavedCore>,
    /// What was learned of machines.
    pub machines: Vec<SavedMachine>,
    /// The ids of machines that are to be remembered no longer.
    pub forgotten: Vec<Arc<str>>,
}

impl Changes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.watches.is_empty()
            && self.removed.is_empty()
            && self.core.is_none()
            && self.machines.is_empty()
            && self.forgotten.is_empty()
    }
}

impl Engine {
    /// Takes what has changed since the last call.
    pub fn take_changes(&mut self, boot: &BootId) -> Changes {
        let mark = self.mark(boot);
        let watches = std::mem::take(&mut self.dirty)
            .into_iter()
            .map(|watch| {
                let live = &self.watches[watch];
                (
                    self.key_of(watch),
                    live.open().is_some(),
                    self.save_watch(watch, &mark),
                )
            })
            .collect();
        let core = std::mem::take(&mut self.core_dirty).then(|| self.save_core());
        let removed = std::mem::take(&mut self.removed);
        let (machines, forgotten) = self.machines.take_changes(&self.plant);
        Changes {
            watches,
            removed,
            core,
            machines,
            forgotten,
        }
    }

    /// Whether [`Engine::take_changes`] would have anything.
    pub fn has_changes(&self) -> bool {
        self.core_dirty
            || !self.dirty.is_empty()
            || !self.removed.is_empty()
            || self.machines.have_changes()
    }

    /// This instant as a mark.
    pub fn mark(&self, boot: &BootId) -> Mark {
        let now = self.now;
        Mark {
            boot: boot.0.clone(),
            mono: now.mono.as_nanos(),
            wall: now.wall.as_millis(),
            synchronised: now.synchronised,
        }
    }

    /// Whether a policy or a shelf runs, so that the time of an outage matters and marks should be written.
    pub fn time_matters(&self) -> bool {
        let runs = |(_, live): (WatchIx, &LiveWatch)| {
            live.open().is_some_and(|open| open.escalation.is_some())
        };
        !self.shelves.all.is_empty() || self.watches.iter().any(runs)
    }
}
