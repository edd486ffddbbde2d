//! What is owed, and what became of it: the work of the delivery side on its rows.
//!
//! Every function is one short job: it goes by key and touches at most [`BATCH`] rows. When to try, and whether an answer
//! counts, is decided by `delivery`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    given_up::{self, Range},
    history,
    ids::IdText,
    numbers::{self, Numbers},
    restore,
    rows::{
        AttemptRecord, Backlog, Delivery, DeliveryRow, DeliveryState, DestinationRow, MAX_THREAD,
        Mark, Settlement,
    },
    tries,
};
use crate::clock::{Mono, Wall};

/// Most rows of one job.
pub(crate) const BATCH: usize = 200;

/// A delivery's row is that of its event times this, and its place among the deliveries of that event.
pub(crate) const PLACES: i64 = 1000;

const COLUMNS: &str = "d.id, e.seq, a.id, e.kind, e.at, d.destination, a.dedup_key, d.sequence, d.as_trigger, d.severity,
  d.withdrawable, d.state, d.attempts, d.not_before, e.decided, coalesce(b.boot, ''), e.decided_mono_ns, e.decided_synchronised,
  coalesce(d.first_attempt, d.last_attempt), d.last_attempt, d.settled, d.result, d.fallback_of, d.fallback_to";

const FROM: &str =
    "FROM deliveries d JOIN events e ON e.seq = d.id / 1000 JOIN alerts a ON a.number = e.alert
  LEFT JOIN boots b ON b.id = e.boot";

/// The deliveries of an event, as a condition on rows `d` and `e`.
pub(crate) const OF_EVENT: &str = "d.id BETWEEN e.seq * 1000 AND e.seq * 1000 + 999";

