//! The one write path of decisions: events, what is owed because of them, and the state of watches, in one transaction.
//!
//! It runs inside a transaction that its caller began, and knows nothing of disks.

use rusqlite::{Connection, params};

use super::{
    outbox,
    restore::put_meta,
    rows::{AlertRow, Commit, Committed, DeliveryState, Mark, NewDelivery, Owed, WatchRow},
};

/// Writes one commit; `durable` is left false for the caller to say.
pub(crate) fn write(db: &Connection, commit: &Commit) -> rusqlite::Result<Committed> {
    let mut committed = Committed::default();
    for (index, event) in commit.events.iter().enumerate() {
        for &id in &event.withdraws {
            let why = "taken or over before the first attempt";
            let wall = commit.mark.wall;
            if outbox::give_up(db, id, DeliveryState::Superseded, wall, why)? {
                committed.superseded.push(id);
            }
        }
        put_alert(db, &event.alert)?;
        db.prepare_cached(
            "INSERT INTO events(id, alert, kind, at, body) VALUES(?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            event.id,
            event.alert.id,
            event.kind,
            event.at.as_millis(),
            event.body
        ])?;
        let event_seq = db.last_insert_rowid();
        for delivery in &event.deliveries {
            let (id, sequence) = owe(db, event_seq, delivery, &commit.mark)?;
            committed.deliveries.push(Owed {
                id,
                event: index,
                event_seq,
                destination: delivery.destination.clone(),
                lane: delivery.lane.clone(),
                sequence,
                as_trigger: delivery.as_trigger,
            });
        }
    }
    for key in &commit.removed_watches {
        db.prepare_cached("DELETE FROM watches WHERE key = ?1")?
            .execute([key])?;
    }
    for watch in &commit.watches {
        put_watch(db, watch)?;
    }
    if let Some(core) = &commit.core {
        put_meta(db, "core", core)?;
    }
    write_mark(db, &commit.mark)?;
    Ok(committed)
}

/// Writes the mark alone.
pub(crate) fn write_mark(db: &Connection, mark: &Mark) -> rusqlite::Result<()> {
    let Mark {
        boot,
        mono,
        wall,
        synchronised,
    } = mark;
    let text = format!(
        "{boot} {} {} {}",
        mono.as_nanos(),
        wall.as_millis(),
        u8::from(*synchronised)
    );
    put_meta(db, "mark", &text)
}

/// Adds one owed delivery and gives it the destination's next number.
pub(crate) fn owe(
    db: &Connection,
    event_seq: i64,
    delivery: &NewDelivery,
    decided: &Mark,
) -> rusqlite::Result<(i64, u64)> {
    let sequence = next_sequence(db, &delivery.destination)?;
    db.prepare_cached(
        "INSERT INTO deliveries(event_seq, destination, lane, sequence, as_trigger, severity, withdrawable, not_before,
           decided, decided_boot, decided_mono_ns, decided_synchronised)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        event_seq,
        delivery.destination,
        delivery.lane,
        sequence,
        delivery.as_trigger,
        delivery.severity,
        delivery.withdrawable,
        delivery.not_before.map(|at| at.as_millis()),
        decided.wall.as_millis(),
        decided.boot,
        decided.mono.as_nanos(),
        decided.synchronised,
    ])?;
    Ok((db.last_insert_rowid(), sequence.cast_unsigned()))
}

/// Takes a destination's next number.
pub(crate) fn next_sequence(db: &Connection, destination: &str) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "INSERT INTO destinations(name, next_sequence) VALUES(?1, 2)
         ON CONFLICT(name) DO UPDATE SET next_sequence = next_sequence + 1 RETURNING next_sequence - 1",
    )?
    .query_row([destination], |row| row.get(0))
}

fn put_alert(db: &Connection, alert: &AlertRow) -> rusqlite::Result<()> {
    let audience = serde_json::Value::from(alert.audience.clone()).to_string();
    db.prepare_cached(
        "INSERT INTO alerts(id, number, dedup_key, rule, machine, severity, state, created, ended, audience)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT(id) DO UPDATE SET severity = excluded.severity, state = excluded.state, ended = excluded.ended,
           audience = excluded.audience",
    )?
    .execute(params![
        alert.id,
        alert.number.cast_signed(),
        alert.dedup_key,
        alert.rule,
        alert.machine,
        alert.severity,
        alert.state,
        alert.created.as_millis(),
        alert.ended.map(|at| at.as_millis()),
        audience,
    ])?;
    Ok(())
}

fn put_watch(db: &Connection, watch: &WatchRow) -> rusqlite::Result<()> {
    let WatchRow {
        key,
        rule,
        machine,
        open,
        blob,
    } = watch;
    db.prepare_cached(
        "INSERT INTO watches(key, rule, machine, open, blob) VALUES(?1, ?2, ?3, ?4, ?5)
         ON CONFLICT(key) DO UPDATE SET rule = excluded.rule, machine = excluded.machine, open = excluded.open, blob = excluded.blob",
    )?
    .execute(params![key, rule, machine, open, blob])?;
    Ok(())
}
