//! Falling back: a delivery that was not accepted in time is told to others, once, and both rows say so.
//!
//! Whether an alert still needs it, and to whom it goes, is decided by the agent; here it happens or it has happened.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    commit,
    numbers::Numbers,
    outbox::{self, OF_EVENT, PLACES},
    rows::{DeliveryRow, DeliveryState, FallBack, NewDelivery},
};

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
    let sql =
        format!("SELECT max(d.id) FROM events e JOIN deliveries d ON {OF_EVENT} WHERE e.seq = ?1");
    let last: Option<i64> = db
        .prepare_cached(&sql)?
        .query_row([latest], |row| row.get(0))?;
    let mut place = last.map_or(0, |last| last % PLACES);
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
