//! A backup of a database that is being written to is the database of one instant, and holds up nobody for long.

use std::{fs, path::PathBuf, time::Duration};

use super::*;
use crate::store::{
    backup::{BackupError, Part},
    contents::{self, Contents},
};

async fn read(store: &Store, id: u64, part: Part) -> Result<Vec<u8>, BackupError> {
    let mut all = Vec::new();
    loop {
        let piece = store.backup_piece(id, part, all.len() as u64).await?;
        if piece.is_empty() {
            return Ok(all);
        }
        all.extend(piece);
    }
}

fn seal(dir: &Path, file: &[u8], log: &[u8]) -> (Contents, PathBuf) {
    let path = dir.join("backup");
    fs::write(&path, file).unwrap();
    fs::write(dir.join("backup-wal"), log).unwrap();
    (contents::seal(&path, &path).unwrap(), path)
}

fn big(n: i64) -> NewEvent {
    NewEvent {
        body: "x".repeat(20_000),
        ..event(n, n as u64, "triggered", &["ops"])
    }
}

#[tokio::test]
async fn a_backup_is_the_database_of_one_instant_while_commits_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path());
    let store = opened.store;
    // The file is large, and much of it is still in the log.
    for n in 0..40 {
        store
            .commit(commit(n, vec![big(n), big(1000 + n)]))
            .await
            .unwrap();
    }
    let begun = store.begin_backup().await.unwrap();
    assert!(matches!(store.begin_backup().await, Err(BackupError::Busy)));
    let mut file = Vec::new();
    for n in 100.. {
        let piece = store
            .backup_piece(begun.id, Part::File, file.len() as u64)
            .await
            .unwrap();
        if piece.is_empty() {
            break;
        }
        file.extend(piece);
        assert!(store.commit(commit(n, vec![big(n)])).await.unwrap().durable);
    }
    let written = pending_count(&store).await;
    let log = read(&store, begun.id, Part::Log).await.unwrap();
    // What is written from here on is not in it, and the log flows into the file again.
    for n in 500..540 {
        store.commit(commit(n, vec![big(n)])).await.unwrap();
    }
    let late = store.backup_piece(begun.id, Part::File, 0).await;
    assert!(matches!(late, Err(BackupError::Over(_))), "{late:?}");
    store.end_backup(begun.id).await.unwrap();
    assert!(store.health().await.unwrap().log_bytes < 3 << 20);

    let away = tempfile::tempdir().unwrap();
    let (contents, path) = seal(away.path(), &file, &log);
    assert_eq!(contents.events, written);
    assert_eq!(contents.owed(), written);
    assert_eq!(contents.stream, opened.restored.stream);
    assert_eq!(contents.agent_id, opened.restored.agent_id);
    assert_eq!(contents.bytes, fs::metadata(&path).unwrap().len());
    let names = fs::read_dir(away.path()).unwrap().count();
    assert_eq!(names, 1, "a backup is one file, without a log beside it");
    // The running one is still locked for everybody else.
    let db = by_hand(dir.path().join("andon.db"));
    db.busy_timeout(Duration::ZERO).unwrap();
    let other = db.query_row("SELECT count(*) FROM events", [], |row| {
        row.get::<_, i64>(0)
    });
    assert!(other.is_err(), "{other:?}");
}

async fn pending_count(store: &Store) -> u64 {
    store.counts().await.unwrap()[0].pending
}

#[tokio::test]
async fn a_young_database_whose_rows_are_all_in_the_log_is_backed_up_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store.commit(commit(1, vec![big(1)])).await.unwrap();
    let begun = store.begin_backup().await.unwrap();
    let file = read(&store, begun.id, Part::File).await.unwrap();
    let log = read(&store, begun.id, Part::Log).await.unwrap();
    let away = tempfile::tempdir().unwrap();
    assert_eq!(seal(away.path(), &file, &log).0.events, 1);
}

#[tokio::test]
async fn a_caller_that_falls_silent_holds_nothing_up_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Options {
        heal_every: Duration::from_millis(20),
        ..options(dir.path())
    })
    .unwrap()
    .store;
    store.commit(commit(1, vec![big(1)])).await.unwrap();
    let begun = store.begin_backup().await.unwrap();
    let error = loop {
        match store.begin_backup().await {
            Ok(_) => {
                break store
                    .backup_piece(begun.id, Part::File, 0)
                    .await
                    .unwrap_err();
            }
            Err(BackupError::Busy) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(error.to_string().contains("nobody asked"), "{error}");
}

#[tokio::test]
async fn a_full_disk_ends_a_backup_before_it_costs_the_ballast() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Options {
        ballast: 64 << 10,
        ..options(dir.path())
    })
    .unwrap()
    .store;
    let begun = store.begin_backup().await.unwrap();
    let mut full = true;
    let job = move |keeper: &mut crate::store::keeper::Keeper| {
        keeper.write(|_| match std::mem::take(&mut full) {
            true => Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
                None,
            )),
            false => Ok(()),
        })
    };
    let ((), durable) = store.ask(job).await.unwrap();
    assert!(durable && store.health().await.unwrap().ballast);
    let error = store
        .backup_piece(begun.id, Part::File, 0)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
}

#[tokio::test]
async fn in_memory_mode_there_is_nothing_to_back_up_and_the_reason_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::write(&data, b"a file in the way").unwrap();
    let store = open(&data).store;
    let error = store.begin_backup().await.unwrap_err();
    assert!(matches!(error, BackupError::InMemory(_)), "{error}");
}
