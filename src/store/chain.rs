//! The chain of events as the tables keep it, and what stays of what is pruned. The form of a hash is told in [`crate::verify::chain`].
//!
//! `chain_head` in `now` is the hash of the last event. In `meta` stand `chain_start_seq`, `chain_start_hash` and `chain_start_why` (where the chain
//! begins), `pruned` and `pruned_to` (how many events are gone, and when the latest of them happened). Rows go out of their order, so a
//! pruned event leaves its digest until all before it are gone too; then the start moves past it: that is the checkpoint, written
//! together with the totals in the transaction that prunes.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    ids::IdText,
    numbers::{EVENT, SEQUENCE},
    outbox::{BATCH, PLACES},
    restore::{meta, now},
    rows::DeliveryState,
};
use crate::verify::{
    chain::{self, Covered, Hash},
    rows::{Account, Delivery, Entry, Event, Numbered, Page, Point, STATES, Total},
};

/// Events of one job: they are read whole.
const EVENTS: i64 = 50;

/// How far the start moves in one job.
const STEPS: usize = 1000;

/// Most digests of pruned events: 50,000 take 3 MB. Above it the start moves past the older half of them, and what is still there
/// before it is not covered any more.
const MOST: i64 = 50_000;

/// In memory mode: the first event that is not on the disk.
const FLOOR: &str = "memory_floor";

/// In memory mode: the hash of the event before that.
const FLOOR_HASH: &str = "memory_floor_hash";

/// Where the hash of the last event stands.
pub(super) const HEAD: &str = "chain_head";

/// The number in `totals` of deliveries of which nothing is known.
const UNKNOWN: i64 = 255;

const COLUMNS: &str =
    "seq, id, alert, kind, at, decided, decided_synchronised, coalesce(untold, ''), body, hash";

/// The hash of the last event.
pub(super) fn head(db: &Connection) -> rusqlite::Result<Hash> {
    match now(db, HEAD)? {
        Some(hash) => Ok(hash),
        None => Ok(start(db)?.1),
    }
}

/// The event after which the chain begins, and its hash.
fn start(db: &Connection) -> rusqlite::Result<(i64, Hash)> {
    let seq = number(db, "chain_start_seq")?.unwrap_or(0);
    Ok((seq, hash(db, "chain_start_hash")?.unwrap_or(chain::ZERO)))
}

fn begin_after(db: &Connection, seq: i64, hash: &Hash) -> rusqlite::Result<()> {
    put(db, "chain_start_seq", seq)?;
    put(db, "chain_start_hash", hash.as_slice())
}

/// Keeps of an event what has to stay, before its row and its deliveries are deleted.
pub(super) fn bury(db: &Connection, seq: i64) -> rusqlite::Result<()> {
    // A copy in memory: the row itself stays on the disk.
    if number(db, FLOOR)?.is_some_and(|floor| seq < floor) {
        return Ok(());
    }
    let (digest, at) = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM events WHERE seq = ?1"))?
        .query_row([seq], |row| Ok((digest(row)?, row.get::<_, i64>(4)?)))?;
    db.prepare_cached(
        "INSERT INTO totals(destination, state, deliveries, numbered, repeats)
         SELECT destination, state, count(*), count(*) FILTER (WHERE sequence > 0), sum(max(attempts - 1, 0))
         FROM deliveries WHERE id BETWEEN ?1 AND ?2 GROUP BY destination, state
         ON CONFLICT(destination, state) DO UPDATE SET deliveries = deliveries + excluded.deliveries,
           numbered = numbered + excluded.numbered, repeats = repeats + excluded.repeats",
    )?
    .execute([seq * PLACES, (seq + 1) * PLACES - 1])?;
    put(db, "pruned", number(db, "pruned")?.unwrap_or(0) + 1)?;
    put(
        db,
        "pruned_to",
        number(db, "pruned_to")?.unwrap_or(at).max(at),
    )?;
    let (first, hash) = start(db)?;
    if seq == first + 1 {
        begin_after(db, seq, &chain::link(&hash, &digest))?;
    } else if seq > first {
        db.prepare_cached("INSERT INTO tombstones(seq, digest) VALUES(?1, ?2)")?
            .execute(params![seq, digest])?;
    }
    Ok(())
}

/// Moves the start past what is pruned and follows it; true if there may be more of it.
pub(super) fn advance(db: &Connection) -> rusqlite::Result<bool> {
    let (mut seq, mut hash) = start(db)?;
    let from = seq;
    let mut next = db.prepare_cached("SELECT digest FROM tombstones WHERE seq = ?1")?;
    for _ in 0..STEPS {
        let digest: Option<Hash> = next.query_row([seq + 1], |row| row.get(0)).optional()?;
        let Some(digest) = digest else {
            break;
        };
        (seq, hash) = (seq + 1, chain::link(&hash, &digest));
    }
    if seq > from {
        begin_after(db, seq, &hash)?;
        db.prepare_cached("DELETE FROM tombstones WHERE seq <= ?1")?
            .execute([seq])?;
    }
    Ok(seq - from >= STEPS.cast_signed() as i64)
}

