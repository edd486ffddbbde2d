//! Into memory mode and back, and when to: what the keeper does while there is no disk to rely on.
//!
//! What is at work goes on in memory, the rest waits on the disk; on the way back both become one again. What memory mode holds
//! is known to [`memory`], when an error leads there to the keeper.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path, sync::atomic::Ordering};

use rusqlite::Connection;

use super::{Failure, Keeper};
use crate::{
    clock::Wall,
    store::{
        import,
        limits::{Goal, Pruner},
        memory, open,
    },
};

/// Which files the database and its log are: device and inode, as far as they are there.
pub(super) type Identity = [Option<(u64, u64)>; 2];

/// The files that have these names now.
pub(super) fn identity(path: &Path) -> io::Result<Identity> {
    let of = |path: &Path| match fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    Ok([of(path)?, of(&open::beside(path, "-wal"))?])
}

impl Keeper {
    /// Goes on in memory if somebody has deleted or replaced the file or its log: what is written into a file without a name is
    /// gone with the agent. What was at work, and what was owed, is written anew by the way back.
    pub(super) fn notice_missing(&mut self) {
        if self.memory.is_some() || self.broken.is_some() || self.disk.is_none() {
            return;
        }
        let path = self.path();
        // A folder that cannot be looked into says nothing.
        let Ok(now) = identity(&path) else { return };
        let is_gone = |at: usize| self.identity[at].is_some() && self.identity[at] != now[at];
        let (file, log) = (is_gone(0), is_gone(1));
        if !file && !log {
            self.identity = now;
            return;
        }
        let Some(db) = self.disk.take() else { return };
        let why = "the database was deleted or replaced while the agent ran";
        if let Err(error) = self.enter_memory(Some(&db), why) {
            tracing::error!(?error, "memory mode is not to be had");
            self.disk = Some(db);
            return;
        }
        if file {
            // Everything that is owed is still in the file that has no name any more.
            self.to_import = Some(db);
        }
        // Where only the log is gone, closing has written all of it into the file.
    }

    pub(super) fn enter_memory(
        &mut self,
        from: Option<&Connection>,
        why: &str,
    ) -> Result<(), Failure> {
        tracing::error!(why, "nothing is durable: the database is in memory only");
        let mut db = memory::begin()?;
        if let Some(disk) = from
            && let Err(error) = memory::load(disk, &mut db, self.options.memory_events / 2)
        {
            tracing::error!(%error, "the database on disk cannot be read: memory begins empty");
        }
        self.memory = Some((db, why.to_owned()));
        self.writes.fetch_add(1, Ordering::Release);
        self.durable.store(false, Ordering::Release);
        Ok(())
    }

    pub(super) fn leave_memory(&mut self) -> Result<(), String> {
        let Some((memory, _)) = &self.memory else {
            return Ok(());
        };
        let told = |error: rusqlite::Error| error.to_string();
        let mut disk = match self.disk.take() {
            Some(disk) => disk,
            None => {
                let reopen = || open::open(&self.options).map_err(|trouble| format!("{trouble:?}"));
                let (disk, _) = reopen()?;
                let ours = memory::descends(memory, &disk).map_err(told)?
                    || memory::is_new(&disk).map_err(told)?;
                if ours {
                    disk
                } else {
                    // Both have gone on since; what runs rules, and what the other still owed is taken over.
                    disk.close().map_err(|(_, error)| error.to_string())?;
                    let path = self.options.dir.join(open::FILE);
                    let seconds = self.options.now.wall.as_seconds();
                    let to =
                        open::set_aside(&path, "earlier", seconds).map_err(|e| e.to_string())?;
                    self.set_aside = Some(to.clone());
                    self.to_import = open::read_only(&to).ok();
                    if self.to_import.is_none() {
                        tracing::error!(path = %to.display(), "what an earlier database owes cannot be read: import it by hand");
                    }
                    reopen()?.0
                }
            }
        };
        let written = memory::write_back(memory, &mut disk).map_err(told);
        if written.is_ok()
            && let Some(from) = self.to_import.take()
        {
            let taken_over = disk.transaction().and_then(|tx| {
                import::everything(from, &tx)?;
                tx.commit()
            });
            if let Err(error) = taken_over {
                tracing::error!(%error, "what an earlier database owes could not be taken over: import it by hand");
            }
        }
        self.disk = Some(disk);
        written?;
        self.memory = None;
        self.identity = identity(&self.path()).unwrap_or_default();
        self.writes.fetch_add(1, Ordering::Release);
        self.returns.fetch_add(1, Ordering::Release);
        self.durable.store(true, Ordering::Release);
        Ok(())
    }

    /// Memory is bounded: the limits of the disk, by count.
    pub(super) fn stay_small(&mut self) -> Result<(), Failure> {
        let Some((db, _)) = &mut self.memory else {
            return Ok(());
        };
        let goal = Goal::Events(self.options.memory_events);
        let mut pruner = Pruner::new(goal, None, Wall::default());
        while !pruner.is_done() {
            let tx = db.transaction()?;
            pruner = pruner.step(&tx)?;
            tx.commit()?;
        }
        Ok(())
    }
}
