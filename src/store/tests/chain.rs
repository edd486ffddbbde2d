//! The chain of events: it holds through everything that the store does, and finds everything that is done to the file.

use rusqlite::{Connection, params};

use super::*;
use crate::{
    store::chain,
    verify::{
        balance::{Balance, Report},
        rows::{Account, Point},
    },
};

/// The balance as `andon verify` makes it.
async fn verify(store: &Store) -> Report {
    verify_with(store, None).await
}

async fn verify_with(store: &Store, known: Option<Point>) -> Report {
    let account = store.account().await.unwrap();
    let mut balance = Balance::new(account, None, known);
    let mut after = i64::MIN;
    loop {
        let page = store.record(after).await.unwrap();
        page.entries.iter().for_each(|entry| balance.take(entry));
        match page.entries.last() {
            Some(last) if !page.end => after = last.seq,
            _ => break,
        }
    }
    balance.finish(&store.account().await.unwrap())
}

#[track_caller]
fn holds(report: &Report) {
    assert_eq!(report.problems, []);
    assert!(report.fine && report.chain.intact);
}

/// `n` alerts that trigger and resolve, told to both.
async fn history(store: &Store, alerts: std::ops::Range<u64>) {
    for alert in alerts {
        for (k, kind) in [(0, "triggered"), (1, "resolved")] {
            let n = alert.cast_signed() * 2 + k;
            let made = store
                .commit(commit(n, vec![event(n, alert, kind, &["ops", "pager"])]))
                .await
                .unwrap();
            for owed in made.deliveries {
                let state = match (alert % 5, owed.destination.as_str()) {
                    (0, "pager") => DeliveryState::Expired,
                    (1, "pager") => DeliveryState::Dropped,
                    _ => DeliveryState::Accepted,
                };
                store.settle(end(owed.id, state)).await.unwrap();
            }
        }
    }
}

async fn prune_before(store: &Store, seconds: i64) {
    let keep = std::time::Duration::from_secs(10);
    store.prune(keep, u64::MAX, at(seconds + 10)).await.unwrap();
}

#[tokio::test]
async fn everything_that_is_decided_is_in_the_chain_and_in_the_balance() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    holds(&verify(&store).await);
    history(&store, 1..40).await;
    store
        .commit(commit(900, vec![event(900, 90, "triggered", &["ops"])]))
        .await
        .unwrap();
    let report = verify(&store).await;
    holds(&report);
    assert_eq!((report.events, report.chain.covered), (79, 79));
    let [ops, pager] = report.destinations.as_slice() else {
        panic!("{report:?}");
    };
    assert_eq!((ops.owed, ops.accepted, ops.pending), (79, 78, 1));
    assert_eq!((pager.expired, pager.dropped, pager.accepted), (14, 16, 48));
    store.close().await.unwrap();
    let again = open(dir.path()).store;
    let known = Some(report.chain.head.clone());
    history(&again, 100..110).await;
    let later = verify_with(&again, known).await;
    holds(&later);
    assert_eq!(later.chain.known_head_holds, Some(true));
}

#[tokio::test]
async fn pruning_leaves_a_chain_that_holds_across_its_holes_and_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    history(&store, 1..10).await;
    // An alert that stays open for long, and much that ends after it.
    store
        .commit(commit(20, vec![event(20, 500, "triggered", &["ops"])]))
        .await
        .unwrap();
    history(&store, 11..60).await;
    let before = verify(&store).await;
    prune_before(&store, 80).await;
    let account = store.account().await.unwrap();
    assert_eq!(account.start.seq, 18, "all before the open alert is gone");
    let report = verify(&store).await;
    holds(&report);
    assert!(report.chain.pruned > 20, "{report:?}");
    assert_eq!(report.events, before.events);
    for (before, after) in before.destinations.iter().zip(&report.destinations) {
        assert_eq!(
            (before.owed, before.accepted, before.expired, before.dropped),
            (after.owed, after.accepted, after.expired, after.dropped)
        );
        assert!(after.numbers_pruned > 20);
    }
    // Once it is over and gone, the start follows over all of it.
    store
        .commit(commit(200, vec![event(200, 500, "resolved", &["ops"])]))
        .await
        .unwrap();
    for row in pending(&store).await {
        store
            .settle(end(row.id, DeliveryState::Accepted))
            .await
            .unwrap();
    }
    prune_before(&store, 210).await;
    let report = verify(&store).await;
    holds(&report);
    assert_eq!((report.chain.pruned, report.chain.covered), (0, 0));
    assert_eq!(report.chain.start.seq, report.chain.head.seq);
    assert_eq!(report.chain.start.hash, report.chain.head.hash);
    history(&store, 300..303).await;
    holds(&verify(&store).await);
}

