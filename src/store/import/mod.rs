//! Taking over from a database that was set aside: what is pending there is owed anew here, and alerts that are open there go on.
//!
//! The other file is left as it is. It is read by key, some rows in each job, so that commits go first; a row that cannot be read
//! is told and the next one is tried. An import that is run again, or was broken off, owes nothing twice: events keep
//! their ids. Whether the core takes up an alert is for the core to say.

mod rows;

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use self::rows::{ids, owe_anew, readable};
use super::{
    Store, StoreError,
    contents::{self, UnusableFile},
    open,
    outbox::{self, PLACES},
    rows::{DeliveryRow, DeliveryState, WatchRow},
    schema,
};

/// Rows of one job.
const BATCH: usize = 100;
/// A damaged file gives up after so many places that cannot be read.
const MAX_UNREADABLE: usize = 1000;
/// So many of them are told one by one.
const TOLD: usize = 20;

/// Another database, open for reading.
#[derive(Debug)]
pub struct Source {
    db: Connection,
    /// The copy that is read, where the file itself is of an older version.
    copy: Option<PathBuf>,
    after: i64,
    last: i64,
    /// The index of what is pending is damaged.
    walks: bool,
    /// What could not be read, for people; at most twenty and a count.
    pub unreadable: Vec<String>,
    unread: usize,
}

/// What one step of an import has brought.
#[derive(Debug)]
pub struct Step {
    /// To go on with; none at the end.
    pub source: Source,
    /// Pending deliveries that were looked at.
    pub found: u64,
    /// Those that are owed anew.
    pub owed: Vec<DeliveryRow>,
    /// There is nothing more.
    pub done: bool,
}

impl Source {
    /// Opens a file for import into the database in `dir`, where a copy of it is made if it is of an older version. It blocks.
    ///
    /// # Errors
    /// If it is no database of ours that can be read at all, or the one at work.
    pub fn open(path: &Path, dir: &Path) -> Result<Self, UnusableFile> {
        let ours = dir.join(open::FILE);
        if let (Ok(one), Ok(other)) = (fs::metadata(path), fs::metadata(&ours))
            && (one.dev(), one.ino()) == (other.dev(), other.ino())
        {
            // Not even opened: closing it would drop the locks of the running agent.
            return Err(UnusableFile::AtWork {
                path: path.to_path_buf(),
            });
        }
        let (version, db) = contents::whose(path, path)?;
        let told = |error| contents::classify(path, error);
        if version == schema::VERSION {
            return Self::over(db, None).map_err(told);
        }
        drop(db);
        let copy = open::beside(&ours, ".import");
        contents::copy(path, &copy)?;
        let migrated = open::copied(&copy).and_then(|mut db| {
            schema::migrate(&mut db)?;
            Self::over(db, Some(copy.clone()))
        });
        migrated.map_err(|error| {
            remove(&copy);
            told(error)
        })
    }

    fn over(db: Connection, copy: Option<PathBuf>) -> rusqlite::Result<Self> {
        // The end is known even where the way there is damaged.
        let last = db
            .query_row("SELECT max(id) FROM deliveries", [], |row| {
                row.get::<_, Option<i64>>(0)
            })
            .unwrap_or(None)
            .unwrap_or(0);
        Ok(Self {
            db,
            copy,
            after: 0,
            last,
            walks: false,
            unreadable: Vec::new(),
            unread: 0,
        })
    }

    /// Watches with an open alert; none where they cannot be read.
    pub fn open_watches(&mut self) -> Vec<WatchRow> {
        let watches = super::restore::watches(&self.db);
        let watches = watches.unwrap_or_else(|error| {
            self.tell(format!("the watches: {error}"));
            Vec::new()
        });
        watches.into_iter().filter(|watch| watch.open).collect()
    }

    fn tell(&mut self, what: String) {
        self.unread += 1;
        match self.unread {
            1..=TOLD => self.unreadable.push(what),
            _ => {
                self.unreadable.truncate(TOLD);
                let more = self.unread - TOLD;
                self.unreadable.push(format!("{more} more like it"));
            }
        }
    }

