//! Staying within age and size: what goes first, and that what was owed goes on record as given up.
//!
//! A [`Pruner`] is a loop of short jobs; it keeps its place between them and no transaction open.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::{
    Store, StoreError, chain,
    outbox::{self, BATCH, OF_EVENT, PLACES},
    rows::DeliveryState,
};
use crate::clock::{Now, Wall};

/// Owed deliveries that are given up before the size is looked at again: few, so that hardly more goes than has to.
const GIVE_UP: i64 = 20;

/// How much may stay.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Bytes in use, free pages of the file not counted.
    Bytes(u64),
    /// Events.
    Events(u64),
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Events, with their deliveries.
    pub events: u64,
    /// Owed deliveries given up because a later one tells the latest state of the alert.
    pub collapsed: u64,
    /// Owed deliveries given up, the mildest and oldest first.
    pub given_up: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Too old, ended and owed to nobody.
    Old,
    /// Ended and owed to nobody.
    Ended,
    /// Owed to nobody; the alert itself stays while it is open.
    Settled,
    /// All but the latest state of each alert and destination.
    Collapse,
    /// What the collapse has freed.
    Collapsed,
    /// The mildest, oldest first.
    Mildest,
    /// What that has freed.
    Freed,
    /// The start of the chain follows.
    Chain,
    Done,
}

/// One run, between two of its jobs.
#[derive(Clone, Debug)]
pub(crate) struct Pruner {
    goal: Goal,
    keep_from: Option<Wall>,
    now: Wall,
    phase: Phase,
    after: i64,
    /// What went so far.
    pub(crate) pruned: Pruned,
}

impl Pruner {
    /// Without `keep_from`, nothing goes for its age.
    pub(crate) fn new(goal: Goal, keep_from: Option<Wall>, now: Wall) -> Self {
        Self {
            goal,
            keep_from,
            now,
            phase: Phase::Old,
            after: 0,
            pruned: Pruned::default(),
        }
    }

    /// Whether there is nothing more to do.
    pub(crate) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// One short job; inside a transaction.
    pub(crate) fn step(mut self, db: &Connection) -> rusqlite::Result<Self> {
        if !matches!(self.phase, Phase::Old | Phase::Chain) && !self.is_over(db)? {
            self.phase = Phase::Done;
        }
        match self.phase {
            Phase::Old if self.keep_from.is_none() => self.go(Phase::Ended),
            Phase::Old => self.sweep(db, true, Phase::Ended)?,
            Phase::Ended => self.sweep(db, true, Phase::Settled)?,
            Phase::Settled => self.sweep(db, false, Phase::Collapse)?,
            Phase::Collapse => self.collapse(db)?,
            Phase::Collapsed => self.sweep(db, false, Phase::Mildest)?,
            Phase::Mildest => self.give_up_mildest(db)?,
            Phase::Freed => self.sweep(db, false, Phase::Mildest)?,
            Phase::Chain => self.go(Phase::Done),
            Phase::Done => {}
        }
        let more = chain::advance(db)?;
        if self.is_done() && more {
            self.go(Phase::Chain);
        }
        if self.is_done() {
            chain::within_limits(db)?;
            forget_boots(db)?;
        }
        Ok(self)
    }

    fn go(&mut self, phase: Phase) {
        self.phase = phase;
        self.after = 0;
    }

    fn is_over(&self, db: &Connection) -> rusqlite::Result<bool> {
        Ok(match self.goal {
            Goal::Bytes(most) => used_bytes(db)? > most,
            Goal::Events(most) => {
                let count: i64 = db
                    .prepare_cached("SELECT count(*) FROM events")?
                    .query_row([], |row| row.get(0))?;
                count.cast_unsigned() > most
            }
        })
    }

