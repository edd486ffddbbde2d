//! What the first attempts of a commit's deliveries need, from what the commit itself has just written: they start at once, and would
//! otherwise be read back one by one.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    given_up::Range,
    outbox::{PLACES, load_ranges},
    restore,
    rows::{Commit, Committed, Delivery, DeliveryRow, DeliveryState},
};

/// How many deliveries of a commit come back with it: those that can start at once.
const READY: usize = 16;

/// Fills in what the store would say of the first deliveries now.
pub(super) fn fill(
    db: &Connection,
    commit: &Commit,
    committed: &mut Committed,
) -> rusqlite::Result<()> {
    if committed.deliveries.is_empty() {
        return Ok(());
    }
    let stream = restore::meta(db, "stream")?.unwrap_or_default();
    let mut ranges = BTreeMap::<String, Vec<Range>>::new();
    for owed in committed.deliveries.iter_mut().take(READY) {
        let event = &commit.events[owed.event];
        let place = usize::try_from(owed.id % PLACES - 1).unwrap_or_default();
        let Some(delivery) = event.deliveries.get(place) else {
            continue;
        };
        // A later event of the group may have changed it.
        let mut later = commit.events.iter().rev().map(|event| &event.alert);
        let alert = later.find(|alert| alert.number == event.alert.number);
        let given_up = match ranges.get(&owed.destination) {
            Some(known) => known.clone(),
            None => {
                let found = load_ranges(db, &owed.destination)?;
                ranges.insert(owed.destination.clone(), found.clone());
                found
            }
        };
        // Of an alert that has just begun nobody remembers anything.
        let thread = match event.kind == "triggered" {
            true => None,
            false => db
                .prepare_cached("SELECT body FROM threads WHERE alert = ?1 AND destination = ?2")?
                .query_row(
                    params![event.alert.number.cast_signed(), owed.destination],
                    |row| row.get(0),
                )
                .optional()?,
        };
        owed.ready = Some(Box::new(Delivery {
            row: DeliveryRow {
                id: owed.id,
                event_seq: owed.event_seq,
                alert: event.alert.id.clone(),
                kind: event.kind.clone(),
                at: event.at,
                destination: owed.destination.clone(),
                lane: event.alert.dedup_key.clone(),
                sequence: owed.sequence,
                as_trigger: delivery.as_trigger,
                severity: delivery.severity,
                withdrawable: delivery.withdrawable,
                state: DeliveryState::Pending,
                attempts: 0,
                not_before: delivery.not_before,
                decided: commit.mark.clone(),
                first_attempt: None,
                last_attempt: None,
                settled: None,
                result: None,
                fallback_of: None,
                fallback_to: None,
            },
            event: event.id.clone(),
            body: event.body.clone(),
            durable: true,
            stream: stream.clone(),
            given_up,
            thread,
            alert: alert.cloned(),
            log: Vec::new(),
            writes: None,
        }));
    }
    Ok(())
}
