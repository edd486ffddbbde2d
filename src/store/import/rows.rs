//! Single rows on their way from one database into another: under which number, and whether they are there already.
//!
//! Every function runs inside a transaction of its caller and decides nothing about files or order.

use rusqlite::{Connection, OptionalExtension as _, params, types::Value};

use crate::store::{
    commit::{self, Fact},
    ids::{Id, IdText},
    memory,
    numbers::Numbers,
    outbox::PLACES,
    rows::{Delivery, NewDelivery},
};

/// Owes a delivery of another database, with a number of this one; none if it is known here.
pub(super) fn owe_anew(
    from: &Connection,
    into: &Connection,
    theirs: &Delivery,
) -> rusqlite::Result<Option<i64>> {
    let row = &theirs.row;
    let number = from
        .prepare_cached("SELECT alert FROM events WHERE seq = ?1")?
        .query_row([row.event_seq], |row| row.get(0))?;
    let alert = alert_of(from, into, number)?;
    let mut numbers = Numbers::new(into);
    let known: Option<i64> = into
        .prepare_cached("SELECT seq FROM events WHERE alert = ?1 AND id = ?2")?
        .query_row(params![alert, Id(&theirs.event)], |row| row.get(0))
        .optional()?;
    let seq = match known {
        Some(seq) => seq,
        None => {
            let untold = untold(from, row.event_seq)?;
            let fact = Fact {
                alert,
                id: &theirs.event,
                kind: &row.kind,
                at: row.at.as_millis(),
                body: &theirs.body,
                untold: untold.as_deref(),
                decided: &row.decided,
            };
            commit::put_event(into, &mut numbers, &fact)?
        }
    };
    let (known, last): (bool, i64) = into
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE destination = ?3 AND as_trigger = ?4) > 0, coalesce(max(id), ?1)
             FROM deliveries WHERE id BETWEEN ?1 AND ?2",
        )?
        .query_row(
            params![seq * PLACES, (seq + 1) * PLACES - 1, row.destination, row.as_trigger],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    let mut owed = None;
    if !known {
        let delivery = NewDelivery {
            destination: row.destination.clone(),
            severity: row.severity,
            as_trigger: row.as_trigger,
            withdrawable: row.withdrawable,
            not_before: None,
        };
        let sequence = numbers.sequence(&row.destination)?;
        owed = Some(commit::owe(
            into,
            seq,
            last % PLACES + 1,
            sequence,
            &delivery,
        )?);
    }
    numbers.put_back()?;
    Ok(owed)
}

/// Who does not hear of an event here although its alert was told there: who did not take it, and whose delivery was over.
fn untold(from: &Connection, seq: i64) -> rusqlite::Result<Option<String>> {
    let written: Option<String> = from
        .prepare_cached("SELECT untold FROM events WHERE seq = ?1")?
        .query_row([seq], |row| row.get(0))?;
    let names = written.and_then(|text| serde_json::from_str::<Vec<String>>(&text).ok());
    let mut names = names.unwrap_or_default();
    let mut over = from.prepare_cached(
        "SELECT destination FROM deliveries WHERE id BETWEEN ?1 AND ?2 AND state != 0 ORDER BY id",
    )?;
    let mut over = over.query([seq * PLACES, (seq + 1) * PLACES - 1])?;
    while let Some(row) = over.next()? {
        names.push(row.get(0)?);
    }
    Ok((!names.is_empty()).then(|| serde_json::Value::from(names).to_string()))
}

/// Whether everything that is taken over with a delivery of this event can be read. It is asked before anything is written: damage
/// there, met in the middle of a write, would be taken for damage here, and end the agent.
pub(super) fn readable(from: &Connection, seq: i64) -> rusqlite::Result<()> {
    let number = from
        .prepare_cached("SELECT alert FROM events WHERE seq = ?1")?
        .query_row([seq], |row| row.get(0))?;
    readable_alert(from, number)?;
    untold(from, seq).map(|_| ())
}

