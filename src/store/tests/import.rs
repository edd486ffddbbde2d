//! What a database that was set aside still owes comes back, once, as far as it can be read.

use std::fs;

use super::*;
use crate::store::{contents::UnusableFile, import::Source};

/// A database with so many owed events, closed and taken away.
async fn with_pending(dir: &Path, events: i64) -> std::path::PathBuf {
    let store = open(dir).store;
    for n in 0..events {
        let one = NewEvent {
            body: "x".repeat(3000),
            ..event(n, n as u64, "triggered", &["ops"])
        };
        store.commit(commit(n, vec![one])).await.unwrap();
    }
    store.close().await.unwrap();
    store.ended().await;
    take_away(dir)
}

#[tokio::test]
async fn what_is_imported_keeps_its_ids_its_age_and_its_order_and_is_owed_once() {
    let dir = tempfile::tempdir().unwrap();
    let aside = with_pending(dir.path(), 250).await;
    let before = fs::read(&aside).unwrap();
    let store = open(dir.path()).store;
    store
        .commit(commit(900, vec![event(900, 900, "triggered", &["ops"])]))
        .await
        .unwrap();
    assert_eq!(import(&store, &aside, dir.path()).await, (250, 250));
    assert_eq!(import(&store, &aside, dir.path()).await, (250, 0));
    assert_eq!(fs::read(&aside).unwrap(), before);
    let mut owed = pending(&store).await;
    owed.extend(store.pending(owed.last().unwrap().id, 200).await.unwrap());
    assert_eq!(owed.len(), 251);
    for (n, row) in owed[1..].iter().enumerate() {
        let all = store.delivery(row.id).await.unwrap().unwrap();
        assert_eq!(all.event, format!("event-{n}"));
        assert_eq!(row.decided, mark(n as i64));
        assert_eq!(row.sequence, n as u64 + 2);
        assert_eq!(row.lane, format!("key-{n}"));
    }
    // What was accepted here in between is not owed by a third import.
    store
        .settle(end(owed[7].id, DeliveryState::Accepted))
        .await
        .unwrap();
    assert_eq!(import(&store, &aside, dir.path()).await, (250, 0));
}

#[tokio::test]
async fn an_older_database_is_migrated_in_a_copy_that_is_gone_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/databases/v1.db");
    let aside = dir.path().join("andon.db.corrupt-1");
    fs::copy(old, &aside).unwrap();
    let store = open(dir.path()).store;
    assert_eq!(import(&store, &aside, dir.path()).await, (1, 1));
    assert_eq!(fs::read(&aside).unwrap(), fs::read(old).unwrap());
    let left = fs::read_dir(dir.path()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.contains("import")));
}

#[tokio::test]
async fn of_a_damaged_database_everything_that_can_be_read_is_owed_and_the_rest_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let aside = with_pending(dir.path(), 200).await;
    let log = dir.path().join("andon.db.newer-1-wal");
    let _ = fs::remove_file(log);
    let mut bytes = fs::read(&aside).unwrap();
    let size = bytes.len();
    // A hole in the middle: whatever page lies there, it is garbage.
    bytes[size / 2..size / 2 + 8192].fill(0x5A);
    fs::write(&aside, &bytes).unwrap();
    let store = open(dir.path()).store;
    let (found, owed, unreadable) = import_all(&store, &aside, dir.path()).await;
    assert!(!unreadable.is_empty());
    assert!(unreadable.len() <= 21, "{}", unreadable.len());
    assert_eq!(found, owed);
    assert!((150..200).contains(&owed), "{owed} of 200");
    assert_eq!(pending(&store).await.len() as u64, owed);
}

#[tokio::test]
async fn a_hole_anywhere_in_another_database_is_never_taken_for_one_in_ours() {
    let dir = tempfile::tempdir().unwrap();
    let aside = with_pending(dir.path(), 100).await;
    let _ = fs::remove_file(dir.path().join("andon.db.newer-1-wal"));
    let whole = fs::read(&aside).unwrap();
    for hole in (4096..whole.len() - 8192).step_by(4096) {
        let mut bytes = whole.clone();
        bytes[hole..hole + 8192].fill(0x5A);
        fs::write(&aside, &bytes).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).store;
        if Source::open(&aside, dir.path()).is_ok() {
            import_all(&store, &aside, dir.path()).await;
        }
        let made = store.commit(commit(9, vec![event(9, 9, "triggered", &["ops"])]));
        assert!(made.await.unwrap().durable, "after a hole at {hole}");
    }
}

