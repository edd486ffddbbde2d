//! Looking back: alerts and their events, newest first, page by page.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Store, StoreError,
    ids::{Id, IdText},
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
    /// Only of the alert with this number.
    pub alert: Option<u64>,
    /// Only with a lower id: where the last page ended.
    pub before: Option<i64>,
}

// An alert that another database has numbered, see `memory::import`, has a number below zero here and is in no list.
impl Store {
    /// Alerts that match, newest first; at most 200.
    pub async fn alerts(
        &self,
        filter: AlertFilter,
        limit: usize,
    ) -> Result<Vec<AlertRow>, StoreError> {
        self.read(
            move |db| alerts(db, &filter, limit),
            |source| StoreError::Alerts { source },
        )
        .await
    }

    /// One alert by its number.
    pub async fn alert(&self, number: u64) -> Result<Option<AlertRow>, StoreError> {
        self.read(
            move |db| alert(db, number.cast_signed()),
            |source| StoreError::Alerts { source },
        )
        .await
    }

    /// The last events of an alert, by its number, oldest first; at most so many, and 200.
    pub async fn events_of(&self, alert: u64, most: usize) -> Result<Vec<EventRow>, StoreError> {
        self.read(
            move |db| events_of(db, alert.cast_signed(), most),
            |source| StoreError::EventsOf { alert, source },
        )
        .await
    }
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
        "SELECT {COLUMNS} WHERE {axis} AND number > 0 AND number < ?1 AND (?2 IS NULL OR number = ?2) AND (?3 IS NULL OR machine = ?3)
         AND (?4 IS NULL OR dedup_key = ?4) ORDER BY number DESC LIMIT ?5"
    );
    let before = filter.before.map_or(i64::MAX, u64::cast_signed);
    let number = filter.number.map(u64::cast_signed);
    let key = filter.dedup_key.as_deref().map(Id);
    let limit = limit.min(BATCH).cast_signed();
    db.prepare_cached(&sql)?
        .query_map(
            params![before, number, filter.machine, key, limit],
            read_alert,
        )?
        .collect()
}

/// One alert by its number.
pub(crate) fn alert(db: &Connection, number: i64) -> rusqlite::Result<Option<AlertRow>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} WHERE number = ?1"))?
        .query_row([number], read_alert)
        .optional()
}

/// The last events of one alert, oldest first.
pub(crate) fn events_of(
    db: &Connection,
    alert: i64,
    most: usize,
) -> rusqlite::Result<Vec<EventRow>> {
    let mut statement = db.prepare_cached(
        "SELECT e.seq, e.id, a.id, e.kind, e.at, e.body FROM alerts a JOIN events e ON e.alert = a.number
         WHERE a.number = ?1 ORDER BY e.seq DESC LIMIT ?2",
    )?;
    let most = most.min(BATCH).cast_signed();
    let rows = statement.query_map(params![alert, most], |row| {
        Ok(EventRow {
            seq: row.get(0)?,
            id: row.get::<_, IdText>(1)?.0,
            alert: row.get::<_, IdText>(2)?.0,
            kind: row.get(3)?,
            at: Wall::from_millis(row.get(4)?),
            body: row.get(5)?,
        })
    })?;
    let mut events: Vec<EventRow> = rows.collect::<Result<_, _>>()?;
    events.reverse();
    Ok(events)
}

fn read_alert(row: &Row<'_>) -> rusqlite::Result<AlertRow> {
    Ok(AlertRow {
        id: row.get::<_, IdText>(0)?.0,
        number: row.get::<_, i64>(1)?.max(0).cast_unsigned(),
        dedup_key: row.get::<_, IdText>(2)?.0,
        rule: row.get(3)?,
        machine: row.get(4)?,
        severity: row.get(5)?,
        state: row.get(6)?,
        created: Wall::from_millis(row.get(7)?),
        ended: row.get::<_, Option<i64>>(8)?.map(Wall::from_millis),
        audience: serde_json::from_str(&row.get::<_, String>(9)?).unwrap_or_default(),
    })
}
