//! What is accepted is recorded in the background, and holds what must not overtake it.

use super::*;

/// Keeps the store's thread busy until it is dropped.
pub(super) struct Busy(Option<std::sync::mpsc::SyncSender<()>>, JoinHandle<()>);

impl Busy {
    pub(super) async fn new(store: &Store) -> Self {
        let (release, held) = std::sync::mpsc::sync_channel::<()>(1);
        let (began, begun) = oneshot::channel();
        let store = store.clone();
        let job = tokio::spawn(async move {
            store
                .while_busy(move || {
                    let _ = began.send(());
                    let _ = held.recv();
                })
                .await;
        });
        begun.await.unwrap();
        Self(Some(release), job)
    }

    async fn end(mut self) {
        self.0.take();
        self.1.await.unwrap();
    }
}

/// Commits a trigger of each of these alerts, to be sent as it is.
async fn decided(
    bench: &Bench,
    numbers: std::ops::RangeInclusive<u64>,
) -> Vec<(u64, Box<Delivery>)> {
    let mut decided = Vec::new();
    for number in numbers {
        let made = commit(&bench.store, number, "triggered", bench.clock.now()).await;
        decided.push((number, made.ready.unwrap()));
    }
    decided
}

async fn heard(receiver: &Receiver, count: usize) {
    for _ in 0..TRIES {
        if receiver.heard().len() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} of {count} were heard", receiver.heard().len());
}

#[tokio::test]
async fn a_decision_is_told_while_the_end_of_another_is_being_recorded() {
    let (receiver, address) = Receiver::start(&[]).await;
    let bench = Bench::start(vec![destination(address, "")]);
    bench.ask(Job::Look).await;
    let decided = decided(&bench, 1..=2).await;
    let busy = Busy::new(&bench.store).await;
    for (told, (number, ready)) in (1..).zip(decided) {
        let id = ready.row.id;
        bench.hand_over(number, "triggered", id, Some(ready)).await;
        heard(&receiver, told).await;
        // Long enough for its end to be on the way to the record.
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    busy.end().await;
    bench.stands(|of| of.status.queued == 0).await;
    bench.end().await;
}

#[tokio::test]
async fn what_is_not_on_record_counts_as_in_flight_at_its_destination() {
    let (receiver, address) = Receiver::start(&[]).await;
    let bench = Bench::start(vec![destination(address, "concurrency = 2")]);
    bench.ask(Job::Look).await;
    let decided = decided(&bench, 1..=3).await;
    let last = decided[2].1.row.id;
    let busy = Busy::new(&bench.store).await;
    for (number, ready) in decided {
        let id = ready.row.id;
        bench.hand_over(number, "triggered", id, Some(ready)).await;
    }
    heard(&receiver, 2).await;
    // Both are accepted; a crash now repeats both, and no third.
    let standing = bench.stands(|of| of.status.in_flight == 2).await;
    assert_eq!(standing.status.queued, 3);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(receiver.heard().len(), 2);
    busy.end().await;
    bench.becomes(last, DeliveryState::Accepted).await;
    assert_eq!(receiver.heard().len(), 3);
    bench.end().await;
}

#[tokio::test]
async fn what_is_accepted_is_on_record_while_a_stop_waits_for_others() {
    let (receiver, address) = Receiver::start(&[]).await;
    let (slow, its_address) = Receiver::start(&[]).await;
    let held = slow.gate.clone().lock_owned().await;
    let bench = Bench::start(vec![
        destination(address, ""),
        named("slow", its_address, ""),
    ]);
    bench.ask(Job::Look).await;
    let under_way = bench.owe_to("slow", 1, "triggered", Severity::Error).await;
    slow.arrived.notified().await;
    let gate = receiver.gate.clone().lock_owned().await;
    let accepted = bench.owe(2, "triggered").await;
    receiver.arrived.notified().await;
    bench.stop.cancel();
    std::mem::drop(gate);
    // The grace is not over, and the other has not come back: a kill now repeats what is under way and nothing else.
    bench.becomes(accepted, DeliveryState::Accepted).await;
    let waits = bench.store.delivery(under_way).await.unwrap().unwrap();
    assert_eq!(waits.row.state, DeliveryState::Pending);
    std::mem::drop(held);
    bench.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_only_the_disk_knows_is_not_overtaken_in_its_lane_while_the_disk_is_away() {
    let (receiver, address) = Receiver::start(&[]).await;
    let dir = tempfile::tempdir().unwrap();
    let now = Clock::system(Synchronised::Assume).now();
    // Of what is owed, memory takes in the two oldest events.
    let options = Options {
        ballast: 0,
        wal_reserve: 0,
        memory_events: 4,
        heal_every: Duration::from_secs(3600),
        ..Options::new(dir.path(), now)
    };
    let store = Store::open(options).unwrap().store;
    let bench = Bench::over(dir, store, vec![destination(address, "concurrency = 1")]);
    let held = receiver.gate.clone().lock_owned().await;
    bench.owe(1, "triggered").await;
    receiver.arrived.notified().await;
    bench.owe(4, "triggered").await;
    let beyond = bench.owe(2, "triggered").await;
    bench.stands(|of| of.status.queued == 3).await;
    bench.store.lose_disk().await;
    let end = bench.owe(2, "resolved").await;
    let other = bench.owe(3, "triggered").await;
    std::mem::drop(held);
    bench.becomes(other, DeliveryState::Accepted).await;
    assert_eq!(receiver.heard().len(), 3);
    bench.store.find_disk().await;
    let beyond = bench.becomes(beyond, DeliveryState::Accepted).await;
    let end = bench.becomes(end, DeliveryState::Accepted).await;
    assert_eq!(receiver.heard()[3..], [beyond.event, end.event]);
    bench.end().await;
}
