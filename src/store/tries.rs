//! What was tried for one delivery, as its row keeps it: the count, the first and the last time, the last result, and the first
//! and last tries as a list.
//!
//! The list is written only where it says more than the other columns do: the first attempt of a delivery, mostly the only one,
//! costs none.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    outbox::{json, parse, wall},
    rows::{AttemptRecord, DeliveryState, Settlement, Tried},
};
use crate::clock::Wall;

/// Tries kept from the start of a delivery, and as many from its end.
const TRIES: usize = 10;

/// Bytes of a result.
const MAX_RESULT: usize = 500;

/// The columns of one row.
#[derive(Clone, Debug)]
pub(crate) struct Tries {
    attempts: u32,
    first: Option<Wall>,
    last: Option<Wall>,
    result: Option<String>,
    took_ms: Option<u64>,
    status: Option<u16>,
    provider_id: Option<String>,
    log: Vec<Tried>,
}

/// What a delivery's row says; none if there is no such row.
pub(crate) fn load(db: &Connection, id: i64) -> rusqlite::Result<Option<Tries>> {
    db.prepare_cached(
        "SELECT attempts, first_attempt, last_attempt, result, log, took_ms, status, provider_id FROM deliveries WHERE id = ?1",
    )?
    .query_row([id], |row| {
        let mut tries = Tries {
            attempts: row.get(0)?,
            first: wall(row, 1)?,
            last: wall(row, 2)?,
            result: row.get(3)?,
            took_ms: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
            status: row.get(6)?,
            provider_id: row.get(7)?,
            log: Vec::new(),
        };
        tries.log = match row.get::<_, Option<String>>(4)? {
            Some(text) => parse(&text),
            None => tries.only().into_iter().collect(),
        };
        Ok(tries)
    })
    .optional()
}

impl Tries {
    /// The first and last tries, oldest first.
    pub(crate) fn log(self) -> Vec<Tried> {
        self.log
    }

    /// One more.
    pub(crate) fn add(&mut self, record: &AttemptRecord) {
        let result = cut(&record.result).to_owned();
        self.attempts = self.attempts.saturating_add(record.used);
        self.first = self.first.or(self.last);
        self.last = Some(record.at);
        if self.log.len() >= 2 * TRIES {
            self.log.remove(TRIES);
        }
        self.took_ms = record.took_ms;
        self.status = record.status;
        self.provider_id = record.provider_id.clone();
        self.log.push(Tried {
            at: record.at.as_millis(),
            attempts: self.attempts,
            result: result.clone(),
            took_ms: self.took_ms,
            status: self.status,
            provider_id: self.provider_id.clone(),
        });
        self.result = Some(result);
    }

    /// Writes them, with the delivery still owed.
    pub(crate) fn save(
        &self,
        db: &Connection,
        id: i64,
        not_before: Option<Wall>,
    ) -> rusqlite::Result<()> {
        db.prepare_cached(
            "UPDATE deliveries SET attempts = ?2, first_attempt = ?3, last_attempt = ?4, result = ?5, log = ?6, not_before = ?7,
               took_ms = ?8, status = ?9, provider_id = ?10 WHERE id = ?1",
        )?
        .execute(params![
            id,
            self.attempts,
            self.first.map(Wall::as_millis),
            self.last.map(Wall::as_millis),
            self.result,
            self.list(),
            not_before.map(Wall::as_millis),
            self.took_ms.map(u64::cast_signed),
            self.status,
            self.provider_id,
        ])?;
        Ok(())
    }

    /// Writes them together with the end of the delivery.
    pub(crate) fn end(mut self, db: &Connection, end: &Settlement) -> rusqlite::Result<()> {
        self.result = Some(cut(&end.result).to_owned());
        db.prepare_cached(
            "UPDATE deliveries SET attempts = ?2, first_attempt = ?3, last_attempt = ?4, result = ?5, log = ?6, not_before = NULL,
               state = ?7, settled = ?8, took_ms = ?9, status = ?10, provider_id = ?11 WHERE id = ?1",
        )?
        .execute(params![
            end.id,
            self.attempts,
            self.first.map(Wall::as_millis),
            self.last.map(Wall::as_millis),
            self.result,
            self.list(),
            DeliveryState::rank(end.state),
            end.at.as_millis(),
            self.took_ms.map(u64::cast_signed),
            self.status,
            self.provider_id,
        ])?;
        Ok(())
    }

    /// The list, where the other columns do not say the same.
    fn list(&self) -> Option<String> {
        let implied = self.only();
        let said = self.log.iter().eq(implied.iter());
        (!said).then(|| json(&self.log))
    }

    /// The one try that the columns tell of without a list.
    fn only(&self) -> Option<Tried> {
        self.last.map(|last| Tried {
            at: last.as_millis(),
            attempts: self.attempts,
            result: self.result.clone().unwrap_or_default(),
            took_ms: self.took_ms,
            status: self.status,
            provider_id: self.provider_id.clone(),
        })
    }
}

fn cut(text: &str) -> &str {
    let end = (0..=MAX_RESULT.min(text.len())).rev();
    &text[..end
        .into_iter()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)]
}
