//! Looking back: alerts and their events, newest first, page by page.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    outbox::BATCH,
    rows::{AlertRow, DeliveryState, EventRow},
};
use crate::clock::Wall;

/// Which alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Only open ones, or only ended ones.
    pub open: Option<bool>,
    /// Only of this machine.
    pub machine: Option<String>,
    /// Only of this watch.
    pub dedup_key: Option<String>,
    /// Only the one with this number.
    pub number: Option<u64>,
    /// Only with a lower number: where the last page ended.
    pub before: Option<u64>,
}

/// Which deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only to this destination.
    pub destination: Option<String>,
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only of this alert, by its ULID.
    pub alert: Option<String>,
    /// Only with a lower id: where the last page ended.
    pub before: Option<i64>,
}

const COLUMNS: &str =
    "id, number, dedup_key, rule, machine, severity, state, created, ended, audience FROM alerts";

/// Alerts that match, newest first.
pub(crate) fn alerts(
    db: &Connection,
    filter: &AlertFilter,
    limit: usize,
) -> rusqlite::Result<Vec<AlertRow>> {
    // The partial index on open alerts is used only if the statement itself says that they are open.
    let axis = match filter.open {
        Some(true) => "ended IS NULL",
        Some(false) => "ended IS NOT NULL",
        None => "true",
    };
    let sql = format!(
        "SELECT {COLUMNS} WHERE {axis} AND number < ?1 AND (?2 IS NULL OR number = ?2) AND (?3 IS NULL OR machine = ?3)
         AND (?4 IS NULL OR dedup_key = ?4) ORDER BY number DESC LIMIT ?5"
    );
    let before = filter.before.map_or(i64::MAX, u64::cast_signed);
    let number = filter.number.map(u64::cast_signed);
    let limit = limit.min(BATCH).cast_signed();
    db.prepare_cached(&sql)?
        .query_map(
            params![before, number, filter.machine, filter.dedup_key, limit],
            read_alert,
        )?
        .collect()
}

/// One alert by its ULID.
pub(crate) fn alert(db: &Connection, id: &str) -> rusqlite::Result<Option<AlertRow>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} WHERE id = ?1"))?
        .query_row([id], read_alert)
        .optional()
}

/// The events of one alert after this row, oldest first.
pub(crate) fn events_of(
    db: &Connection,
    alert: &str,
    after: i64,
) -> rusqlite::Result<Vec<EventRow>> {
    db.prepare_cached(
        "SELECT seq, id, alert, kind, at, body FROM events WHERE alert = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?
    .query_map(params![alert, after, BATCH.cast_signed()], |row| {
        Ok(EventRow {
            seq: row.get(0)?,
            id: row.get(1)?,
            alert: row.get(2)?,
            kind: row.get(3)?,
            at: Wall::from_millis(row.get(4)?),
            body: row.get(5)?,
        })
    })?
    .collect()
}

fn read_alert(row: &Row<'_>) -> rusqlite::Result<AlertRow> {
    Ok(AlertRow {
        id: row.get(0)?,
        number: row.get::<_, i64>(1)?.cast_unsigned(),
        dedup_key: row.get(2)?,
        rule: row.get(3)?,
        machine: row.get(4)?,
        severity: row.get(5)?,
        state: row.get(6)?,
        created: Wall::from_millis(row.get(7)?),
        ended: row.get::<_, Option<i64>>(8)?.map(Wall::from_millis),
        audience: serde_json::from_str(&row.get::<_, String>(9)?).unwrap_or_default(),
    })
}
