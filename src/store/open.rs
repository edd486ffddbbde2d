//! Finding the database, proving it usable, and setting aside what is not ours to touch.
//!
//! The order matters: exclusive before the first read, so that no `-shm` file is ever needed; the version before anything that
//! writes; the check before the first commit. Nothing here decides about memory: it says what it found.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::{RecvTimeoutError, sync_channel},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, FileControl, OpenFlags, config::DbConfig};

use super::{Options, schema};

/// The name of the database in its folder.
pub(crate) const FILE: &str = "andon.db";

/// Behind the name of a database that only has to be renamed to be in its place.
pub(crate) const READY: &str = ".ready";

/// Bytes of a page of a new file; an older one keeps its own. A commit touches a dozen pages, whatever is in them, and each is written
/// whole: the life of an alert with two destinations costs 18 KiB of log with 512, 31 with 1024, 52 with 2048 and 100 with 4096.
const PAGE: i64 = 512;

/// The oldest SQLite without the bug that corrupts a file when its log is reset (3.51.3).
const OLDEST_SQLITE: i32 = 3_051_003;

/// What was found at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: the first start here.
    Fresh,
    /// The database of an earlier run.
    Existing,
    /// A database that could not be used; it is kept untouched beside the new one.
    SetAside {
        /// Where it is now.
        path: PathBuf,
        /// What was wrong, for people.
        why: String,
    },
    /// No usable disk: nothing survives a restart until it is back.
    MemoryOnly {
        /// What was wrong, for people.
        why: String,
    },
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Another process has it.
    InUse,
    /// It has to go out of the way; the word becomes part of its new name.
    Aside(&'static str, String),
    /// It cannot be opened or made, whatever is done.
    Unusable(String),
}

/// Opens or makes the database; at most once sets aside what is there.
pub(crate) fn open(options: &Options) -> Result<(Connection, Found), Trouble> {
    find(options).map_err(|trouble| match trouble {
        // SQLite calls it an IO error.
        Trouble::Unusable(why) if is_read_only(&options.dir) => {
            Trouble::Unusable(format!("the file system is read-only ({why})"))
        }
        other => other,
    })
}

fn is_read_only(dir: &Path) -> bool {
    rustix::fs::statvfs(dir)
        .is_ok_and(|found| found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
}

fn find(options: &Options) -> Result<(Connection, Found), Trouble> {
    let path = options.dir.join(FILE);
    let unusable = |what: &str, source: io::Error| Trouble::Unusable(format!("{what}: {source}"));
    fs::create_dir_all(&options.dir)
        .map_err(|source| unusable(&format!("cannot make {}", options.dir.display()), source))?;
    finish_putting_back(&path)
        .map_err(|source| unusable("cannot put a restored database in its place", source))?;
    let (word, why) = match attempt(&path, options) {
        Err(Trouble::Aside(word, why)) => (word, why),
        other => return other,
    };
    let aside = set_aside(&path, word, options.now.wall.as_seconds())
        .map_err(|source| unusable(&format!("{why}; cannot set it aside"), source))?;
    let (db, _) = attempt(&path, options)?;
    Ok((db, Found::SetAside { path: aside, why }))
}

/// A restore that a power cut has ended between its two renames.
fn finish_putting_back(path: &Path) -> io::Result<()> {
    let ready = beside(path, READY);
    match ready.exists() && !path.exists() {
        true => fs::rename(ready, path),
        false => Ok(()),
    }
}

fn attempt(path: &Path, options: &Options) -> Result<(Connection, Found), Trouble> {
    let log = fs::metadata(beside(path, "-wal")).map_or(0, |found| found.len());
    let found = fs::metadata(path);
    match &found {
        Ok(file) if !file.is_file() => {
            return Err(Trouble::Aside(
                "corrupt",
                format!("{} is not a file", path.display()),
            ));
        }
        // SQLite would take an empty file for a new database and delete the log of the lost one.
        Ok(file) if file.len() == 0 && log > 0 => {
            return Err(Trouble::Aside(
                "corrupt",
                format!("{} is empty", path.display()),
            ));
        }
        _ => {}
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let told = |error: rusqlite::Error| classify(path, &error);
    let mut db = Connection::open_with_flags(path, flags).map_err(told)?;
    let fresh = look(&db, path)?;
    prepare(&db).map_err(told)?;
    if !fresh && let Some(damage) = check(&db, options).map_err(told)? {
        keep_log(&db).map_err(told)?;
        return Err(Trouble::Aside(
            "corrupt",
            format!("{} is damaged: {damage}", path.display()),
        ));
    }
    if db.is_readonly("main").map_err(told)? {
        return Err(Trouble::Unusable(format!(
            "{} is read-only",
            path.display()
        )));
    }
    schema::migrate(&mut db).map_err(told)?;
    // Room in log and file for a full disk; on a disk that is full now it is too late for that.
    let _ = reserve(&db, log, options.wal_reserve);
    Ok((db, if fresh { Found::Fresh } else { Found::Existing }))
}

/// Whose file it is, before anything is written; true if it is nobody's yet.
fn look(db: &Connection, path: &Path) -> Result<bool, Trouble> {
    let told = |error: rusqlite::Error| classify(path, &error);
    let number = |pragma: &str| {
        db.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0))
            .map_err(told)
    };
    db.busy_timeout(Duration::from_millis(500)).map_err(told)?;
    keep_log(db).map_err(told)?;
    db.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))
        .map_err(told)?;
    let version = schema::version(db).map_err(told)?;
    if number("application_id")? == schema::APPLICATION_ID && version > schema::VERSION {
        let why = format!(
            "{} has version {version} and this agent knows {}: it was written by a newer andon",
            path.display(),
            schema::VERSION
        );
        return Err(Trouble::Aside("newer", why));
    }
    let tables: i64 = db
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(told)?;
    let ours = number("application_id")? == schema::APPLICATION_ID && version > 0;
    if tables > 0 && !ours {
        let why = format!("{} is a database of another program", path.display());
        return Err(Trouble::Aside("foreign", why));
    }
    Ok(tables == 0)
}

