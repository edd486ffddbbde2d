//! The one write path of decisions: events, what is owed because of them, and the state of watches, in one transaction.
//!
//! It runs inside a transaction that its caller began, and knows nothing of disks.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    ids::Id,
    machines,
    numbers::Numbers,
    outbox, ready,
    restore::{put_all_now, put_now},
    rows::{AlertRow, Commit, Committed, DeliveryState, Mark, NewDelivery, Owed, WatchRow},
};
use crate::verify::chain::Covered;

/// Where the mark stands.
const MARK: &str = "mark";

/// Writes one commit; `durable` is left false for the caller to say.
pub(crate) fn write(db: &Connection, commit: &Commit) -> rusqlite::Result<Committed> {
    let mut committed = Committed::default();
    let mut numbers = Numbers::new(db);
    if let Some(first) = commit.events.first() {
        numbers.read_ahead(
            first
                .deliveries
                .iter()
                .map(|owed| owed.destination.as_str()),
        )?;
    }
    for (index, event) in commit.events.iter().enumerate() {
        for &id in &event.withdraws {
            let why = "taken or over before the first attempt";
            let wall = commit.mark.wall;
            if outbox::give_up(db, id, DeliveryState::Superseded, wall, why)? {
                committed.superseded.push(id);
            }
        }
        put_alert(db, &event.alert)?;
        let untold = match event.untold.is_empty() {
            true => None,
            false => Some(serde_json::Value::from(event.untold.clone()).to_string()),
        };
        let event_seq = put_event(
            db,
            &mut numbers,
            &Fact {
                alert: event.alert.number.cast_signed(),
                id: &event.id,
                kind: &event.kind,
                at: event.at.as_millis(),
                body: &event.body,
                untold: untold.as_deref(),
                decided: &commit.mark,
            },
        )?;
        for (place, delivery) in (1..).zip(&event.deliveries) {
            let sequence = numbers.sequence(&delivery.destination)?;
            let id = owe(db, event_seq, place, sequence, delivery)?;
            committed.deliveries.push(Owed {
                id,
                event: index,
                event_seq,
                destination: delivery.destination.clone(),
                sequence: sequence.cast_unsigned(),
                as_trigger: delivery.as_trigger,
                ready: None,
            });
        }
    }
    for key in &commit.removed_watches {
        db.prepare_cached("DELETE FROM watches WHERE key = ?1")?
            .execute([Id(key)])?;
    }
    for watch in &commit.watches {
        put_watch(db, watch)?;
    }
    for id in &commit.forgotten_machines {
        machines::forget(db, id)?;
    }
    for machine in &commit.machines {
        machines::put(db, machine)?;
    }
    let mut now = numbers.come_to();
    now.extend(
        commit
            .core
            .iter()
            .map(|core| ("core".to_owned(), core.clone().into())),
    );
    now.push((MARK.to_owned(), written(&commit.mark).into()));
    put_all_now(db, &now)?;
    ready::fill(db, commit, &mut committed)?;
    Ok(committed)
}

/// Writes the mark alone.
pub(crate) fn write_mark(db: &Connection, mark: &Mark) -> rusqlite::Result<()> {
    put_now(db, MARK, written(mark))
}

/// A mark as it is kept.
fn written(mark: &Mark) -> String {
    let Mark {
        boot,
        mono,
        wall,
        synchronised,
    } = mark;
    format!(
        "{boot} {} {} {}",
        mono.as_nanos(),
        wall.as_millis(),
        u8::from(*synchronised)
    )
}

/// What an event's row says.
pub(crate) struct Fact<'a> {
    /// The alert's number.
    pub(crate) alert: i64,
    pub(crate) id: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) at: i64,
    pub(crate) body: &'a str,
    /// Destinations that do not take it, as JSON.
    pub(crate) untold: Option<&'a str>,
    pub(crate) decided: &'a Mark,
}

