//! What a start finds: who this agent is, what the core saved, and the moment it last wrote.
//!
//! It interprets nothing: a blob of a watch goes back to the core as it came.

use std::collections::BTreeMap;

use rusqlite::{
    Connection, OptionalExtension, ToSql, params, params_from_iter,
    types::{FromSql, Value},
};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::{
    ids::IdText,
    machines,
    numbers::SEQUENCE,
    rows::{MachineRow, Mark, WatchRow},
};
use crate::clock::{Mono, Wall};

/// Everything that the agent takes up again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The ULID of this agent, tied to the machine's id.
    pub agent_id: String,
    /// The ULID of this database.
    pub stream: String,
    /// The database came from another machine: it has a new agent id and a new stream since.
    pub cloned: bool,
    /// The core's own state.
    pub core: Option<String>,
    /// When something was last written.
    pub mark: Option<Mark>,
    /// All watches that were saved.
    pub watches: Vec<WatchRow>,
    /// All machines that are remembered.
    pub machines: Vec<MachineRow>,
    /// Numbers of alerts below this one were used in a database that was here before.
    pub numbers_from: u64,
    /// This database was put here from a backup, and nobody has been told yet.
    pub put_back: Option<PutBack>,
}

/// A database that was put in the place of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    /// When the backup was made, in milliseconds since the Unix epoch; 0 if it does not say.
    pub from: i64,
    /// Deliveries that are sent again.
    pub resent: u64,
    /// Deliveries that were given up.
    pub dropped: u64,
}

/// The key of [`Restored::numbers_from`].
pub(crate) const NUMBERS_FROM: &str = "numbers_from";
/// The key of [`Restored::put_back`].
pub(crate) const PUT_BACK: &str = "put_back";

