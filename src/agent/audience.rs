//! Who has heard of an alert: whoever was told hears everything that follows, to its end.
//!
//! Kept in memory for alerts that had something to say in this run, and filled from the store for those of earlier runs.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use ulid::Ulid;

use crate::{
    alert::event::{Event, EventKind},
    store::{
        Store, StoreError,
        history::DeliveryFilter,
        rows::{DeliveryRow, DeliveryState},
    },
};

/// Above this many alerts those that are over are forgotten; the store still knows them.
const REMEMBERED: usize = 4096;

/// The audiences of alerts.
#[derive(Debug, Default)]
pub(super) struct Audiences(HashMap<Ulid, Audience>);

/// The audience of one alert.
#[derive(Debug, Default)]
pub(super) struct Audience {
    heard: BTreeMap<Arc<str>, Heard>,
    /// An escalation to them is in the commit that is being made, so that what follows it there goes to them too.
    joining: BTreeSet<Arc<str>>,
    over: bool,
}

#[derive(Debug, Default)]
struct Heard {
    /// It was owed something that is not withdrawn.
    firm: bool,
    /// Escalations that may still be withdrawn.
    withdrawable: BTreeSet<i64>,
}

impl Audiences {
    /// The audience of an event's alert.
    pub(super) async fn of(
        &mut self,
        event: &Event,
        store: &Store,
    ) -> Result<&mut Audience, StoreError> {
        let id = event.alert.id;
        if let Entry::Vacant(vacant) = self.0.entry(id) {
            // A new alert has no past, so its first event costs no look into the store.
            vacant.insert(match event.kind {
                EventKind::Triggered => Audience::default(),
                _ => Audience::load(store, &id.to_string()).await?,
            });
        }
        let audience = self.0.entry(id).or_default();
        audience.over = event.kind.is_end();
        Ok(audience)
    }

    /// Forgets alerts that are over, if there are many. Only after a commit: before it, the store does not know everything.
    pub(super) fn forget_some(&mut self) {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, audience| !audience.over);
        }
    }
}

impl Audience {
    /// Names of the destinations.
    pub(super) fn names(&self) -> BTreeSet<Arc<str>> {
        self.heard.keys().chain(&self.joining).cloned().collect()
    }

    /// Whether an escalation may still be withdrawn.
    pub(super) fn has_withdrawable(&self) -> bool {
        self.heard
            .values()
            .any(|heard| !heard.withdrawable.is_empty())
    }

    /// An escalation to a destination is about to be committed.
    pub(super) fn joins(&mut self, destination: &Arc<str>) {
        self.joining.insert(Arc::clone(destination));
    }

    /// A destination is owed something; `id` once the row has one.
    pub(super) fn owed(&mut self, destination: &Arc<str>, withdrawable: Option<i64>) {
        if withdrawable.is_some() {
            self.joining.remove(destination);
        }
        let heard = self.heard.entry(Arc::clone(destination)).or_default();
        match withdrawable {
            Some(id) => {
                heard.withdrawable.insert(id);
            }
            None => heard.firm = true,
        }
    }

    /// What was withdrawn was never heard: who heard nothing else is no audience.
    pub(super) fn withdrawn(&mut self, rows: &[(i64, Arc<str>)]) {
        for (id, destination) in rows {
            if let Some(heard) = self.heard.get_mut(destination) {
                heard.withdrawable.remove(id);
            }
        }
        for heard in self.heard.values_mut() {
            // What could not be withdrawn is under way or arrived.
            heard.firm |= !heard.withdrawable.is_empty();
            heard.withdrawable.clear();
        }
        self.heard.retain(|_, heard| heard.firm);
    }

    async fn load(store: &Store, alert: &str) -> Result<Self, StoreError> {
        let mut audience = Self::default();
        let mut before = None;
        loop {
            let filter = DeliveryFilter {
                alert: Some(alert.to_owned()),
                before,
                ..DeliveryFilter::default()
            };
            let page = store.deliveries(filter, 200).await?;
            let Some(last) = page.last() else {
                break;
            };
            before = Some(last.id);
            for row in &page {
                audience.note(row);
            }
        }
        // What was delivered long ago may have made room; the alert itself remembers who heard of it.
        if let Some(alert) = store.alert(alert).await? {
            for name in &alert.audience {
                let name: Arc<str> = name.as_str().into();
                if !audience.heard.contains_key(&name) {
                    audience.owed(&name, None);
                }
            }
        }
        Ok(audience)
    }

    fn note(&mut self, row: &DeliveryRow) {
        if row.state == DeliveryState::Superseded {
            return;
        }
        let open = row.withdrawable && row.attempts == 0 && row.state == DeliveryState::Pending;
        self.owed(&row.destination.as_str().into(), open.then_some(row.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_called_in_a_commit_hears_what_follows_in_it() {
        let boss: Arc<str> = "boss".into();
        let mut audience = Audience::default();
        audience.joins(&boss);
        assert_eq!(audience.names(), BTreeSet::from([boss.clone()]));
        audience.owed(&boss, Some(3));
        audience.withdrawn(&[(3, boss)]);
        assert!(audience.names().is_empty());
    }

    #[test]
    fn who_heard_only_what_was_withdrawn_is_no_audience() {
        let (ops, sms, boss): (Arc<str>, Arc<str>, Arc<str>) =
            ("ops".into(), "sms".into(), "boss".into());
        let mut audience = Audience::default();
        audience.owed(&ops, None);
        audience.owed(&sms, Some(1));
        audience.owed(&sms, Some(2));
        audience.owed(&boss, Some(3));
        assert!(audience.has_withdrawable());
        // The boss's is under way and cannot be taken back.
        audience.withdrawn(&[(1, sms.clone()), (2, sms)]);
        assert_eq!(audience.names(), BTreeSet::from([ops, boss]));
        assert!(!audience.has_withdrawable());
    }
}
