//! Memory mode's copy of the database: what is still at work goes in, everything comes back out.
//!
//! It has the same tables in a SQLite of its own in memory, so every other part works on it unchanged. History stays on the disk and
//! is not seen meanwhile. It decides nothing: when to enter and to leave is the keeper's.

use rusqlite::{
    Connection, OptionalExtension,
    types::{ToSqlOutput, Value},
};

use super::{chain, open, outbox::PLACES, restore, schema};

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
    for (table, key) in [("watches", "key"), ("machines", "id")] {
        take_away(memory, &tx, table, key)?;
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

/// Takes away from the disk what was taken away in memory.
fn take_away(
    memory: &Connection,
    disk: &Connection,
    table: &str,
    key: &str,
) -> rusqlite::Result<()> {
    let gone: Vec<Value> = {
        let mut here = memory.prepare(&format!(
            "SELECT EXISTS (SELECT 1 FROM {table} WHERE {key} = ?1)"
        ))?;
        let mut keys = disk.prepare(&format!("SELECT {key} FROM {table}"))?;
        let mut rows = keys.query([])?;
        let mut gone = Vec::new();
        while let Some(row) = rows.next()? {
            let value: Value = row.get(0)?;
            if !here.query_row([&value], |row| row.get(0))? {
                gone.push(value);
            }
        }
        gone
    };
    for value in gone {
        disk.execute(&format!("DELETE FROM {table} WHERE {key} = ?1"), [value])?;
    }
    Ok(())
}

/// Whether what is in memory went on from what is on this disk.
pub(crate) fn descends(memory: &Connection, disk: &Connection) -> rusqlite::Result<bool> {
    Ok(restore::meta(memory, "stream")? == restore::meta(disk, "stream")?)
}

/// Whether nothing has ever happened here.
pub(crate) fn is_new(disk: &Connection) -> rusqlite::Result<bool> {
    let any: Option<i64> = disk
        .query_row(
            "SELECT 1 FROM events UNION ALL SELECT 1 FROM watches UNION ALL SELECT 1 FROM destinations UNION ALL SELECT 1 FROM machines
             LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(any.is_none())
}

/// Copies rows; with a key, one that is there already is changed only if it differs.
pub(crate) fn copy(
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
