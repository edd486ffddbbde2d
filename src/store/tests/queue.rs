//! The queues before the thread: who goes first, and how it ends.

use std::sync::{Arc, Mutex, mpsc::sync_channel};

use super::*;
use crate::store::StoreError;

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
