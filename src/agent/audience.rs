//! The audiences of alerts in memory: of those that had something to say in this run, filled from the store for those of
//! earlier runs. What an audience is, and who is in it, is decided by [`crate::delivery::audience`].

use std::collections::{HashMap, hash_map::Entry};

use ulid::Ulid;

use crate::{
    alert::event::{Event, EventKind},
    delivery::audience::Audience,
    store::{Store, StoreError, history::DeliveryFilter},
};

/// Above this many alerts those that are over are forgotten; the store still knows them.
const REMEMBERED: usize = 4096;

/// The audiences of alerts.
#[derive(Debug, Default)]
pub(super) struct Audiences(HashMap<Ulid, Audience>);

impl Audiences {
    /// The audience of an event's alert.
    pub(super) async fn of(
        &mut self,
        event: &Event,
        store: &Store,
    ) -> Result<&mut Audience, StoreError> {
        let alert = &event.alert;
        // A new alert has no past, so its first event costs no look into the store.
        if event.kind == EventKind::Triggered {
            return Ok(self.0.entry(alert.id).or_default());
        }
        self.of_alert(alert.id, alert.number, store).await
    }

    /// The audience of an alert that has a past.
    pub(super) async fn of_alert(
        &mut self,
        id: Ulid,
        number: u64,
        store: &Store,
    ) -> Result<&mut Audience, StoreError> {
        if let Entry::Vacant(vacant) = self.0.entry(id) {
            vacant.insert(load(store, number).await?);
        }
        Ok(self.0.entry(id).or_default())
    }

    /// Forgets alerts that are over, if there are many. Only after a commit: before it, the store does not know everything.
    pub(super) fn forget_some(&mut self) {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, audience| !audience.is_over());
        }
    }
}

async fn load(store: &Store, alert: u64) -> Result<Audience, StoreError> {
    let mut audience = Audience::default();
    let mut before = None;
    loop {
        let filter = DeliveryFilter {
            alert: Some(alert),
            before,
            ..DeliveryFilter::default()
        };
        let page = store.deliveries(filter, 200).await?;
        let Some(last) = page.last() else {
            break;
        };
        before = Some(last.id);
        for row in &page {
            audience.restore(row);
        }
    }
    // What was delivered long ago may have made room; the alert itself remembers who heard of it.
    if let Some(alert) = store.alert(alert).await? {
        for name in &alert.audience {
            audience.remembered(&name.as_str().into());
        }
    }
    Ok(audience)
}