/// The same of an alert alone.
fn readable_alert(from: &Connection, number: i64) -> rusqlite::Result<()> {
    let mut alert = from.prepare_cached("SELECT * FROM alerts WHERE number = ?1")?;
    let columns = alert.column_count();
    alert.query_row([number], |row| {
        (0..columns).try_for_each(|column| row.get::<_, Value>(column).map(|_| ()))
    })
}

/// Under which number an alert of another database is known here: its own, if it is the same alert, or one below zero that is
/// told to nobody.
fn alert_of(from: &Connection, into: &Connection, number: i64) -> rusqlite::Result<i64> {
    let IdText(id) = from
        .prepare_cached("SELECT id FROM alerts WHERE number = ?1")?
        .query_row([number], |row| row.get(0))?;
    let here: Option<i64> = into
        .prepare_cached("SELECT number FROM alerts WHERE (number = ?1 OR number < 0) AND id = ?2")?
        .query_row(params![number, Id(&id)], |row| row.get(0))
        .optional()?;
    if let Some(here) = here {
        return Ok(here);
    }
    let free: i64 = into
        .prepare_cached("SELECT min(0, coalesce(min(number), 0)) - 1 FROM alerts")?
        .query_row([], |row| row.get(0))?;
    let mut alert = from
        .prepare_cached("SELECT dedup_key, rule, machine, severity, state, created, coalesce(ended, created), audience FROM alerts WHERE number = ?1")?;
    let values: Vec<Value> = alert.query_row([number], |row| {
        (0..8).map(|column| row.get(column)).collect()
    })?;
    // Nobody here will ever end it, so it counts as over.
    let mut put = into.prepare_cached(
        "INSERT INTO alerts(number, id, dedup_key, rule, machine, severity, state, created, ended, audience)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    put.raw_bind_parameter(1, free)?;
    put.raw_bind_parameter(2, Id(&id))?;
    for (at, value) in (3..).zip(values) {
        put.raw_bind_parameter(at, value)?;
    }
    put.raw_execute()?;
    Ok(free)
}

/// Keys after this one, oldest first: of owed deliveries by their index, or of all by the table alone. In a damaged file those
/// before the damage, and what it is.
pub(super) fn ids(
    db: &Connection,
    after: i64,
    limit: usize,
    owed: bool,
) -> (Vec<i64>, Option<rusqlite::Error>) {
    let from = match owed {
        true => "INDEXED BY pending WHERE state = 0 AND",
        false => "NOT INDEXED WHERE",
    };
    let sql = format!("SELECT id FROM deliveries {from} id > ?1 ORDER BY id LIMIT ?2");
    let mut ids = Vec::new();
    let mut read = || {
        let mut select = db.prepare_cached(&sql)?;
        for id in select.query_map(params![after, limit.cast_signed()], |row| row.get(0))? {
            ids.push(id?);
        }
        Ok(())
    };
    let damage = read().err();
    (ids, damage)
}

/// Gives an alert that is open there its row here, if its number is free or its own; false if it is another's.
pub(super) fn take_up(from: &Connection, into: &Connection, number: i64) -> rusqlite::Result<bool> {
    let id = |db: &Connection| {
        db.query_row("SELECT id FROM alerts WHERE number = ?1", [number], |row| {
            row.get::<_, Value>(0)
        })
        .optional()
    };
    // What cannot be read there cannot go on here.
    let Ok(Some(theirs)) = id(from) else {
        return Ok(false);
    };
    match id(into)? {
        Some(ours) => Ok(ours == theirs),
        None => {
            let elsewhere: bool = into.query_row(
                "SELECT EXISTS (SELECT 1 FROM alerts WHERE id = ?1)",
                params![theirs],
                |row| row.get(0),
            )?;
            if !elsewhere {
                if readable_alert(from, number).is_err() {
                    return Ok(false);
                }
                memory::copy(from, into, "alerts", &format!("number = {number}"), None)?;
            }
            Ok(!elsewhere)
        }
    }
}