/// Keeps the digests of pruned events within their limit.
pub(super) fn bound(db: &Connection, most: i64) -> rusqlite::Result<()> {
    let count: i64 = db
        .prepare_cached("SELECT count(*) FROM tombstones")?
        .query_row([], |row| row.get(0))?;
    if count <= most {
        return Ok(());
    }
    let to: i64 = db
        .prepare_cached("SELECT seq FROM tombstones ORDER BY seq LIMIT 1 OFFSET ?1")?
        .query_row([count - most / 2], |row| row.get(0))?;
    // The last event before it has its hash, and between the two there are only digests.
    let event: Option<(i64, Option<Hash>)> = db
        .prepare_cached("SELECT seq, hash FROM events WHERE seq < ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([to], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (first, begin) = start(db)?;
    let (from, mut hash) = match event {
        Some((seq, Some(hash))) if seq > first => (seq, hash),
        _ => (first, begin),
    };
    let mut digests = db.prepare_cached(
        "SELECT digest FROM tombstones WHERE seq > ?1 AND seq <= ?2 ORDER BY seq",
    )?;
    let mut rows = digests.query([from, to])?;
    while let Some(row) = rows.next()? {
        hash = chain::link(&hash, &row.get(0)?);
    }
    begin_after(db, to, &hash)?;
    put(
        db,
        "chain_start_why",
        "so much was pruned after older events that are still needed that these are not covered any more",
    )?;
    db.prepare_cached("DELETE FROM tombstones WHERE seq <= ?1")?
        .execute([to])?;
    Ok(())
}

/// The limit of [`bound`] in use.
pub(super) fn within_limits(db: &Connection) -> rusqlite::Result<()> {
    bound(db, MOST)
}

/// What memory mode begins with: what stands on the disk is not gone when it is pruned in memory.
pub(super) fn begin_memory(db: &Connection) -> rusqlite::Result<()> {
    put(db, FLOOR, now(db, EVENT)?.unwrap_or(1_i64))?;
    put(db, FLOOR_HASH, head(db)?)
}

/// After what was in memory has been written to a disk. One that it does not go on from lacks what was before: the chain begins
/// where memory began, and numbers that were given before are not known.
pub(super) fn end_memory(db: &Connection, goes_on: bool) -> rusqlite::Result<()> {
    let (floor, before) = (number(db, FLOOR)?, hash(db, FLOOR_HASH)?);
    db.execute(
        "DELETE FROM meta WHERE key IN (?1, ?2)",
        [FLOOR, FLOOR_HASH],
    )?;
    let (Some(floor), Some(before), false) = (floor, before, goes_on) else {
        return Ok(());
    };
    if start(db)?.0 < floor - 1 {
        begin_after(db, floor - 1, &before)?;
        let why = "what was decided before is in another database, or gone with its disk";
        put(db, "chain_start_why", why)?;
    }
    count_unknown(db)
}

/// Counts numbers that are neither rows nor counted yet as unknown.
fn count_unknown(db: &Connection) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO totals(destination, state, deliveries, numbered, repeats)
         SELECT name, ?2, missing, missing, 0 FROM (
           SELECT substr(key, length(?1) + 1) AS name, value - 1
             - (SELECT count(*) FROM deliveries d WHERE ?1 || d.destination = key AND d.sequence > 0)
             - (SELECT coalesce(sum(numbered), 0) FROM totals t WHERE ?1 || t.destination = key) AS missing
           FROM now WHERE substr(key, 1, length(?1)) = ?1)
         WHERE missing > 0
         ON CONFLICT(destination, state) DO UPDATE SET deliveries = deliveries + excluded.deliveries,
           numbered = numbered + excluded.numbered",
        params![SEQUENCE, UNKNOWN],
    )?;
    Ok(())
}

