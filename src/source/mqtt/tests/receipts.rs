//! The promise about acknowledgements, against mosquitto: the broker keeps a message until what it caused is on disk.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Notify, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{super::Source, good};
use crate::{
    link::mqtt::{
        Options, Qos, Status, Version,
        testbed::{Listener, PATIENCE, clock, message, mosquitto::Mosquitto, options, quick},
    },
    port::Port,
    sample::{Bad, Reading, Value},
    source::{Batch, Drain, Feed, Receipt, tally::Tally},
};

const TOPICS: &str = r#"
[[subscribe]]
topic = "t1/{machine}"
payload = "number"
stale_after = "30s"
tag = "one"
[[subscribe]]
topic = "t0/{machine}"
payload = "number"
stale_after = "30s"
qos = 0
tag = "zero"
"#;

/// A running source with the loop's end of its queue.
struct Running {
    batches: Drain,
    tally: Tally,
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// Values of batches that were taken: a batch is committed with the last of them.
    taken: VecDeque<(f64, Option<Receipt>)>,
}

impl Running {
    fn start(port: u16, room: usize, change: impl Fn(&mut Options)) -> Self {
        let url = format!("url = \"mqtt://127.0.0.1:{port}\"\nmax_unacked = 3\n{TOPICS}");
        let (config, ids) = good(&url);
        let mut options = config.link();
        options.timing = quick();
        change(&mut options);
        let (feed, batches) = Feed::new(room, Arc::new(Notify::new()));
        let tally = feed.tally.clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let source = Source::new(config, options, &ids, clock(), feed, stopped);
        let task = tokio::spawn(source.run());
        Self {
            batches,
            tally,
            stop,
            task,
            taken: VecDeque::new(),
        }
    }

    async fn batch(&mut self) -> Batch {
        let batch = timeout(PATIENCE, self.batches.recv()).await;
        batch.expect("a batch in time").expect("a living source")
    }

    /// The next value, with the receipt of its batch if it is the last in it; skips outages.
    async fn value(&mut self) -> (f64, Option<Receipt>) {
        loop {
            if let Some(taken) = self.taken.pop_front() {
                return taken;
            }
            let batch = self.batch().await;
            let values = batch.samples.iter().map(|sample| match sample.reading {
                Reading::Good(Value::Number(value)) => Some((value, None)),
                _ => None,
            });
            self.taken = values.flatten().collect();
            match self.taken.back_mut() {
                Some(last) => last.1 = batch.receipt,
                None => assert!(batch.receipt.is_none()),
            }
        }
    }

    /// The next value, which is committed.
    async fn committed(&mut self) -> f64 {
        let (value, receipt) = self.value().await;
        commit(receipt);
        value
    }