/// Writes an event after all others, and says under which number.
pub(crate) fn put_event(
    db: &Connection,
    numbers: &mut Numbers<'_>,
    event: &Fact<'_>,
) -> rusqlite::Result<i64> {
    let seq = numbers.event()?;
    let covered = Covered {
        seq,
        id: event.id,
        alert: event.alert,
        kind: event.kind,
        at: event.at,
        decided: event.decided.wall.as_millis(),
        untold: event.untold.unwrap_or_default(),
        body: event.body,
    };
    let hash = numbers.link(&covered.digest())?;
    let boot = boot(db, &event.decided.boot)?;
    db.prepare_cached(
        "INSERT INTO events(seq, alert, id, kind, at, boot, decided, decided_mono_ns, decided_synchronised, body,
           untold, hash)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        seq,
        event.alert,
        Id(event.id),
        event.kind,
        event.at,
        boot,
        event.decided.wall.as_millis(),
        event.decided.mono.as_nanos(),
        event.decided.synchronised,
        event.body,
        event.untold,
        hash,
    ])?;
    Ok(seq)
}

/// The number of a boot. Numbers only grow, so that those before the oldest event's can go.
fn boot(db: &Connection, boot: &str) -> rusqlite::Result<i64> {
    let last: Option<(i64, String)> = db
        .prepare_cached("SELECT id, boot FROM boots ORDER BY id DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match last {
        Some((id, last)) if last == boot => Ok(id),
        last => {
            let id = last.map_or(1, |(id, _)| id + 1);
            db.prepare_cached("INSERT INTO boots(id, boot) VALUES(?1, ?2)")?
                .execute(params![id, boot])?;
            Ok(id)
        }
    }
}

/// Adds one owed delivery, the `place`th of its event from 1.
pub(crate) fn owe(
    db: &Connection,
    event_seq: i64,
    place: i64,
    sequence: i64,
    delivery: &NewDelivery,
) -> rusqlite::Result<i64> {
    if place >= outbox::PLACES {
        let why = format!("an event is owed to more than {} receivers", place - 1);
        return Err(rusqlite::Error::ToSqlConversionFailure(why.into()));
    }
    let id = event_seq * outbox::PLACES + place;
    db.prepare_cached(
        "INSERT INTO deliveries(id, destination, sequence, as_trigger, severity, withdrawable, not_before)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        id,
        delivery.destination,
        sequence,
        delivery.as_trigger,
        delivery.severity,
        delivery.withdrawable,
        delivery.not_before.map(|at| at.as_millis()),
    ])?;
    Ok(id)
}

fn put_alert(db: &Connection, alert: &AlertRow) -> rusqlite::Result<()> {
    let audience = serde_json::Value::from(alert.audience.clone()).to_string();
    let mut put = db.prepare_cached(
        "INSERT INTO alerts(number, id, dedup_key, rule, machine, severity, state, created, ended, audience)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT(number) DO UPDATE SET severity = excluded.severity, state = excluded.state, ended = excluded.ended,
           audience = excluded.audience WHERE alerts.id = excluded.id",
    )?;
    let changed = put.execute(params![
        alert.number.cast_signed(),
        Id(&alert.id),
        Id(&alert.dedup_key),
        alert.rule,
        alert.machine,
        alert.severity,
        alert.state,
        alert.created.as_millis(),
        alert.ended.map(|at| at.as_millis()),
        audience,
    ])?;
    if changed == 0 {
        let why = format!("A-{} is the number of another alert", alert.number);
        return Err(rusqlite::Error::ToSqlConversionFailure(why.into()));
    }
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
    // What does not change is not set, so that no index is touched.
    db.prepare_cached(
        "INSERT INTO watches(key, rule, machine, open, blob) VALUES(?1, ?2, ?3, ?4, ?5)
         ON CONFLICT(key) DO UPDATE SET rule = excluded.rule, machine = excluded.machine, open = excluded.open, blob = excluded.blob",
    )?
    .execute(params![Id(key), rule, machine, open, blob])?;
    Ok(())
}
