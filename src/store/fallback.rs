//! Falling back: a delivery that was not accepted in time is told to others, once, and both rows say so.
//!
//! Whether an alert still needs it, and to whom it goes, is decided by the agent; here it happens or it has happened.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Store, StoreError, commit,
    numbers::Numbers,
    outbox::{self, BATCH, OF_EVENT, PLACES},
    rows::{DeliveryRow, DeliveryState, FallBack, NewDelivery},
};
use crate::clock::Wall;

impl Store {
    /// Owes the latest state of an alert to others, because a delivery was not accepted in time; the new rows, none if that was
    /// done before.
    pub async fn fall_back(&self, what: FallBack) -> Result<Vec<DeliveryRow>, StoreError> {
        let id = what.row;
        self.write(
            move |db| fall_back(db, &what),
            move |source| StoreError::FallBack { id, source },
        )
        .await
    }

    /// What ended since without being accepted, of open alerts, and was told to nobody in its place: that of one alert after this one,
    /// with its number; at most 200. None if there is no such alert.
    pub async fn untold(
        &self,
        after: u64,
        since: Wall,
    ) -> Result<Option<(u64, Vec<DeliveryRow>)>, StoreError> {
        self.read(
            move |db| untold(db, after, since),
            |source| StoreError::Deliveries { source },
        )
        .await
    }

    /// Owes to the destination of a delivery that a person has asked for again what its alert has become since, if it takes that:
    /// the latest event, if it was never owed it. What was between is recorded as superseded. The new rows that are owed.
    pub async fn follow_through(
        &self,
        row: i64,
        takes: impl Fn(&str) -> bool + Send + 'static,
        at: Wall,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        self.write(
            move |db| follow_through(db, row, &takes, at),
            move |source| StoreError::Retry { id: row, source },
        )
        .await
    }
}

