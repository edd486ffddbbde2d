//! Deactivation, old news and fairness, with a real store and real sockets.

use super::*;
use crate::{delivery::concern::DEACTIVATED_RULE, port::Port};

impl Bench {
    /// The next signal about a deactivation.
    async fn deactivation(&mut self) -> Signal {
        loop {
            let signal = self.signal().await;
            if &*signal.rule == DEACTIVATED_RULE {
                return signal;
            }
        }
    }
}

#[tokio::test]
async fn a_deactivation_is_told_survives_a_restart_and_ends_with_an_acceptance() {
    let (receiver, address) = Receiver::start(&[500, 403]).await;
    let destinations = || vec![destination(address, "deactivate_after = 2\n")];
    let mut bench = Bench::start(destinations());
    let first = bench.owe(1, "triggered").await;
    bench.stands(|of| of.status.failures == 1).await;
    bench.owe(2, "triggered").await;
    bench.stands(|of| of.status.deactivated.is_some()).await;
    let told = bench.deactivation().await;
    assert!(told.severity.is_some());
    let message = &told.face.message;
    assert!(message.contains("after 2 attempts in a row"), "{message}");
    assert!(message.contains("HTTP 403"), "{message}");
    let row = bench.store.destination("ops").await.unwrap().unwrap();
    assert!(row.deactivated.is_some() && row.failures == 2);
    bench.stop.cancel();
    bench.task.await.unwrap().unwrap();

    let mut bench = Bench::over(bench._dir, bench.store, destinations());
    let third = bench.owe(3, "triggered").await;
    bench.stands(|of| of.status.queued == 3).await;
    assert_eq!(receiver.heard().len(), 2);
    assert!(bench.ask(|reply| Job::Retry(first, reply)).await);
    bench.becomes(third, DeliveryState::Accepted).await;
    bench.stands(|of| of.status.deactivated.is_none()).await;
    let row = bench.store.destination("ops").await.unwrap().unwrap();
    assert_eq!((row.deactivated, row.failures), (None, 0));
    loop {
        let told = bench.deactivation().await;
        if told.severity.is_none() {
            break;
        }
    }
    bench.end().await;
}

#[tokio::test]
async fn what_grew_old_while_the_agent_was_down_is_told_as_it_is_now() {
    let (receiver, address) = Receiver::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let now = Clock::system(Synchronised::Assume).now();
    let long_ago = Now {
        mono: now.mono - Duration::from_secs(600),
        wall: now.wall - Duration::from_secs(600),
        ..now
    };
    let mut rows = Vec::new();
    for (number, kind) in [
        (1, "triggered"),
        (1, "updated"),
        (2, "triggered"),
        (2, "resolved"),
    ] {
        rows.push(commit(&store, number, kind, long_ago).await.id);
    }
    let bench = Bench::over(
        dir,
        store,
        vec![destination(address, "late = \"collapse\"\n")],
    );
    let updated = bench.becomes(rows[1], DeliveryState::Accepted).await;
    bench.becomes(rows[3], DeliveryState::Accepted).await;
    assert!(updated.row.as_trigger);
    for row in [rows[0], rows[2]] {
        let gone = bench.becomes(row, DeliveryState::Superseded).await;
        assert_eq!(
            gone.row.result.as_deref(),
            Some("a later event tells the latest state")
        );
    }
    let mut said = lock(&receiver.said).clone();
    said.sort();
    assert_eq!(said, ["alert.resolved", "alert.triggered"]);
    bench.end().await;
}

