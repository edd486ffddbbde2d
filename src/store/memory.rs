//! Memory mode's copy of the database: what is still at work goes in, everything comes back out.
//!
//! It has the same tables in a SQLite of its own in memory, so every other part works on it unchanged. History stays on the disk and
//! is not seen meanwhile. It decides nothing: when to enter and to leave is the keeper's.

use std::path::Path;

use rusqlite::{
    Connection, OptionalExtension, params,
    types::{ToSqlOutput, Value},
};

use super::{
    chain,
    commit::{self, Fact},
    ids::{Id, IdText},
    numbers::Numbers,
    open,
    outbox::PLACES,
    restore,
    rows::{Mark, NewDelivery},
    schema,
};

/// An empty one.
pub(crate) fn begin() -> rusqlite::Result<Connection> {
    let mut db = Connection::open_in_memory()?;
    open::common(&db)?;
    schema::migrate(&mut db)?;
    Ok(db)
}

/// Copies what is at work: watches, open alerts, what is owed (the oldest `events` of it), and all counters.
pub(crate) fn load(
    disk: &Connection,
    memory: &mut Connection,
    events: u64,
) -> rusqlite::Result<()> {
    let tx = memory.transaction()?;
    let oldest = format!(
        "(SELECT DISTINCT id / {PLACES} FROM deliveries WHERE state = 0 ORDER BY 1 LIMIT {events})"
    );
    let alerts =
        format!("(ended IS NULL OR number IN (SELECT alert FROM events WHERE seq IN {oldest}))");
    let filters = [
        ("meta", "true".to_owned()),
        ("now", "true".to_owned()),
        ("boots", "true".to_owned()),
        ("watches", "true".to_owned()),
        ("machines", "true".to_owned()),
        ("destinations", "true".to_owned()),
        ("totals", "true".to_owned()),
        ("alerts", alerts.clone()),
        (
            "threads",
            format!("alert IN (SELECT number FROM alerts WHERE {alerts})"),
        ),
        ("events", format!("seq IN {oldest}")),
        (
            "deliveries",
            format!("state = 0 AND id / {PLACES} IN {oldest}"),
        ),
    ];
    for (table, filter) in filters {
        copy(disk, &tx, table, &filter, None)?;
    }
    chain::begin_memory(&tx)?;
    tx.commit()
}

/// Writes back what differs from the disk, in one transaction: on a disk that has hardly any room, nothing else may be written.
pub(crate) fn write_back(memory: &Connection, disk: &mut Connection) -> rusqlite::Result<()> {
    let tx = disk.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let goes_on = descends(memory, &tx)?;
    let gone: Vec<Value> = {
        let mut here = memory.prepare("SELECT EXISTS (SELECT 1 FROM watches WHERE key = ?1)")?;
        let mut keys = tx.prepare("SELECT key FROM watches")?;
        let mut rows = keys.query([])?;
        let mut gone = Vec::new();
        while let Some(row) = rows.next()? {
            let key: Value = row.get(0)?;
            if !here.query_row([&key], |row| row.get(0))? {
                gone.push(key);
            }
        }
        gone
    };
    for key in gone {
        tx.execute("DELETE FROM watches WHERE key = ?1", [key])?;
    }
    let tables = [
        ("meta", "key"),
        ("now", "key"),
        ("boots", "id"),
        ("watches", "key"),
        ("machines", "id"),
        ("destinations", "name"),
        ("totals", "destination, state"),
        ("tombstones", "seq"),
        ("alerts", "number"),
        ("threads", "alert, destination"),
        ("events", "seq"),
        ("deliveries", "id"),
    ];
    for (table, key) in tables {
        copy(memory, &tx, table, "true", Some(key))?;
    }
    chain::end_memory(&tx, goes_on)?;
    tx.commit()
}

