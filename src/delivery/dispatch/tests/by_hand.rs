//! What leaves the schedule, or stays in it, because of others than a receiver: a limit of the store, or a person.

use super::*;

/// Gives a delivery up, for this reason.
fn drop_row(id: i64, why: &str) -> impl FnOnce(oneshot::Sender<bool>) -> Job {
    let why = why.to_owned();
    move |reply| Job::Drop(id, why, reply)
}

#[tokio::test]
async fn what_a_limit_of_the_store_gave_up_leaves_the_schedule() {
    let (receiver, address) = Receiver::start(&[]).await;
    let held = receiver.gate.clone().lock_owned().await;
    // So long that what waits behind the first is not found to be gone by trying it.
    let patient = destination(address, "concurrency = 1\ntimeout = \"60s\"\n");
    let bench = Bench::start(vec![patient]);
    let first = bench.owe(1, "triggered").await;
    receiver.arrived.notified().await;
    let mut waiting = Vec::new();
    for number in 2..6 {
        waiting.push(bench.owe(number, "triggered").await);
    }
    bench.stands(|of| of.status.queued == 5).await;
    // A store that may hold nothing gives everything up.
    let year = Duration::from_secs(365 * 24 * 3600);
    let pruned = bench.store.prune(year, 0, bench.clock.now()).await.unwrap();
    assert!(pruned.gave_up());
    bench.jobs.send(Job::Compare).await.unwrap();
    // What is under way finds out for itself when it comes back; nothing else is there any more.
    bench.stands(|of| of.status.queued == 1).await;
    std::mem::drop(held);
    bench.stands(|of| of.status.queued == 0).await;
    assert_eq!(receiver.heard().len(), 1);
    for id in waiting {
        let known = bench.store.delivery(id).await.unwrap();
        assert!(known.is_none_or(|row| row.row.state == DeliveryState::Dropped));
    }
    assert!(!bench.ask(drop_row(first, "gone")).await);
    bench.end().await;
}

#[tokio::test]
async fn what_is_of_a_kind_that_this_version_does_not_know_waits_and_can_be_dropped() {
    let (receiver, address) = Receiver::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let now = Clock::system(Synchronised::Assume).now();
    // As a later version has left it.
    let strange = commit(&store, 1, "annotated", now).await.id;
    let known = commit(&store, 2, "triggered", now).await.id;
    let bench = Bench::over(dir, store, vec![destination(address, "")]);
    bench.becomes(known, DeliveryState::Accepted).await;
    let waits = bench.store.delivery(strange).await.unwrap().unwrap();
    assert_eq!(waits.row.state, DeliveryState::Pending);
    assert!(!bench.ask(|reply| Job::Retry(strange, reply)).await);

    assert!(bench.ask(drop_row(strange, "of a trial")).await);
    let dropped = bench.store.delivery(strange).await.unwrap().unwrap();
    assert_eq!(dropped.row.state, DeliveryState::Dropped);
    assert_eq!(dropped.row.result.as_deref(), Some("of a trial"));
    let row = bench.store.destination("ops").await.unwrap().unwrap();
    assert_eq!(
        row.given_up.len(),
        1,
        "the receiver is told that it never comes"
    );
    assert!(!bench.ask(drop_row(strange, "again")).await);
    assert_eq!(receiver.heard().len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn what_is_owed_to_a_destination_that_vanished_waits_and_can_be_dropped() {
    let (receiver, address) = Receiver::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let now = Clock::system(Synchronised::Assume).now();
    let first = commit_to("gone", &store, 1, "triggered", now).await.id;
    let second = commit_to("gone", &store, 1, "resolved", now).await.id;
    let bench = Bench::over(dir, store, vec![destination(address, "")]);
    let standing = bench.stands(|of| of.status.queued == 2).await;
    assert!(standing.status.orphaned);
    assert!(bench.ask(drop_row(first, "sold")).await);
    let dropped = bench.store.delivery(first).await.unwrap().unwrap();
    assert_eq!(dropped.row.state, DeliveryState::Dropped);
    assert_eq!(dropped.row.result.as_deref(), Some("sold"));
    bench.stands(|of| of.status.queued == 1).await;
    // The rest goes on where it stood when the destination returns.
    let back = Job::Reload(receivers(vec![named("gone", address, "")]));
    bench.jobs.send(back).await.unwrap();
    bench.becomes(second, DeliveryState::Accepted).await;
    assert_eq!(receiver.heard().len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn a_call_that_a_person_wants_sent_is_not_withdrawn() {
    let (receiver, address) = Receiver::start(&[500, 500]).await;
    let held = receiver.gate.clone().lock_owned().await;
    let bench = Bench::start(vec![destination(address, "concurrency = 1\n")]);
    bench.owe(1, "triggered").await;
    receiver.arrived.notified().await;
    let wanted = bench.owe(2, "escalated").await;
    let other = bench.owe(2, "escalated").await;
    assert!(bench.ask(|reply| Job::Retry(wanted, reply)).await);
    let withdraw = |reply| Job::Withdraw {
        lane: lane(2),
        reply,
    };
    assert_eq!(bench.ask(withdraw).await, [(other, "ops".into())]);
    bench.jobs.send(Job::Owed(Vec::new())).await.unwrap();
    std::mem::drop(held);
    bench.becomes(wanted, DeliveryState::Accepted).await;
    bench.end().await;
}

#[tokio::test]
async fn a_call_that_a_person_wants_sent_stays_so_once_it_was_dropped_and_after_a_restart() {
    let (receiver, address) = Receiver::start(&[500]).await;
    let held = receiver.gate.clone().lock_owned().await;
    let destinations = || vec![destination(address, "concurrency = 1\n")];
    let bench = Bench::start(destinations());
    bench.owe(1, "triggered").await;
    receiver.arrived.notified().await;
    let dropped = bench.owe(2, "escalated").await;
    let waiting = bench.owe(2, "escalated").await;
    assert!(bench.ask(drop_row(dropped, "by mistake")).await);
    for row in [dropped, waiting] {
        assert!(bench.ask(|reply| Job::Retry(row, reply)).await);
    }
    let withdraw = |reply| Job::Withdraw {
        lane: lane(2),
        reply,
    };
    assert!(bench.ask(withdraw).await.is_empty());
    bench.stop.cancel();
    std::mem::drop(held);
    bench.task.await.unwrap().unwrap();
    let bench = Bench::over(bench._dir, bench.store, destinations());
    assert!(bench.ask(withdraw).await.is_empty());
    bench.jobs.send(Job::Owed(Vec::new())).await.unwrap();
    bench.becomes(waiting, DeliveryState::Accepted).await;
    bench.end().await;
}
