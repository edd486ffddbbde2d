//! The table of machines: what sources have learned of them, to be remembered until a person forgets it.
//!
//! Ids, when a machine was first heard and through which source are columns; the rest is the core's, opaque.

use rusqlite::{Connection, params};

use crate::clock::Wall;

/// What was learned of one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineRow {
    /// Its id.
    pub id: String,
    /// The source that discovered it; empty for one that is configured.
    pub source: String,
    /// The rest; opaque.
    pub body: String,
    /// When it was discovered.
    pub first_seen: Wall,
}

/// Writes what is known of a machine now. When it was first seen stays.
pub(crate) fn put(db: &Connection, machine: &MachineRow) -> rusqlite::Result<()> {
    let MachineRow {
        id,
        source,
        body,
        first_seen,
    } = machine;
    db.prepare_cached(
        "INSERT INTO machines(id, source, body, first_seen) VALUES(?1, ?2, ?3, ?4)
         ON CONFLICT(id) DO UPDATE SET source = excluded.source, body = excluded.body",
    )?
    .execute(params![id, source, body, first_seen.as_millis()])?;
    Ok(())
}

/// Forgets a machine.
pub(crate) fn forget(db: &Connection, id: &str) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM machines WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// All that are remembered.
pub(crate) fn all(db: &Connection) -> rusqlite::Result<Vec<MachineRow>> {
    db.prepare("SELECT id, source, body, first_seen FROM machines ORDER BY id")?
        .query_map([], |row| {
            Ok(MachineRow {
                id: row.get(0)?,
                source: row.get(1)?,
                body: row.get(2)?,
                first_seen: Wall::from_millis(row.get(3)?),
            })
        })?
        .collect()
}
