//! What a start may find on the disk: it watches on, whatever it is.

use std::fs;

use super::*;
use crate::store::{Found, StoreError};

async fn one_alert(dir: &Path) -> String {
    let opened = open(dir);
    opened
        .store
        .commit(commit(1, vec![event(1, 1, "triggered", &["ops"])]))
        .await
        .unwrap();
    opened.store.close().await.unwrap();
    opened.restored.stream
}

/// It begins anew, and what was there is untouched beside it.
async fn is_set_aside(dir: &Path, word: &str) -> String {
    let before = fs::read(dir.join("andon.db")).ok();
    let opened = open(dir);
    let Found::SetAside { path, why } = opened.found else {
        panic!("{:?}", opened.found);
    };
    assert!(
        path.to_string_lossy()
            .contains(&format!("andon.db.{word}-")),
        "{path:?}"
    );
    assert_eq!(fs::read(&path).ok(), before);
    let made = opened
        .store
        .commit(commit(2, vec![event(9, 9, "triggered", &["ops"])]))
        .await
        .unwrap();
    assert!(made.durable);
    assert_eq!(made.deliveries[0].sequence, 1);
    why
}

#[tokio::test]
async fn a_second_agent_on_the_same_folder_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let refused = Store::open(options(dir.path())).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }));
    assert!(refused.to_string().contains(dir.path().to_str().unwrap()));
    first.store.close().await.unwrap();
    first.store.ended().await;
}

#[tokio::test]
async fn a_database_that_another_process_holds_is_in_use_not_broken() {
    let dir = tempfile::tempdir().unwrap();
    one_alert(dir.path()).await;
    // What holds only the file, like a person with sqlite3, escapes the lock on the folder and not SQLite's own.
    let db = rusqlite::Connection::open_with_flags(
        dir.path().join("andon.db"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE,
    )
    .unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(
        Store::open(options(dir.path())),
        Err(StoreError::InUse { .. })
    ));
}

#[tokio::test]
async fn garbage_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("andon.db"),
        b"this is not a database at all, and never was one",
    )
    .unwrap();
    is_set_aside(dir.path(), "corrupt").await;
}

#[tokio::test]
async fn a_truncated_database_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    one_alert(dir.path()).await;
    // The log still holds every page and would mend the file.
    fs::remove_file(dir.path().join("andon.db-wal")).unwrap();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(dir.path().join("andon.db"))
        .unwrap();
    file.set_len(3 * 4096 + 100).unwrap();
    is_set_aside(dir.path(), "corrupt").await;
}

#[tokio::test]
async fn a_damaged_page_is_found_by_the_check() {
    let dir = tempfile::tempdir().unwrap();
    one_alert(dir.path()).await;
    // The log still holds every page and would mend the file.
    fs::remove_file(dir.path().join("andon.db-wal")).unwrap();
    let mut bytes = fs::read(dir.path().join("andon.db")).unwrap();
    bytes[4096..3 * 4096].fill(0x5A);
    fs::write(dir.path().join("andon.db"), bytes).unwrap();
    is_set_aside(dir.path(), "corrupt").await;
}

#[tokio::test]
async fn an_empty_file_beside_a_log_is_set_aside_and_an_empty_file_alone_is_new() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("andon.db"), b"").unwrap();
    fs::write(
        dir.path().join("andon.db-wal"),
        b"rows that were never checkpointed",
    )
    .unwrap();
    is_set_aside(dir.path(), "corrupt").await;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("andon.db"), b"").unwrap();
    assert_eq!(open(dir.path()).found, Found::Fresh);
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_database_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("andon.db")).unwrap();
    is_set_aside(dir.path(), "corrupt").await;
}

