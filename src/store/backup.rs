//! A backup while the agent runs: the file is held still for a while, and whoever wants it reads it piece by piece.
//!
//! SQLite's own backup handle borrows the connection for as long as it lives, so it could not be kept between two short jobs, and
//! it begins anew whenever something else writes. Here nothing is copied from the log into the file while it is held:
//! commits go on into the log, the file stays as it is, and the log is taken last, in one job, so that both together are
//! the database of that instant. What holds it is bounded: a caller that falls silent, a log that grows too large and a
//! full disk each end it. It writes nothing outside the log; where the copy goes is the caller's.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::Path,
};

use rusqlite::Connection;

use super::{
    Store, StoreError,
    keeper::{Failure, Keeper},
    open,
};

/// Most bytes of one piece: read within a few milliseconds from slow flash.
pub const PIECE: usize = 128 << 10;

/// A log that has grown beyond this while the file was held ends the backup.
const MAX_LOG: u64 = 16 << 20;

/// A caller that asked for nothing between so many healings has gone.
const SILENT: u8 = 2;

/// Why there is no backup, or no more of it.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// What is at work is in memory; the file is not the present.
    #[error(
        "there is nothing on disk to back up: {0}; the agent keeps alerts in memory until it can write again"
    )]
    InMemory(String),
    /// One at a time.
    #[error("another backup is being made; try again when it is done")]
    Busy,
    /// It was ended, or is none of ours.
    #[error("the backup was ended, {0}; begin anew")]
    Over(&'static str),
    /// The file cannot be read.
    #[error("the database cannot be read")]
    Read(#[source] io::Error),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a piece belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The file itself; to be read to its end first.
    File,
    /// Its log. Asking for its beginning ends the holding.
    Log,
}

/// A backup that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Names it in what follows.
    pub id: u64,
    /// Bytes of the file; the log adds a few MiB at most.
    pub bytes: u64,
}

/// The keeper's part in it.
#[derive(Debug, Default)]
pub(super) struct Holding {
    /// Kept until the connection has been closed: closing any handle on the file drops the locks that SQLite has on it.
    file: Option<File>,
    held: Option<Held>,
    begun: u64,
    /// Why the last one is over.
    pub(super) over: &'static str,
}

#[derive(Debug)]
struct Held {
    id: u64,
    bytes: u64,
    /// The log, once it was taken; the file is not held any more then.
    log: Option<Vec<u8>>,
    autocheckpoint: i64,
    silent: u8,
}

/// Holds the file.
pub(super) fn begin(keeper: &mut Keeper) -> Result<Result<Begun, BackupError>, Failure> {
    if let Some(why) = keeper.memory_only() {
        return Ok(Err(BackupError::InMemory(why.to_owned())));
    }
    if keeper.holding.held.is_some() {
        return Ok(Err(BackupError::Busy));
    }
    let path = keeper.path();
    // Also so that the file of a young database is more than empty.
    let autocheckpoint = keeper.read(|db| {
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        let pages = db.pragma_query_value(None, "wal_autocheckpoint", |row| row.get(0))?;
        db.pragma_update(None, "wal_autocheckpoint", 0)?;
        Ok::<i64, _>(pages)
    })?;
    let holding = &mut keeper.holding;
    let bytes = match holding.open(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            keeper.read(|db| db.pragma_update(None, "wal_autocheckpoint", autocheckpoint))?;
            return Ok(Err(BackupError::Read(error)));
        }
    };
    holding.begun += 1;
    let id = holding.begun;
    holding.held = Some(Held {
        id,
        bytes,
        log: None,
        autocheckpoint,
        silent: 0,
    });
    Ok(Ok(Begun { id, bytes }))
}

