//! The store: what was decided and what is owed, in one SQLite file that survives kill, power cut and full disk.
//!
//! One thread owns one connection; everything else holds a [`Store`] and sends it short jobs, commits before all others. It
//! is not a place to look for current state (that is the published view), knows nothing of alerts beyond their ids, and decides
//! nothing about deliveries.
//!
//! Files in the folder: `andon.db`, its log `andon.db-wal`, `andon.ballast`, after an IO error `andon.io-error`, and databases set
//! aside as `andon.db.<why>-<seconds>`. Nothing else may open the file: look in through the API.

pub mod backup;
mod ballast;
mod chain;
mod commit;
pub mod contents;
mod error;
mod fallback;
pub mod given_up;
mod handle;
pub mod history;
mod ids;
pub mod import;
mod keeper;
pub mod limits;
mod machines;
mod memory;
mod numbers;
mod open;
mod outbox;
mod proof;
pub mod put_back;
mod ready;
pub mod restore;
pub mod rows;
mod schema;
mod state;
mod thread;
mod together;
mod tries;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

use crate::clock::Now;

pub use error::StoreError;
pub use handle::{Opened, Store};
pub use keeper::Health;
pub use open::Found;

/// Where and how to keep the database.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder; made if it is missing.
    pub dir: PathBuf,
    /// `/etc/machine-id`, if it can be read.
    pub machine_id: Option<String>,
    /// Now.
    pub now: Now,
    /// The run before ended with an IO error; the marker file `andon.io-error` says the same.
    pub after_io_error: bool,
    /// The run before found the database damaged; the marker file says the same. It is checked from end to end then.
    pub after_damage: bool,
    /// Bytes of the ballast file; 0 for none.
    pub ballast: u64,
    /// Bytes to which the log is grown, and that are left free in the file, ahead of a full disk.
    pub wal_reserve: u64,
    /// How long the check at the start may take.
    pub check_within: Duration,
    /// How often memory mode tries the disk, and the ballast is looked after.
    pub heal_every: Duration,
    /// Most events in memory mode.
    pub memory_events: u64,
}

impl Options {
    /// The defaults: ballast 2 MiB, log 1 MiB, check 10 s, healing every 30 s, 10,000 events in memory.
    pub fn new(dir: impl Into<PathBuf>, now: Now) -> Self {
        Self {
            dir: dir.into(),
            machine_id: None,
            now,
            after_io_error: false,
            after_damage: false,
            ballast: 2 << 20,
            wal_reserve: 1 << 20,
            check_within: Duration::from_secs(10),
            heal_every: Duration::from_secs(30),
            memory_events: 10_000,
        }
    }
}