/// Owes the latest event of the alert to others, as a trigger. Answers with what is new: nothing if that was done before, or if
/// the row, its alert or its events are gone.
pub(crate) fn fall_back(db: &Connection, what: &FallBack) -> rusqlite::Result<Vec<DeliveryRow>> {
    let found: Option<(i64, u8, Option<i64>)> = db
        .prepare_cached(
            "SELECT e.alert, a.severity, d.fallback_to FROM deliveries d JOIN events e ON e.seq = d.id / 1000
               JOIN alerts a ON a.number = e.alert WHERE d.id = ?1",
        )?
        .query_row([what.row], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((alert, severity, None)) = found else {
        return Ok(Vec::new());
    };
    let latest: i64 = db
        .prepare_cached("SELECT max(seq) FROM events WHERE alert = ?1")?
        .query_row([alert], |row| row.get(0))?;
    let mut place = last_place(db, latest)?;
    let mut numbers = Numbers::new(db);
    let mut rows = Vec::new();
    for destination in &what.to {
        let known = told_before(db, latest, destination)?;
        let id = match known {
            // Two deliveries fall back at once, or a route tells it too: it is told once.
            Some(id) => id,
            None => {
                place += 1;
                let sequence = numbers.sequence(destination)?;
                let delivery = NewDelivery {
                    destination: destination.clone(),
                    severity,
                    as_trigger: true,
                    ..NewDelivery::default()
                };
                let id = commit::owe(db, latest, place, sequence, &delivery)?;
                db.prepare_cached("UPDATE deliveries SET fallback_of = ?2 WHERE id = ?1")?
                    .execute([id, what.row])?;
                rows.extend(outbox::delivery(db, id)?.map(|delivery| delivery.row));
                id
            }
        };
        db.prepare_cached(
            "UPDATE deliveries SET fallback_to = coalesce(fallback_to, ?2) WHERE id = ?1",
        )?
        .execute([what.row, id])?;
    }
    numbers.put_back()?;
    let audience = serde_json::Value::from(what.audience.clone()).to_string();
    db.prepare_cached("UPDATE alerts SET audience = ?2 WHERE number = ?1")?
        .execute(params![alert, audience])?;
    Ok(rows)
}

/// The place of the last delivery of an event; 0 if it has none.
fn last_place(db: &Connection, event: i64) -> rusqlite::Result<i64> {
    let sql =
        format!("SELECT max(d.id) FROM events e JOIN deliveries d ON {OF_EVENT} WHERE e.seq = ?1");
    let last: Option<i64> = db
        .prepare_cached(&sql)?
        .query_row([event], |row| row.get(0))?;
    Ok(last.map_or(0, |last| last % PLACES))
}

/// The deliveries of what followed in the same alert, to a destination that had been left out: one for each event, so that the record
/// says what became of it. Calls of a policy go to those whom their step names, and to nobody else.
fn follow_through(
    db: &Connection,
    row: i64,
    takes: &dyn Fn(&str) -> bool,
    at: Wall,
) -> rusqlite::Result<Vec<DeliveryRow>> {
    let Some(asked) = outbox::delivery(db, row)? else {
        return Ok(Vec::new());
    };
    let sql = format!(
    "SELECT e.seq, e.kind FROM events e WHERE e.alert = (SELECT alert FROM events WHERE seq = ?1) AND e.seq > ?1
       AND e.kind <> 'escalated' AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE {OF_EVENT} AND d.destination = ?2)
       AND NOT EXISTS (SELECT 1 FROM json_each(e.untold) WHERE value = ?2)
     ORDER BY e.seq DESC LIMIT ?3"
);
    let missed: Vec<(i64, String)> = db
        .prepare_cached(&sql)?
        .query_map(
            params![
                asked.row.event_seq,
                asked.row.destination,
                BATCH.cast_signed()
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .collect::<rusqlite::Result<_>>()?;
    let latest = missed.iter().position(|(_, kind)| takes(kind));
    let mut rows = Vec::new();
    for (index, (event, _)) in missed.iter().enumerate().rev() {
        let mut numbers = Numbers::new(db);
        let sequence = numbers.sequence(&asked.row.destination)?;
        let delivery = NewDelivery {
            destination: asked.row.destination.clone(),
            severity: asked.row.severity,
            ..NewDelivery::default()
        };
        let id = commit::owe(db, *event, last_place(db, *event)? + 1, sequence, &delivery)?;
        numbers.put_back()?;
        if Some(index) == latest {
            rows.extend(outbox::delivery(db, id)?.map(|delivery| delivery.row));
        } else {
            let why = "it was called again by a person after this, and is told the latest state";
            outbox::give_up(db, id, DeliveryState::Superseded, at, why)?;
        }
    }
    Ok(rows)
}

/// What ended since without being accepted, of open alerts, and was told to nobody in its place, unless its destination accepted
/// something later of the same alert: that of the first alert after this one, with its number.
pub(crate) fn untold(
    db: &Connection,
    after: u64,
    since: Wall,
) -> rusqlite::Result<Option<(u64, Vec<DeliveryRow>)>> {
    let alert: Option<i64> = db
        .prepare_cached(
            "SELECT number FROM alerts WHERE ended IS NULL AND number > ?1 ORDER BY number LIMIT 1",
        )?
        .query_row([after.cast_signed()], |row| row.get(0))
        .optional()?;
    let Some(alert) = alert else {
        return Ok(None);
    };
    let accepted = DeliveryState::Accepted as u8;
    let [failed, refused, expired] = [
        DeliveryState::Failed,
        DeliveryState::Refused,
        DeliveryState::Expired,
    ]
    .map(|state| state as u8);
    let sql = format!(
        "SELECT d.id FROM events e CROSS JOIN deliveries d ON {OF_EVENT}
         WHERE e.alert = ?1 AND d.state IN ({failed}, {refused}, {expired}) AND d.fallback_to IS NULL AND d.settled > ?2
           AND NOT EXISTS (SELECT 1 FROM events l CROSS JOIN deliveries o ON o.id BETWEEN l.seq * 1000 AND l.seq * 1000 + 999
             WHERE l.alert = ?1 AND l.seq >= e.seq AND o.destination = d.destination AND o.id > d.id AND o.state = {accepted})
         ORDER BY d.id DESC LIMIT ?3"
    );
    let ids: Vec<i64> = db
        .prepare_cached(&sql)?
        .query_map(
            params![alert, since.as_millis(), BATCH.cast_signed()],
            |row| row.get(0),
        )?
        .collect::<rusqlite::Result<_>>()?;
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids.into_iter().rev() {
        rows.extend(outbox::delivery(db, id)?.map(|delivery| delivery.row));
    }
    Ok(Some((alert.cast_unsigned(), rows)))
}

/// What this destination is told of this event: in place of another one, or by itself, unless that was given up.
fn told_before(db: &Connection, event: i64, destination: &str) -> rusqlite::Result<Option<i64>> {
    let (pending, accepted) = (DeliveryState::Pending as u8, DeliveryState::Accepted as u8);
    let sql = format!(
        "SELECT d.id FROM events e JOIN deliveries d ON {OF_EVENT}
         WHERE e.seq = ?1 AND d.destination = ?2
         AND (d.fallback_of IS NOT NULL OR d.state IN ({pending}, {accepted})) ORDER BY d.id LIMIT 1"
    );
    db.prepare_cached(&sql)?
        .query_row(params![event, destination], |row| row.get(0))
        .optional()
}
