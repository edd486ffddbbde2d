//! The store as the simulation has it: what a crash leaves. Rows are the store's own shape.

use std::{collections::BTreeMap, sync::Arc};

use andon::{
    alert::{
        changes::Changes,
        event::{DedupKey, Event},
        state::{Durable, Mark, SavedCore, SavedWatch},
    },
    clock::{BootId, Now, Wall},
    delivery::{
        owed,
        route::Owed,
        schedule::{LaneKey, Settled},
    },
    store::rows::{self, DeliveryRow, DeliveryState},
};

#[derive(Debug, Default)]
pub(super) struct Disk {
    core: Option<SavedCore>,
    watches: BTreeMap<DedupKey, SavedWatch>,
    mark: Mark,
    pub(super) events: Vec<Event>,
    /// The row with id n is at n - 1.
    pub(super) rows: Vec<DeliveryRow>,
    sequences: BTreeMap<Arc<str>, u64>,
    /// Failures in a row, and since when it is deactivated.
    pub(super) standings: BTreeMap<Arc<str>, (u32, Option<Wall>)>,
}

impl Disk {
    /// What a start finds, by way of JSON, as in the real store.
    pub(super) fn durable(&self) -> Durable {
        let core = self.core.as_ref().map(again);
        Durable {
            core,
            watches: self.watches.values().map(again).collect(),
            mark: self.mark.clone(),
            ..Durable::default()
        }
    }

    /// Writes a commit, and returns the new rows' ids with the index of their event.
    pub(super) fn commit(
        &mut self,
        changes: Changes,
        events: Vec<(Event, Vec<i64>, Vec<Owed>)>,
        boot: &BootId,
        now: Now,
    ) -> Vec<i64> {
        let decided = rows::Mark::new(boot, now);
        let mut made = Vec::new();
        for (event, withdraws, owed) in events {
            for row in withdraws {
                self.settle(row, DeliveryState::Superseded, 0);
            }
            for owed in owed {
                let sequence = self.sequences.entry(owed.destination.clone()).or_default();
                *sequence += 1;
                let id = self.rows.len() as i64 + 1;
                made.push(id);
                self.rows.push(DeliveryRow {
                    id,
                    event_seq: self.events.len() as i64,
                    alert: event.alert.id.to_string(),
                    kind: event.kind.word().to_owned(),
                    at: event.at,
                    destination: owed.destination.to_string(),
                    lane: event.alert.dedup_key.to_string(),
                    sequence: *sequence,
                    as_trigger: owed.as_trigger,
                    severity: event.alert.severity as u8,
                    withdrawable: owed.withdrawable,
                    state: DeliveryState::Pending,
                    attempts: 0,
                    not_before: None,
                    decided: decided.clone(),
                    first_attempt: None,
                    last_attempt: None,
                    settled: None,
                    result: None,
                    fallback_of: None,
                    fallback_to: None,
                });
            }
            self.events.push(event);
        }
        for (key, _, saved) in changes.watches {
            self.watches.insert(key, saved);
        }
        if let Some(core) = changes.core {
            self.core = Some(core);
        }
        self.mark = Mark {
            boot: boot.0.clone(),
            mono: now.mono.as_nanos(),
            wall: now.wall.as_millis(),
            synchronised: now.synchronised,
        };
        made
    }

    /// Owes the latest event of a row's alert to somebody else, as a trigger, unless that was done; the new row.
    pub(super) fn fall_back(&mut self, row: i64, to: &str) -> Option<i64> {
        let original = self.row(row).clone();
        let of_alert = |row: &&DeliveryRow| row.alert == original.alert;
        let latest = self.rows.iter().rfind(of_alert)?.event_seq;
        let latest = self.latest(&original.alert, latest);
        if original.fallback_to.is_some() {
            return None;
        }
        let same = |other: &&DeliveryRow| {
            other.event_seq == latest && other.destination == to && other.fallback_of.is_some()
        };
        if let Some(known) = self.rows.iter().find(same).map(|row| row.id) {
            self.row_mut(row).fallback_to = Some(known);
            return None;
        }
        let sequence = self.sequences.entry(to.into()).or_default();
        *sequence += 1;
        let id = self.rows.len() as i64 + 1;
        let event = &self.events[latest as usize];
        self.rows.push(DeliveryRow {
            id,
            event_seq: latest,
            kind: event.kind.word().to_owned(),
            at: event.at,
            destination: to.to_owned(),
            sequence: *sequence,
            as_trigger: true,
            severity: event.alert.severity as u8,
            withdrawable: false,
            state: DeliveryState::Pending,
            attempts: 0,
            not_before: None,
            result: None,
            fallback_of: Some(row),
            fallback_to: None,
            ..original
        });
        self.row_mut(row).fallback_to = Some(id);
        Some(id)
    }

    /// The latest event of an alert, none of which is before this one.
    fn latest(&self, alert: &str, from: i64) -> i64 {
        let events = self.events.iter().enumerate().skip(from as usize);
        let mut of_alert = events.filter(|(_, event)| event.alert.id.to_string() == alert);
        of_alert.next_back().map_or(from, |(seq, _)| seq as i64)
    }

    /// Ends a delivery; an acceptance counts also after it was given up.
    pub(super) fn settle(&mut self, row: i64, state: DeliveryState, used: u32) {
        let row = self.row_mut(row);
        if row.state == DeliveryState::Pending || state == DeliveryState::Accepted {
            row.state = state;
            row.attempts += used;
        }
    }

    /// Ends a delivery without an attempt, and says why.
    pub(super) fn settle_for(&mut self, settled: Settled) {
        self.settle(settled.row, owed::stored(settled.state), 0);
        self.row_mut(settled.row).result = Some(settled.why.to_owned());
    }

    pub(super) fn lane(&self, row: i64) -> LaneKey {
        LaneKey(self.event_of(self.row(row)).alert.dedup_key.bytes())
    }

    pub(super) fn row(&self, id: i64) -> &DeliveryRow {
        &self.rows[id as usize - 1]
    }

    pub(super) fn row_mut(&mut self, id: i64) -> &mut DeliveryRow {
        &mut self.rows[id as usize - 1]
    }

    pub(super) fn event_of(&self, row: &DeliveryRow) -> &Event {
        &self.events[row.event_seq as usize]
    }

    pub(super) fn pending(&self) -> impl Iterator<Item = &DeliveryRow> {
        let pending = |row: &&DeliveryRow| row.state == DeliveryState::Pending;
        self.rows.iter().filter(pending)
    }
}

fn again<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_string(value).expect("what is saved has a JSON form");
    serde_json::from_str(&text).expect("what was saved is read again")
}