#[tokio::test]
async fn damage_at_any_page_is_survived() {
    let dir = tempfile::tempdir().unwrap();
    let aside = with_pending(dir.path(), 30).await;
    let _ = fs::remove_file(dir.path().join("andon.db.newer-1-wal"));
    let whole = fs::read(&aside).unwrap();
    let store = open(dir.path()).store;
    for page in (1024..whole.len()).step_by(1024) {
        let mut bytes = whole.clone();
        let end = whole.len().min(page + 1024);
        bytes[page..end].fill(0xFF);
        fs::write(&aside, &bytes).unwrap();
        // A file that cannot be opened at all is refused; any other comes to an end.
        if Source::open(&aside, dir.path()).is_ok() {
            import_all(&store, &aside, dir.path()).await;
        }
    }
    // Over all of them together, nothing was owed twice and everything was reached.
    assert_eq!(pending(&store).await.len(), 30);
}

#[tokio::test]
async fn what_is_no_database_of_ours_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store
        .commit(commit(1, vec![event(1, 1, "triggered", &["ops"])]))
        .await
        .unwrap();
    let refused = |path: &Path| Source::open(path, dir.path()).unwrap_err();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("text"), "this is no database at all, whatever it says").unwrap();
    assert!(matches!(refused(&at("text")), UnusableFile::Foreign { .. }));
    fs::write(at("empty"), "").unwrap();
    assert!(matches!(
        refused(&at("empty")),
        UnusableFile::Foreign { .. }
    ));
    let db = by_hand(at("theirs"));
    db.execute_batch("CREATE TABLE theirs(x)").unwrap();
    db.close().unwrap();
    assert!(matches!(
        refused(&at("theirs")),
        UnusableFile::Foreign { .. }
    ));
    assert!(matches!(refused(&at("missing")), UnusableFile::Read { .. }));
    assert!(matches!(refused(dir.path()), UnusableFile::Foreign { .. }));
    let newer = at("newer");
    fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/databases/v1.db"),
        &newer,
    )
    .unwrap();
    let db = by_hand(&newer);
    db.pragma_update(None, "user_version", 99).unwrap();
    db.close().unwrap();
    assert!(matches!(
        refused(&newer),
        UnusableFile::Newer { version: 99, .. }
    ));
    // The one at work is not even opened, under whatever name.
    std::os::unix::fs::symlink(at("andon.db"), at("link")).unwrap();
    for name in ["andon.db", "link"] {
        assert!(matches!(refused(&at(name)), UnusableFile::AtWork { .. }));
    }
}

#[tokio::test]
async fn an_open_alert_is_taken_up_under_its_own_number_unless_that_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let aside = with_pending(dir.path(), 3).await;
    let store = open(dir.path()).store;
    store
        .commit(commit(
            1,
            vec![NewEvent {
                alert: AlertRow {
                    id: "another".to_owned(),
                    dedup_key: "another".to_owned(),
                    ..event(50, 2, "triggered", &[]).alert
                },
                ..event(50, 2, "triggered", &[])
            }],
        ))
        .await
        .unwrap();
    let source = Source::open(&aside, dir.path()).unwrap();
    let (source, taken) = store.take_up(source, vec![1, 2, 77]).await.unwrap();
    assert_eq!(taken, [1]);
    // Again, as after a crash in between.
    let (_, taken) = store.take_up(source, vec![1, 2, 77]).await.unwrap();
    assert_eq!(taken, [1]);
    let open = async || {
        let filter = crate::store::history::AlertFilter {
            open: Some(true),
            ..Default::default()
        };
        let alerts = store.alerts(filter, 10).await.unwrap();
        alerts.into_iter().map(|alert| alert.id).collect::<Vec<_>>()
    };
    assert_eq!(open().await, ["another", "alert-1"]);
    store.let_go(vec![1]).await.unwrap();
    assert_eq!(open().await, ["another"]);
}

#[tokio::test]
async fn numbers_of_alerts_go_on_where_the_database_that_was_set_aside_ended() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let mut all = commit(1, vec![event(1, 41, "triggered", &["ops"])]);
    all.core = Some("{\"next_number\":57}".to_owned());
    store.commit(all).await.unwrap();
    store.close().await.unwrap();
    store.ended().await;
    let db = by_hand(dir.path().join("andon.db"));
    db.pragma_update(None, "user_version", 99).unwrap();
    db.close().unwrap();
    let opened = open(dir.path());
    assert!(matches!(opened.found, crate::store::Found::SetAside { .. }));
    assert_eq!(opened.restored.numbers_from, 57);
}