/// Reads it, and makes ids where there are none or where they belong to another machine.
pub(crate) fn restore(
    db: &Connection,
    machine_id: Option<&str>,
    wall: Wall,
) -> rusqlite::Result<Restored> {
    let known = meta(db, "machine_id")?;
    // A gateway whose id cannot be read today is the same gateway.
    let cloned = matches!((&known, machine_id), (Some(was), Some(is)) if was != is);
    if cloned || meta(db, "agent_id")?.is_none() {
        put_meta(db, "agent_id", &new_id(wall))?;
        new_stream(db, wall)?;
    }
    if let Some(id) = machine_id
        && (cloned || known.is_none())
    {
        put_meta(db, "machine_id", id)?;
    }
    let watches = watches(db)?;
    Ok(Restored {
        agent_id: meta(db, "agent_id")?.unwrap_or_default(),
        stream: meta(db, "stream")?.unwrap_or_default(),
        cloned,
        core: now(db, "core")?,
        mark: now::<String>(db, "mark")?.as_deref().and_then(read_mark),
        watches,
        machines: machines::all(db)?,
        numbers_from: meta(db, NUMBERS_FROM)?
            .and_then(|number| number.parse().ok())
            .unwrap_or(0),
        put_back: meta(db, PUT_BACK)?.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// All watches that were saved.
pub(crate) fn watches(db: &Connection) -> rusqlite::Result<Vec<WatchRow>> {
    db.prepare("SELECT key, rule, machine, open, blob FROM watches ORDER BY key")?
        .query_map([], |row| {
            Ok(WatchRow {
                key: row.get::<_, IdText>(0)?.0,
                rule: row.get(1)?,
                machine: row.get(2)?,
                open: row.get(3)?,
                blob: row.get(4)?,
            })
        })?
        .collect()
}

/// The first number of an alert that no alert of this database had. Of a damaged one, as far as it can be read.
pub(crate) fn next_number(db: &Connection) -> rusqlite::Result<u64> {
    let newest = db
        .query_row("SELECT max(number) FROM alerts", [], |row| {
            row.get::<_, Option<i64>>(0)
        })
        .map(|newest| newest.map_or(1, |newest| newest.cast_unsigned() + 1));
    // One of the first version has it elsewhere.
    let core = now::<String>(db, "core").or_else(|_| meta(db, "core"));
    let core = core.map(|core| {
        let core = core.and_then(|core| serde_json::from_str::<serde_json::Value>(&core).ok());
        core.and_then(|core| core["next_number"].as_u64())
    });
    match (newest, core) {
        (Ok(newest), Ok(saved)) => Ok(newest.max(saved.unwrap_or(1))),
        (Ok(newest), Err(_)) => Ok(newest),
        (Err(_), Ok(Some(saved))) => Ok(saved),
        (Err(error), _) => Err(error),
    }
}

/// Begins to count anew: what is owed is numbered from 1 in its order, and nothing counts as given up.
pub(crate) fn new_stream(db: &Connection, wall: Wall) -> rusqlite::Result<()> {
    put_meta(db, "stream", &new_id(wall))?;
    db.execute_batch(
        "UPDATE deliveries SET sequence = 0 WHERE state != 0;
         UPDATE deliveries SET sequence = r.n FROM
           (SELECT id, row_number() OVER (PARTITION BY destination ORDER BY id) AS n FROM deliveries WHERE state = 0) r
           WHERE r.id = deliveries.id;
         UPDATE destinations SET given_up = '[]';
         UPDATE totals SET numbered = 0;",
    )?;
    db.execute(
        "UPDATE now SET value = 1 + (SELECT count(*) FROM deliveries d WHERE d.state = 0 AND ?1 || d.destination = key)
         WHERE substr(key, 1, length(?1)) = ?1",
        [SEQUENCE],
    )?;
    Ok(())
}

/// One value of the agent's own.
pub(crate) fn meta(db: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

/// Sets one value of the agent's own.
pub(crate) fn put_meta(db: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO meta(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![key, value])?;
    Ok(())
}

/// One value of what every commit writes.
pub(crate) fn now<T: FromSql>(db: &Connection, key: &str) -> rusqlite::Result<Option<T>> {
    db.prepare_cached("SELECT value FROM now WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

/// Several values of what every commit writes, as far as there are any; at most [`TOGETHER`].
pub(crate) fn now_all(
    db: &Connection,
    keys: &[String],
) -> rusqlite::Result<BTreeMap<String, Value>> {
    let places = vec!["?"; keys.len()].join(", ");
    let sql = format!("SELECT key, value FROM now WHERE key IN ({places})");
    db.prepare_cached(&sql)?
        .query_map(params_from_iter(keys), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// So many are read or set by one statement: as many statements as that are kept ready.
pub(crate) const TOGETHER: usize = 8;

/// Sets several values of what every commit writes. Each statement costs about as much as what it writes, so they share one.
pub(crate) fn put_all_now(db: &Connection, values: &[(String, Value)]) -> rusqlite::Result<()> {
    for some in values.chunks(TOGETHER) {
        let rows = vec!["(?, ?)"; some.len()].join(", ");
        let sql = format!(
            "INSERT INTO now(key, value) VALUES{rows} ON CONFLICT(key) DO UPDATE SET value = excluded.value"
        );
        let values = some
            .iter()
            .flat_map(|(key, value)| [key as &dyn ToSql, value]);
        db.prepare_cached(&sql)?.execute(params_from_iter(values))?;
    }
    Ok(())
}

/// Sets one value of what every commit writes.
pub(crate) fn put_now(db: &Connection, key: &str, value: impl ToSql) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO now(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![key, value])?;
    Ok(())
}

/// A mark as it is kept.
pub(crate) fn read_mark(text: &str) -> Option<Mark> {
    let mut words = text.rsplitn(4, ' ');
    let synchronised = words.next()? == "1";
    let wall = Wall::from_millis(words.next()?.parse().ok()?);
    let mono = Mono::from_nanos(words.next()?.parse().ok()?);
    let boot = words.next()?.to_owned();
    Some(Mark {
        boot,
        mono,
        wall,
        synchronised,
    })
}

/// Takes away one value of the agent's own.
pub(crate) fn forget_meta(db: &Connection, key: &str) -> rusqlite::Result<()> {
    db.execute("DELETE FROM meta WHERE key = ?1", [key])?;
    Ok(())
}

fn new_id(wall: Wall) -> String {
    // A gateway without entropy at its first boot still gets an id of its own, if a weaker one.
    let half = || getrandom::u64().unwrap_or_else(|_| fastrand::u64(..));
    let random = u128::from(half()) << 64 | u128::from(half());
    Ulid::from_parts(u64::try_from(wall.as_millis()).unwrap_or(0), random).to_string()
}
