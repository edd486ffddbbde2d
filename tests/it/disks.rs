//! The store on real file systems that are full, read-only or broken: it never refuses, loses nothing that was on disk, and goes
//! back to the disk when it can.

use std::{fs, path::Path, time::Duration};

use andon::{
    clock::{BootId, Mono, Now, Wall},
    store::{
        Found, Opened, Options, Store, StoreError,
        rows::{AlertRow, Commit, DeliveryState, Mark, NewDelivery, NewEvent, Settlement},
    },
};

use crate::support::{Agent, Receiver, cold_device, mill, mount::Mount, text, to, too_hot, wait};

const TRIGGERED: &str = "alert.triggered mill-1/spindle-overtemp";

fn now(seconds: i64) -> Now {
    Now {
        mono: Mono::from_nanos(seconds * 1_000_000_000),
        wall: Wall::from_millis(1_775_000_000_000 + seconds * 1000),
        synchronised: true,
    }
}

fn open(dir: &Path) -> Opened {
    let options = Options {
        ballast: 1 << 20,
        wal_reserve: 512 << 10,
        heal_every: Duration::from_millis(50),
        ..Options::new(dir, now(0))
    };
    Store::open(options).expect("a store opens, whatever the disk does")
}

/// Event and alert number `n`, with a body of 20 KiB.
fn one(n: u64) -> Commit {
    let key = format!("{n:064x}");
    let event = NewEvent {
        id: format!("event-{n}"),
        alert: AlertRow {
            id: format!("alert-{n}"),
            number: n,
            dedup_key: key,
            rule: "overtemp".to_owned(),
            machine: "mill-1".to_owned(),
            severity: 3,
            state: "active".to_owned(),
            ..AlertRow::default()
        },
        kind: "triggered".to_owned(),
        body: "x".repeat(20 << 10),
        deliveries: vec![NewDelivery {
            destination: "ops".to_owned(),
            ..NewDelivery::default()
        }],
        ..NewEvent::default()
    };
    Commit {
        events: vec![event],
        mark: Mark::new(&BootId("boot".to_owned()), now(1)),
        ..Commit::default()
    }
}

/// All ids of events that are owed.
async fn owed(store: &Store) -> Vec<String> {
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let page = store.pending(after, 200).await.expect("a page");
        let Some(last) = page.last() else { return all };
        after = last.id;
        for row in &page {
            let delivery = store.delivery(row.id).await.expect("an answer");
            all.push(delivery.expect("it is there").event);
        }
    }
}

fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<String> {
    numbers.map(|n| format!("event-{n}")).collect()
}

async fn is_back(store: &Store) {
    wait::until("the store is on disk again", || {
        store.is_durable().then_some(())
    });
    let health = store.health().await.expect("an answer");
    assert_eq!(health.memory_only, None);
}

