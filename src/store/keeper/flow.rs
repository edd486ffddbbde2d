//! Letting the log flow into the file while nobody waits. SQLite does it at the end of the commit that fills the log, and whoever waits for that
//! one waits for all of it; here it happens a little earlier, between two jobs.

use std::sync::atomic::Ordering;

use rusqlite::Connection;

use super::Keeper;

/// It is looked at how full the log is after so many writes.
const LOOK_EVERY: u64 = 8;

impl Keeper {
    /// To be called when everybody has an answer.
    pub(crate) fn flow(&mut self) {
        let writes = self.writes.load(Ordering::Acquire);
        if writes - self.looked < LOOK_EVERY || self.memory.is_some() {
            return;
        }
        self.looked = writes;
        // What an error means for the run has been seen to; the log is whole, and is tried again later.
        if let Err(why) = self.read(flow_if_nearly_full) {
            tracing::debug!(?why, "the log does not flow into the file");
        }
    }
}

/// Three quarters of what SQLite lets it grow to; that is nothing while a backup holds the file.
fn flow_if_nearly_full(db: &Connection) -> rusqlite::Result<()> {
    let most: i64 = db.pragma_query_value(None, "wal_autocheckpoint", |row| row.get(0))?;
    // Says how many pages the log has, and how many of them are in the file, and does nothing.
    let waiting: i64 = db
        .prepare_cached("PRAGMA wal_checkpoint(NOOP)")?
        .query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))?;
    if most > 0 && waiting >= most / 4 * 3 {
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    }
    Ok(())
}
