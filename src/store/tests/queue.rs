//! The queues before the thread: who goes first, and how it ends.

use std::sync::{Arc, Mutex, mpsc::sync_channel};

use super::*;
use crate::store::{StoreError, open::FILE};

#[tokio::test]
async fn a_commit_overtakes_every_other_job_that_waits() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let (release, held) = sync_channel::<()>(0);
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |what: &'static str| {
        let order = order.clone();
        move || order.lock().unwrap().push(what)
    };
    let (noted_read, noted_commit) = (note("read"), note("commit"));
    let hold = store.ask(move |_| {
        held.recv().unwrap();
        Ok(())
    });
    let read = store.ask(move |_| {
        noted_read();
        Ok(())
    });
    let commits = store.queues().commits.clone();
    let last = async {
        commits
            .send(Box::new(move |_| noted_commit()))
            .await
            .unwrap();
        release.send(()).unwrap();
    };
    // `join` polls in this order: the thread is held, the read waits, the commit comes last.
    let (held, read, ()) = tokio::join!(biased; hold, read, last);
    held.unwrap();
    read.unwrap();
    assert_eq!(*order.lock().unwrap(), ["commit", "read"]);
}

#[tokio::test]
async fn after_its_end_the_store_says_that_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store.close().await.unwrap();
    store.ended().await;
    assert!(matches!(store.counts().await, Err(StoreError::Gone)));
    let late = store.commit(commit(1, vec![event(1, 1, "triggered", &["ops"])]));
    assert!(matches!(late.await, Err(StoreError::Gone)));
}

#[tokio::test]
async fn a_panic_in_a_job_ends_the_store_and_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let panicked = store.ask::<()>(|_| panic!("a broken job")).await;
    assert!(panicked.is_err());
    store.ended().await;
    assert_eq!(open(dir.path()).found, crate::store::Found::Existing);
}

/// Before SQLite would do it at the end of a commit, and never into a file that a backup is reading.
#[tokio::test]
async fn the_log_flows_into_the_file_when_nobody_waits_and_it_is_not_held() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let in_file = |n: i64| {
        let (file, id) = (
            std::fs::read(dir.path().join(FILE)).unwrap(),
            format!("event-{n}."),
        );
        file.windows(id.len()).any(|at| at == id.as_bytes())
    };
    // Some ten pages each, of 2,048.
    let write = async |from: i64, to: i64| {
        for n in from..to {
            let mut one = event(n, 1, "triggered", &[]);
            // Twice, as one may lie across two pages.
            one.body = format!(
                "{:x<2400} event-{n}. {:x<200} event-{n}. {:x<2400}",
                "", "", ""
            );
            store.commit(commit(n, vec![one])).await.unwrap();
        }
        // The answer to the last one comes before.
        store.while_busy(|| {}).await;
    };
    write(0, 60).await;
    assert!(!in_file(50), "it flows only now and then");
    let begun = store.begin_backup().await.unwrap();
    write(60, 160).await;
    assert!(in_file(50) && !in_file(70));
    store.end_backup(begun.id).await.unwrap();
    write(160, 168).await;
    assert!(in_file(159) && !in_file(167));
    for n in (168..1000).step_by(8) {
        write(n, n + 8).await;
        if in_file(n) {
            let log = super::bytes::written(dir.path()).frames;
            assert!((1536..2048).contains(&log), "{log}");
            return;
        }
    }
    panic!("it never flows");
}