#[tokio::test]
async fn too_many_digests_move_the_start_and_what_stays_before_it_is_said_to_be_uncovered() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    store
        .commit(commit(1, vec![event(1, 500, "triggered", &["ops"])]))
        .await
        .unwrap();
    history(&store, 1..60).await;
    prune_before(&store, 100).await;
    let head = store.account().await.unwrap().head;
    let bounded =
        |keeper: &mut crate::store::keeper::Keeper| keeper.write(|db| chain::bound(db, 20));
    store.ask(bounded).await.unwrap();
    let report = verify_with(&store, Some(head)).await;
    holds(&report);
    assert_eq!(report.chain.uncovered, 1);
    assert!(report.chain.pruned <= 20 && !report.chain.start_why.is_empty());
}

#[tokio::test]
async fn memory_mode_goes_on_in_the_same_chain() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    history(&store, 1..5).await;
    store
        .commit(commit(30, vec![event(30, 700, "triggered", &["ops"])]))
        .await
        .unwrap();
    fill(&store).await;
    history(&store, 20..30).await;
    assert!(!store.is_durable(), "the disk is full");
    assert!(store.account().await.unwrap().in_memory);
    let keeper = |keeper: &mut crate::store::keeper::Keeper| {
        let goal = crate::store::limits::Goal::Events(6);
        let mut pruner = crate::store::limits::Pruner::new(goal, None, at(0).wall);
        while !pruner.is_done() {
            pruner = keeper.write(|db| pruner.clone().step(db))?.0;
        }
        Ok(())
    };
    store.ask(keeper).await.unwrap();
    history(&store, 40..43).await;
    make_room(&store).await;
    assert!(store.is_durable());
    history(&store, 50..53).await;
    let report = verify(&store).await;
    holds(&report);
    assert_eq!(report.events, 8 + 1 + 20 + 6 + 6);
    let leftovers: i64 = store
        .ask(|keeper| {
            keeper.read(|db| {
                db.query_row(
                    "SELECT count(*) FROM meta WHERE key LIKE 'memory%'",
                    [],
                    |row| row.get(0),
                )
            })
        })
        .await
        .unwrap();
    assert_eq!(leftovers, 0);
}

#[tokio::test]
async fn a_database_from_before_the_chain_begins_it_where_it_is_and_says_so() {
    for version in [1, 2] {
        let dir = tempfile::tempdir().unwrap();
        let fixture = format!(
            "{}/tests/databases/v{version}.db",
            env!("CARGO_MANIFEST_DIR")
        );
        std::fs::copy(fixture, dir.path().join("andon.db")).unwrap();
        let store = open(dir.path()).store;
        let report = verify(&store).await;
        holds(&report);
        assert_eq!((report.chain.uncovered, report.chain.start.seq), (2, 2));
        assert!(report.chain.start_why.contains("without the chain"));
        history(&store, 10..13).await;
        holds(&verify(&store).await);
    }
}

#[tokio::test]
async fn a_new_stream_counts_anew_in_the_same_chain() {
    let dir = tempfile::tempdir().unwrap();
    let on = |machine: &str| Options {
        machine_id: Some(machine.to_owned()),
        ..options(dir.path())
    };
    let store = Store::open(on("one")).unwrap().store;
    history(&store, 1..10).await;
    store
        .commit(commit(30, vec![event(30, 700, "triggered", &["ops"])]))
        .await
        .unwrap();
    prune_before(&store, 15).await;
    store.close().await.unwrap();
    drop(store);
    let store = Store::open(on("two")).unwrap().store;
    holds(&verify(&store).await);
    history(&store, 20..25).await;
    let report = verify(&store).await;
    holds(&report);
    let ops = &report.destinations[0];
    assert_eq!((ops.last_number, ops.numbers_pruned), (11, 0));
}