/// Owed deliveries after this row, oldest first.
pub(crate) fn pending(
    db: &Connection,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<DeliveryRow>> {
    let sql =
        format!("SELECT {COLUMNS} {FROM} WHERE d.state = 0 AND d.id > ?1 ORDER BY d.id LIMIT ?2");
    select(db, &sql, params![after, limit.min(BATCH).cast_signed()])
}

/// The statement for rows that match. Those of one alert are found by its events; for the others the newest rows are few
/// enough to look at, as the walk goes backwards by key and every page of a caller starts where the last one ended.
pub(crate) fn matching(of_alert: bool) -> String {
    let matches =
        "d.id < ?1 AND (?2 IS NULL OR d.destination = ?2) AND (?3 IS NULL OR d.state = ?3)";
    let last = "ORDER BY d.id DESC LIMIT ?5";
    if of_alert {
        // SQLite keeps the order of a cross join; by itself it would walk all rows for the sake of their order.
        return format!(
            "SELECT {COLUMNS} FROM alerts a CROSS JOIN events e ON e.alert = a.number CROSS JOIN deliveries d ON {OF_EVENT}
               LEFT JOIN boots b ON b.id = e.boot
             WHERE a.number = ?4 AND {matches} {last}"
        );
    }
    format!("SELECT {COLUMNS} {FROM} WHERE {matches} AND ?4 IS NULL {last}")
}

/// Rows that match, newest first.
pub(crate) fn deliveries(
    db: &Connection,
    filter: &history::DeliveryFilter,
    limit: usize,
) -> rusqlite::Result<Vec<DeliveryRow>> {
    let sql = matching(filter.alert.is_some());
    let state = filter.state.map(DeliveryState::rank);
    let alert = filter.alert.map(u64::cast_signed);
    let before = filter.before.unwrap_or(i64::MAX);
    let limit = limit.min(BATCH).cast_signed();
    select(
        db,
        &sql,
        params![before, filter.destination, state, alert, limit],
    )
}

/// One delivery with everything that an attempt needs.
pub(crate) fn delivery(db: &Connection, id: i64) -> rusqlite::Result<Option<Delivery>> {
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE d.id = ?1");
    let Some(row) = select(db, &sql, params![id])?.pop() else {
        return Ok(None);
    };
    let (alert, IdText(event), body): (i64, IdText, String) = db
        .prepare_cached("SELECT alert, id, body FROM events WHERE seq = ?1")?
        .query_row([row.event_seq], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let thread = db
        .prepare_cached("SELECT body FROM threads WHERE alert = ?1 AND destination = ?2")?
        .query_row(params![alert, row.destination], |row| row.get(0))
        .optional()?;
    Ok(Some(Delivery {
        event,
        body,
        durable: true,
        stream: restore::meta(db, "stream")?.unwrap_or_default(),
        given_up: load_ranges(db, &row.destination)?,
        thread,
        alert: history::alert(db, alert)?,
        log: tries::load(db, id)?.map_or_else(Vec::new, |found| found.log()),
        writes: None,
        row,
    }))
}

/// Records a try that did not end the delivery.
pub(crate) fn attempted(
    db: &Connection,
    id: i64,
    record: &AttemptRecord,
) -> rusqlite::Result<bool> {
    let Some(mut tries) = tries::load(db, id)? else {
        return Ok(false);
    };
    tries.add(record);
    tries.save(db, id, record.not_before)?;
    Ok(true)
}

/// Tells a pending delivery as a trigger from now on, because it stands for calls before it that are not told any more.
pub(crate) fn retell(db: &Connection, id: i64) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached("UPDATE deliveries SET as_trigger = 1 WHERE id = ?1 AND state = 0")?
        .execute([id])?;
    Ok(changed > 0)
}

/// Ends a delivery. False if there is nothing to end: an acceptance counts also after the delivery was given up, since an
/// attempt may have been on its way; nothing else changes an end.
pub(crate) fn settle(db: &Connection, end: &Settlement) -> rusqlite::Result<bool> {
    let found = db
        .prepare_cached(
            "SELECT d.state, d.destination, d.sequence, e.alert FROM deliveries d JOIN events e ON e.seq = d.id / 1000 WHERE d.id = ?1",
        )?
        .query_row([end.id], |row| {
            Ok((
                state_of(row, 0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?.cast_unsigned(),
                row.get::<_, i64>(3)?,
            ))
        })
        .optional()?;
    let Some((state, destination, sequence, alert)) = found else {
        return Ok(false);
    };
    let accepted = end.state == DeliveryState::Accepted;
    let changes = state == DeliveryState::Pending || (accepted && state != end.state);
    if !changes || end.state == DeliveryState::Pending {
        return Ok(false);
    }
    let Some(mut tries) = tries::load(db, end.id)? else {
        return Ok(false);
    };
    if let Some(record) = &end.attempt {
        tries.add(record);
    }
    tries.end(db, end)?;
    let late = accepted && state != DeliveryState::Pending;
    if !accepted || late || !end.told.is_empty() {
        let mut ranges = load_ranges(db, &destination)?;
        if accepted {
            given_up::remove(&mut ranges, sequence, sequence);
            for told in &end.told {
                given_up::remove(&mut ranges, told.from, told.to);
            }
        } else {
            given_up::add(&mut ranges, sequence, end.state.word());
        }
        save_ranges(db, &destination, &ranges)?;
    }
    if let Some(thread) = &end.thread {
        keep_thread(db, alert, &destination, thread)?;
    }
    Ok(true)
}

/// Keeps what a destination wants remembered about the alert of a delivery that it has not accepted: a part of it was, say, or what it
/// remembered is not so any more.
pub(crate) fn remember(db: &Connection, id: i64, thread: &str) -> rusqlite::Result<()> {
    let found: Option<(i64, String)> = db
        .prepare_cached(
            "SELECT e.alert, d.destination FROM deliveries d JOIN events e ON e.seq = d.id / 1000 WHERE d.id = ?1",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        Some((alert, destination)) => keep_thread(db, alert, &destination, thread),
        None => Ok(()),
    }
}

fn keep_thread(
    db: &Connection,
    alert: i64,
    destination: &str,
    thread: &str,
) -> rusqlite::Result<()> {
    if thread.len() > MAX_THREAD {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT OR REPLACE INTO threads(alert, destination, body) VALUES(?1, ?2, ?3)",
    )?
    .execute(params![alert, destination, thread])?;
    Ok(())
}

/// Ends an owed delivery without an attempt.
pub(crate) fn give_up(
    db: &Connection,
    id: i64,
    state: DeliveryState,
    at: Wall,
    why: &str,
) -> rusqlite::Result<bool> {
    settle(db, &Settlement::new(id, state, at, why))
}

/// Owes again what was given up, and for good, as what is owed already: a person wants it sent, so an acknowledgement does not withdraw it.
/// Its number stays; what was told about it in between is overtaken by its arrival. True if it was given up.
pub(crate) fn retry(db: &Connection, id: i64) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "UPDATE deliveries SET withdrawable = 0 WHERE id = ?1 AND state = 0 AND withdrawable = 1",
    )?
    .execute([id])?;
    let found: Option<(String, i64)> = db
        .prepare_cached(
            "UPDATE deliveries SET state = 0, settled = NULL, not_before = NULL, withdrawable = 0 WHERE id = ?1 AND state NOT IN (0, 1) RETURNING destination, sequence",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((destination, sequence)) = found else {
        return Ok(false);
    };
    if sequence == 0 {
        // It was numbered in an earlier stream.
        let mut numbers = Numbers::new(db);
        let next = numbers.sequence(&destination)?;
        numbers.put_back()?;
        db.prepare_cached("UPDATE deliveries SET sequence = ?2 WHERE id = ?1")?
            .execute([id, next])?;
        return Ok(true);
    }
    let mut ranges = load_ranges(db, &destination)?;
    given_up::remove(
        &mut ranges,
        sequence.cast_unsigned(),
        sequence.cast_unsigned(),
    );
    save_ranges(db, &destination, &ranges)?;
    Ok(true)
}

/// What is known about a destination; one that was never owed anything is not.
pub(crate) fn destination(db: &Connection, name: &str) -> rusqlite::Result<Option<DestinationRow>> {
    let next = numbers::next_sequence(db, name)?.unwrap_or(1);
    db.prepare_cached(
        "SELECT given_up, paused_until, deactivated, failures FROM destinations WHERE name = ?1",
    )?
    .query_row([name], |row| {
        Ok(DestinationRow {
            name: name.to_owned(),
            next_sequence: next.cast_unsigned(),
            given_up: parse(&row.get::<_, String>(0)?),
            paused_until: wall(row, 1)?,
            deactivated: wall(row, 2)?,
            failures: row.get(3)?,
        })
    })
    .optional()
}

/// Records that a destination is paused or deactivated; its numbers stay as they are.
pub(crate) fn set_destination(
    db: &Connection,
    destination: &DestinationRow,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO destinations(name, paused_until, deactivated, failures) VALUES(?1, ?2, ?3, ?4)
         ON CONFLICT(name) DO UPDATE SET paused_until = excluded.paused_until, deactivated = excluded.deactivated,
           failures = excluded.failures",
    )?
    .execute(params![
        destination.name,
        destination.paused_until.map(|at| at.as_millis()),
        destination.deactivated.map(|at| at.as_millis()),
        destination.failures
    ])?;
    Ok(())
}

