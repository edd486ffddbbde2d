//! The thread's own: the one connection, and what to do when the disk refuses.
//!
//! A full disk costs the ballast first and durability second, a first IO error ends the run, a second one costs durability.
//! It knows nothing of queues.

mod shelter;

use std::{
    fs,
    fs::File,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rusqlite::{Connection, ErrorCode};
use tokio_util::sync::CancellationToken;

use self::shelter::{Identity, identity};
use super::{
    Options, backup,
    ballast::Ballast,
    open::{self, Found, Trouble},
};
use crate::clock::Mono;

/// After this long without an IO error, the next one counts as a first one again.
const FORGIVEN_AFTER: std::time::Duration = std::time::Duration::from_secs(3600);

/// How the marker of an error begins if the file is damaged.
const DAMAGED: &str = "damaged: ";

/// Why a job failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite refused the work itself.
    Sql(rusqlite::Error),
    /// The state of the file is unknown: the run has to end.
    Io(String),
    /// What is in memory could not be written at the end of the run.
    Lost(String),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Where the store writes, and how well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Why nothing is durable; none while the disk is used.
    pub memory_only: Option<String>,
    /// Whether the ballast file holds its room.
    pub ballast: bool,
    /// Bytes of the database in use.
    pub used_bytes: u64,
    /// Bytes of its log.
    pub log_bytes: u64,
    /// A database that memory mode found on the disk when it came back, and set aside after taking over what was owed in it.
    pub set_aside: Option<PathBuf>,
}

pub(crate) struct Keeper {
    options: Options,
    /// None in memory mode, unless the disk is only full.
    pub(crate) disk: Option<Connection>,
    /// Memory mode.
    memory: Option<(Connection, String)>,
    ballast: Ballast,
    had_io_error: bool,
    broken: Option<String>,
    closed: bool,
    set_aside: Option<PathBuf>,
    /// What that one still owed has to be taken over.
    to_import: Option<Connection>,
    /// The files that the connection is on.
    identity: Identity,
    /// What a backup needs of it.
    pub(super) holding: backup::Holding,
    /// Held for the life of the agent: a second one on the same folder is refused before it looks at the file.
    lock: Option<File>,
    /// Whether what is written is on disk, for everybody who holds a handle.
    pub(crate) durable: Arc<AtomicBool>,
    /// How often memory mode has ended.
    pub(crate) returns: Arc<AtomicU64>,
    /// How often anything was written.
    pub(crate) writes: Arc<AtomicU64>,
    /// Cancelled by an IO error that ends the run, so that the agent stops even if nobody waits for an answer.
    pub(crate) over: CancellationToken,
}

