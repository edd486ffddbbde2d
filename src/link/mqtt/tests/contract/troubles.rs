//! Brokers and networks that do not do what they should.

use std::time::Duration;

use super::super::super::{
    testbed::{
        self, Listener, PATIENCE,
        fake::{CONNECT, Fake, PINGREQ, SUBSCRIBE, packet},
        options, quick,
    },
    *,
};

pub(super) async fn a_broker_that_hangs_up_is_not_hammered(version: Version) {
    let fake = Fake::start(version).await;
    let timing = Timing {
        backoff_least: Duration::from_millis(200),
        backoff_most: Duration::from_millis(400),
        ..quick()
    };
    let clock = testbed::clock();
    let mut link = Listener::connect(Options {
        timing,
        ..options(version, fake.port, &["a"])
    });
    let start = clock.now().mono;
    for _ in 0..4 {
        drop(fake.accept().await);
        let why = link.disconnected().await;
        assert!(why.contains("before it was accepted"), "{why}");
    }
    assert!(clock.now().mono.since(start) >= Duration::from_millis(600));
}

pub(super) async fn a_broker_that_never_answers_is_left(version: Version) {
    let fake = Fake::start(version).await;
    let timing = Timing {
        patience: Duration::from_millis(300),
        ..quick()
    };
    let mut link = Listener::connect(Options {
        timing,
        ..options(version, fake.port, &["a"])
    });
    for _ in 0..2 {
        let mut peer = fake.accept().await;
        peer.expect(CONNECT).await;
        let why = link.disconnected().await;
        assert!(why.contains("does not answer as an MQTT broker"), "{why}");
    }
    fake.welcome(false).await;
    link.connected().await;
}

pub(super) async fn a_broker_that_answers_no_ping_is_given_up(version: Version) {
    let fake = Fake::start(version).await;
    let options = Options {
        keep_alive: Duration::from_secs(2),
        ..options(version, fake.port, &["a"])
    };
    let (clock, mut link) = (testbed::clock(), Listener::connect(options));
    let mut peer = fake.listening(1).await;
    let start = clock.now().mono;
    for _ in 0..2 {
        peer.expect(PINGREQ).await;
        peer.send(&[0xD0, 0]).await;
    }
    // From here on it is gone.
    let why = link.disconnected().await;
    assert!(why.contains("does not answer any more"), "{why}");
    assert!(clock.now().mono.since(start) >= Duration::from_secs(6));
}

/// As a connection looks whose other end has lost its power.
pub(super) async fn a_broker_that_takes_nothing_is_given_up(version: Version) {
    let fake = Fake::start(version).await;
    let timing = Timing {
        patience: Duration::from_millis(400),
        ..quick()
    };
    let mut link = Listener::connect(Options {
        timing,
        max_packet: 10_000_000,
        ..options(version, fake.port, &[])
    });
    let peer = fake.welcome(false).await;
    link.connected().await;
    let publisher = link.publisher();
    let sending = async {
        let large = vec![0; 9_000_000];
        let all = (0..3).map(|_| {
            let publisher = publisher.clone();
            let large = large.clone();
            tokio::spawn(async move {
                let publish = publisher.publish("a", large, Qos::AtLeastOnce, false, PATIENCE);
                publish.await
            })
        });
        for publish in all.collect::<Vec<_>>() {
            assert_eq!(publish.await.unwrap(), Err(PublishError::Broken));
        }
    };
    let ((), why) = tokio::join!(sending, link.disconnected());
    assert!(why.contains("does not take what is sent"), "{why}");
    drop(peer);
    fake.welcome(false).await;
    link.connected().await;
}

pub(super) async fn a_broker_that_drips_is_understood(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.accept().await;
    peer.expect(CONNECT).await;
    let accepted = match version {
        Version::V3 => vec![1, 0],
        Version::V5 => vec![1, 0, 0],
    };
    peer.drip(&packet(0x20, accepted)).await;
    assert!(link.connected().await);
    let pkid = peer.expect(SUBSCRIBE).await.pkid().to_be_bytes();
    let confirmed = match version {
        Version::V3 => vec![pkid[0], pkid[1], 1],
        Version::V5 => vec![pkid[0], pkid[1], 0, 1],
    };
    peer.drip(&packet(0x90, confirmed)).await;
    let payload = [b'x'; 300];
    let message = peer.message(0x32, 9, "a", &payload);
    peer.drip(&message).await;
    assert_eq!(link.message().await.payload, Ok(payload.to_vec()));
    let large = peer.message(0x30, 0, "a", &[b'x'; 1500]);
    peer.drip(&large).await;
    assert_eq!(link.message().await.payload, Err(TooLarge(1500)));
    peer.drip(&[0xD0, 0]).await;
    let message = peer.message(0x30, 0, "a", b"");
    peer.drip(&message).await;
    assert_eq!(link.message().await.payload, Ok(Vec::new()));
}

