//! What is late is told in one message, and every delivery in it has an end of its own.

use super::*;

/// Commits a trigger and the end of each of these alerts as if that were an hour ago.
async fn backlog(store: &Store, alerts: std::ops::RangeInclusive<u64>) -> Vec<i64> {
    let now = an_hour_ago();
    let mut rows = Vec::new();
    for number in alerts {
        for kind in ["triggered", "resolved"] {
            rows.push(commit(store, number, kind, now).await.id);
        }
    }
    rows
}

fn an_hour_ago() -> Now {
    let hour = Duration::from_secs(3600);
    let now = Clock::system(Synchronised::Assume).now();
    Now {
        mono: now.mono - hour,
        wall: now.wall - hour,
        ..now
    }
}

/// A destination that is told of them together, once the agent runs.
async fn late(answers: &[u16], alerts: u64) -> (Receiver, SocketAddr, TempDir, Store, Vec<i64>) {
    let (receiver, address) = Receiver::start(answers).await;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let rows = backlog(&store, 1..=alerts).await;
    (receiver, address, dir, store, rows)
}

fn digests(address: SocketAddr) -> Vec<Destination> {
    vec![destination(
        address,
        "late = \"digest\"\nretry = { first = \"1s\", max = \"1s\" }",
    )]
}

#[tokio::test]
async fn each_delivery_of_a_digest_has_its_own_end_and_its_lane_goes_on() {
    let (receiver, address, dir, store, rows) = late(&[], 3).await;
    let bench = Bench::over(dir, store, digests(address));
    for row in rows {
        let delivery = bench.becomes(row, DeliveryState::Accepted).await;
        let result = delivery.row.result.as_deref();
        assert_eq!(result, Some("in a digest of 6 events: HTTP 204"));
        assert_eq!((delivery.row.attempts, delivery.log.len()), (1, 1));
    }
    bench.stands(|of| of.status.queued == 0).await;
    let next = bench.owe(2, "triggered").await;
    let next = bench.becomes(next, DeliveryState::Accepted).await;
    assert_eq!(next.row.result.as_deref(), Some("HTTP 204"));
    assert_eq!(
        *lock(&receiver.said),
        ["andon.digest", "alert.triggered"],
        "{:?}",
        receiver.heard()
    );
    bench.end().await;
}

#[tokio::test]
async fn a_digest_that_failed_is_repeated_under_the_same_id_and_does_not_fill_the_record() {
    let (receiver, address, dir, store, rows) = late(&[503, 503, 503], 2).await;
    let bench = Bench::over(dir, store, digests(address));
    for row in &rows {
        let delivery = bench.becomes(*row, DeliveryState::Accepted).await;
        let failed = "in a digest of 4 events: failed: HTTP 503";
        assert_eq!(delivery.log[0].result, failed);
    }
    let heard = receiver.heard();
    assert_eq!(heard.len(), 4);
    assert!(heard.iter().all(|id| *id == heard[0]), "{heard:?}");
    bench.end().await;
}

#[tokio::test]
async fn what_is_not_owed_any_more_or_cannot_be_read_does_not_hold_up_a_digest() {
    let (receiver, address, dir, store, mut rows) = late(&[], 2).await;
    let mut unreadable = event(9, "triggered", an_hour_ago().wall);
    unreadable.body = "{".to_owned();
    let commit = Commit {
        events: vec![unreadable],
        mark: Mark::new(&boot_id(), an_hour_ago()),
        ..Commit::default()
    };
    let unreadable = store.commit(commit).await.unwrap().deliveries[0].id;
    // While a test send is on its way nothing has been read yet; the store gives one up behind the back of the schedule.
    let (given_up, why) = (rows.remove(0), "the store is full");
    let busy = super::recording::Busy::new(&store).await;
    let bench = Bench::over(dir, store, digests(address));
    let (dropping, now) = (bench.store.clone(), bench.clock.now().wall);
    drop(busy);
    bench
        .stands(|of| of.status.in_flight == 1 || of.status.queued == 0)
        .await;
    let dropped = dropping.drop_delivery(given_up, now, why).await.unwrap();
    for row in rows {
        bench.becomes(row, DeliveryState::Accepted).await;
    }
    let refused = bench.becomes(unreadable, DeliveryState::Refused).await;
    let result = refused.row.result.unwrap();
    assert!(result.contains("cannot be read"), "{result}");
    bench.stands(|of| of.status.queued == 0).await;
    assert_eq!(receiver.heard().len(), 1);
    assert!(dropped);
    bench.end().await;
}

#[tokio::test]
async fn after_a_digest_was_refused_each_event_is_told_alone() {
    let (receiver, address, dir, store, rows) = late(&[413], 2).await;
    let bench = Bench::over(dir, store, digests(address));
    for row in &rows {
        let delivery = bench.becomes(*row, DeliveryState::Accepted).await;
        assert_eq!(delivery.row.result.as_deref(), Some("HTTP 204"));
        let refused = &delivery.log[0].result;
        assert_eq!(refused, "in a digest of 4 events: refused: HTTP 413");
    }
    let digests = lock(&receiver.said)
        .iter()
        .filter(|said| *said == "andon.digest")
        .count();
    assert_eq!((digests, receiver.heard().len()), (1, 5));
    bench.end().await;
}
