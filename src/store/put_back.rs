//! Putting a backup in the place of the database, while no agent runs.
//!
//! The backup is copied beside the database and made ready there, so that until the last rename everything is as it was. The
//! database that was there is set aside, never deleted. Whether what the backup owes is sent again is for a person to say.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    Store, StoreError,
    contents::{self, Contents, UnusableFile},
    open, outbox, restore,
    rows::{DeliveryState, Settlement},
};
use crate::clock::Wall;

/// Where nobody can say how many numbers were used since the backup was made, so many are left out at least.
const NUMBERS: u64 = 1000;

/// Why a backup was not put back.
#[derive(Debug, thiserror::Error)]
pub enum PutBackError {
    /// The agent runs.
    #[error("the agent runs on {}; stop it first: systemctl stop andon", dir.display())]
    Running {
        /// Its folder.
        dir: PathBuf,
    },
    /// The folder cannot be used.
    #[error("cannot use {}", dir.display())]
    Dir {
        /// It.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is of no use.
    #[error(transparent)]
    File(#[from] UnusableFile),
    /// The copy could not be made ready.
    #[error("cannot prepare the database")]
    Prepare(#[source] rusqlite::Error),
    /// The last step failed.
    #[error("cannot put the database in its place in {}", dir.display())]
    Rename {
        /// The folder.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A backup that is ready to be put back; nothing has changed yet, and dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Candidate {
    dir: PathBuf,
    copy: PathBuf,
    /// What is in it.
    pub contents: Contents,
    /// What is in the database that it would replace; none if there is none or it cannot be read.
    pub present: Option<Contents>,
    next_number: Option<u64>,
    /// Keeps an agent from starting meanwhile.
    _lock: File,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Where the database is that was there.
    pub aside: Option<PathBuf>,
    /// The number of the next alert.
    pub next_number: u64,
    /// Nobody could say how many numbers were used since the backup was made.
    pub numbers_left_out: bool,
}

impl Candidate {
    /// Copies the file into the folder of the database, checks it and brings it to the present version.
    ///
    /// # Errors
    /// If the agent runs, the file is of no use, or there is no room.
    pub fn prepare(file: &Path, dir: &Path) -> Result<Self, PutBackError> {
        let cannot = |source| PutBackError::Dir {
            dir: dir.to_path_buf(),
            source,
        };
        // Before anything is made: what was mistyped must not leave a folder behind.
        contents::whose(file, file)?;
        fs::create_dir_all(dir).map_err(cannot)?;
        let lock = File::open(dir).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let dir = dir.to_path_buf();
                return Err(PutBackError::Running { dir });
            }
            Err(fs::TryLockError::Error(error)) => return Err(cannot(error)),
        }
        let path = dir.join(open::FILE);
        let copy = open::beside(&path, ".copy");
        let mut candidate = Self {
            dir: dir.to_path_buf(),
            copy,
            contents: Contents::default(),
            present: None,
            next_number: None,
            _lock: lock,
        };
        contents::copy(file, &candidate.copy)?;
        candidate.contents = contents::seal(&candidate.copy, file)?;
        if let Ok(present) = open::read_only(&path) {
            candidate.present = contents::read(&present).ok();
            candidate.next_number = restore::next_number(&present).ok();
        }
        Ok(candidate)
    }

    /// Puts it in its place. Without `resend`, what it owes is given up, on record.
    ///
    /// # Errors
    /// If the disk refuses; the database that was there is then where it was, or set aside.
    pub fn put_back(self, resend: bool, now: Wall) -> Result<Done, PutBackError> {
        let mut db = open::copied(&self.copy).map_err(PutBackError::Prepare)?;
        let next_number = self
            .make_ready(&mut db, resend, now)
            .map_err(PutBackError::Prepare)?;
        db.close()
            .map_err(|(_, error)| PutBackError::Prepare(error))?;
        let aside = self.exchange(now);
        let aside = aside.map_err(|source| PutBackError::Rename {
            dir: self.dir.clone(),
            source,
        })?;
        Ok(Done {
            aside,
            next_number,
            numbers_left_out: self.next_number.is_none(),
        })
    }

    fn make_ready(&self, db: &mut Connection, resend: bool, now: Wall) -> rusqlite::Result<u64> {
        let tx = db.transaction()?;
        let mut note = restore::PutBack {
            from: self.contents.written.map_or(0, Wall::as_millis),
            ..restore::PutBack::default()
        };
        let why = "given up by a person when a backup was restored";
        let mut after = 0;
        loop {
            let page = outbox::pending(&tx, after, outbox::BATCH)?;
            let Some(last) = page.last() else { break };
            after = last.id;
            if resend {
                note.resent += page.len() as u64;
                continue;
            }
            for row in &page {
                let end = Settlement::new(row.id, DeliveryState::Dropped, now, why);
                note.dropped += u64::from(outbox::settle(&tx, &end)?);
            }
        }
        restore::new_stream(&tx, now)?;
        let ours = restore::next_number(&tx)?;
        let next_number = match self.next_number {
            Some(there) => there.max(ours),
            None => (ours + NUMBERS).next_multiple_of(NUMBERS) + 1,
        };
        restore::put_meta(&tx, restore::NUMBERS_FROM, &next_number.to_string())?;
        let note = serde_json::to_string(&note).unwrap_or_default();
        restore::put_meta(&tx, restore::PUT_BACK, &note)?;
        tx.commit()?;
        Ok(next_number)
    }

    /// Between the two renames a power cut leaves no database; a start finishes what was begun.
    fn exchange(&self, now: Wall) -> io::Result<Option<PathBuf>> {
        let path = self.dir.join(open::FILE);
        let owner = fs::metadata(&self.dir)?;
        let file = File::open(&self.copy)?;
        file.sync_all()?;
        let ours = file.metadata()?;
        if (ours.uid(), ours.gid()) != (owner.uid(), owner.gid()) {
            // Restored by root, used by the service.
            chown(&self.copy, Some(owner.uid()), Some(owner.gid()))?;
        }
        let ready = open::beside(&path, open::READY);
        fs::rename(&self.copy, &ready)?;
        let aside = match path.exists() || open::beside(&path, "-wal").exists() {
            true => Some(open::set_aside(&path, "replaced", now.as_seconds())?),
            false => None,
        };
        fs::rename(&ready, &path)?;
        File::open(&self.dir)?.sync_all()?;
        Ok(aside)
    }
}

impl Store {
    /// Somebody was told that this database was put here from a backup; it is not told again.
    pub async fn told_put_back(&self) -> Result<(), StoreError> {
        self.write(
            |db| restore::forget_meta(db, restore::PUT_BACK),
            |source| StoreError::Mark { source },
        )
        .await
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-journal"] {
            let _ = fs::remove_file(open::beside(&self.copy, suffix));
        }
    }
}