    /// As if the agent had been killed.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

/// What the loop does when everything is on disk.
fn commit(receipt: Option<Receipt>) {
    if let Some(receipt) = receipt {
        receipt.give();
    }
}

async fn publisher(port: u16) -> Listener {
    let options = Options {
        client_id: "publisher".to_owned(),
        ..options(Version::V3, port, &[])
    };
    let mut link = Listener::connect(options);
    link.connected().await;
    link
}

/// Publishes and waits for the broker; without a subscriber, only what is subscribed by a kept session is kept.
async fn publish(link: &Listener, topic: &str, value: u32) {
    let (publisher, payload) = (link.publisher(), value.to_string().into_bytes());
    let sent = publisher.publish(topic, payload, Qos::AtLeastOnce, false, PATIENCE);
    sent.await.unwrap();
}

/// Waits until the source hears: a retained message arrives with its subscription.
async fn subscribed(link: &Listener, running: &mut Running) {
    for topic in ["t1/oven", "t0/oven"] {
        let publisher = link.publisher();
        let sent = publisher.publish(topic, b"0".to_vec(), Qos::AtLeastOnce, true, PATIENCE);
        sent.await.unwrap();
    }
    for _ in 0..2 {
        assert_eq!(running.committed().await, 0.0);
    }
    // The retained copies would come again with each subscription. Where one is deleted, that is heard too, as no number.
    for topic in ["t1/oven", "t0/oven"] {
        let publisher = link.publisher();
        let sent = publisher.publish(topic, Vec::new(), Qos::AtMostOnce, true, PATIENCE);
        sent.await.unwrap();
        let batch = running.batch().await;
        assert_eq!(batch.samples.len(), 1);
        assert_eq!(batch.samples[0].reading, Reading::Bad(Bad::Malformed));
    }
}

#[tokio::test]
async fn a_message_comes_again_until_its_receipt_came_back() {
    let mosquitto = Mosquitto::start("").await;
    let link = publisher(mosquitto.port).await;
    let start = || Running::start(mosquitto.port, 8, |_| {});
    let mut first = start();
    subscribed(&link, &mut first).await;
    publish(&link, "t1/mill-1", 1).await;
    let (one, receipt) = first.value().await;
    publish(&link, "t1/mill-1", 2).await;
    let (two, _) = first.value().await;
    assert_eq!((one, two), (1.0, 2.0));
    commit(receipt);
    // Proof that the receipt was taken: the message after it is dealt with.
    publish(&link, "t1/mill-1", 3).await;
    assert_eq!(first.value().await.0, 3.0);
    first.stop().await;

    let mut second = start();
    for expected in [2.0, 3.0] {
        assert_eq!(second.value().await.0, expected);
    }
    second.kill().await;

    let mut third = start();
    for expected in [2.0, 3.0] {
        assert_eq!(third.committed().await, expected);
    }
    publish(&link, "t1/mill-1", 4).await;
    assert_eq!(third.committed().await, 4.0);
    third.stop().await;
}

#[tokio::test]
async fn reading_stops_at_max_unacked_and_goes_on_with_each_receipt() {
    let mosquitto = Mosquitto::start("").await;
    let link = publisher(mosquitto.port).await;
    let mut running = Running::start(mosquitto.port, 100, |_| {});
    subscribed(&link, &mut running).await;
    for value in 1..=10 {
        publish(&link, "t1/mill-1", value).await;
    }
    // Those that are out and not committed: each with the receipt that its batch has with its last value.
    let mut out: VecDeque<Option<Receipt>> = VecDeque::new();
    for expected in 1..=10 {
        if out.len() == 3 {
            assert!(running.taken.is_empty(), "more than max_unacked is out");
            assert!(running.batches.is_empty(), "more than max_unacked is out");
            while let Some(receipt) = out.pop_front() {
                if receipt.is_some() {
                    commit(receipt);
                    break;
                }
            }
        }
        let (value, receipt) = running.value().await;
        assert_eq!(value, f64::from(expected));
        out.push_back(receipt);
    }
    running.stop().await;
}

#[tokio::test]
async fn a_loop_that_stands_still_for_long_costs_the_connection_but_no_message() {
    let mosquitto = Mosquitto::start("max_inflight_messages 0").await;
    let link = publisher(mosquitto.port).await;
    let watcher = Options {
        client_id: "watcher".to_owned(),
        ..options(Version::V3, mosquitto.port, &["status"])
    };
    let mut watcher = Listener::connect(watcher);
    watcher.connected().await;
    let mut running = Running::start(mosquitto.port, 8, |options| {
        options.keep_alive = Duration::from_secs(1);
        options.status = Some(Status {
            topic: "status".to_owned(),
            online: "online".to_owned(),
            offline: "offline".to_owned(),
        });
    });
    subscribed(&link, &mut running).await;
    for value in 1..=60 {
        publish(&link, "t1/mill-1", value).await;
    }
    // Nothing is committed until the connection is given up, of which the broker tells by the last will.
    let offline = |event| message(event).filter(|m| m.payload == Ok(b"offline".to_vec()));
    watcher.until(offline).await;
    let (mut values, mut outages) = (BTreeSet::new(), 0);
    while values.len() < 60 {
        let batch = running.batch().await;
        outages += u32::from(batch.receipt.is_none());
        for sample in &batch.samples {
            if let Reading::Good(Value::Number(value)) = sample.reading {
                values.insert(value as u32);
            }
        }
        commit(batch.receipt);
    }
    assert_eq!(values, (1..=60).collect());
    assert!(outages > 0);
    running.stop().await;
}

#[tokio::test]
async fn qos_0_is_dropped_where_the_loop_has_no_room_and_never_blocks_what_is_owed() {
    let mosquitto = Mosquitto::start("").await;
    let link = publisher(mosquitto.port).await;
    let mut running = Running::start(mosquitto.port, 2, |_| {});
    subscribed(&link, &mut running).await;
    // What comes together is dropped together, so each is a batch of its own.
    for value in 1..=2 {
        publish(&link, "t0/mill-1", value).await;
        while running.batches.len() < value as usize {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    for value in 3..=9 {
        publish(&link, "t0/mill-1", value).await;
    }
    publish(&link, "t1/mill-1", 100).await;
    let mut values = Vec::new();
    while values.last() != Some(&100.0) {
        values.push(running.value().await.0);
    }
    assert!(values.len() <= 10, "{values:?}");
    assert!(values.starts_with(&[1.0, 2.0]), "{values:?}");
    let counted = running.tally.counted();
    let dropped = counted.iter().find(|of| of.word == "dropped").unwrap();
    assert_eq!(dropped.number as usize, 10 - values.len());
    assert_eq!(dropped.last.as_ref().unwrap().why, "t0/mill-1");
    assert!(running.tally.complaints()[0].message.contains("dropped"));
    assert!(running.tally.standing().unwrap().fine);
    running.stop().await;
}

#[tokio::test]
async fn an_outage_makes_every_tag_unreachable_once_and_messages_bring_them_back() {
    let mut mosquitto = Mosquitto::start("persistence true\npersistence_location {dir}/").await;
    let link = publisher(mosquitto.port).await;
    let mut running = Running::start(mosquitto.port, 8, |_| {});
    subscribed(&link, &mut running).await;
    publish(&link, "t1/mill-1", 1).await;
    assert_eq!(running.value().await.0, 1.0);
    mosquitto.restart().await;
    let batch = running.batch().await;
    assert_eq!(batch.samples.len(), 6, "two tags of three machines");
    let unreachable = Reading::Bad(Bad::Unreachable);
    assert!(batch.samples.iter().all(|s| s.reading == unreachable));
    // Back again, the broker is not what is missing any more.
    let batch = running.batch().await;
    let unheard = Reading::Bad(Bad::NeverHeard);
    assert!(batch.samples.iter().all(|s| s.reading == unheard));
    // The unacknowledged message comes again over the new connection, and no second outage before it.
    let batch = running.batch().await;
    let again = Reading::Good(Value::Number(1.0));
    assert!(
        batch.samples.iter().any(|sample| sample.reading == again),
        "{batch:?}"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_broker_that_was_never_there_is_an_outage_too() {
    let closed = Port::reserve();
    let mut running = Running::start(closed.number, 8, |_| {});
    let batch = running.batch().await;
    assert_eq!(batch.samples.len(), 6);
    assert!(batch.receipt.is_none());
    running.stop().await;
}
