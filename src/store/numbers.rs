//! The numbers that are counted on: rows of events, and what each destination was last told.
//!
//! They stand in `now`, on the page that every commit writes anyway for its mark, and are written once however many events a
//! commit has. No number is given twice, also when the row that had it is gone.

use std::collections::BTreeMap;

use rusqlite::{
    Connection,
    types::{FromSql, Value},
};

use super::{
    chain,
    restore::{TOGETHER, now, now_all, put_all_now},
};
use crate::verify::chain::{Hash, link};

/// Where the next row of an event stands.
pub(super) const EVENT: &str = "next_event";

/// Before a destination's name: where its next sequence number stands.
pub(crate) const SEQUENCE: &str = "sequence.";

/// Numbers taken by one transaction; what was taken counts only after [`Numbers::put_back`].
pub(crate) struct Numbers<'db> {
    db: &'db Connection,
    event: Option<i64>,
    head: Option<Hash>,
    sequences: BTreeMap<String, i64>,
    /// What was read ahead.
    ahead: BTreeMap<String, Value>,
}

impl<'db> Numbers<'db> {
    /// Nothing is taken yet.
    pub(crate) fn new(db: &'db Connection) -> Self {
        Self {
            db,
            event: None,
            head: None,
            sequences: BTreeMap::new(),
            ahead: BTreeMap::new(),
        }
    }

    /// Reads in one go what an event with deliveries to these destinations needs; what is left out is read when it is needed.
    pub(crate) fn read_ahead<'n>(
        &mut self,
        destinations: impl Iterator<Item = &'n str>,
    ) -> rusqlite::Result<()> {
        let sequences = destinations.map(|name| format!("{SEQUENCE}{name}"));
        let keys = [EVENT, chain::HEAD].map(str::to_owned).into_iter();
        let keys: Vec<String> = keys.chain(sequences).take(TOGETHER).collect();
        self.ahead = now_all(self.db, &keys)?;
        Ok(())
    }

    /// One of them, read ahead or not.
    fn take<T: FromSql>(&mut self, key: &str) -> rusqlite::Result<Option<T>> {
        match self.ahead.remove(key) {
            Some(value) => Ok(Some(T::column_result((&value).into())?)),
            None => now(self.db, key),
        }
    }

    /// The next event's row.
    pub(crate) fn event(&mut self) -> rusqlite::Result<i64> {
        let number = match self.event {
            Some(number) => number,
            None => self.take(EVENT)?.unwrap_or(1),
        };
        self.event = Some(number + 1);
        Ok(number)
    }

    /// The hash of an event with this digest: it follows all others.
    pub(crate) fn link(&mut self, digest: &Hash) -> rusqlite::Result<Hash> {
        let before = match self.head {
            Some(head) => head,
            None => match self.take(chain::HEAD)? {
                Some(head) => head,
                None => chain::head(self.db)?,
            },
        };
        let hash = link(&before, digest);
        self.head = Some(hash);
        Ok(hash)
    }

    /// The next number of a destination, which is known from then on.
    pub(crate) fn sequence(&mut self, destination: &str) -> rusqlite::Result<i64> {
        if let Some(next) = self.sequences.get_mut(destination) {
            *next += 1;
            return Ok(*next - 1);
        }
        let number = match self.take(&format!("{SEQUENCE}{destination}"))? {
            Some(number) => number,
            None => {
                self.db
                    .prepare_cached("INSERT OR IGNORE INTO destinations(name) VALUES(?1)")?
                    .execute([destination])?;
                1
            }
        };
        self.sequences.insert(destination.to_owned(), number + 1);
        Ok(number)
    }

    /// Writes how far they have come.
    pub(crate) fn put_back(self) -> rusqlite::Result<()> {
        put_all_now(self.db, &self.come_to())
    }

    /// How far they have come, for who writes more with it.
    pub(crate) fn come_to(&self) -> Vec<(String, Value)> {
        let event = self.event.map(|next| (EVENT.to_owned(), next.into()));
        let head = self
            .head
            .map(|head| (chain::HEAD.to_owned(), head.to_vec().into()));
        let sequences = self.sequences.iter();
        let sequences = sequences.map(|(name, next)| (format!("{SEQUENCE}{name}"), (*next).into()));
        event.into_iter().chain(head).chain(sequences).collect()
    }
}

/// The number that a destination's next delivery gets; none if it was never owed anything.
pub(crate) fn next_sequence(db: &Connection, destination: &str) -> rusqlite::Result<Option<i64>> {
    now(db, &format!("{SEQUENCE}{destination}"))
}