/// What is owed, by destination.
pub(crate) fn counts(db: &Connection) -> rusqlite::Result<Vec<Backlog>> {
    db.prepare_cached(
        "SELECT d.destination, count(*), min(e.decided) FROM deliveries d JOIN events e ON e.seq = d.id / 1000 WHERE d.state = 0
         GROUP BY d.destination ORDER BY d.destination",
    )?
    .query_map([], |row| {
        Ok(Backlog {
            destination: row.get(0)?,
            pending: row.get::<_, i64>(1)?.cast_unsigned(),
            oldest: Wall::from_millis(row.get(2)?),
        })
    })?
    .collect()
}

fn select(
    db: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<Vec<DeliveryRow>> {
    db.prepare_cached(sql)?.query_map(values, read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    Ok(DeliveryRow {
        id: row.get(0)?,
        event_seq: row.get(1)?,
        alert: row.get::<_, IdText>(2)?.0,
        kind: row.get(3)?,
        at: Wall::from_millis(row.get(4)?),
        destination: row.get(5)?,
        lane: row.get::<_, IdText>(6)?.0,
        sequence: row.get::<_, i64>(7)?.cast_unsigned(),
        as_trigger: row.get(8)?,
        severity: row.get(9)?,
        withdrawable: row.get(10)?,
        state: state_of(row, 11)?,
        attempts: row.get(12)?,
        not_before: wall(row, 13)?,
        decided: Mark {
            wall: Wall::from_millis(row.get(14)?),
            boot: row.get(15)?,
            mono: Mono::from_nanos(row.get(16)?),
            synchronised: row.get(17)?,
        },
        first_attempt: wall(row, 18)?,
        last_attempt: wall(row, 19)?,
        settled: wall(row, 20)?,
        result: row.get(21)?,
        fallback_of: row.get(22)?,
        fallback_to: row.get(23)?,
    })
}

fn state_of(row: &Row<'_>, column: usize) -> rusqlite::Result<DeliveryState> {
    // An unknown number can only come from damage: the delivery is then owed rather than forgotten.
    Ok(DeliveryState::from_rank(row.get(column)?).unwrap_or(DeliveryState::Pending))
}

pub(super) fn wall(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Wall>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Wall::from_millis))
}

pub(super) fn load_ranges(db: &Connection, destination: &str) -> rusqlite::Result<Vec<Range>> {
    let text: Option<String> = db
        .prepare_cached("SELECT given_up FROM destinations WHERE name = ?1")?
        .query_row([destination], |row| row.get(0))
        .optional()?;
    Ok(text.map_or_else(Vec::new, |text| parse(&text)))
}

fn save_ranges(db: &Connection, destination: &str, ranges: &[Range]) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE destinations SET given_up = ?2 WHERE name = ?1")?
        .execute(params![destination, json(&ranges)])?;
    Ok(())
}

/// A column that cannot be read costs what it says, never the row.
pub(super) fn parse<T: serde::de::DeserializeOwned + Default>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_default()
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "[]".to_owned())
}