/// What somebody may do to the file, and what is said then.
const TAMPERED: [(&str, &str, &str); 13] = [
    (
        "a text is changed",
        "UPDATE events SET body = replace(body, 'event', 'evemt') WHERE seq = 30",
        "chain",
    ),
    (
        "a time is changed",
        "UPDATE events SET decided = decided + 1 WHERE seq = 30",
        "chain",
    ),
    (
        "an alert is changed",
        "UPDATE events SET alert = 1000 WHERE seq = 30",
        "chain",
    ),
    (
        "a row is deleted",
        "DELETE FROM events WHERE seq = 30",
        "chain",
    ),
    (
        "a row is deleted with what it was owed to",
        "DELETE FROM events WHERE seq = 30; DELETE FROM deliveries WHERE id / 1000 = 30",
        "chain",
    ),
    (
        "a row is inserted at the end",
        "INSERT INTO events SELECT 1000, alert, x'00', kind, at, boot, decided, decided_mono_ns, decided_synchronised, body, hash, untold FROM events WHERE seq = 30",
        "chain",
    ),
    (
        "rows are exchanged",
        "UPDATE events SET seq = -1 WHERE seq = 30; UPDATE events SET seq = 30 WHERE seq = 31; UPDATE events SET seq = 31 WHERE seq = -1",
        "chain",
    ),
    (
        "the end is cut off",
        "DELETE FROM events WHERE seq > 35",
        "chain",
    ),
    (
        "the end is cut off, and the count with it",
        "DELETE FROM events WHERE seq > 35; UPDATE now SET value = 36 WHERE key = 'next_event'",
        "chain",
    ),
    (
        "a digest is changed",
        "UPDATE tombstones SET digest = zeroblob(32) WHERE seq = (SELECT min(seq) FROM tombstones)",
        "chain",
    ),
    (
        "the checkpoint is changed",
        "UPDATE meta SET value = zeroblob(32) WHERE key = 'chain_start_hash'",
        "chain",
    ),
    (
        "a delivery is deleted",
        "DELETE FROM deliveries WHERE id = 30001",
        "lost",
    ),
    (
        "a total is raised",
        "UPDATE totals SET numbered = numbered + 1",
        "number",
    ),
];

#[tokio::test]
async fn whatever_is_done_to_the_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    history(&store, 1..3).await;
    store
        .commit(commit(6, vec![event(6, 500, "triggered", &["ops"])]))
        .await
        .unwrap();
    history(&store, 4..20).await;
    prune_before(&store, 14).await;
    holds(&verify(&store).await);
    let head = store.account().await.unwrap().head;
    store.close().await.unwrap();
    drop(store);
    for (what, sql, expected) in TAMPERED {
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(dir.path().join("andon.db"), copy.path().join("andon.db")).unwrap();
        let db = stranger(copy.path());
        db.execute_batch(sql).unwrap();
        db.close().unwrap();
        let store = open(copy.path()).store;
        let report = verify(&store).await;
        let whats: Vec<&str> = report
            .problems
            .iter()
            .map(|one| one.what.as_str())
            .collect();
        assert!(whats.contains(&expected), "{what}: {report:?}");
    }
    // Who changes everything so that it is whole again is found by a head that was kept elsewhere.
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(dir.path().join("andon.db"), copy.path().join("andon.db")).unwrap();
    let db = stranger(copy.path());
    forge(&db);
    db.close().unwrap();
    let store = open(copy.path()).store;
    holds(&verify(&store).await);
    let report = verify_with(&store, Some(head)).await;
    assert_eq!(report.chain.known_head_holds, Some(false));
    assert!(!report.fine);
}

/// A connection of somebody else.
fn stranger(dir: &Path) -> Connection {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    Connection::open_with_flags(dir.join("andon.db"), flags).unwrap()
}

/// Changes one event and makes every hash after it anew.
fn forge(db: &Connection) {
    use crate::verify::{chain as hashes, rows::Page};
    db.execute("UPDATE events SET body = '{}' WHERE seq = 30", [])
        .unwrap();
    let account: Account = chain::account(db).unwrap();
    let mut hash = hashes::from_hex(&account.start.hash).unwrap();
    let mut after = account.start.seq;
    loop {
        let page: Page = chain::page(db, after).unwrap();
        for entry in &page.entries {
            hash = hashes::link(&hash, &hashes::from_hex(&entry.digest).unwrap());
            let set = "UPDATE events SET hash = ?2 WHERE seq = ?1";
            db.execute(set, params![entry.seq, hash]).unwrap();
            after = entry.seq;
        }
        if page.end {
            break;
        }
    }
    let set = "UPDATE now SET value = ?1 WHERE key = 'chain_head'";
    db.execute(set, params![hash]).unwrap();
}