#[tokio::test]
async fn a_hanging_and_a_dead_receiver_delay_nobody_else() {
    let (hanging, its_address) = Receiver::start(&[]).await;
    let held = hanging.gate.clone().lock_owned().await;
    let closed = Port::reserve();
    let dead = closed.address();
    let (well, address) = Receiver::start(&[]).await;
    let bench = Bench::start(vec![
        named("hanging", its_address, "timeout = \"60s\"\n"),
        named("dead", dead, ""),
        destination(address, ""),
    ]);
    let mut last = 0;
    for number in 0..50 {
        for name in ["hanging", "dead", "ops"] {
            last = bench
                .owe_to(name, number, "triggered", Severity::Error)
                .await;
        }
    }
    bench.becomes(last, DeliveryState::Accepted).await;
    bench
        .stands(|of| &*of.status.destination == "ops" && of.status.queued == 0)
        .await;
    assert_eq!(well.heard().len(), 50);
    // It hangs still, and no more than it may have are with it.
    assert_eq!(hanging.heard().len(), 4);
    std::mem::drop(held);
    bench
        .stands(|of| &*of.status.destination == "hanging" && of.status.queued == 0)
        .await;
    bench.end().await;
}

#[tokio::test]
async fn a_new_critical_overtakes_a_backlog_and_each_lane_stays_in_order() {
    const BACKLOG: u64 = 1000;
    let (receiver, address) = Receiver::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let now = Clock::system(Synchronised::Assume).now();
    let mut lanes: Vec<Vec<String>> = Vec::new();
    for number in 0..BACKLOG {
        let mut ids = Vec::new();
        for kind in ["triggered", "resolved"] {
            let row = commit(&store, number, kind, now).await.id;
            ids.push(store.delivery(row).await.unwrap().unwrap().event);
        }
        lanes.push(ids);
    }
    let held = receiver.gate.clone().lock_owned().await;
    let bench = Bench::over(dir, store, vec![destination(address, "")]);
    receiver.arrived.notified().await;
    let critical = bench
        .owe_to("ops", BACKLOG, "triggered", Severity::Critical)
        .await;
    std::mem::drop(held);
    let critical = bench.becomes(critical, DeliveryState::Accepted).await;
    let heard = receiver.heard();
    let before = heard.iter().position(|id| *id == critical.event).unwrap();
    // Only what was under way when it came, and what had started by the time that it was handed over.
    assert!(before < 20, "{before} went before it");
    bench.stands(|of| of.status.queued == 0).await;
    let heard = receiver.heard();
    let places: std::collections::HashMap<&str, usize> = heard
        .iter()
        .enumerate()
        .map(|(place, id)| (id.as_str(), place))
        .collect();
    assert_eq!(heard.len() as u64, 2 * BACKLOG + 1);
    for lane in &lanes {
        assert!(places[lane[0].as_str()] < places[lane[1].as_str()]);
    }
    bench.end().await;
}

#[tokio::test]
async fn what_was_given_up_before_a_crash_is_told_to_others_after_it() {
    let (_receiver, address) = Receiver::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let now = Clock::system(Synchronised::Assume).now();
    let end = |id, state| Settlement::new(id, state, now.wall, "HTTP 400");
    let mut ids = Vec::new();
    for number in 1..=5 {
        let id = commit(&store, number, "triggered", now).await.id;
        ids.push(id);
    }
    // The others are told of none of these: it was accepted since, a person dropped it, or it was long ago.
    let since = commit(&store, 2, "reopened", now).await.id;
    let ends = vec![
        end(ids[0], DeliveryState::Refused),
        end(ids[1], DeliveryState::Refused),
        end(since, DeliveryState::Accepted),
        end(ids[2], DeliveryState::Dropped),
        Settlement {
            at: now.wall - Duration::from_secs(48 * 3600),
            ..end(ids[3], DeliveryState::Expired)
        },
        end(ids[4], DeliveryState::Expired),
    ];
    store.settle_many(ends).await.unwrap();
    let destinations = vec![destination(address, "fallback = [\"sms\"]\n")];
    let mut bench = Bench::over(dir, store, destinations);
    bench.ask(Job::Look).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let next = tokio::time::timeout(Duration::from_secs(20), bench.fallbacks.recv());
        told.push(next.await.unwrap().unwrap());
    }
    assert_eq!(told, [ids[0], ids[4]]);
    bench.ask(Job::Look).await;
    assert!(bench.fallbacks.try_recv().is_err());
    bench.end().await;
}