pub(super) async fn rubbish_instead_of_an_answer_is_no_broker(version: Version) {
    let fake = Fake::start(version).await;
    let timing = Timing {
        patience: Duration::from_millis(300),
        ..quick()
    };
    let mut link = Listener::connect(Options {
        timing,
        ..options(version, fake.port, &["a"])
    });
    for rubbish in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        &[0xD0, 0],
        &[0; 64],
        &[0xFF; 64],
    ] {
        let mut peer = fake.accept().await;
        peer.send(rubbish).await;
        let why = link.disconnected().await;
        let said = ["check the port", "cannot be read"];
        assert!(said.iter().any(|said| why.contains(said)), "{why}");
    }
}

pub(super) async fn what_is_no_websocket_says_so(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(Options {
        websocket: Some("/mqtt".to_owned()),
        ..options(version, fake.port, &["a"])
    });
    for (answer, expected) in [
        (b"HTTP/1.1 404 Not Found\r\n\r\n".as_slice(), "404"),
        (&[0x20, 2, 0, 0, 0x0D, 0x0A], "no WebSocket"),
        (&[], "no WebSocket"),
    ] {
        let mut peer = fake.accept().await;
        let asked = peer.lines().await;
        assert!(asked.starts_with("GET /mqtt HTTP/1.1\r\n"), "{asked}");
        assert!(
            asked
                .to_lowercase()
                .contains("sec-websocket-protocol: mqtt\r\n")
        );
        peer.send(answer).await;
        drop(peer);
        let why = link.disconnected().await;
        assert!(why.contains(expected), "{why}");
    }
}

pub(super) async fn rubbish_ends_the_connection_and_the_next_one_is_fine(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    for rubbish in [
        // A length of five bytes, types that there are not, QoS 3, the packet id 0, and messages that end too early.
        vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1],
        vec![0x00, 0],
        vec![0xF0, 0],
        packet(0x36, vec![0, 1, b'a', 0, 1]),
        packet(0x32, vec![0, 1, b'a', 0, 0]),
        packet(0x32, vec![0, 1, b'a', 0]),
        packet(0x30, vec![0, 9, b'a']),
        packet(0x30, vec![0]),
        vec![0x30, 0],
        packet(0x30, vec![0, 0, 0]),
        // Packets of clients, a second beginning, a long answer.
        packet(0x10, b"\0\x04MQTT\x04\x02\0\x0f\0\x01a".to_vec()),
        vec![0xC0, 0],
        packet(0x20, vec![0, 0, 0]),
        vec![0x90, 0xFF, 0xFF, 0x7F],
        packet(0x90, vec![0]),
        packet(0x40, vec![0]),
    ] {
        let mut peer = fake.listening(1).await;
        link.connected().await;
        peer.publish(1, "a", b"1", false).await;
        peer.send(&rubbish).await;
        // What came before it is heard.
        assert_eq!(link.message().await.topic, "a");
        let why = link.disconnected().await;
        let said = ["cannot be read", "answered twice"];
        assert!(
            said.iter().any(|said| why.contains(said)),
            "{rubbish:?}: {why}"
        );
    }
    fake.listening(1).await;
    link.connected().await;
}

pub(super) async fn a_subscription_that_is_never_confirmed_ends_the_connection(version: Version) {
    let fake = Fake::start(version).await;
    let timing = Timing {
        confirm: Duration::from_millis(300),
        ..quick()
    };
    let mut link = Listener::connect(Options {
        timing,
        ..options(version, fake.port, &["a"])
    });
    let mut peer = fake.welcome(false).await;
    peer.expect(SUBSCRIBE).await;
    let why = link.disconnected().await;
    assert!(why.contains("does not confirm subscriptions"), "{why}");
    fake.welcome(false).await;
}

/// Answers in the wrong order, twice, or to what was never asked.
pub(super) async fn answers_to_nothing_change_nothing(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.welcome(true).await;
    peer.acknowledge(1, &[]).await;
    peer.confirm(1, &[1]).await;
    peer.send(&[0xD0, 0]).await;
    let asked = peer.subscribed(&[1]).await.pkid();
    peer.confirm(asked, &[0x80]).await;
    peer.acknowledge(1, &[]).await;
    peer.publish(1, "a", b"1", false).await;
    link.connected().await;
    // The next event is the message: nothing was reported, nothing ended.
    let Event::Messages(heard) = link.event().await else {
        panic!("something else than a message");
    };
    assert_eq!(heard[0].topic, "a");
}

pub(super) async fn a_stop_is_quick_whatever_the_broker_does(version: Version) {
    let fake = Fake::start(version).await;
    let patience = Duration::from_secs(5);
    // It has not answered yet.
    let link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.accept().await;
    peer.expect(CONNECT).await;
    timeout(patience, link.close()).await.unwrap();
    // It never closes its side.
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let _peer = fake.listening(1).await;
    link.connected().await;
    timeout(patience, link.close()).await.unwrap();
    // There is none, and the next attempt is not soon.
    let link = Listener::connect(Options {
        timing: Timing::default(),
        ..options(version, fake.port, &["a"])
    });
    drop(fake);
    timeout(patience, link.close()).await.unwrap();
}