#[tokio::test]
async fn a_database_of_a_newer_agent_is_set_aside_untouched_also_when_only_its_log_says_so() {
    let dir = tempfile::tempdir().unwrap();
    one_alert(dir.path()).await;
    let db = rusqlite::Connection::open_with_flags(
        dir.path().join("andon.db"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE,
    )
    .unwrap();
    db.set_db_config(
        rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
        true,
    )
    .unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    db.close().unwrap();
    let log = fs::read(dir.path().join("andon.db-wal")).unwrap();
    let why = is_set_aside(dir.path(), "newer").await;
    assert!(why.contains("version 99"), "{why}");
    let kept = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let kept = kept
        .filter(|path| path.to_string_lossy().contains("newer"))
        .find(|path| path.to_string_lossy().ends_with("-wal"));
    assert_eq!(fs::read(kept.unwrap()).unwrap(), log);
}

#[tokio::test]
async fn a_database_of_another_program_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open_with_flags(
        dir.path().join("andon.db"),
        rusqlite::OpenFlags::default(),
    )
    .unwrap();
    db.execute_batch("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1)")
        .unwrap();
    db.close().unwrap();
    is_set_aside(dir.path(), "foreign").await;
}

#[tokio::test]
async fn what_a_database_set_aside_still_owes_can_be_imported_once() {
    let dir = tempfile::tempdir().unwrap();
    one_alert(dir.path()).await;
    let aside = dir.path().join("andon.db.newer-1");
    fs::rename(dir.path().join("andon.db"), &aside).unwrap();
    fs::rename(
        dir.path().join("andon.db-wal"),
        dir.path().join("andon.db.newer-1-wal"),
    )
    .unwrap();
    let store = open(dir.path()).store;
    store
        .commit(commit(2, vec![event(2, 1, "triggered", &["ops"])]))
        .await
        .unwrap();
    assert_eq!(import(&store, &aside, dir.path()).await, (1, 1));
    assert_eq!(import(&store, &aside, dir.path()).await, (1, 0));
    let owed = pending(&store).await;
    assert_eq!(
        owed.iter().map(|row| row.sequence).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(owed[1].decided, mark(1));
}

#[tokio::test]
async fn both_deliveries_of_an_escalation_to_somebody_new_are_imported() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let mut escalated = event(1, 1, "escalated", &["boss", "boss"]);
    escalated.deliveries[0].as_trigger = true;
    store.commit(commit(1, vec![escalated])).await.unwrap();
    store.close().await.unwrap();
    store.ended().await;
    let aside = dir.path().join("andon.db.newer-1");
    let log = dir.path().join("andon.db-wal");
    fs::rename(dir.path().join("andon.db"), &aside).unwrap();
    if log.exists() {
        fs::rename(log, dir.path().join("andon.db.newer-1-wal")).unwrap();
    }
    let store = open(dir.path()).store;
    assert_eq!(import(&store, &aside, dir.path()).await, (2, 2));
    assert_eq!(import(&store, &aside, dir.path()).await, (2, 0));
}

#[tokio::test]
async fn a_cloned_image_gets_a_new_agent_and_a_new_stream_and_counts_anew() {
    let dir = tempfile::tempdir().unwrap();
    let on = |machine: &str| Options {
        machine_id: Some(machine.to_owned()),
        ..options(dir.path())
    };
    let first = Store::open(on("one")).unwrap();
    let events = (1..=3)
        .map(|n| event(n, n as u64, "triggered", &["ops"]))
        .collect();
    let made = first.store.commit(commit(1, events)).await.unwrap();
    first
        .store
        .settle(end(made.deliveries[0].id, DeliveryState::Expired))
        .await
        .unwrap();
    first.store.close().await.unwrap();
    first.store.ended().await;
    let same = Store::open(on("one")).unwrap();
    assert_eq!(same.restored.stream, first.restored.stream);
    same.store.close().await.unwrap();
    same.store.ended().await;
    let clone = Store::open(on("two")).unwrap();
    assert!(clone.restored.cloned);
    assert_ne!(clone.restored.agent_id, first.restored.agent_id);
    assert_ne!(clone.restored.stream, first.restored.stream);
    let owed = pending(&clone.store).await;
    assert_eq!(
        owed.iter().map(|row| row.sequence).collect::<Vec<_>>(),
        [1, 2]
    );
    let ops = clone.store.destination("ops").await.unwrap().unwrap();
    assert_eq!((ops.next_sequence, ops.given_up.len()), (3, 0));
    assert!(clone.store.retry(made.deliveries[0].id).await.unwrap());
    assert_eq!(pending(&clone.store).await[0].sequence, 3);
}

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/databases/v1.db");

