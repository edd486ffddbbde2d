//! A disk that is full, broken or not there: machines are watched on, and what is decided comes home when it can.

use std::fs;

use rusqlite::ffi;

use super::*;
use crate::store::{Found, StoreError, keeper::Failure};

fn many(from: i64, count: i64) -> Vec<NewEvent> {
    (from..from + count)
        .map(|n| NewEvent {
            body: "x".repeat(2000),
            ..event(n, n as u64, "triggered", &["ops"])
        })
        .collect()
}

/// A disk that fails with this code whatever is asked of it, once.
pub(super) async fn fail(store: &Store, code: i32) -> Result<bool, StoreError> {
    let mut failed = false;
    let job = move |keeper: &mut crate::store::keeper::Keeper| {
        let wrote = keeper.write(|_| {
            if std::mem::replace(&mut failed, true) {
                return Ok(());
            }
            Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
        });
        match wrote {
            Ok(((), durable)) => Ok(Ok(durable)),
            Err(Failure::Io(why)) => Ok(Err(why)),
            Err(sql) => Err(sql),
        }
    };
    match store.ask(job).await.unwrap() {
        Ok(durable) => Ok(durable),
        Err(why) => Err(StoreError::IoFatal {
            dir: "".into(),
            why,
        }),
    }
}

pub(super) async fn heal(store: &Store) {
    let job = |keeper: &mut crate::store::keeper::Keeper| {
        keeper.heal();
        Ok(())
    };
    store.ask(job).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_costs_durability_and_not_events() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path());
    let store = opened.store;
    let first = store.commit(commit(1, many(1, 2))).await.unwrap();
    fill(&store).await;
    let mut seconds = 2;
    let made = loop {
        let made = store
            .commit(commit(seconds, many(seconds * 10, 5)))
            .await
            .unwrap();
        seconds += 1;
        if !made.durable {
            break made;
        }
        assert!(seconds < 50, "the file never filled up");
    };
    assert!(
        store
            .health()
            .await
            .unwrap()
            .memory_only
            .unwrap()
            .contains("full")
    );
    // Numbers and rows go on where the disk ended, and what was owed there is owed here.
    let owed = pending(&store).await;
    assert_eq!(owed.len(), 2 + (seconds as usize - 2) * 5);
    assert!(
        owed.windows(2)
            .all(|pair| pair[0].id < pair[1].id && pair[0].sequence + 1 == pair[1].sequence)
    );
    assert!(
        !store
            .delivery(made.deliveries[0].id)
            .await
            .unwrap()
            .unwrap()
            .durable
    );
    assert!(
        store
            .settle(end(first.deliveries[0].id, DeliveryState::Accepted))
            .await
            .unwrap()
    );

    make_room(&store).await;
    assert_eq!(store.health().await.unwrap().memory_only, None);
    let late = store.commit(commit(90, many(900, 1))).await.unwrap();
    assert!(late.durable);
    let before = pending(&store).await;
    assert_eq!(before.len(), owed.len());
    store.close().await.unwrap();
    let again = open(dir.path());
    assert_eq!(again.found, Found::Existing);
    assert_eq!(again.restored.stream, opened.restored.stream);
    assert_eq!(pending(&again.store).await, before);
}

#[tokio::test]
async fn the_ballast_is_given_up_before_durability() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(Options {
        ballast: 64 << 10,
        ..options(dir.path())
    })
    .unwrap()
    .store;
    assert!(store.health().await.unwrap().ballast);
    let durable = fail(&store, ffi::SQLITE_FULL).await.unwrap();
    assert!(durable);
    let health = store.health().await.unwrap();
    assert!(!health.ballast);
    assert_eq!(health.memory_only, None);
    make_room(&store).await;
    assert!(store.health().await.unwrap().ballast);
}

#[tokio::test]
async fn a_first_io_error_ends_the_run_and_a_second_one_costs_durability() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store.commit(commit(1, many(1, 2))).await.unwrap();
    assert!(matches!(
        fail(&store, ffi::SQLITE_IOERR_FSYNC).await,
        Err(StoreError::IoFatal { .. })
    ));
    let refused = store.commit(commit(2, many(5, 1))).await.unwrap_err();
    assert!(matches!(refused, StoreError::IoFatal { .. }), "{refused}");
    let _ = store.close().await;

    let store = open(dir.path()).store;
    assert_eq!(pending(&store).await.len(), 2);
    assert!(!fail(&store, ffi::SQLITE_IOERR_WRITE).await.unwrap());
    let made = store.commit(commit(3, many(7, 1))).await.unwrap();
    assert!(!made.durable);
    assert_eq!(made.deliveries[0].sequence, 3);
    // The disk is well again: it is opened anew, and nothing is missing.
    heal(&store).await;
    assert_eq!(store.health().await.unwrap().memory_only, None);
    assert_eq!(pending(&store).await.len(), 3);
    // An hour of it, and the next error is a first one.
    assert!(dir.path().join("andon.io-error").exists());
    store.commit(commit(3700, many(9, 1))).await.unwrap();
    assert!(!dir.path().join("andon.io-error").exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_costs_durability_until_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::write(&data, b"a file in the way").unwrap();
    let opened = Store::open(Options {
        heal_every: std::time::Duration::from_millis(20),
        ..options(&data)
    })
    .unwrap();
    assert!(
        matches!(&opened.found, Found::MemoryOnly { why } if why.contains("data")),
        "{:?}",
        opened.found
    );
    let store = opened.store;
    assert!(!store.commit(commit(1, many(1, 3))).await.unwrap().durable);
    fs::remove_file(&data).unwrap();
    while store.health().await.unwrap().memory_only.is_some() {
        tokio::task::yield_now().await;
    }
    assert!(store.commit(commit(2, many(9, 1))).await.unwrap().durable);
    store.close().await.unwrap();
    let again = open(&data);
    assert_eq!(again.restored.stream, opened.restored.stream);
    assert_eq!(pending(&again.store).await.len(), 4);
}

