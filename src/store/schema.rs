//! The tables, and the way from every released shape of them to the present one.
//!
//! A migration is never edited once it is released: a new step is added at the end of [`MIGRATIONS`], and a database of the
//! step before goes to `tests/databases` as a fixture.

use rusqlite::{Connection, functions::FunctionFlags};

use super::ids::Id;

/// The shape that this binary writes.
pub(crate) const VERSION: i32 = MIGRATIONS.len() as i32;

/// Marks our files for `file(1)` and keeps us from writing into somebody else's: "ANDN".
pub(crate) const APPLICATION_ID: i32 = 0x414E_444E;

/// Step k leads from `user_version` k to k + 1.
const MIGRATIONS: [&str; 3] = [V1, V2, V3];

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

// Made to be written little: a commit writes every page that it touches, whole, to flash. So a row says nothing that another one
// says (a lane is its alert's `dedup_key`, what was decided when is the event's), ids are bytes, a state is its place in
// `DeliveryState::ALL`, and a delivery is found from its event and back by arithmetic: its id is 1000 times the event's `seq`, and its
// place. `now` is what every commit writes: the core's own state, the mark, and the numbers that are counted on, `next_event` and
// `sequence.<destination>`; `meta` is what hardly ever changes. An alert is its number; one that another database has numbered gets one below zero. `events_of_alert` also keeps an event from
// being written twice. `log` is there only if there were several attempts. `boots` only grows at its end.
const V2: &str = "
CREATE TABLE now(key TEXT NOT NULL UNIQUE, value ANY NOT NULL) STRICT;
CREATE TABLE boots(id INTEGER PRIMARY KEY, boot TEXT NOT NULL) STRICT;
CREATE TABLE alerts2(
  number INTEGER PRIMARY KEY, id ANY NOT NULL, dedup_key ANY NOT NULL, rule TEXT NOT NULL, machine TEXT NOT NULL,
  severity INTEGER NOT NULL, state TEXT NOT NULL, created INTEGER NOT NULL, ended INTEGER, audience TEXT NOT NULL
) STRICT;
CREATE TABLE events2(
  seq INTEGER PRIMARY KEY, alert INTEGER NOT NULL, id ANY NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, boot INTEGER NOT NULL,
  decided INTEGER NOT NULL, decided_mono_ns INTEGER NOT NULL, decided_synchronised INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE deliveries2(
  id INTEGER PRIMARY KEY, destination TEXT NOT NULL, sequence INTEGER NOT NULL, as_trigger INTEGER NOT NULL,
  severity INTEGER NOT NULL, withdrawable INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
  not_before INTEGER, first_attempt INTEGER, last_attempt INTEGER, settled INTEGER, result TEXT, log TEXT
) STRICT;
CREATE TABLE threads2(
  alert INTEGER NOT NULL, destination TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY(alert, destination)
) STRICT, WITHOUT ROWID;
CREATE TABLE watches2(
  key ANY NOT NULL UNIQUE, rule TEXT NOT NULL, machine TEXT NOT NULL, open INTEGER NOT NULL, blob TEXT NOT NULL
) STRICT;

INSERT INTO boots(boot) SELECT decided_boot FROM deliveries GROUP BY decided_boot ORDER BY min(id);
INSERT INTO alerts2 SELECT number, packed(id), packed(dedup_key), rule, machine, severity, state, created, ended, audience FROM alerts;
INSERT INTO alerts2 SELECT -row_number() OVER (), packed(e.alert), packed(coalesce(min(d.lane), '')), '', '', coalesce(max(d.severity), 0),
  'active', min(e.at), min(e.at), '[]'
  FROM events e LEFT JOIN deliveries d ON d.event_seq = e.seq WHERE e.alert NOT IN (SELECT id FROM alerts) GROUP BY e.alert;
CREATE TEMP TABLE numbers AS SELECT id, number FROM alerts2;
CREATE UNIQUE INDEX temp.number_of ON numbers(id, number);
INSERT INTO events2
  SELECT e.seq, n.number, packed(e.id), e.kind, e.at, coalesce(b.id, 0), coalesce(d.decided, e.at), coalesce(d.decided_mono_ns, 0),
    coalesce(d.decided_synchronised, 0), e.body
  FROM events e JOIN numbers n ON n.id = packed(e.alert)
    LEFT JOIN deliveries d ON d.id = (SELECT min(id) FROM deliveries WHERE event_seq = e.seq) LEFT JOIN boots b ON b.boot = d.decided_boot
  ORDER BY e.seq;
INSERT INTO deliveries2
  SELECT event_seq * 1000 + row_number() OVER (PARTITION BY event_seq ORDER BY id), destination, sequence, as_trigger, severity,
    withdrawable,
    CASE state
      WHEN 'accepted' THEN 1 WHEN 'failed' THEN 2 WHEN 'refused' THEN 3 WHEN 'expired' THEN 4 WHEN 'superseded' THEN 5
      WHEN 'deduplicated' THEN 6 WHEN 'dropped' THEN 7 ELSE 0 END,
    attempts, not_before, first_attempt, last_attempt, settled, result, nullif(log, '[]')
  FROM deliveries ORDER BY event_seq, id;
INSERT INTO threads2 SELECT n.number, t.destination, t.body FROM threads t JOIN numbers n ON n.id = packed(t.alert);
INSERT INTO watches2 SELECT packed(key), rule, machine, open, blob FROM watches;
INSERT INTO now SELECT key, value FROM meta WHERE key IN ('core', 'mark');
DELETE FROM meta WHERE key IN ('core', 'mark');
INSERT INTO now SELECT 'next_event', seq + 1 FROM sqlite_sequence WHERE name = 'events';
INSERT INTO now SELECT 'sequence.' || name, next_sequence FROM destinations;

DROP TABLE temp.numbers;
DROP TABLE deliveries;
DROP TABLE events;
DROP TABLE alerts;
DROP TABLE threads;
DROP TABLE watches;
ALTER TABLE alerts2 RENAME TO alerts;
ALTER TABLE events2 RENAME TO events;
ALTER TABLE deliveries2 RENAME TO deliveries;
ALTER TABLE threads2 RENAME TO threads;
ALTER TABLE watches2 RENAME TO watches;
ALTER TABLE destinations DROP COLUMN next_sequence;
CREATE INDEX open_alerts ON alerts(number) WHERE ended IS NULL;
CREATE UNIQUE INDEX events_of_alert ON events(alert, id);
CREATE INDEX pending ON deliveries(state) WHERE state = 0;
";

// The chain of events, see `verify::chain`: it begins after what was there before it. `untold` names destinations of the alert's audience
// that do not take events of this kind. Of a pruned event its digest stays, until everything before it is pruned too; `totals` counts
// the deliveries that were pruned, `numbered` those with a number of this stream (state 255: nothing is known of them). The last attempt tells how long it took, the status
// of the answer and what the receiver calls it.
const V3: &str = "
ALTER TABLE events ADD COLUMN hash BLOB;
ALTER TABLE events ADD COLUMN untold TEXT;
ALTER TABLE deliveries ADD COLUMN took_ms INTEGER;
ALTER TABLE deliveries ADD COLUMN status INTEGER;
ALTER TABLE deliveries ADD COLUMN provider_id TEXT;
CREATE TABLE tombstones(seq INTEGER PRIMARY KEY, digest BLOB NOT NULL) STRICT;
CREATE TABLE totals(
  destination TEXT NOT NULL, state INTEGER NOT NULL, deliveries INTEGER NOT NULL, numbered INTEGER NOT NULL, repeats INTEGER NOT NULL,
  PRIMARY KEY(destination, state)
) STRICT, WITHOUT ROWID;
INSERT INTO totals SELECT name, 255, missing, missing, 0 FROM (
  SELECT substr(key, 10) AS name,
    value - 1 - (SELECT count(*) FROM deliveries d WHERE d.destination = substr(key, 10) AND d.sequence > 0) AS missing
  FROM now WHERE substr(key, 1, 9) = 'sequence.')
  WHERE missing > 0;
INSERT INTO meta(key, value) SELECT 'chain_start_seq', value - 1 FROM now WHERE key = 'next_event' AND value > 1;
INSERT INTO meta(key, value) SELECT 'chain_start_why', 'what was decided before was written by a version without the chain'
  FROM now WHERE key = 'next_event' AND value > 1;
";

/// The shape that a database has; 0 is an empty one.
pub(crate) fn version(db: &Connection) -> rusqlite::Result<i32> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a database to [`VERSION`], each step in a transaction of its own.
pub(crate) fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    let from = usize::try_from(version(db)?).unwrap_or(0);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    db.create_scalar_function("packed", 1, flags, |call| {
        let text: String = call.get(0)?;
        Ok(Id(&text).value())
    })?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(from) {
        let step = i32::try_from(step + 1).unwrap_or(i32::MAX);
        let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", step)?;
        tx.commit()?;
    }
    db.remove_function("packed", 1)
}
