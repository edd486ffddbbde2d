//! How a destination stands beyond a restart: its failures in a row, and whether it is deactivated.

use std::sync::Arc;

use super::Desk;
use crate::{
    clock::{Mono, Now},
    store::{StoreError, rows::DestinationRow},
};

/// What is on disk about a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    failures: u32,
    deactivated: Option<Mono>,
}

impl Desk {
    /// Reads how destinations stood that were not known yet.
    pub(super) async fn recall(&mut self) -> Result<(), StoreError> {
        let names: Vec<Arc<str>> = self.ways.keys().cloned().collect();
        self.kept.retain(|name, _| names.contains(name));
        for name in names {
            if self.kept.contains_key(&name) {
                continue;
            }
            let row = self.store.destination(&name).await?.unwrap_or_default();
            let now = self.clock.now();
            let since = |at| now.mono - now.wall.since(at);
            let kept = Kept {
                failures: row.failures,
                deactivated: row.deactivated.map(since),
            };
            self.schedule
                .restore(&name, kept.failures, kept.deactivated, now.mono);
            self.kept.insert(name, kept);
        }
        Ok(())
    }

    /// Writes how a destination stands, if that has changed. `may_wait` says that one failure more may wait for the
    /// next write: while nothing gets through, attempts are counted in memory.
    pub(super) async fn keep(
        &mut self,
        name: &Arc<str>,
        now: Now,
        may_wait: bool,
    ) -> Result<(), StoreError> {
        let Some(kept) = self.kept.get_mut(name) else {
            return Ok(());
        };
        let Some(status) = self.schedule.status(name) else {
            return Ok(());
        };
        let stands = Kept {
            failures: status.failures,
            deactivated: status.deactivated.map(|off| off.since),
        };
        if stands == *kept || (may_wait && stands.deactivated == kept.deactivated) {
            return Ok(());
        }
        if stands.deactivated.is_some() != kept.deactivated.is_some() {
            match stands.deactivated {
                Some(_) => tracing::warn!(
                    destination = &**name,
                    failures = stands.failures,
                    "is deactivated: its deliveries wait"
                ),
                None => tracing::info!(destination = &**name, "is active again"),
            }
        }
        *kept = stands;
        let row = DestinationRow {
            name: name.to_string(),
            failures: stands.failures,
            deactivated: stands
                .deactivated
                .map(|since| now.wall - now.mono.since(since)),
            ..DestinationRow::default()
        };
        self.store.set_destination(row).await
    }

    /// Writes what changed about all of them, whatever changed it.
    pub(super) async fn keep_all(&mut self, now: Now) -> Result<(), StoreError> {
        let names: Vec<Arc<str>> = self.kept.keys().cloned().collect();
        for name in names {
            self.keep(&name, now, true).await?;
        }
        Ok(())
    }
}
