//! What goes first when there is too much.

use std::time::Duration;

use super::*;
use crate::store::history::*;

const DAY: Duration = Duration::from_secs(86400);

async fn settle_all(store: &Store, made: &Committed) {
    let ends = made
        .deliveries
        .iter()
        .map(|owed| end(owed.id, DeliveryState::Accepted))
        .collect();
    store.settle_many(ends).await.unwrap();
}

async fn kinds(store: &Store, alert: u64) -> Vec<String> {
    let events = store.events_of(alert, 200).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn of_an_alert_that_flaps_the_last_events_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let kind = |n: i64| if n % 2 == 0 { "resolved" } else { "reopened" };
    let events = (1..=250).map(|n| event(n, 1, kind(n), &[]));
    store.commit(commit(1, events.collect())).await.unwrap();
    for (most, first, last) in [(1, 250, 250), (3, 248, 250), (usize::MAX, 51, 250)] {
        let told = store.events_of(1, most).await.unwrap();
        let told: Vec<i64> = told.iter().map(|event| event.seq).collect();
        assert_eq!(told, (first..=last).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn history_goes_by_age_but_never_what_is_owed_or_open() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let mut old = Vec::new();
    for alert in 1..=3 {
        old.push(event(alert * 10, alert as u64, "triggered", &["ops"]));
    }
    old.push(event(11, 1, "resolved", &["ops"]));
    old.push(event(21, 2, "resolved", &["ops"]));
    let made = store.commit(commit(1, old)).await.unwrap();
    settle_all(&store, &made).await;
    store.retry(made.deliveries[4].id).await.unwrap();
    // Alert 1 is over and told, 2 still owes its end, 3 is open.
    let owing = store
        .commit(commit(2, vec![event(22, 2, "closed", &["late"])]))
        .await
        .unwrap();
    let later = at(86400 * 30);
    let unsynchronised = Now {
        synchronised: false,
        ..later
    };
    assert_eq!(
        store
            .prune(DAY, u64::MAX, unsynchronised)
            .await
            .unwrap()
            .events,
        0
    );
    let pruned = store.prune(DAY, u64::MAX, later).await.unwrap();
    assert_eq!(pruned.given_up + pruned.collapsed, 0);
    assert!(kinds(&store, 1).await.is_empty());
    assert_eq!(kinds(&store, 2).await, ["closed"]);
    assert_eq!(kinds(&store, 3).await, ["triggered"]);
    let left = store.alerts(AlertFilter::default(), 10).await.unwrap();
    assert_eq!(
        left.iter().map(|alert| alert.number).collect::<Vec<_>>(),
        [3, 2]
    );
    assert_eq!(pending(&store).await[0].id, owing.deliveries[0].id);
}

#[tokio::test]
async fn a_full_store_gives_up_history_then_superseded_states_then_the_mildest() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let big = |event: NewEvent| NewEvent {
        body: "x".repeat(3000),
        ..event
    };
    let mut n = 0;
    let mut add = async |alert: u64, kind: &str| {
        n += 1;
        store
            .commit(commit(n, vec![big(event(n, alert, kind, &["ops"]))]))
            .await
            .unwrap()
    };
    for alert in 100..150 {
        for kind in ["triggered", "resolved"] {
            let made = add(alert, kind).await;
            settle_all(&store, &made).await;
        }
    }
    for alert in 200..300 {
        for kind in ["triggered", "updated"] {
            add(alert, kind).await;
        }
    }
    let used = async || store.health().await.unwrap().used_bytes;
    let all = used().await;

    let pruned = store.prune(DAY, all - (100 << 10), at(0)).await.unwrap();
    assert!(
        pruned.events >= 25 && pruned.collapsed + pruned.given_up == 0,
        "{pruned:?}"
    );
    assert_eq!(pending(&store).await.len(), 200);

    // Room for all alerts, but not for all of their states.
    let pruned = store.prune(DAY, all / 2, at(0)).await.unwrap();
    assert_eq!((pruned.collapsed, pruned.given_up), (100, 0), "{pruned:?}");
    let owed = pending(&store).await;
    assert!(owed.len() == 100 && owed.iter().all(|row| row.kind == "updated"));

    // Room for a few: the worst and youngest stay, and every number is accounted for.
    let many: Vec<_> = (0..300)
        .map(|k| big(event(1000 + k, 1000 + k as u64, "triggered", &["ops"])))
        .collect();
    store.commit(commit(900, many)).await.unwrap();
    let pruned = store.prune(DAY, all / 2, at(0)).await.unwrap();
    assert!(pruned.given_up > 0, "{pruned:?}");
    assert!(used().await <= all / 2);
    let mut owed = pending(&store).await;
    assert!(owed.iter().all(|row| row.severity >= 1) && owed.iter().any(|row| row.severity == 3));
    owed.extend(store.pending(owed.last().unwrap().id, 200).await.unwrap());
    let given_up = store.destination("ops").await.unwrap().unwrap().given_up;
    for sequence in 101..=600 {
        let told = given_up
            .iter()
            .any(|range| range.from <= sequence && sequence <= range.to);
        assert!(
            told || owed.iter().any(|row| row.sequence == sequence),
            "{sequence} is missing"
        );
    }
}

#[tokio::test]
async fn a_store_that_owes_nothing_and_is_still_too_large_comes_to_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let made = store
        .commit(commit(1, vec![event(1, 1, "triggered", &["ops"])]))
        .await
        .unwrap();
    settle_all(&store, &made).await;
    store.prune(DAY, 1, at(0)).await.unwrap();
    let open = AlertFilter {
        open: Some(true),
        ..AlertFilter::default()
    };
    assert_eq!(store.alerts(open, 10).await.unwrap().len(), 1);
    assert!(kinds(&store, 1).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_go_first_while_a_store_full_of_what_is_owed_is_pruned() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let fat = |n: i64| NewEvent {
        body: "x".repeat(2000),
        ..event(n, n as u64, "triggered", &["ops"])
    };
    for n in 0..20 {
        let some = (n * 100..n * 100 + 100).map(fat).collect();
        store.commit(commit(n, some)).await.unwrap();
    }
    let before = store.health().await.unwrap();
    let pruning = tokio::spawn({
        let store = store.clone();
        async move { store.prune(DAY, 2 << 20, at(5)).await }
    });
    let (mut waits, mut n) = (Vec::new(), 10_000);
    #[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
    while !pruning.is_finished() {
        let begin = std::time::Instant::now();
        store.commit(commit(n, vec![fat(n)])).await.unwrap();
        waits.push(begin.elapsed());
        n += 1;
        // A plant that decides something a hundred times in a second.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let pruned = pruning.await.unwrap().unwrap();
    waits.sort();
    let half = waits[waits.len() / 2];
    println!(
        "{} commits while {pruned:?}: half within {half:?}, the longest {:?}",
        waits.len(),
        waits.last()
    );
    assert!(pruned.given_up > 1000, "{pruned:?}");
    assert!(half < Duration::from_millis(500), "{half:?}");
    let after = store.health().await.unwrap();
    assert!(after.used_bytes <= (2 << 20) + (1 << 20), "{after:?}");
    assert!(after.log_bytes <= 4 << 20, "{after:?}");
    // Free pages are used again: as much as went in before does not make the file larger.
    let size = || {
        std::fs::metadata(dir.path().join("andon.db"))
            .unwrap()
            .len()
    };
    let file = size();
    for n in 0..10 {
        let some = (20_000 + n * 100..20_100 + n * 100).map(fat).collect();
        store.commit(commit(n, some)).await.unwrap();
    }
    assert!(size() <= file + (1 << 20), "{} after {file}", size());
    assert!(before.used_bytes > after.used_bytes);
    // Every number of what is owed no more is told.
    let ops = store.destination("ops").await.unwrap().unwrap();
    let told: u64 = ops
        .given_up
        .iter()
        .map(|range| range.to - range.from + 1)
        .sum();
    assert!(told >= pruned.given_up, "{told} of {pruned:?}");
}

#[tokio::test]
async fn one_giant_event_is_given_up_on_record_and_the_store_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).store;
    let giant = NewEvent {
        body: "x".repeat(9 << 20),
        ..event(1, 1, "triggered", &["ops"])
    };
    store.commit(commit(1, vec![giant])).await.unwrap();
    let small = event(2, 2, "triggered", &["ops"]);
    store.commit(commit(2, vec![small])).await.unwrap();
    let pruned = store.prune(DAY, 8 << 20, at(3)).await.unwrap();
    assert!(pruned.given_up >= 1, "{pruned:?}");
    let health = store.health().await.unwrap();
    assert!(health.used_bytes < 8 << 20, "{health:?}");
    let ops = store.destination("ops").await.unwrap().unwrap();
    assert_eq!(ops.given_up[0].from, 1);
    let made = store
        .commit(commit(4, vec![event(4, 4, "triggered", &["ops"])]))
        .await
        .unwrap();
    assert!(made.durable);
}