async fn close(store: Store) {
    store.close().await.expect("it closes");
    store.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_costs_the_ballast_then_durability_and_no_event() {
    let disk = Mount::tmpfs("size=6m");
    let opened = open(disk.path());
    let store = opened.store;
    assert!(store.health().await.expect("an answer").ballast);
    let mut n = 1;
    store.commit(one(n)).await.expect("a commit");
    let filler = disk.fill();
    let mut on_disk = 0;
    loop {
        n += 1;
        if !store.commit(one(n)).await.expect("a commit").durable {
            break;
        }
        on_disk += 1;
        assert!(n < 1000, "6 MiB never fill up");
    }
    assert!(on_disk > 20, "the reserve and the ballast held {on_disk}");
    let health = store.health().await.expect("an answer");
    assert!(!health.ballast);
    assert!(health.memory_only.expect("a reason").contains("full"));
    for _ in 0..20 {
        n += 1;
        assert!(!store.commit(one(n)).await.expect("a commit").durable);
    }
    assert_eq!(owed(&store).await, events(1..=n));
    fs::remove_file(filler).expect("room");
    is_back(&store).await;
    n += 1;
    assert!(store.commit(one(n)).await.expect("a commit").durable);
    close(store).await;
    let again = open(disk.path());
    assert_eq!(again.found, Found::Existing);
    assert_eq!(again.restored.stream, opened.restored.stream);
    assert_eq!(owed(&again.store).await, events(1..=n));
    wait::until("the ballast is laid again", || {
        disk.path().join("andon.ballast").exists().then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_full_disk_finds_everything_and_goes_on() {
    let disk = Mount::tmpfs("size=6m");
    let store = open(disk.path()).store;
    for n in 1..=40 {
        store.commit(one(n)).await.expect("a commit");
    }
    close(store).await;
    fs::remove_file(disk.path().join("andon.ballast")).expect("it was there");
    let filler = disk.fill();
    let opened = open(disk.path());
    let store = opened.store;
    assert_eq!(owed(&store).await, events(1..=40), "{:?}", opened.found);
    for n in 41..=400 {
        store.commit(one(n)).await.expect("a commit");
    }
    assert!(!store.is_durable());
    assert_eq!(owed(&store).await, events(1..=400));
    fs::remove_file(filler).expect("room");
    // It does not all fit; nothing is lost, and more room brings it home.
    disk.remount("size=64m");
    is_back(&store).await;
    close(store).await;
    assert_eq!(owed(&open(disk.path()).store).await, events(1..=400));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_to_be_had_a_new_store_is_in_memory_and_an_old_one_goes_on() {
    let disk = Mount::tmpfs("size=16m,nr_inodes=12");
    let taken = disk.exhaust_inodes();
    let opened = open(disk.path());
    assert!(
        matches!(opened.found, Found::MemoryOnly { .. }),
        "{:?}",
        opened.found
    );
    let store = opened.store;
    assert!(!store.commit(one(1)).await.expect("a commit").durable);
    for path in taken {
        fs::remove_file(path).expect("a file");
    }
    is_back(&store).await;
    // No name is left, but the files that it needs are there.
    let _taken = disk.exhaust_inodes();
    for n in 2..=60 {
        assert!(store.commit(one(n)).await.expect("a commit").durable);
    }
    store
        .prune(Duration::from_secs(86_400), 8 << 20, now(2))
        .await
        .expect("it prunes");
    close(store).await;
    let again = open(disk.path());
    assert_eq!(again.found, Found::Existing);
    assert_eq!(owed(&again.store).await, events(1..=60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk_is_read_and_written_to_when_it_can_be() {
    let disk = Mount::ext4(16);
    let opened = open(disk.path());
    opened.store.commit(one(1)).await.expect("a commit");
    close(opened.store).await;
    disk.remount("ro");
    let again = open(disk.path());
    let Found::MemoryOnly { why } = &again.found else {
        panic!("{:?}", again.found)
    };
    assert!(
        why.contains("read-only") || why.contains("readonly"),
        "{why}"
    );
    let store = again.store;
    assert!(!store.commit(one(2)).await.expect("a commit").durable);
    assert_eq!(owed(&store).await, events(1..=2));
    disk.remount("rw");
    is_back(&store).await;
    close(store).await;
    let last = open(disk.path());
    assert_eq!(last.restored.stream, opened.restored.stream);
    assert_eq!(owed(&last.store).await, events(1..=2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_while_it_runs_ends_the_run_and_the_next_one_reads_what_is_there() {
    let disk = Mount::ext4(16);
    let store = open(disk.path()).store;
    for n in 1..=5 {
        assert!(store.commit(one(n)).await.expect("a commit").durable);
    }
    disk.remount("abort");
    let mut n = 5;
    let ended = loop {
        n += 1;
        match store.commit(one(n)).await {
            Ok(made) if made.durable => {
                assert!(n < 100, "the disk is gone, and commits count as durable")
            }
            Ok(_) => break false,
            Err(StoreError::IoFatal { .. }) => break true,
            Err(error) => panic!("{error}"),
        }
    };
    if ended {
        store.ended().await;
    }
    let _ = store.close().await;
    store.ended().await;
    let again = open(disk.path());
    assert!(
        matches!(again.found, Found::MemoryOnly { .. }),
        "{:?}",
        again.found
    );
    let all = owed(&again.store).await;
    assert_eq!(all[..5], events(1..=5));
    assert!(
        !again
            .store
            .commit(one(900))
            .await
            .expect("a commit")
            .durable
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_somebody_deletes_under_it_is_written_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    let store = open(dir).store;
    for n in 1..=30 {
        store.commit(one(n)).await.expect("a commit");
    }
    let first = store.pending(0, 1).await.expect("a page")[0].id;
    let accepted = Settlement::new(first, DeliveryState::Accepted, now(2).wall, "HTTP 200");
    assert!(store.settle(accepted).await.expect("an end"));
    fs::remove_file(dir.join("andon.db")).expect("it was there");
    fs::remove_file(dir.join("andon.db-wal")).expect("it was there");
    wait::until("it is there again", || {
        dir.join("andon.db").exists().then_some(())
    });
    is_back(&store).await;
    store.commit(one(31)).await.expect("a commit");
    close(store).await;
    assert_eq!(owed(&open(dir).store).await, events(2..=31));
}

#[test]
fn an_agent_on_a_full_disk_watches_says_so_and_goes_back_when_there_is_room() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let disk = Mount::tmpfs("size=4m");
    let filler = disk.fill();
    let config = mill(&device) + &to(&receiver) + "\n[store]\nballast = \"1MiB\"\n";
    let mut agent = Agent::with_data_in(disk.path(), &config, &too_hot(""));
    agent.run();
    let told = receiver.hears("alert.triggered andon/andon.disk").json();
    assert_eq!(text(&told, "/alert/severity"), "critical");
    device.holding(100, 973);
    receiver.hears(TRIGGERED);
    let view = agent.status();
    assert_eq!(view["store"]["durable"], false, "{view:#}");
    assert!(
        !agent.verb("status", &[]).status.success(),
        "a problem of its own"
    );
    fs::remove_file(filler).expect("room");
    let end = receiver.hears_within(Duration::from_secs(90), "alert.resolved andon/andon.disk");
    assert_eq!(end.json()["alert"]["id"], told["alert"]["id"]);
    // What was decided in memory is on disk now.
    agent.kill();
    agent.run();
    let view = agent.status();
    assert_eq!(
        text(&view, "/alerts/0/rule"),
        "spindle-overtemp",
        "{view:#}"
    );
}
