//! What came of an attempt, for each of the deliveries that it told: one, or all of a digest.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock::Wall,
    delivery::{
        attempt::{Apart, Tried},
        owed,
        schedule::{Attempt, Outcome},
    },
    store::rows::{AttemptRecord, DeliveryState, Settlement},
};

/// An attempt that has ended.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) attempt: Attempt,
    /// What came of it.
    pub(super) said: Outcome,
    /// What it brought, for the record.
    pub(super) record: AttemptRecord,
    /// Deliveries of a digest that it did not tell.
    apart: BTreeMap<i64, Apart>,
    /// Of those, what cannot be read now, and for how long its lane waits for that.
    pub(super) beyond: BTreeMap<i64, Duration>,
}

impl Landed {
    pub(super) fn new(attempt: Attempt, tried: &Tried) -> Self {
        Self {
            attempt,
            said: owed::told(&tried.outcome),
            record: AttemptRecord {
                at: tried.at,
                used: tried.used,
                result: tried.words(),
                took_ms: u64::try_from(tried.took.as_millis()).ok(),
                status: tried.status,
                provider_id: tried.provider_id.clone(),
                not_before: None,
            },
            apart: tried
                .digest
                .as_ref()
                .map(|together| together.apart.clone())
                .unwrap_or_default(),
            beyond: BTreeMap::new(),
        }
    }

    /// What was told.
    pub(super) fn told(&self) -> impl Iterator<Item = i64> {
        let rows = self.attempt.rows().iter().copied();
        rows.filter(|row| !self.apart.contains_key(row))
    }

    /// What came of one of its deliveries.
    pub(super) fn own(&self, row: i64) -> Outcome {
        match self.apart.get(&row) {
            None => self.said,
            Some(Apart::Void) => match self.beyond.get(&row) {
                None => Outcome::Void,
                Some(wait) => Outcome::OutOfReach(*wait),
            },
            // It is tried again as if it had not been tried.
            Some(Apart::Later) => Outcome::Unreachable,
            Some(Apart::Unreadable(_)) => Outcome::Refused { give_up: true },
        }
    }

    /// The try of one of its deliveries, for the record; none if it was not tried.
    pub(super) fn record(&self, row: i64) -> Option<AttemptRecord> {
        match self.apart.get(&row) {
            None => Some(self.record.clone()),
            Some(Apart::Void | Apart::Later) => None,
            Some(Apart::Unreadable(why)) => Some(AttemptRecord {
                at: self.record.at,
                used: 1,
                result: format!("refused: {why}"),
                ..AttemptRecord::default()
            }),
        }
    }

    /// The ends of all that was told, as it was accepted.
    pub(super) fn accepted(&self, tried: Tried, at: Wall) -> Vec<Settlement> {
        let end = |row| Settlement {
            attempt: Some(self.record.clone()),
            ..Settlement::new(row, DeliveryState::Accepted, at, self.record.result.clone())
        };
        let mut ends: Vec<Settlement> = self.told().map(end).collect();
        if let Some(first) = ends.first_mut() {
            first.told = tried.told;
            first.thread = tried.thread;
        }
        ends
    }
}
