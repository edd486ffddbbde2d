//! What can go wrong, one variant per operation.

use std::path::{Path, PathBuf};

use super::keeper::Failure;

/// An operation of the store that failed.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the messages say it, and the fields are their subjects"
)]
pub enum StoreError {
    /// The record cannot be read for a proof.
    #[error("the record cannot be read for a proof")]
    Record {
        /// What SQLite said.
        source: rusqlite::Error,
    },
    #[error("{} is in use: another andon runs on this data_dir. Stop it, or give this one a data_dir of its own", dir.display())]
    InUse { dir: PathBuf },
    #[error("cannot open the database in {}", dir.display())]
    Open {
        dir: PathBuf,
        source: rusqlite::Error,
    },
    #[error("cannot start the thread of the database")]
    Thread { source: std::io::Error },
    /// The run has to end with a failure: a fresh start finds out what the file holds.
    #[error("the disk failed under the database in {}, its state is unknown ({why}): the agent has to restart", dir.display())]
    IoFatal { dir: PathBuf, why: String },
    #[error("what was decided in memory mode is lost, as {} cannot be written to ({why})", dir.display())]
    Lost { dir: PathBuf, why: String },
    /// The thread has ended.
    #[error("the thread of the database has ended")]
    Gone,
    #[error("cannot commit {events} events and {watches} watches")]
    Commit {
        events: usize,
        watches: usize,
        source: rusqlite::Error,
    },
    #[error("cannot write the mark")]
    Mark { source: rusqlite::Error },
    #[error("cannot read what is owed after delivery {after}")]
    Pending { after: i64, source: rusqlite::Error },
    #[error("cannot read delivery {id}")]
    Delivery { id: i64, source: rusqlite::Error },
    #[error("cannot record an attempt of delivery {id}")]
    Attempted { id: i64, source: rusqlite::Error },
    #[error("cannot record the end of {count} deliveries")]
    Settle {
        count: usize,
        source: rusqlite::Error,
    },
    #[error("cannot list alerts")]
    Alerts { source: rusqlite::Error },
    #[error("cannot read the events of alert A-{alert}")]
    EventsOf { alert: u64, source: rusqlite::Error },
    #[error("cannot list deliveries")]
    Deliveries { source: rusqlite::Error },
    #[error("cannot owe delivery {id} again")]
    Retry { id: i64, source: rusqlite::Error },
    #[error("cannot tell delivery {id} as a trigger")]
    Retell { id: i64, source: rusqlite::Error },
    #[error("cannot drop delivery {id}")]
    Drop { id: i64, source: rusqlite::Error },
    #[error("cannot read or write the state of destination {name}")]
    Destination {
        name: String,
        source: rusqlite::Error,
    },
    #[error("cannot count what is owed")]
    Counts { source: rusqlite::Error },
    #[error("cannot prune")]
    Prune { source: rusqlite::Error },
    #[error("cannot import from {}", path.display())]
    Import {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error("cannot back up the database")]
    Backup { source: rusqlite::Error },
    #[error("cannot tell the size of the database")]
    Health { source: rusqlite::Error },
    #[error("cannot close the database")]
    Close { source: rusqlite::Error },
}

/// Why there is no answer, before the operation gives it a name.
#[derive(Debug)]
pub(super) enum Fault {
    Failed(Failure),
    Gone,
}

impl Fault {
    pub(super) fn of(
        self,
        dir: &Path,
        failed: impl FnOnce(rusqlite::Error) -> StoreError,
    ) -> StoreError {
        match self {
            Self::Failed(Failure::Sql(source)) => failed(source),
            Self::Failed(Failure::Io(why)) => fatal(dir, why),
            Self::Failed(Failure::Lost(why)) => StoreError::Lost {
                dir: dir.to_path_buf(),
                why,
            },
            Self::Gone => StoreError::Gone,
        }
    }
}

/// An IO error that ended the run, with the folder that it happened in.
pub(super) fn fatal(dir: &Path, why: String) -> StoreError {
    StoreError::IoFatal {
        dir: dir.to_path_buf(),
        why,
    }
}