/// Everything that makes a commit durable, read back.
fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    // Counts only for a new file.
    db.pragma_update(None, "page_size", PAGE)?;
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    let synchronous: i64 = db.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    if mode != "wal" || synchronous != 2 || rusqlite::version_number() < OLDEST_SQLITE {
        let why = format!("SQLite gave journal {mode}, synchronous {synchronous}");
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(why),
        ));
    }
    let mut persist = 1;
    db.file_control(Some("main"), FileControl::PersistWal(&mut persist))?;
    common(db)?;
    // The log is reset at 1 MiB, and a log that a long prune has made larger shrinks again at the next reset.
    let page: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
    db.pragma_update(None, "wal_autocheckpoint", (1 << 20) / page)?;
    db.pragma_update(None, "journal_size_limit", 2 << 20)
}

/// Settings of every connection, in memory too.
pub(crate) fn common(db: &Connection) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(64);
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cache_size", -1024)
}

fn keep_log(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// A connection on a copy that nobody else knows of; what is made of it has to be synced by its maker.
pub(crate) fn copied(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    common(&db)?;
    db.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    Ok(db)
}

/// A connection that takes no lock and writes nothing, to save what is in a file on a read-only disk.
pub(crate) fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let db = untouched(path)?;
    match schema::version(&db)? {
        schema::VERSION => Ok(db),
        _ => Err(rusqlite::Error::QueryReturnedNoRows),
    }
}

/// The same for a file of any version, and of anybody.
pub(crate) fn untouched(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let log = fs::metadata(beside(path, "-wal")).map_or(0, |found| found.len());
    let db = if log == 0 {
        // Without this, SQLite would make a log beside the file only to read it.
        Connection::open_with_flags(unchanging(path), flags | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        // `unix-none` takes no locks, which a read-only file refuses; exclusive, it still reads the log.
        Connection::open_with_flags_and_vfs(path, flags, "unix-none")?
    };
    keep_log(&db)?;
    db.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(db)
}

/// The URI of a file that nobody writes to.
fn unchanging(path: &Path) -> String {
    use std::{fmt::Write as _, os::unix::ffi::OsStrExt as _};
    let mut uri = "file:".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(byte.into());
            }
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri + "?immutable=1"
}

/// What is damaged, if anything is. A check that takes too long has found nothing so far, and machines are waiting.
fn check(db: &Connection, options: &Options) -> rusqlite::Result<Option<String>> {
    let (within, sql) = match options.after_damage {
        true => (options.check_within * 6, "PRAGMA integrity_check(1)"),
        false => (options.check_within, "PRAGMA quick_check(1)"),
    };
    let handle = db.get_interrupt_handle();
    let (done, wait) = sync_channel::<()>(1);
    let answer: rusqlite::Result<String> = std::thread::scope(|scope| {
        scope.spawn(move || {
            if wait.recv_timeout(within) == Err(RecvTimeoutError::Timeout) {
                handle.interrupt();
            }
        });
        let answer = db.query_row(sql, [], |row| row.get(0));
        drop(done);
        answer
    });
    match answer {
        Ok(text) if text == "ok" => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            tracing::warn!("the check of the database took too long and was ended");
            // What was seen damaged, and is not proven whole, must not end one run after the other.
            Ok(options
                .after_damage
                .then(|| "SQLite has found damage while the agent ran".to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// Grows the log, and leaves free pages in the file: both can then be written on a full disk.
fn reserve(db: &Connection, log: u64, size: u64) -> rusqlite::Result<()> {
    if log < size {
        db.execute(
            "INSERT INTO reserve(fill) VALUES(zeroblob(?1))",
            [size.cast_signed()],
        )?;
        db.execute("DELETE FROM reserve", [])?;
    }
    Ok(())
}

fn classify(path: &Path, error: &rusqlite::Error) -> Trouble {
    let why = format!("{}: {error}", path.display());
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Trouble::InUse,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Trouble::Aside("corrupt", why)
        }
        _ => Trouble::Unusable(why),
    }
}

/// Renames the database and its log, never deletes; the folder is synced so that a power cut does not undo half of it.
pub(crate) fn set_aside(path: &Path, word: &str, seconds: i64) -> io::Result<PathBuf> {
    let free = |n: &u32| {
        let to = match n {
            1 => beside(path, &format!(".{word}-{seconds}")),
            n => beside(path, &format!(".{word}-{seconds}-{n}")),
        };
        (!to.exists()).then_some(to)
    };
    let to = (1..1000u32)
        .find_map(|n| free(&n))
        .ok_or(io::ErrorKind::AlreadyExists)?;
    // The log first: a database without its log is taken for a whole one, a log without its database for nothing.
    match fs::rename(beside(path, "-wal"), beside(&to, "-wal")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match fs::rename(path, &to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if let Some(dir) = path.parent() {
        fs::File::open(dir)?.sync_all()?;
    }
    Ok(to)
}

/// The file of this name with something behind it.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