/// Everything of `work` or nothing. The frame is kept ready as the work's own statements are, as no decision gets through without it.
fn in_transaction<T>(
    db: &Connection,
    work: &mut impl FnMut(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let run = |sql| db.prepare_cached(sql)?.execute([]);
    run("BEGIN IMMEDIATE")?;
    let done = work(db).and_then(|result| run("COMMIT").map(|_| result));
    // Some errors have ended it already.
    if done.is_err() && !db.is_autocommit() {
        // Its own error is the one that counts.
        let _ = run("ROLLBACK");
    }
    done
}

impl Keeper {
    /// Finds the database; the only refusal is another agent in the same folder.
    pub(crate) fn open(options: Options) -> Result<(Self, Found), Failure> {
        let in_use = || Failure::Io("another agent runs on it".to_owned());
        let ballast = Ballast::new(&options.dir, options.ballast);
        let marked = fs::read_to_string(marker(&options));
        let had_io_error = options.after_io_error || marked.is_ok();
        // SQLite has seen damage where the quick check at a start does not look, or did not get to.
        let options = Options {
            after_damage: options.after_damage
                || marked.is_ok_and(|text| text.starts_with(DAMAGED)),
            ..options
        };
        // The folder itself is locked: that needs neither room nor a file, so a full or read-only disk does not prevent it.
        let _ = fs::create_dir_all(&options.dir);
        let lock = match File::open(&options.dir) {
            Err(_) => None,
            Ok(dir) => match dir.try_lock() {
                Err(fs::TryLockError::WouldBlock) => return Err(in_use()),
                Ok(()) | Err(fs::TryLockError::Error(_)) => Some(dir),
            },
        };
        let mut keeper = Self {
            disk: None,
            memory: None,
            ballast,
            had_io_error,
            broken: None,
            closed: false,
            set_aside: None,
            to_import: None,
            identity: Identity::default(),
            holding: backup::Holding::default(),
            lock,
            durable: Arc::new(AtomicBool::new(true)),
            returns: Arc::default(),
            writes: Arc::default(),
            over: CancellationToken::new(),
            options,
        };
        let found = match open::open(&keeper.options) {
            Ok((db, found)) => {
                if let Found::SetAside { .. } = found {
                    // What was wrong went with it.
                    let _ = fs::remove_file(marker(&keeper.options));
                    keeper.had_io_error = false;
                }
                keeper.disk = Some(db);
                keeper.identity = identity(&keeper.path()).unwrap_or_default();
                keeper.lay_ballast();
                found
            }
            Err(Trouble::InUse) => return Err(in_use()),
            Err(Trouble::Aside(_, why) | Trouble::Unusable(why)) => {
                let readable = open::read_only(&keeper.options.dir.join(open::FILE)).ok();
                keeper.enter_memory(readable.as_ref(), &why)?;
                Found::MemoryOnly { why }
            }
        };
        Ok((keeper, found))
    }

    /// Runs `work` in one transaction where there is room; true if that is on disk. `work` may run more than once, each time
    /// on what was there before.
    pub(crate) fn write<T>(
        &mut self,
        mut work: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<(T, bool), Failure> {
        loop {
            let (db, durable) = self.current()?;
            let done = in_transaction(db, &mut work);
            match done {
                Ok(result) => {
                    self.writes.fetch_add(1, Ordering::Release);
                    if !durable {
                        self.stay_small()?;
                    }
                    return Ok((result, durable));
                }
                Err(error) => self.answer(error)?,
            }
        }
    }

    /// Runs `work` without a transaction of its own.
    pub(crate) fn read<T>(
        &mut self,
        mut work: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        loop {
            match work(self.current()?.0) {
                Ok(result) => return Ok(result),
                Err(error) => self.answer(error)?,
            }
        }
    }

    /// Whether what is read now is on disk.
    pub(crate) fn is_durable(&self) -> bool {
        self.memory.is_none()
    }

    /// Why nothing is durable; none while the disk is used.
    pub(crate) fn memory_only(&self) -> Option<&str> {
        self.memory.as_ref().map(|(_, why)| why.as_str())
    }

    /// The database file.
    pub(crate) fn path(&self) -> PathBuf {
        self.options.dir.join(open::FILE)
    }

    /// Whether the file was closed: there is nothing more to do.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// To be called now and then: leaves memory mode if the disk allows it, and holds room again.
    pub(crate) fn heal(&mut self) {
        self.notice_missing();
        if self.broken.is_none() && self.memory.is_some() {
            match self.leave_memory() {
                Ok(()) => tracing::info!("the database is on disk again"),
                Err(why) => tracing::debug!(why, "still in memory only"),
            }
        }
        if self.memory.is_none() {
            self.lay_ballast();
        }
        let path = self.path();
        if self.holding.is_stale(&path) {
            self.end_backup();
        }
    }

    /// An hour of commits makes an earlier IO error history.
    pub(crate) fn forgive(&mut self, now: Mono) {
        let good = now.since(self.options.now.mono) > FORGIVEN_AFTER;
        if good && self.had_io_error && self.memory.is_none() {
            let _ = fs::remove_file(marker(&self.options));
            self.had_io_error = false;
        }
    }

    pub(crate) fn health(&mut self) -> Result<Health, Failure> {
        let used_bytes = self.read(super::limits::used_bytes)?;
        let log = open::beside(&self.path(), "-wal");
        Ok(Health {
            memory_only: self.memory.as_ref().map(|(_, why)| why.clone()),
            ballast: self.ballast.is_laid(),
            used_bytes,
            log_bytes: fs::metadata(log).map_or(0, |found| found.len()),
            set_aside: self.set_aside.clone(),
        })
    }

    /// Brings home what is in memory if it can, and closes the file.
    pub(crate) fn close(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        let home = match (&self.memory, &self.broken) {
            (Some(_), None) => self.leave_memory().map_err(Failure::Lost),
            _ => Ok(()),
        };
        if let Some(disk) = &self.disk {
            // With a limit, closing would empty the log, and a full disk would not let it grow again.
            let _ = disk.pragma_update(None, "journal_size_limit", -1);
        }
        let closed = match self.disk.take().map(Connection::close) {
            Some(Err((_, error))) => Err(error.into()),
            _ => Ok(()),
        };
        self.holding.closed();
        self.lock = None;
        home.and(closed)
    }

    fn current(&mut self) -> Result<(&mut Connection, bool), Failure> {
        match (&self.broken, &mut self.memory, &mut self.disk) {
            (Some(why), ..) => Err(Failure::Io(why.clone())),
            (None, Some((db, _)), _) => Ok((db, false)),
            (None, None, Some(db)) => Ok((db, true)),
            (None, None, None) => Err(Failure::Io("the store is closed".to_owned())),
        }
    }

    /// Ok means: try again.
    fn answer(&mut self, error: rusqlite::Error) -> Result<(), Failure> {
        if self.memory.is_some() {
            return Err(error.into());
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) if self.holding.is_held() => {
                self.holding.over = "because the disk is full";
                self.end_backup();
                Ok(())
            }
            Some(ErrorCode::DiskFull) if self.ballast.give_up() => {
                tracing::warn!("the disk is full: the ballast is given up");
                Ok(())
            }
            Some(ErrorCode::DiskFull | ErrorCode::ReadOnly) => {
                let disk = self.disk.take();
                let entered = self.enter_memory(disk.as_ref(), &error.to_string());
                self.disk = disk;
                entered
            }
            Some(ErrorCode::SystemIoFailure) if self.had_io_error => {
                // This connection is not trusted again: heal opens the file anew and checks it.
                let disk = self.disk.take();
                self.enter_memory(disk.as_ref(), &error.to_string())
            }
            Some(
                ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase,
            ) => {
                let why = error.to_string();
                let damaged = error.sqlite_error_code() != Some(ErrorCode::SystemIoFailure);
                let word = if damaged { DAMAGED } else { "" };
                let _ = fs::write(marker(&self.options), format!("{word}{why}"));
                // Closing must not write into a file whose state is unknown.
                if let Some(db) = self.disk.take() {
                    let _ = db.set_db_config(
                        rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                        true,
                    );
                }
                self.broken = Some(why.clone());
                self.over.cancel();
                Err(Failure::Io(why))
            }
            _ => Err(error.into()),
        }
    }

    fn lay_ballast(&self) {
        if let Err(error) = self.ballast.lay() {
            tracing::debug!(%error, "no room for the ballast");
        }
    }
}

fn marker(options: &Options) -> PathBuf {
    options.dir.join("andon.io-error")
}