/// Owes anew what is pending in another database of ours, with new numbers; events that are here already are left out.
pub(crate) fn import(from: &Connection, into: &Connection) -> rusqlite::Result<u64> {
    let mut imported = 0;
    let mut owed = from.prepare(
        "SELECT e.id, e.alert, e.kind, e.at, e.body, d.destination, d.severity, d.as_trigger, d.withdrawable, e.decided,
           coalesce(b.boot, ''), e.decided_mono_ns, e.decided_synchronised, e.untold
         FROM deliveries d JOIN events e ON e.seq = d.id / 1000 LEFT JOIN boots b ON b.id = e.boot
         WHERE d.state = 0 ORDER BY d.id",
    )?;
    let mut rows = owed.query([])?;
    let mut numbers = Numbers::new(into);
    while let Some(row) = rows.next()? {
        let IdText(event) = row.get(0)?;
        let delivery = NewDelivery {
            destination: row.get(5)?,
            severity: row.get(6)?,
            as_trigger: row.get(7)?,
            withdrawable: row.get(8)?,
            not_before: None,
        };
        let decided = Mark {
            wall: crate::clock::Wall::from_millis(row.get(9)?),
            boot: row.get(10)?,
            mono: crate::clock::Mono::from_nanos(row.get(11)?),
            synchronised: row.get(12)?,
        };
        let alert = alert_of(from, into, row.get(1)?)?;
        let known: Option<i64> = into
            .prepare_cached("SELECT seq FROM events WHERE alert = ?1 AND id = ?2")?
            .query_row(params![alert, Id(&event)], |row| row.get(0))
            .optional()?;
        let seq = match known {
            Some(seq) => seq,
            None => {
                let (kind, body): (String, String) = (row.get(2)?, row.get(4)?);
                let untold: Option<String> = row.get(13)?;
                let fact = Fact {
                    alert,
                    id: &event,
                    kind: &kind,
                    at: row.get(3)?,
                    body: &body,
                    untold: untold.as_deref(),
                    decided: &decided,
                };
                commit::put_event(into, &mut numbers, &fact)?
            }
        };
        let (known, last): (bool, i64) = into
            .prepare_cached(
                "SELECT count(*) FILTER (WHERE destination = ?3 AND as_trigger = ?4) > 0, coalesce(max(id), ?1)
                 FROM deliveries WHERE id BETWEEN ?1 AND ?2",
            )?
            .query_row(
                params![
                    seq * PLACES,
                    (seq + 1) * PLACES - 1,
                    delivery.destination,
                    delivery.as_trigger
                ],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
        if !known {
            let sequence = numbers.sequence(&delivery.destination)?;
            commit::owe(into, seq, last % PLACES + 1, sequence, &delivery)?;
            imported += 1;
        }
    }
    numbers.put_back()?;
    Ok(imported)
}

/// Under which number an alert of another database is known here: its own, if it is the same alert, or one below zero that is
/// told to nobody.
fn alert_of(from: &Connection, into: &Connection, number: i64) -> rusqlite::Result<i64> {
    let IdText(id) = from
        .prepare_cached("SELECT id FROM alerts WHERE number = ?1")?
        .query_row([number], |row| row.get(0))?;
    let here: Option<i64> = into
        .prepare_cached("SELECT number FROM alerts WHERE (number = ?1 OR number < 0) AND id = ?2")?
        .query_row(params![number, Id(&id)], |row| row.get(0))
        .optional()?;
    if let Some(here) = here {
        return Ok(here);
    }
    let free: i64 = into
        .prepare_cached("SELECT min(0, coalesce(min(number), 0)) - 1 FROM alerts")?
        .query_row([], |row| row.get(0))?;
    let mut alert = from
        .prepare_cached("SELECT dedup_key, rule, machine, severity, state, created, coalesce(ended, created), audience FROM alerts WHERE number = ?1")?;
    let values: Vec<Value> = alert.query_row([number], |row| {
        (0..8).map(|column| row.get(column)).collect()
    })?;
    // Nobody here will ever end it, so it counts as over.
    let mut put = into.prepare_cached(
        "INSERT INTO alerts(number, id, dedup_key, rule, machine, severity, state, created, ended, audience)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    put.raw_bind_parameter(1, free)?;
    put.raw_bind_parameter(2, Id(&id))?;
    for (at, value) in (3..).zip(values) {
        put.raw_bind_parameter(at, value)?;
    }
    put.raw_execute()?;
    Ok(free)
}

/// Imports from a file that is left untouched.
pub(crate) fn import_file(path: &Path, into: &Connection) -> rusqlite::Result<u64> {
    import(&open::read_only(path)?, into)
}

/// Whether what is in memory went on from what is on this disk.
pub(crate) fn descends(memory: &Connection, disk: &Connection) -> rusqlite::Result<bool> {
    Ok(restore::meta(memory, "stream")? == restore::meta(disk, "stream")?)
}

/// Whether nothing has ever happened here.
pub(crate) fn is_new(disk: &Connection) -> rusqlite::Result<bool> {
    let any: Option<i64> = disk
        .query_row(
            "SELECT 1 FROM events UNION ALL SELECT 1 FROM watches UNION ALL SELECT 1 FROM destinations LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(any.is_none())
}

/// Copies rows; with a key, one that is there already is changed only if it differs.
fn copy(
    from: &Connection,
    into: &Connection,
    table: &str,
    filter: &str,
    key: Option<&str>,
) -> rusqlite::Result<()> {
    let mut select = from.prepare(&format!("SELECT * FROM {table} WHERE {filter}"))?;
    let columns = select.column_count();
    let each = |form: fn(&str) -> String, between: &str| {
        let names = select.column_names();
        let parts: Vec<String> = names.into_iter().map(form).collect();
        parts.join(between)
    };
    let mut sql = format!(
        "INSERT INTO {table} VALUES({})",
        each(|_| "?".to_owned(), ", ")
    );
    if let Some(key) = key {
        let set = each(|name| format!("{name} = excluded.{name}"), ", ");
        let old = each(str::to_owned, &format!(", {table}."));
        let new = each(|name| format!("excluded.{name}"), ", ");
        sql += &format!(
            " ON CONFLICT({key}) DO UPDATE SET {set} WHERE ({table}.{old}) IS NOT ({new})"
        );
    }
    let mut insert = into.prepare(&sql)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            insert.raw_bind_parameter(column + 1, ToSqlOutput::Borrowed(row.get_ref(column)?))?;
        }
        insert.raw_execute()?;
    }
    Ok(())
}