    /// Deletes what may go among the next events by key; at the last one, goes on to `next`.
    fn sweep(&mut self, db: &Connection, ended: bool, next: Phase) -> rusqlite::Result<()> {
        let rows: Vec<(i64, i64, i64, bool, bool)> = db
            .prepare_cached(&format!(
                "SELECT seq, alert, at,
                   EXISTS (SELECT 1 FROM deliveries d WHERE {OF_EVENT} AND d.state = 0),
                   EXISTS (SELECT 1 FROM alerts a WHERE a.number = e.alert AND a.ended IS NULL)
                 FROM events e WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            ))?
            .query_map(params![self.after, BATCH.cast_signed()], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            })?
            .collect::<Result<_, _>>()?;
        let cut = match (self.phase, self.keep_from) {
            (Phase::Old, Some(from)) => from.as_millis(),
            _ => i64::MAX,
        };
        // Rows are nearly in the order of time, so a batch without an old one ends the search for old ones.
        let none_old = rows.iter().all(|(_, _, at, ..)| *at >= cut);
        let Some((last, ..)) = rows.last().filter(|_| !none_old) else {
            self.go(next);
            return Ok(());
        };
        self.after = *last;
        for (seq, alert, at, owed, open) in &rows {
            if *at < cut && !owed && !(ended && *open) {
                forget(db, *seq, *alert)?;
                self.pruned.events += 1;
            }
        }
        Ok(())
    }

    fn collapse(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let rows = outbox::pending(db, self.after, BATCH)?;
        let Some(last) = rows.last() else {
            self.go(Phase::Collapsed);
            return Ok(());
        };
        self.after = last.id;
        let mut later = db.prepare_cached(&format!(
            "SELECT EXISTS (SELECT 1 FROM events this CROSS JOIN events e ON e.alert = this.alert AND e.seq > this.seq
               CROSS JOIN deliveries d ON {OF_EVENT} WHERE this.seq = ?1 AND d.destination = ?2 AND d.state = 0)",
        ))?;
        for row in &rows {
            let told_later =
                later.query_row(params![row.event_seq, row.destination], |row| row.get(0))?;
            if told_later {
                let why = "the store is full: a later event tells the latest state";
                outbox::give_up(db, row.id, DeliveryState::Dropped, self.now, why)?;
                self.pruned.collapsed += 1;
            }
        }
        Ok(())
    }

    fn give_up_mildest(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let ids: Vec<i64> = db
            .prepare_cached(
                "SELECT id FROM deliveries INDEXED BY pending WHERE state = 0 ORDER BY severity, id LIMIT ?1",
            )?
            .query_map([GIVE_UP], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        self.go(if ids.is_empty() {
            Phase::Done
        } else {
            Phase::Freed
        });
        for id in ids {
            let why = "the store is full: the mildest and oldest go first";
            outbox::give_up(db, id, DeliveryState::Dropped, self.now, why)?;
            self.pruned.given_up += 1;
        }
        Ok(())
    }
}

impl Store {
    /// Brings the store within its limits, as many short jobs. While the clock is not synchronised nothing goes for its age.
    pub async fn prune(
        &self,
        keep_for: Duration,
        keep_size: u64,
        now: Now,
    ) -> Result<Pruned, StoreError> {
        let keep_from = now.synchronised.then(|| now.wall - keep_for);
        let mut pruner = Pruner::new(Goal::Bytes(keep_size), keep_from, now.wall);
        while !pruner.is_done() {
            let next = move |db: &rusqlite::Connection| pruner.clone().step(db);
            pruner = self
                .write(next, |source| StoreError::Prune { source })
                .await?;
        }
        Ok(pruner.pruned)
    }
}

/// Bytes of the database that hold something.
pub(crate) fn used_bytes(db: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok((pages * pragma("page_size")?).cast_unsigned())
}

/// Deletes one event, and its alert with the last one of it.
fn forget(db: &Connection, seq: i64, alert: i64) -> rusqlite::Result<()> {
    chain::bury(db, seq)?;
    db.prepare_cached("DELETE FROM deliveries WHERE id BETWEEN ?1 AND ?2")?
        .execute([seq * PLACES, (seq + 1) * PLACES - 1])?;
    db.prepare_cached("DELETE FROM events WHERE seq = ?1")?
        .execute([seq])?;
    let gone = db
        .prepare_cached(
            "DELETE FROM alerts WHERE number = ?1 AND ended IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM events WHERE alert = ?1)",
        )?
        .execute([alert])?;
    if gone > 0 {
        db.prepare_cached("DELETE FROM threads WHERE alert = ?1")?
            .execute([alert])?;
    }
    Ok(())
}

/// Deletes the boots in which nothing was decided that is still known.
fn forget_boots(db: &Connection) -> rusqlite::Result<()> {
    db.prepare_cached(
        "DELETE FROM boots WHERE id < (SELECT boot FROM events ORDER BY seq LIMIT 1)",
    )?
    .execute([])?;
    Ok(())
}
