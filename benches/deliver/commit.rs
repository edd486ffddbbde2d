//! What the disk costs without an agent: one flush, and one commit of as many pages as a decision.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::Connection;

/// A database with the agent's settings.
pub struct Commits {
    db: Connection,
    bytes: i64,
}

impl Commits {
    /// `pages` is how many pages of 512 bytes a decision writes.
    pub fn new(dir: &Path, pages: i64) -> Self {
        let db = Connection::open(dir.join("bare.db")).expect("a database");
        for pragma in [
            "locking_mode = EXCLUSIVE",
            "page_size = 512",
            "journal_mode = WAL",
            "synchronous = FULL",
        ] {
            db.query_row(&format!("PRAGMA {pragma}"), [], |_| Ok(()))
                .or_else(|_| db.execute_batch(&format!("PRAGMA {pragma}")))
                .expect("a setting");
        }
        // As in the agent, the log is there already and is written again from its beginning.
        db.execute_batch("PRAGMA wal_autocheckpoint = 2048; CREATE TABLE t(fill BLOB); INSERT INTO t VALUES(zeroblob(2097152)); DELETE FROM t;")
            .expect("a table");
        Self {
            db,
            // The root and the freed pages' list are written too.
            bytes: (pages - 3) * 508,
        }
    }

    /// One commit of as many bytes as a decision.
    pub fn commit(&mut self) -> Duration {
        let began = Instant::now();
        let tx = self.db.transaction().expect("a transaction");
        tx.execute("INSERT INTO t VALUES(randomblob(?1))", [self.bytes])
            .expect("a row");
        tx.commit().expect("a commit");
        began.elapsed()
    }
}

/// The file system under a folder, and what a flush costs there.
pub fn describe(dir: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (device, at, kind) = (words.next()?, words.next()?, words.next()?);
            dir.starts_with(at).then_some((at.len(), device, kind))
        })
        .max();
    let (_, device, kind) = mount.unwrap_or((0, "?", "?"));
    let flush = flush(&dir);
    let real = if flush < Duration::from_micros(50) {
        "too fast to be real: figures of the disk mean nothing here"
    } else {
        "it looks real"
    };
    format!("{kind} on {device}, a flush of 4 KiB takes {flush:.0?}: {real}")
}

/// The median of fifty writes of 4 KiB over the same place, each flushed.
fn flush(dir: &Path) -> Duration {
    let path = dir.join("flush");
    let mut file = File::create(&path).expect("a file");
    let mut times: Vec<Duration> = (0..50_u8)
        .map(|round| {
            let began = Instant::now();
            file.seek(SeekFrom::Start(0)).expect("a place");
            file.write_all(&[round; 4096]).expect("room");
            file.sync_data().expect("a flush");
            began.elapsed()
        })
        .collect();
    let _ = fs::remove_file(path);
    times.sort_unstable();
    times[times.len() / 2]
}
