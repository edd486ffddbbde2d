//! What is too large, too much or too slow.

use std::time::Duration;

use super::super::super::{
    testbed::{
        self, Listener, PATIENCE,
        fake::{Fake, PUBACK, PUBLISH},
        options,
    },
    *,
};

pub(super) async fn a_payload_beyond_the_limit_is_reported_and_the_connection_goes_on(
    version: Version,
) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.listening(1).await;
    peer.publish(1, "a", &[b'x'; 1001], false).await;
    peer.publish(2, "a", &[b'x'; 1000], false).await;
    let large = link.message().await;
    assert_eq!(large.payload, Err(TooLarge(1001)));
    let fits = link.message().await;
    assert_eq!(fits.payload.map(|payload| payload.len()), Ok(1000));
    link.ack(large.token.unwrap().to(fits.token.unwrap()));
    assert_eq!(peer.expect(PUBACK).await.pkid(), 1);
}

/// Retained or queued, it is acknowledged as any other, however large it is, and what is behind it is heard.
pub(super) async fn a_huge_message_that_is_kept_at_the_broker_does_not_come_for_ever(
    version: Version,
) {
    const HUGE: usize = 20_000_000;
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.listening(1).await;
    let huge = peer.message(0x33, 1, "a", &vec![b'x'; HUGE]);
    let next = peer.message(0x32, 2, "a", b"1");
    let sending = async {
        peer.send(&huge).await;
        peer.send(&next).await;
        peer
    };
    let hearing = async {
        let huge = link.message().await;
        assert_eq!((huge.payload, huge.retain), (Err(TooLarge(HUGE)), true));
        link.ack(huge.token.unwrap());
        assert_eq!(link.message().await.payload, Ok(b"1".to_vec()));
    };
    let (mut peer, ()) = tokio::join!(sending, hearing);
    assert_eq!(peer.expect(PUBACK).await.pkid(), 1);
}

pub(super) async fn no_more_than_max_unacked_is_taken(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(Options {
        max_unacked: 3,
        ..options(version, fake.port, &["a"])
    });
    let mut peer = fake.listening(1).await;
    link.connected().await;
    for pkid in 1..=10 {
        peer.publish(pkid, "a", b"1", false).await;
    }
    let mut waiting = Vec::new();
    for pkid in 1..=10 {
        if waiting.len() == 3 {
            let more = timeout(Duration::from_millis(20), link.event()).await;
            assert!(more.is_err(), "{more:?}");
            link.ack(waiting.remove(0));
            assert_eq!(peer.expect(PUBACK).await.pkid(), pkid - 3);
        }
        waiting.extend(link.message().await.token);
    }
    // What needs no acknowledgement, and is not behind what does, is heard all the same.
    let loose = peer.message(0x30, 0, "a", b"2");
    peer.send(&loose).await;
    assert_eq!(link.message().await.payload, Ok(b"2".to_vec()));
}

pub(super) async fn a_reader_that_is_behind_ends_the_connection_instead_of_missing_pings(
    version: Version,
) {
    let fake = Fake::start(version).await;
    let options = Options {
        keep_alive: Duration::from_secs(1),
        max_unacked: 1000,
        ..options(version, fake.port, &["a"])
    };
    let mut link = Listener::connect(options);
    let mut peer = fake.listening(1).await;
    for pkid in 1..=1100 {
        let message = peer.message(0x32, pkid, "a", b"1");
        if pkid <= 1000 || version == Version::V3 {
            peer.send(&message).await;
        }
    }
    // Nobody takes the events.
    let rest = tokio::spawn(peer.rest());
    let rest = rest.await.unwrap();
    assert!(rest.iter().all(|packet| packet.kind != PUBACK));
    let why = link.disconnected().await;
    assert!(why.contains("faster than it is dealt with"), "{why}");
}

pub(super) async fn a_reader_that_is_slow_keeps_the_connection(version: Version) {
    let fake = Fake::start(version).await;
    let options = Options {
        keep_alive: Duration::from_secs(2),
        max_unacked: 2,
        ..options(version, fake.port, &["a"])
    };
    let (clock, mut link) = (testbed::clock(), Listener::connect(options));
    let mut peer = fake.listening(1).await;
    let mut all = Vec::new();
    for pkid in 1..=20 {
        all.extend(peer.message(0x32, pkid, "a", b"1"));
    }
    peer.send(&all).await;
    let start = clock.now().mono;
    link.connected().await;
    // Each is dealt with in far less than half a keep-alive, all of them take longer.
    for _ in 1..=20 {
        let Event::Messages(messages) = link.event().await else {
            panic!("the connection ended");
        };
        tokio::time::sleep(Duration::from_millis(100)).await;
        link.ack(messages[0].token.unwrap());
    }
    assert!(clock.now().mono.since(start) > Duration::from_secs(1));
}

pub(super) async fn a_publish_that_is_not_acknowledged_fails_and_renews_the_connection(
    version: Version,
) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &[]));
    let publisher = link.publisher();
    let within = Duration::from_millis(300);
    let publish = |qos| publisher.publish("out", b"1".to_vec(), qos, false, within);
    assert_eq!(
        publish(Qos::AtLeastOnce).await,
        Err(PublishError::NotConnected)
    );
    let mut peer = fake.welcome(false).await;
    link.connected().await;
    assert_eq!(publish(Qos::AtMostOnce).await, Ok(()));
    assert_eq!(
        publish(Qos::AtLeastOnce).await,
        Err(PublishError::NotAcknowledged(within))
    );
    peer.expect(PUBLISH).await;
    peer.expect(PUBLISH).await;
    let why = link.disconnected().await;
    assert!(why.contains("does not acknowledge what"), "{why}");
    let _peer = fake.welcome(false).await;
    link.connected().await;
    let large = publisher.publish("out", vec![0; 3000], Qos::AtMostOnce, false, within);
    assert_eq!(large.await, Err(PublishError::TooLarge(3000)));
    for none in ["out/#", "a+", "", "\0"] {
        let topic = publisher.publish(none, Vec::new(), Qos::AtMostOnce, false, within);
        assert_eq!(topic.await, Err(PublishError::Topic(none.to_owned())));
    }
}

pub(super) async fn packet_ids_of_publishes_are_free_again_on_the_next_connection(
    version: Version,
) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &[]));
    for _ in 0..3 {
        let mut peer = fake.welcome(false).await;
        link.connected().await;
        let publisher = link.publisher();
        let publish = publisher.publish("out", b"1".to_vec(), Qos::AtLeastOnce, false, PATIENCE);
        let unanswered = async move {
            let published = peer.expect(PUBLISH).await;
            // An answer to another id, which nobody waits for.
            peer.acknowledge(published.message_id() + 1, &[]).await;
            published.message_id()
        };
        let (sent, pkid) = tokio::join!(publish, unanswered);
        assert_eq!((sent, pkid), (Err(PublishError::Broken), 1));
    }
}

pub(super) async fn too_many_publishes_are_refused_at_once(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &[]));
    let _peer = fake.welcome(false).await;
    link.connected().await;
    let publishing: Vec<_> = (0..20)
        .map(|_| {
            let publisher = link.publisher();
            tokio::spawn(async move {
                let within = Duration::from_millis(300);
                let publish = publisher.publish("a", Vec::new(), Qos::AtLeastOnce, false, within);
                publish.await
            })
        })
        .collect();
    let mut busy = 0;
    for publish in publishing {
        busy += u32::from(publish.await.unwrap() == Err(PublishError::Busy));
    }
    assert_eq!(busy, 4);
}