    /// One job's work inside a transaction of `into`.
    fn step(&mut self, into: &Connection) -> rusqlite::Result<(u64, Vec<DeliveryRow>, bool)> {
        let (ids, damage) = ids(&self.db, self.after, BATCH, !self.walks);
        if let (Some(error), true) = (damage, ids.is_empty()) {
            if !std::mem::replace(&mut self.walks, true) {
                // Without the index, what is pending is found among all rows.
                self.tell(format!("the index of what is pending: {error}"));
                return Ok((0, Vec::new(), false));
            }
            // The tree of pages is broken here: on to what can still be reached.
            self.tell(format!("deliveries after {}: {error}", self.after));
            self.after = (self.after / PLACES + 1) * PLACES;
            let over = self.after >= self.last || self.unread >= MAX_UNREADABLE;
            return Ok((0, Vec::new(), over));
        }
        let Some(last) = ids.last().copied() else {
            return Ok((0, Vec::new(), true));
        };
        let mut owed = Vec::new();
        let mut found = 0;
        for id in ids {
            let theirs = match outbox::delivery(&self.db, id) {
                Ok(Some(theirs)) => theirs,
                Ok(None) => {
                    self.tell(format!("delivery {id}: its event is missing"));
                    continue;
                }
                Err(error) => {
                    self.tell(format!("delivery {id}: {error}"));
                    continue;
                }
            };
            if theirs.row.state != DeliveryState::Pending {
                continue;
            }
            if let Err(error) = readable(&self.db, theirs.row.event_seq) {
                self.tell(format!("delivery {id}: {error}"));
                continue;
            }
            found += 1;
            if let Some(id) = owe_anew(&self.db, into, &theirs)? {
                owed.extend(outbox::delivery(into, id)?.map(|delivery| delivery.row));
            }
        }
        self.after = last;
        Ok((found, owed, self.unread >= MAX_UNREADABLE))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(copy) = &self.copy {
            remove(copy);
        }
    }
}

impl Store {
    /// Owes anew some of what is pending in another database.
    pub async fn import(&self, mut source: Source) -> Result<Step, StoreError> {
        let path = PathBuf::from(source.db.path().unwrap_or_default());
        let dir = self.dir.clone();
        let job = move |keeper: &mut super::keeper::Keeper| {
            let before = (
                source.after,
                source.walks,
                source.unread,
                source.unreadable.clone(),
            );
            let ((found, owed, done), _) = keeper.write(|db| {
                // It may run more than once, each time on what was there before.
                (source.after, source.walks, source.unread, source.unreadable) = before.clone();
                source.step(db)
            })?;
            Ok(Step {
                source,
                found,
                owed,
                done,
            })
        };
        let step = self.ask(job).await;
        step.map_err(|fault| fault.of(&dir, |source| StoreError::Import { path, source }))
    }

    /// Makes room for alerts that are open in another database: those whose number is free or theirs here get their row, and
    /// are returned. What the core does not take up is to be ended by [`Store::let_go`].
    pub async fn take_up(
        &self,
        source: Source,
        numbers: Vec<u64>,
    ) -> Result<(Source, Vec<u64>), StoreError> {
        let path = PathBuf::from(source.db.path().unwrap_or_default());
        let job = move |keeper: &mut super::keeper::Keeper| {
            let (taken, _) = keeper.write(|db| {
                let mut taken = Vec::new();
                for &number in &numbers {
                    if rows::take_up(&source.db, db, number.cast_signed())? {
                        taken.push(number);
                    }
                }
                Ok(taken)
            })?;
            Ok((source, taken))
        };
        let taken = self.ask(job).await;
        taken.map_err(|fault| fault.of(&self.dir, |source| StoreError::Import { path, source }))
    }

    /// Ends alerts that were taken up and that the core does not go on with.
    pub async fn let_go(&self, numbers: Vec<u64>) -> Result<(), StoreError> {
        let job = move |keeper: &mut super::keeper::Keeper| {
            keeper.write(|db| {
                let sql = "UPDATE alerts SET ended = created WHERE number = ?1 AND ended IS NULL";
                for &number in &numbers {
                    db.execute(sql, [number.cast_signed()])?;
                }
                Ok(())
            })
        };
        let done = self.ask(job).await;
        done.map_err(|fault| fault.of(&self.dir, |source| StoreError::Alerts { source }))?;
        Ok(())
    }
}

/// Owes anew everything that can be read in another database, in one go; what cannot be read is logged.
pub(crate) fn everything(from: Connection, into: &Connection) -> rusqlite::Result<u64> {
    let mut source = Source::over(from, None)?;
    let mut all = 0;
    loop {
        let (_, owed, done) = source.step(into)?;
        all += owed.len() as u64;
        if done {
            break;
        }
    }
    for what in &source.unreadable {
        tracing::error!("of an earlier database cannot be read: {what}");
    }
    Ok(all)
}

fn remove(copy: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(open::beside(copy, suffix));
    }
}