#[tokio::test]
async fn a_database_of_version_1_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(FIXTURE, dir.path().join("andon.db")).unwrap();
    let opened = open(dir.path());
    assert_eq!(opened.found, Found::Existing);
    assert_eq!(opened.restored.core.as_deref(), Some("core of version 1"));
    assert_eq!(opened.restored.watches.len(), 1);
    let owed = pending(&opened.store).await;
    assert_eq!((owed.len(), owed[0].sequence), (1, 2));
    assert_eq!(opened.store.events_of(1, 200).await.unwrap().len(), 2);
}

/// What version 1 could hold, beside what its fixture holds: an escalation that failed twice, a thread, a boot of its own, ids of
/// their real shape, and an event that was imported without its alert.
const MORE_OF_VERSION_1: &str = r#"
INSERT INTO alerts VALUES('01KN33X5G0A2X02FC34SAMS3GX', 42, '5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592',
  'overtemp', 'mill-2', 3, 'active', 1775000000000, NULL, '["ops","sms"]');
INSERT INTO events VALUES(7, '01KN33X5G0A2X02FC34SAMS3GY', '01KN33X5G0A2X02FC34SAMS3GX', 'escalated', 1775000007000, 'body');
INSERT INTO deliveries(id, event_seq, destination, lane, sequence, as_trigger, severity, withdrawable, state, attempts, not_before,
    decided, decided_boot, decided_mono_ns, decided_synchronised, first_attempt, last_attempt, settled, result, log) VALUES
  (3, 7, 'sms', '5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592', 1, 1, 3, 1, 'pending', 2, 1775000019000,
   1775000008000, 'later', 5, 0, 1775000009000, 1775000011000, NULL, 'HTTP 503',
   '[{"at":1775000009000,"attempts":1,"result":"HTTP 500"},{"at":1775000011000,"attempts":2,"result":"HTTP 503"}]'),
  (4, 7, 'ops', '5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592', 3, 0, 3, 0, 'refused', 1, NULL,
   1775000008000, 'later', 5, 0, 1775000009000, 1775000009000, 1775000009001, 'HTTP 400',
   '[{"at":1775000009000,"attempts":1,"result":"HTTP 400"}]');
INSERT INTO threads VALUES('01KN33X5G0A2X02FC34SAMS3GX', 'ops', 'ts=1');
INSERT INTO events VALUES(9, 'event-9', 'alert-of-another', 'triggered', 1775000001000, 'foreign');
INSERT INTO deliveries(id, event_seq, destination, lane, sequence, as_trigger, severity, withdrawable, decided, decided_boot,
    decided_mono_ns, decided_synchronised)
  VALUES(5, 9, 'ops', 'key-9', 4, 0, 1, 0, 1775000001000, 'boot with spaces', 1, 1);
UPDATE destinations SET next_sequence = 5, given_up = '[{"from":3,"to":3,"why":"refused"}]';
INSERT INTO destinations(name, next_sequence) VALUES('sms', 2);
UPDATE sqlite_sequence SET seq = 9 WHERE name = 'events';
"#;

