//! A backup takes the place of the database: with a new stream, old numbers that are not used again, and nothing deleted.

use std::fs;

use super::*;
use crate::store::{
    Found,
    contents::UnusableFile,
    put_back::{Candidate, PutBackError},
    restore::PutBack,
};

/// Alerts 1 and 2 are owed, 3 was delivered; closed.
async fn make(dir: &Path) {
    let store = open(dir).store;
    let events = (1..=3)
        .map(|n| event(n, n as u64, "triggered", &["ops"]))
        .collect();
    let made = store.commit(commit(1, events)).await.unwrap();
    store
        .settle(end(made.deliveries[0].id, DeliveryState::Accepted))
        .await
        .unwrap();
    store.close().await.unwrap();
    store.ended().await;
}

/// A backup of that, and a database that went on to alert 9.
async fn backup_and_present(dir: &Path) -> std::path::PathBuf {
    make(dir).await;
    let backup = dir.join("backup");
    for suffix in ["", "-wal"] {
        let from = dir.join(format!("andon.db{suffix}"));
        if from.exists() {
            fs::copy(from, dir.join(format!("backup{suffix}"))).unwrap();
        }
    }
    let store = open(dir).store;
    store
        .commit(commit(5, vec![event(9, 9, "triggered", &["ops"])]))
        .await
        .unwrap();
    store.close().await.unwrap();
    store.ended().await;
    backup
}

#[tokio::test]
async fn what_was_pending_is_sent_again_if_a_person_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let backup = backup_and_present(dir.path()).await;
    let before = open(dir.path());
    before.store.close().await.unwrap();
    before.store.ended().await;
    let candidate = Candidate::prepare(&backup, dir.path()).unwrap();
    assert_eq!(
        (candidate.contents.events, candidate.contents.owed()),
        (3, 2)
    );
    assert_eq!(candidate.contents.written, Some(at(1).wall));
    assert_eq!(candidate.present.as_ref().unwrap().owed(), 3);
    let done = candidate.put_back(true, at(100).wall).unwrap();
    assert_eq!((done.next_number, done.numbers_left_out), (10, false));
    // What was there is beside it, and what it owed can be imported.
    let aside = done.aside.unwrap();
    let opened = open(dir.path());
    assert_eq!(opened.found, Found::Existing);
    assert_eq!(opened.restored.agent_id, before.restored.agent_id);
    assert_ne!(opened.restored.stream, before.restored.stream);
    assert_eq!(opened.restored.numbers_from, 10);
    let told = PutBack {
        from: at(1).wall.as_millis(),
        resent: 2,
        dropped: 0,
    };
    assert_eq!(opened.restored.put_back, Some(told));
    let owed = pending(&opened.store).await;
    let sequences: Vec<u64> = owed.iter().map(|row| row.sequence).collect();
    assert_eq!(sequences, [1, 2]);
    assert_eq!(import(&opened.store, &aside, dir.path()).await, (3, 1));
    // Told once.
    opened.store.told_put_back().await.unwrap();
    opened.store.close().await.unwrap();
    opened.store.ended().await;
    assert_eq!(open(dir.path()).restored.put_back, None);
}

#[tokio::test]
async fn what_is_not_sent_again_is_given_up_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let backup = backup_and_present(dir.path()).await;
    let candidate = Candidate::prepare(&backup, dir.path()).unwrap();
    candidate.put_back(false, at(100).wall).unwrap();
    let opened = open(dir.path());
    assert!(pending(&opened.store).await.is_empty());
    assert_eq!(opened.restored.put_back.unwrap().dropped, 2);
    let all = opened
        .store
        .deliveries(Default::default(), 10)
        .await
        .unwrap();
    let dropped: Vec<_> = all
        .iter()
        .filter(|row| row.state == DeliveryState::Dropped)
        .collect();
    assert_eq!(dropped.len(), 2);
    assert!(
        dropped[0]
            .result
            .as_ref()
            .unwrap()
            .contains("backup was restored")
    );
    // A new stream begins at 1, and a receiver of it misses nothing.
    let ops = opened.store.destination("ops").await.unwrap().unwrap();
    assert_eq!((ops.next_sequence, ops.given_up.len()), (1, 0));
}

#[tokio::test]
async fn where_nobody_knows_which_numbers_were_used_many_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let backup = backup_and_present(dir.path()).await;
    let new = tempfile::tempdir().unwrap();
    let candidate = Candidate::prepare(&backup, &new.path().join("data")).unwrap();
    assert_eq!(candidate.present, None);
    let done = candidate.put_back(true, at(100).wall).unwrap();
    assert_eq!(
        (done.aside, done.next_number, done.numbers_left_out),
        (None, 2001, true)
    );
    assert_eq!(open(&new.path().join("data")).restored.numbers_from, 2001);
}

#[tokio::test]
async fn a_running_agent_and_a_file_of_no_use_are_refused_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let backup = backup_and_present(dir.path()).await;
    let names = || {
        let entries = fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let running = open(dir.path());
    let before = names();
    let refused = Candidate::prepare(&backup, dir.path()).unwrap_err();
    assert!(matches!(refused, PutBackError::Running { .. }), "{refused}");
    assert!(refused.to_string().contains("systemctl stop andon"));
    running.store.close().await.unwrap();
    running.store.ended().await;

    let mut bytes = fs::read(&backup).unwrap();
    let _ = fs::remove_file(dir.path().join("backup-wal"));
    bytes[3 * 1024..7 * 1024].fill(0x5A);
    fs::write(dir.path().join("broken"), bytes).unwrap();
    fs::write(dir.path().join("text"), "no database").unwrap();
    let before_all = names();
    for name in ["broken", "text", "missing"] {
        let refused = Candidate::prepare(&dir.path().join(name), dir.path()).unwrap_err();
        assert!(matches!(refused, PutBackError::File(_)), "{refused}");
        if name == "broken" {
            assert!(matches!(
                refused,
                PutBackError::File(UnusableFile::Damaged { .. })
            ));
        }
    }
    // Looked at and not put back: nothing is left of it.
    drop(Candidate::prepare(&backup, dir.path()).unwrap());
    assert_eq!(names(), before_all);
    assert!(before.len() <= before_all.len());
    assert_eq!(pending(&open(dir.path()).store).await.len(), 3);
}

#[tokio::test]
async fn a_restore_that_a_power_cut_ended_between_its_renames_is_finished_by_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path()).await;
    fs::rename(
        dir.path().join("andon.db"),
        dir.path().join("andon.db.ready"),
    )
    .unwrap();
    let log = dir.path().join("andon.db-wal");
    if log.exists() {
        fs::rename(log, dir.path().join("andon.db.ready-wal")).unwrap();
    }
    let opened = open(dir.path());
    assert_eq!(opened.found, Found::Existing);
    assert_eq!(pending(&opened.store).await.len(), 2);
}

#[tokio::test]
async fn a_backup_of_an_earlier_version_is_restored_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/databases/v1.db");
    let candidate = Candidate::prepare(Path::new(old), dir.path()).unwrap();
    assert_eq!(
        (candidate.contents.events, candidate.contents.owed()),
        (2, 1)
    );
    candidate.put_back(true, at(100).wall).unwrap();
    let opened = open(dir.path());
    assert_eq!(opened.restored.core.as_deref(), Some("core of version 1"));
    assert_eq!(pending(&opened.store).await.len(), 1);
}