/// One piece; an empty one is the end of its part.
pub(super) fn piece(
    keeper: &mut Keeper,
    id: u64,
    part: Part,
    from: u64,
) -> Result<Result<Vec<u8>, BackupError>, Failure> {
    let path = keeper.path();
    let over = keeper.holding.over;
    let Some(held) = keeper.holding.held.as_mut().filter(|held| held.id == id) else {
        return Ok(Err(BackupError::Over(over)));
    };
    held.silent = 0;
    if part == Part::Log && held.log.is_none() {
        match fs::read(open::beside(&path, "-wal")) {
            Ok(log) => held.log = Some(log),
            Err(error) if error.kind() == io::ErrorKind::NotFound => held.log = Some(Vec::new()),
            Err(error) => return Ok(Err(BackupError::Read(error))),
        }
        keeper.let_go()?;
    }
    let holding = &keeper.holding;
    let (Some(held), Some(file)) = (&holding.held, &holding.file) else {
        return Ok(Err(BackupError::Over(over)));
    };
    let piece = match (part, &held.log) {
        (Part::Log, log) => {
            let log = log.as_deref().unwrap_or_default();
            let from = usize::try_from(from).unwrap_or(usize::MAX).min(log.len());
            let to = (from + PIECE).min(log.len());
            Ok(log[from..to].to_vec())
        }
        // Once it is not held, the file goes on, and no piece of it fits the others.
        (Part::File, Some(_)) => return Ok(Err(BackupError::Over("its log was read already"))),
        (Part::File, None) => {
            let left = held.bytes.saturating_sub(from);
            let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let mut piece = vec![0; size];
            file.read_exact_at(&mut piece, from).map(|()| piece)
        }
    };
    Ok(piece.map_err(BackupError::Read))
}

/// The caller has all it wants.
pub(super) fn end(keeper: &mut Keeper, id: u64) -> Result<(), Failure> {
    if keeper
        .holding
        .held
        .as_ref()
        .is_some_and(|held| held.id == id)
    {
        keeper.let_go()?;
        keeper.holding.over = "as its caller wanted";
        keeper.holding.finish();
    }
    Ok(())
}

impl Store {
    /// Begins a backup: the file is held still while it is read.
    pub async fn begin_backup(&self) -> Result<Begun, BackupError> {
        self.backing_up(begin).await?
    }

    /// A piece of a backup; an empty one is the end of its part.
    pub async fn backup_piece(
        &self,
        id: u64,
        part: Part,
        from: u64,
    ) -> Result<Vec<u8>, BackupError> {
        self.backing_up(move |keeper| piece(keeper, id, part, from))
            .await?
    }

    /// Ends a backup, whether it was read to its end or not.
    pub async fn end_backup(&self, id: u64) -> Result<(), StoreError> {
        self.backing_up(move |keeper| end(keeper, id)).await
    }

    async fn backing_up<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Keeper) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.ask(work).await;
        done.map_err(|fault| fault.of(&self.dir, |source| StoreError::Backup { source }))
    }
}

impl Keeper {
    /// Lets the log flow into the file again, if a backup has kept it from that.
    fn let_go(&mut self) -> Result<(), Failure> {
        if let Some(db) = &self.disk {
            self.holding.release(db)?;
        }
        Ok(())
    }

    /// Ends a backup that is being made; what holds the log back must never be what fills the disk.
    pub(super) fn end_backup(&mut self) {
        let flowed = self.let_go().and_then(|()| {
            if let Some(db) = &self.disk {
                db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            }
            Ok(())
        });
        tracing::warn!(?flowed, "a backup was not finished and is ended");
        self.holding.finish();
    }
}

impl Holding {
    /// To be called at each healing: true if the holding has to end.
    pub(super) fn is_stale(&mut self, path: &Path) -> bool {
        let log = fs::metadata(open::beside(path, "-wal")).map_or(0, |found| found.len());
        let Some(held) = &mut self.held else {
            return false;
        };
        held.silent += 1;
        if held.silent > SILENT {
            self.over = "because nobody asked for the next piece";
        } else if held.log.is_none() && log > MAX_LOG {
            self.over = "because too much was written meanwhile";
        } else {
            return false;
        }
        true
    }

    /// Lets the log flow into the file again; false if it does already.
    pub(super) fn release(&mut self, db: &Connection) -> rusqlite::Result<bool> {
        match &self.held {
            Some(held) if held.log.is_none() => {
                db.pragma_update(None, "wal_autocheckpoint", held.autocheckpoint)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Forgets what was being made.
    pub(super) fn finish(&mut self) {
        self.held = None;
    }

    /// Whether the file is being held.
    pub(super) fn is_held(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.log.is_none())
    }

    /// The connection is closed, so the handle may go too.
    pub(super) fn closed(&mut self) {
        self.over = "because the database was closed";
        self.finish();
        self.file = None;
    }

    fn open(&mut self, path: &Path) -> io::Result<u64> {
        let there = fs::metadata(path)?;
        let same = |file: &File| {
            let ours = file.metadata();
            ours.is_ok_and(|ours| (ours.dev(), ours.ino()) == (there.dev(), there.ino()))
        };
        if !self.file.as_ref().is_some_and(same) {
            self.file = Some(File::open(path)?);
        }
        Ok(there.len())
    }
}