#[tokio::test]
async fn everything_in_a_database_of_version_1_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("andon.db");
    fs::copy(FIXTURE, &path).unwrap();
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let db = rusqlite::Connection::open_with_flags(&path, flags).unwrap();
    db.execute_batch(MORE_OF_VERSION_1).unwrap();
    db.close().unwrap();

    let store = open(dir.path()).store;
    let owed = pending(&store).await;
    let rows: Vec<_> = owed
        .iter()
        .map(|row| (row.id, row.destination.as_str(), row.sequence))
        .collect();
    assert_eq!(rows, [(2001, "ops", 2), (7001, "sms", 1), (9001, "ops", 4)]);
    let delivery = async |id| store.delivery(id).await.unwrap().unwrap();

    let first = delivery(1001).await;
    assert_eq!(first.row.state, DeliveryState::Accepted);
    assert_eq!(first.row.settled, Some(at(50).wall));
    assert_eq!(first.row.result.as_deref(), Some("HTTP 200"));
    assert_eq!(
        (first.event.as_str(), first.row.lane.as_str()),
        ("event-1", "key-1")
    );
    assert_eq!(first.row.decided, mark(1));

    let sms = delivery(7001).await;
    assert_eq!(sms.event, "01KN33X5G0A2X02FC34SAMS3GY");
    assert_eq!(sms.row.alert, "01KN33X5G0A2X02FC34SAMS3GX");
    assert!(sms.row.lane.starts_with("5d41402a") && sms.row.lane.len() == 64);
    assert!(sms.row.as_trigger && sms.row.withdrawable);
    assert_eq!((sms.row.attempts, sms.log.len()), (2, 2));
    assert_eq!(sms.row.first_attempt, Some(at(9).wall));
    assert_eq!(sms.row.last_attempt, Some(at(11).wall));
    assert_eq!(sms.row.not_before, Some(at(19).wall));
    assert_eq!(
        (sms.row.decided.boot.as_str(), sms.row.decided.wall),
        ("later", at(8).wall)
    );
    assert_eq!(
        sms.alert.map(|alert| (alert.number, alert.audience.len())),
        Some((42, 2))
    );

    let ops = delivery(7002).await;
    assert_eq!(
        (ops.row.state, ops.thread.as_deref()),
        (DeliveryState::Refused, Some("ts=1"))
    );
    assert_eq!(
        (ops.given_up[0].from, ops.log[0].result.as_str()),
        (3, "HTTP 400")
    );
    assert!(store.retry(7002).await.unwrap());

    let foreign = delivery(9001).await;
    assert_eq!(
        (foreign.row.alert.as_str(), foreign.row.lane.as_str()),
        ("alert-of-another", "key-9")
    );
    assert_eq!(foreign.body, "foreign");
    let alerts = store
        .alerts(crate::store::history::AlertFilter::default(), 10)
        .await
        .unwrap();
    assert_eq!(
        alerts.iter().map(|alert| alert.number).collect::<Vec<_>>(),
        [42, 1]
    );

    let made = store
        .commit(commit(60, vec![event(60, 1, "closed", &["ops"])]))
        .await
        .unwrap();
    assert_eq!(
        (made.deliveries[0].id, made.deliveries[0].sequence),
        (10_001, 5)
    );
}

/// A schema that is released needs its fixture: with `ANDON_WRITE_FIXTURE=1` this test makes the one of this version.
#[tokio::test]
async fn every_released_schema_has_its_fixture() {
    let missing = |version: &i32| !Path::new(&fixture(*version)).exists();
    let versions = 1..=crate::store::schema::VERSION;
    if std::env::var_os("ANDON_WRITE_FIXTURE").is_some() {
        write_fixture().await;
    }
    assert_eq!(versions.filter(missing).collect::<Vec<i32>>(), [0; 0]);
}

fn fixture(version: i32) -> String {
    FIXTURE.replace("v1", &format!("v{version}"))
}

async fn write_fixture() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let events = vec![
        event(1, 1, "triggered", &["ops"]),
        event(2, 1, "resolved", &["ops"]),
    ];
    let mut all = commit(1, events);
    all.core = Some(format!("core of version {}", crate::store::schema::VERSION));
    all.watches = vec![WatchRow {
        key: "key-1".to_owned(),
        blob: "{}".to_owned(),
        ..WatchRow::default()
    }];
    let made = store.commit(all).await.unwrap();
    store
        .settle(end(made.deliveries[0].id, DeliveryState::Accepted))
        .await
        .unwrap();
    store.close().await.unwrap();
    fs::copy(
        dir.path().join("andon.db"),
        fixture(crate::store::schema::VERSION),
    )
    .unwrap();
}

#[test]
fn the_sqlite_we_ship_has_no_log_reset_bug() {
    assert!(rusqlite::version_number() >= 3_051_003);
}
