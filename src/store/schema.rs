//! The tables, and the way from every released shape of them to the present one.
//!
//! A migration is never edited once it is released: a new step is added at the end of [`MIGRATIONS`], and a database of the
//! step before goes to `tests/databases` as a fixture.

use rusqlite::Connection;

/// The shape that this binary writes.
pub(crate) const VERSION: i32 = MIGRATIONS.len() as i32;

/// Marks our files for `file(1)` and keeps us from writing into somebody else's: "ANDN".
pub(crate) const APPLICATION_ID: i32 = 0x414E_444E;

/// Step k leads from `user_version` k to k + 1.
const MIGRATIONS: [&str; 1] = [V1];

// Severities are ranks. Times end in nothing and are milliseconds since the Unix epoch unless a column says nanoseconds.
// `pending_order` covers what a count per destination reads, so that it never touches the rows themselves.
const V1: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE watches(
  key TEXT PRIMARY KEY, rule TEXT NOT NULL, machine TEXT NOT NULL, open INTEGER NOT NULL, blob TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE alerts(
  id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, dedup_key TEXT NOT NULL, rule TEXT NOT NULL, machine TEXT NOT NULL,
  severity INTEGER NOT NULL, state TEXT NOT NULL, created INTEGER NOT NULL, ended INTEGER, audience TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX open_alerts ON alerts(number) WHERE ended IS NULL;
CREATE TABLE events(
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, alert TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_alert ON events(alert, seq);
CREATE TABLE destinations(
  name TEXT PRIMARY KEY, next_sequence INTEGER NOT NULL DEFAULT 1, given_up TEXT NOT NULL DEFAULT '[]', paused_until INTEGER,
  deactivated INTEGER, failures INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE threads(
  alert TEXT NOT NULL, destination TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY(alert, destination)
) STRICT, WITHOUT ROWID;
CREATE TABLE deliveries(
  id INTEGER PRIMARY KEY AUTOINCREMENT, event_seq INTEGER NOT NULL REFERENCES events(seq), destination TEXT NOT NULL,
  lane TEXT NOT NULL, sequence INTEGER NOT NULL, as_trigger INTEGER NOT NULL, severity INTEGER NOT NULL,
  withdrawable INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'pending', attempts INTEGER NOT NULL DEFAULT 0, not_before INTEGER,
  decided INTEGER NOT NULL, decided_boot TEXT NOT NULL, decided_mono_ns INTEGER NOT NULL, decided_synchronised INTEGER NOT NULL,
  first_attempt INTEGER, last_attempt INTEGER, settled INTEGER, result TEXT, log TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX deliveries_of_event ON deliveries(event_seq);
CREATE INDEX pending_order ON deliveries(id, destination, decided, severity) WHERE state = 'pending';
CREATE INDEX withdrawable_of_lane ON deliveries(lane) WHERE state = 'pending' AND withdrawable = 1;
CREATE TABLE machines(id TEXT PRIMARY KEY, source TEXT NOT NULL, body TEXT NOT NULL, first_seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE reserve(fill BLOB NOT NULL) STRICT;
";

/// The shape that a database has; 0 is an empty one.
pub(crate) fn version(db: &Connection) -> rusqlite::Result<i32> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a database to [`VERSION`], each step in a transaction of its own.
pub(crate) fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    let from = usize::try_from(version(db)?).unwrap_or(0);
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(from) {
        let step = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", step)?;
        tx.commit()?;
    }
    Ok(())
}
