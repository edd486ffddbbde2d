//! Memory mode's copy of the database: what is still at work goes in, everything comes back out.
//!
//! It has the same tables in a SQLite of its own in memory, so every other part works on it unchanged. History stays on the disk and
//! is not seen meanwhile. It decides nothing: when to enter and to leave is the keeper's.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params, types::ToSqlOutput};

use super::{
    commit, open, restore,
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
        "(SELECT DISTINCT event_seq FROM deliveries WHERE state = 'pending' ORDER BY event_seq LIMIT {events})"
    );
    let alerts =
        format!("(ended IS NULL OR id IN (SELECT alert FROM events WHERE seq IN {oldest}))");
    let filters = [
        ("meta", "true".to_owned()),
        ("watches", "true".to_owned()),
        ("machines", "true".to_owned()),
        ("destinations", "true".to_owned()),
        ("alerts", alerts.clone()),
        (
            "threads",
            format!("alert IN (SELECT id FROM alerts WHERE {alerts})"),
        ),
        ("events", format!("seq IN {oldest}")),
        (
            "deliveries",
            format!("state = 'pending' AND event_seq IN {oldest}"),
        ),
    ];
    for (table, filter) in filters {
        copy(disk, &tx, table, &filter, None)?;
    }
    // Rows that stay on the disk keep their numbers for themselves.
    tx.execute("DELETE FROM sqlite_sequence", [])?;
    copy(disk, &tx, "sqlite_sequence", "true", None)?;
    tx.commit()
}

/// Writes back what differs from the disk, in one transaction: on a disk that has hardly any room, nothing else may be written.
pub(crate) fn write_back(memory: &Connection, disk: &mut Connection) -> rusqlite::Result<()> {
    let tx = disk.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let gone: Vec<String> = {
        let mut here = memory.prepare("SELECT EXISTS (SELECT 1 FROM watches WHERE key = ?1)")?;
        let mut keys = tx.prepare("SELECT key FROM watches")?;
        let mut rows = keys.query([])?;
        let mut gone = Vec::new();
        while let Some(row) = rows.next()? {
            let key: String = row.get(0)?;
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
        ("watches", "key"),
        ("machines", "id"),
        ("destinations", "name"),
        ("alerts", "id"),
        ("threads", "alert, destination"),
        ("events", "seq"),
        ("deliveries", "id"),
    ];
    for (table, key) in tables {
        copy(memory, &tx, table, "true", Some(key))?;
    }
    tx.commit()
}

/// Owes anew what is pending in another database of ours, with new numbers; events that are here already are left out.
pub(crate) fn import(from: &Connection, into: &Connection) -> rusqlite::Result<u64> {
    let mut imported = 0;
    let mut owed = from.prepare(
        "SELECT e.id, e.alert, e.kind, e.at, e.body, d.destination, d.lane, d.severity, d.as_trigger, d.withdrawable, d.decided,
           d.decided_boot, d.decided_mono_ns, d.decided_synchronised
         FROM deliveries d JOIN events e ON e.seq = d.event_seq WHERE d.state = 'pending' ORDER BY d.id",
    )?;
    let mut rows = owed.query([])?;
    while let Some(row) = rows.next()? {
        let event: String = row.get(0)?;
        let delivery = NewDelivery {
            destination: row.get(5)?,
            lane: row.get(6)?,
            severity: row.get(7)?,
            as_trigger: row.get(8)?,
            withdrawable: row.get(9)?,
            not_before: None,
        };
        let decided = Mark {
            wall: crate::clock::Wall::from_millis(row.get(10)?),
            boot: row.get(11)?,
            mono: crate::clock::Mono::from_nanos(row.get(12)?),
            synchronised: row.get(13)?,
        };
        into.prepare_cached(
            "INSERT OR IGNORE INTO events(id, alert, kind, at, body) VALUES(?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            event,
            row.get::<_, String>(1)?,
            row.get::<_, String>(2)?,
            row.get::<_, i64>(3)?,
            row.get::<_, String>(4)?
        ])?;
        let seq: i64 = into
            .prepare_cached("SELECT seq FROM events WHERE id = ?1")?
            .query_row([&event], |row| row.get(0))?;
        let known: bool = into
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM deliveries WHERE event_seq = ?1 AND destination = ?2 AND as_trigger = ?3)",
            )?
            .query_row(
                params![seq, delivery.destination, delivery.as_trigger],
                |row| row.get(0),
            )?;
        if !known {
            commit::owe(into, seq, &delivery, &decided)?;
            imported += 1;
        }
    }
    Ok(imported)
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