/// What the record says of itself.
pub(super) fn account(db: &Connection) -> rusqlite::Result<Account> {
    let (seq, hash) = start(db)?;
    let point = |seq: i64, hash: &Hash| Point {
        seq,
        hash: chain::hex(hash),
    };
    let destinations = db
        .prepare_cached(
            "SELECT substr(key, length(?1) + 1), value - 1 FROM now WHERE substr(key, 1, length(?1)) = ?1 ORDER BY 1",
        )?
        .query_map([SEQUENCE], |row| {
            Ok(Numbered {
                name: row.get(0)?,
                last: row.get::<_, i64>(1)?.cast_unsigned(),
            })
        })?
        .collect::<Result<_, _>>()?;
    let totals = db
        .prepare_cached("SELECT destination, state, deliveries, numbered, repeats FROM totals")?
        .query_map([], |row| {
            let count = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            Ok(Total {
                destination: row.get(0)?,
                state: word(row.get(1)?),
                deliveries: count(2)?,
                numbered: count(3)?,
                repeats: count(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(Account {
        stream: meta(db, "stream")?.unwrap_or_default(),
        head: point(now(db, EVENT)?.unwrap_or(1_i64) - 1, &head(db)?),
        start: point(seq, &hash),
        start_why: meta(db, "chain_start_why")?.unwrap_or_default(),
        pruned: number(db, "pruned")?.unwrap_or(0).cast_unsigned(),
        pruned_to: number(db, "pruned_to")?,
        destinations,
        totals,
        in_memory: false,
    })
}

/// The next entries after this row: at most 50 events, or 200 digests of pruned ones.
pub(super) fn page(db: &Connection, after: i64) -> rusqlite::Result<Page> {
    let mut events: Vec<Entry> = db
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2"
        ))?
        .query_map([after, EVENTS], entry)?
        .collect::<Result<_, _>>()?;
    let mut gone: Vec<Entry> = db
        .prepare_cached("SELECT seq, digest FROM tombstones WHERE seq > ?1 ORDER BY seq LIMIT ?2")?
        .query_map(params![after, BATCH.cast_signed()], |row| {
            Ok(Entry {
                seq: row.get(0)?,
                digest: chain::hex(&row.get(1)?),
                ..Entry::default()
            })
        })?
        .collect::<Result<_, _>>()?;
    let full = |entries: &[Entry], limit: usize| {
        let last = entries.last().filter(|_| entries.len() >= limit);
        last.map_or(i64::MAX, |entry| entry.seq)
    };
    let to = full(&events, EVENTS as usize).min(full(&gone, BATCH));
    events.retain(|entry| entry.seq <= to);
    gone.retain(|entry| entry.seq <= to);
    if let (Some(first), Some(last)) = (events.first(), events.last()) {
        let (from, to) = (first.seq * PLACES, (last.seq + 1) * PLACES - 1);
        let mut rows = db.prepare_cached(
            "SELECT id, destination, sequence, state, attempts, settled, result FROM deliveries WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
        )?;
        let mut rows = rows.query([from, to])?;
        let mut at = 0;
        while let Some(row) = rows.next()? {
            let delivery = delivery(row)?;
            let seq = delivery.id / PLACES;
            while events.get(at).is_some_and(|entry| entry.seq < seq) {
                at += 1;
            }
            // A delivery without an event is nobody's: its number will be missed.
            let found = events.get_mut(at).filter(|entry| entry.seq == seq);
            if let Some(event) = found.and_then(|entry| entry.event.as_mut()) {
                event.deliveries.push(delivery);
            }
        }
    }
    events.extend(gone);
    events.sort_by_key(|entry| entry.seq);
    Ok(Page {
        entries: events,
        end: to == i64::MAX,
    })
}

/// The digest of a row of [`COLUMNS`].
fn digest(row: &Row<'_>) -> rusqlite::Result<Hash> {
    let IdText(id) = row.get(1)?;
    let (kind, untold, body): (String, String, String) = (row.get(3)?, row.get(7)?, row.get(8)?);
    Ok(Covered {
        seq: row.get(0)?,
        id: &id,
        alert: row.get(2)?,
        kind: &kind,
        at: row.get(4)?,
        decided: row.get(5)?,
        untold: &untold,
        body: &body,
    }
    .digest())
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let IdText(id) = row.get(1)?;
    let untold: String = row.get(7)?;
    Ok(Entry {
        seq: row.get(0)?,
        digest: chain::hex(&digest(row)?),
        hash: row.get::<_, Option<Hash>>(9)?.as_ref().map(chain::hex),
        event: Some(Event {
            id,
            alert: row.get(2)?,
            kind: row.get(3)?,
            at: row.get(4)?,
            decided: row.get(5)?,
            synchronised: row.get(6)?,
            untold: serde_json::from_str(&untold).unwrap_or_default(),
            deliveries: Vec::new(),
        }),
    })
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        id: row.get(0)?,
        destination: row.get(1)?,
        sequence: row.get::<_, i64>(2)?.cast_unsigned(),
        state: word(row.get(3)?),
        attempts: row.get(4)?,
        settled: row.get(5)?,
        result: row.get(6)?,
    })
}

fn word(rank: i64) -> String {
    match DeliveryState::from_rank(rank) {
        Some(state) => state.word().to_owned(),
        None if rank == UNKNOWN => STATES[STATES.len() - 1].to_owned(),
        None => rank.to_string(),
    }
}

fn number(db: &Connection, key: &str) -> rusqlite::Result<Option<i64>> {
    value(db, key)
}

fn hash(db: &Connection, key: &str) -> rusqlite::Result<Option<Hash>> {
    value(db, key)
}

fn value<T: rusqlite::types::FromSql>(db: &Connection, key: &str) -> rusqlite::Result<Option<T>> {
    db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

fn put(db: &Connection, key: &str, value: impl rusqlite::ToSql) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO meta(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![key, value])?;
    Ok(())
}