#[tokio::test]
async fn a_disk_that_comes_late_with_an_earlier_database_loses_nothing_that_it_owed() {
    let dir = tempfile::tempdir().unwrap();
    let (data, away) = (dir.path().join("data"), dir.path().join("away"));
    let store = open(&data).store;
    store.commit(commit(1, many(1, 2))).await.unwrap();
    store.close().await.unwrap();
    fs::rename(&data, &away).unwrap();
    fs::write(&data, b"not mounted yet").unwrap();
    let store = open(&data).store;
    assert!(!store.commit(commit(2, many(5, 1))).await.unwrap().durable);
    fs::remove_file(&data).unwrap();
    fs::rename(&away, &data).unwrap();
    heal(&store).await;
    let health = store.health().await.unwrap();
    assert_eq!(health.memory_only, None);
    assert!(health.set_aside.unwrap().exists());
    let owed = pending(&store).await;
    assert_eq!(
        owed.iter().map(|row| row.sequence).collect::<Vec<_>>(),
        [1, 2, 3]
    );
}

#[tokio::test]
async fn the_log_keeps_its_room_over_a_clean_stop() {
    let dir = tempfile::tempdir().unwrap();
    let grown = Options {
        wal_reserve: 256 << 10,
        ..options(dir.path())
    };
    let store = Store::open(grown).unwrap().store;
    store.close().await.unwrap();
    let log = fs::metadata(dir.path().join("andon.db-wal")).unwrap().len();
    assert!(log >= 256 << 10, "{log}");
    assert_eq!(open(dir.path()).found, Found::Existing);
}

#[tokio::test]
async fn memory_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::write(&data, b"a file in the way").unwrap();
    let store = Store::open(Options {
        memory_events: 300,
        ..options(&data)
    })
    .unwrap()
    .store;
    for round in 0..8 {
        store
            .commit(commit(round, many(round * 100, 100)))
            .await
            .unwrap();
    }
    let owed = pending(&store).await;
    assert!(owed.len() <= 300 && !owed.is_empty());
    let worst = owed.iter().filter(|row| row.severity == 3).count();
    assert!(
        worst > owed.len() / 3,
        "the worst stay: {worst} of {}",
        owed.len()
    );
    let ops = store.destination("ops").await.unwrap().unwrap();
    assert!(!ops.given_up.is_empty());
}

#[tokio::test]
async fn a_read_only_file_can_still_be_read_with_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store.commit(commit(1, many(1, 2))).await.unwrap();
    // As a killed agent leaves it: the log is not in the file yet.
    let copy = tempfile::tempdir().unwrap();
    for name in ["andon.db", "andon.db-wal"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let before = fs::read(copy.path().join("andon.db")).unwrap();
    let db = crate::store::open::read_only(&copy.path().join("andon.db")).unwrap();
    let mut memory = crate::store::memory::begin().unwrap();
    crate::store::memory::load(&db, &mut memory, 100).unwrap();
    assert_eq!(
        crate::store::outbox::pending(&memory, 0, 10).unwrap().len(),
        2
    );
    drop(db);
    assert_eq!(fs::read(copy.path().join("andon.db")).unwrap(), before);
    assert_eq!(fs::read_dir(copy.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn damage_that_only_the_run_has_seen_is_looked_for_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store.commit(commit(1, many(1, 2))).await.unwrap();
    let ended = fail(&store, ffi::SQLITE_CORRUPT).await;
    assert!(matches!(ended, Err(StoreError::IoFatal { .. })));
    let _ = store.close().await;
    store.ended().await;
    let marker = dir.path().join("andon.io-error");
    assert!(
        fs::read_to_string(&marker)
            .unwrap()
            .starts_with("damaged: ")
    );
    // The whole file is sound after all: it is used.
    let again = open(dir.path());
    assert_eq!(again.found, Found::Existing);
    assert_eq!(pending(&again.store).await.len(), 2);
}

#[tokio::test]
async fn whatever_page_is_damaged_one_more_start_is_enough_to_watch_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store.commit(commit(1, many(1, 10))).await.unwrap();
    store.close().await.unwrap();
    store.ended().await;
    let _ = fs::remove_file(dir.path().join("andon.db-wal"));
    let whole = fs::read(dir.path().join("andon.db")).unwrap();
    for page in (0..whole.len()).step_by(1024) {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = whole.clone();
        let end = (page + 512).min(bytes.len());
        bytes[page..end].fill(0xFF);
        fs::write(dir.path().join("andon.db"), bytes).unwrap();
        let works = async || {
            let store = Store::open(options(dir.path())).ok()?.store;
            let made = store.commit(commit(2, many(100, 1))).await;
            let _ = store.close().await;
            store.ended().await;
            made.ok().filter(|made| made.durable)
        };
        let once = works().await.is_some();
        assert!(once || works().await.is_some(), "page at {page}");
    }
}
