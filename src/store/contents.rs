//! A database file that is not the one at work: a backup, or one that was set aside. Whether it is ours and whole, and what is in it.
//!
//! It works on a copy of its own or only reads, so that the file itself stays as it is. It never looks at the database of a
//! running agent: closing any handle on that would drop its locks.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{open, outbox, restore, rows::Backlog, schema};
use crate::clock::Wall;

/// What is in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The agent's ULID.
    pub agent_id: String,
    /// The ULID of the database.
    pub stream: String,
    /// When something was last written.
    pub written: Option<Wall>,
    /// Events.
    pub events: u64,
    /// Alerts that are open.
    pub open: u64,
    /// What is owed, by destination.
    pub pending: Vec<Backlog>,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Contents {
    /// Deliveries that are owed.
    pub fn owed(&self) -> u64 {
        self.pending.iter().map(|of| of.pending).sum()
    }
}

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum UnusableFile {
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be copied to where it is needed.
    #[error("cannot write {}", path.display())]
    Write {
        /// The copy.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is not enough room for a copy.
    #[error("there is too little room in {}: {need} bytes are needed and {free} are free", dir.display())]
    Room {
        /// Where.
        dir: PathBuf,
        /// Bytes.
        need: u64,
        /// Bytes.
        free: u64,
    },
    /// Nothing is to be taken over from it.
    #[error("{} is the database that the agent works with", path.display())]
    AtWork {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else's, or none at all.
    #[error("{} is no database of andon", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Of a newer version.
    #[error("{} was written by a newer andon (its version is {version}, this one knows {}): use that one", path.display(), schema::VERSION)]
    Newer {
        /// The file.
        path: PathBuf,
        /// Of its tables.
        version: i32,
    },
    /// It is broken.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        what: String,
    },
    /// SQLite refuses it for another reason.
    #[error("{} cannot be opened as a database", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}

/// Makes a whole database of a file and its log: one file without a log, of the present version, checked from end to end and
/// synced; and says what is in it. `path` is changed and must be a copy; messages name `of`.
pub fn seal(path: &Path, of: &Path) -> Result<Contents, UnusableFile> {
    let told = |error: rusqlite::Error| classify(of, error);
    let (version, _) = whose(path, of)?;
    let mut db = open::copied(path).map_err(told)?;
    let found: String = db
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(told)?;
    if found != "ok" {
        let path = of.to_path_buf();
        return Err(UnusableFile::Damaged { path, what: found });
    }
    if version < schema::VERSION {
        schema::migrate(&mut db).map_err(told)?;
    }
    db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
        .map_err(told)?;
    let mut contents = read(&db).map_err(told)?;
    db.close().map_err(|(_, error)| told(error))?;
    let synced = File::open(path).and_then(|file| {
        file.sync_all()?;
        file.metadata()
    });
    let source = synced.map_err(|source| UnusableFile::Write {
        path: path.to_path_buf(),
        source,
    });
    contents.bytes = source?.len();
    Ok(contents)
}

/// Copies a database and its log, if it has one, to `to`, for its owner's eyes only.
pub fn copy(from: &Path, to: &Path) -> Result<(), UnusableFile> {
    let unreadable = |source| UnusableFile::Read {
        path: from.to_path_buf(),
        source,
    };
    let size = fs::metadata(from).map_err(unreadable)?.len();
    let log = fs::metadata(open::beside(from, "-wal")).map_or(0, |found| found.len());
    let dir = to.parent().unwrap_or(Path::new("."));
    // The log flows into the file once more, and a migration may rewrite it.
    room(dir, 2 * size + 2 * log)?;
    for suffix in ["", "-wal"] {
        let (from, to) = (open::beside(from, suffix), open::beside(to, suffix));
        let unwritable = |source| UnusableFile::Write {
            path: to.clone(),
            source,
        };
        let mut source = match File::open(&from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !suffix.is_empty() => continue,
            opened => opened.map_err(unreadable)?,
        };
        let mut copy = create(&to).map_err(unwritable)?;
        io::copy(&mut source, &mut copy).map_err(unwritable)?;
    }
    Ok(())
}

/// Makes a file that only its owner may read, in the place of one that an earlier try left.
pub fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Fails if there are fewer bytes than these in a folder.
pub fn room(dir: &Path, need: u64) -> Result<(), UnusableFile> {
    let found = rustix::fs::statvfs(dir).map_err(|error| UnusableFile::Read {
        path: dir.to_path_buf(),
        source: error.into(),
    })?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if free < need {
        return Err(UnusableFile::Room {
            dir: dir.to_path_buf(),
            need,
            free,
        });
    }
    Ok(())
}

/// Opens a file that must not be changed and is ours; the version of its tables.
pub(crate) fn whose(path: &Path, of: &Path) -> Result<(i32, Connection), UnusableFile> {
    let told = |error: rusqlite::Error| classify(of, error);
    let found = fs::metadata(path);
    let found = found.map_err(|source| UnusableFile::Read {
        path: of.to_path_buf(),
        source,
    })?;
    let foreign = || UnusableFile::Foreign {
        path: of.to_path_buf(),
    };
    if !found.is_file() {
        return Err(foreign());
    }
    let db = open::untouched(path).map_err(told)?;
    let id: i32 = db
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(told)?;
    let version = schema::version(&db).map_err(told)?;
    match (id, version) {
        (schema::APPLICATION_ID, 1..=schema::VERSION) => Ok((version, db)),
        (schema::APPLICATION_ID, version) if version > 0 => Err(UnusableFile::Newer {
            path: of.to_path_buf(),
            version,
        }),
        _ => Err(foreign()),
    }
}

/// What is in a database of the present version.
pub(crate) fn read(db: &Connection) -> rusqlite::Result<Contents> {
    let count = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0));
    let mark = restore::now::<String>(db, "mark")?;
    Ok(Contents {
        agent_id: restore::meta(db, "agent_id")?.unwrap_or_default(),
        stream: restore::meta(db, "stream")?.unwrap_or_default(),
        written: mark
            .as_deref()
            .and_then(restore::read_mark)
            .map(|mark| mark.wall),
        events: count("SELECT count(*) FROM events")?.cast_unsigned(),
        open: count("SELECT count(*) FROM alerts WHERE ended IS NULL")?.cast_unsigned(),
        pending: outbox::counts(db)?,
        bytes: 0,
    })
}

/// What is owed in a database of the present version that was set aside; none where that cannot be read.
pub fn owed(path: &Path) -> Option<u64> {
    let counts = outbox::counts(&open::read_only(path).ok()?).ok()?;
    Some(counts.iter().map(|of| of.pending).sum())
}

/// The first number of an alert that was not used in a database of any version and state, as far as it can be read.
pub(crate) fn next_number(path: &Path) -> Option<u64> {
    restore::next_number(&open::untouched(path).ok()?).ok()
}

pub(crate) fn classify(path: &Path, source: rusqlite::Error) -> UnusableFile {
    use rusqlite::ErrorCode;
    let path = path.to_path_buf();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => UnusableFile::Foreign { path },
        Some(ErrorCode::DatabaseCorrupt) => UnusableFile::Damaged {
            path,
            what: source.to_string(),
        },
        _ => UnusableFile::Open { path, source },
    }
}
