//! Against a broker that does everything wrong that brokers and networks are known to do.

use std::time::Duration;

use super::super::{
    testbed::{
        clock, connected, disconnected, event,
        fake::{CONNECT, DISCONNECT, Fake, PUBACK, PUBLISH, SUBSCRIBE},
        message, options, until,
    },
    *,
};

const REFUSED: u8 = 0x80;

fn lost(event: Event) -> Option<(String, String)> {
    match event {
        Event::FilterLost { filter, why } => Some((filter.to_string(), why)),
        _ => None,
    }
}

#[tokio::test]
async fn a_lost_session_is_subscribed_to_again() {
    let fake = Fake::start().await;
    let mut link = MqttLink::connect(options(fake.port, &["a/+", "b"]), clock());
    for session_present in [false, true, false] {
        let (mut peer, clean) = fake.welcome(session_present).await;
        assert!(!clean);
        let packet = peer.subscribed(2, 1).await;
        assert!(packet.contains("a/+") && packet.contains("b"));
        assert_eq!(until(&mut link, connected).await, session_present);
    }
}

#[tokio::test]
async fn a_broker_that_hangs_up_is_not_hammered() {
    let fake = Fake::start().await;
    let timing = Timing {
        backoff_least: Duration::from_millis(200),
        backoff_most: Duration::from_millis(400),
        ..options(0, &[]).timing
    };
    let clock = clock();
    let options = Options {
        timing,
        ..options(fake.port, &["a"])
    };
    let mut link = MqttLink::connect(options, clock.clone());
    let start = clock.now().mono;
    for _ in 0..4 {
        drop(fake.accept().await);
        assert!(disconnected(event(&mut link).await).is_some());
    }
    assert!(clock.now().mono.since(start) >= Duration::from_millis(600));
}

#[tokio::test]
async fn a_refused_login_says_so_and_is_not_hammered() {
    let fake = Fake::start().await;
    let mut link = MqttLink::connect(options(fake.port, &["a"]), clock());
    let mut peer = fake.accept().await;
    peer.expect(CONNECT).await;
    peer.send(&[0x20, 2, 0, 5]).await;
    let why = until(&mut link, disconnected).await;
    assert!(why.contains("check user and password"), "{why}");
}

#[tokio::test]
async fn a_subscription_that_is_never_confirmed_ends_the_connection() {
    let fake = Fake::start().await;
    let mut link = MqttLink::connect(options(fake.port, &["a"]), clock());
    let (mut peer, _) = fake.welcome(false).await;
    peer.expect(SUBSCRIBE).await;
    let why = until(&mut link, disconnected).await;
    assert!(why.contains("does not confirm subscriptions"), "{why}");
    fake.welcome(false).await;
}

#[tokio::test]
async fn a_refused_subscription_is_reported() {
    let fake = Fake::start().await;
    let mut link = MqttLink::connect(options(fake.port, &["a"]), clock());
    let (mut peer, _) = fake.welcome(false).await;
    peer.subscribed(1, REFUSED).await;
    let (filter, why) = until(&mut link, lost).await;
    assert_eq!(filter, "a");
    assert!(why.contains("access rules"), "{why}");
}

#[tokio::test]
async fn a_broker_that_answers_no_ping_is_given_up_before_the_second_ping_is_missed() {
    let fake = Fake::start().await;
    let options = Options {
        keep_alive: Duration::from_secs(2),
        ..options(fake.port, &["a"])
    };
    let clock = clock();
    let mut link = MqttLink::connect(options, clock.clone());
    let (mut peer, _) = fake.welcome(false).await;
    peer.subscribed(1, 1).await;
    let start = clock.now().mono;
    let why = until(&mut link, disconnected).await;
    assert!(why.contains("does not answer any more"), "{why}");
    assert!(clock.now().mono.since(start) < Duration::from_millis(3900));
}

#[tokio::test]
async fn acknowledgements_go_out_in_order_of_arrival() {
    let fake = Fake::start().await;
    let mut link = MqttLink::connect(options(fake.port, &["a"]), clock());
    let (mut peer, _) = fake.welcome(false).await;
    peer.subscribed(1, 1).await;
    let mut tokens = Vec::new();
    for pkid in [11, 12, 13] {
        peer.publish(pkid, "a", b"1", false).await;
        tokens.extend(until(&mut link, message).await.token);
    }
    for token in [tokens[1], tokens[2], tokens[0]] {
        link.ack(token);
    }
    for pkid in [11, 12, 13] {
        assert_eq!(peer.expect(PUBACK).await.pkid(), pkid);
    }
}

#[tokio::test]
async fn an_acknowledgement_never_crosses_to_another_connection() {
    let fake = Fake::start().await;
    let mut link = MqttLink::connect(options(fake.port, &["a"]), clock());
    let (mut peer, _) = fake.welcome(false).await;
    peer.subscribed(1, 1).await;
    peer.publish(7, "a", b"old", false).await;
    let old = until(&mut link, message).await;
    drop(peer);
    let (mut peer, _) = fake.welcome(true).await;
    peer.subscribed(1, 1).await;
    // The broker uses the id of the lost message for another one, and sends the lost one again under a new id.
    peer.publish(7, "a", b"other", false).await;
    peer.publish(8, "a", b"old", true).await;
    let other = until(&mut link, message).await;
    let again = until(&mut link, message).await;
    assert_eq!((other.dup, again.dup), (false, true));
    link.ack(old.token.unwrap());
    link.ack(again.token.unwrap());
    link.ack(other.token.unwrap());
    assert_eq!(peer.expect(PUBACK).await.pkid(), 7);
    assert_eq!(peer.expect(PUBACK).await.pkid(), 8);
    link.close().await;
    let rest = peer.rest().await;
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert_eq!(rest[0].kind, DISCONNECT);
}

#[tokio::test]
async fn a_payload_beyond_the_limit_is_reported_and_the_connection_goes_on() {
    let fake = Fake::start().await;
    let mut link = MqttLink::connect(options(fake.port, &["a"]), clock());
    let (mut peer, _) = fake.welcome(false).await;
    peer.subscribed(1, 1).await;
    peer.publish(1, "a", &[b'x'; 1001], false).await;
    peer.publish(2, "a", &[b'x'; 1000], false).await;
    let large = until(&mut link, message).await;
    assert_eq!(large.payload, Err(TooLarge(1001)));
    let message = until(&mut link, message).await;
    assert_eq!(message.payload.map(|payload| payload.len()), Ok(1000));
}

#[tokio::test]
async fn a_packet_that_cannot_be_read_does_not_come_for_ever() {
    let fake = Fake::start().await;
    let mut link = MqttLink::connect(options(fake.port, &["good", "bad"]), clock());
    // It waits in the session: three times the same, then the session is discarded.
    for _ in 0..3 {
        let (mut peer, clean) = fake.welcome(true).await;
        assert!(!clean);
        peer.publish(1, "bad", &[b'x'; 3000], false).await;
        let why = until(&mut link, disconnected).await;
        assert!(why.contains("larger than the limit"), "{why}");
    }
    flushed(&fake, &mut link).await;
    // It is retained as well: it comes with its subscription, and that is the one that is left out.
    let (mut peer, clean) = fake.welcome(false).await;
    assert!(!clean);
    assert!(peer.subscribed(1, 1).await.contains("good"));
    assert!(peer.subscribed(1, 1).await.contains("bad"));
    peer.publish(1, "bad", &[b'x'; 3000], false).await;
    let (filter, why) = until(&mut link, lost).await;
    assert_eq!(filter, "bad");
    assert!(why.contains("remove the retained message"), "{why}");
    flushed(&fake, &mut link).await;
    let (mut peer, _) = fake.welcome(false).await;
    assert!(peer.subscribed(1, 1).await.contains("good"));
    peer.publish(1, "good", b"1", false).await;
    assert_eq!(until(&mut link, message).await.topic, "good");
}

/// The next connect discards the session and says so.
async fn flushed(fake: &Fake, link: &mut MqttLink) {
    let (peer, clean) = fake.welcome(false).await;
    assert!(clean);
    let kinds: Vec<u8> = peer.rest().await.iter().map(|packet| packet.kind).collect();
    assert_eq!(kinds, [DISCONNECT]);
    let discarded = |event| matches!(event, Event::SessionDiscarded { .. }).then_some(());
    until(link, discarded).await;
}

#[tokio::test]
async fn a_filter_that_was_left_out_is_tried_again_later() {
    let fake = Fake::start().await;
    let mut options = options(fake.port, &["bad"]);
    options.timing.aside = Duration::from_millis(600);
    let mut link = MqttLink::connect(options, clock());
    for _ in 0..3 {
        let (mut peer, _) = fake.welcome(true).await;
        peer.publish(1, "bad", &[b'x'; 3000], false).await;
    }
    flushed(&fake, &mut link).await;
    let (mut peer, _) = fake.welcome(false).await;
    peer.subscribed(1, 1).await;
    peer.publish(1, "bad", &[b'x'; 3000], false).await;
    flushed(&fake, &mut link).await;
    let (mut peer, _) = fake.welcome(false).await;
    assert!(peer.subscribed(1, 1).await.contains("bad"));
}

#[tokio::test]
async fn a_reader_that_is_behind_ends_the_connection_instead_of_stopping_its_pings() {
    let fake = Fake::start().await;
    let options = Options {
        keep_alive: Duration::from_secs(1),
        ..options(fake.port, &["a"])
    };
    let mut link = MqttLink::connect(options, clock());
    let (mut peer, _) = fake.welcome(false).await;
    peer.subscribed(1, 1).await;
    for pkid in 1..=100 {
        peer.publish(pkid, "a", b"1", false).await;
    }
    assert!(peer.rest().await.iter().all(|packet| packet.kind != PUBACK));
    let why = until(&mut link, disconnected).await;
    assert!(why.contains("faster than they are dealt with"), "{why}");
}

#[tokio::test]
async fn the_status_is_left_as_last_will_and_told_at_start_and_end() {
    let fake = Fake::start().await;
    let status = Status {
        topic: "andon/status".to_owned(),
        online: "here".to_owned(),
        offline: "gone".to_owned(),
    };
    let options = Options {
        status: Some(status),
        ..options(fake.port, &["a"])
    };
    let mut link = MqttLink::connect(options, clock());
    let mut peer = fake.accept().await;
    let connect = peer.expect(CONNECT).await;
    assert!(connect.contains("andon/status") && connect.contains("gone"));
    peer.send(&[0x20, 2, 0, 0]).await;
    assert!(peer.expect(PUBLISH).await.contains("here"));
    peer.subscribed(1, 1).await;
    until(&mut link, connected).await;
    link.close().await;
    let rest = peer.rest().await;
    assert!(rest[0].contains("gone"));
    assert_eq!(rest[1].kind, DISCONNECT);
}

#[tokio::test]
async fn a_publish_that_is_not_acknowledged_fails_and_renews_the_connection() {
    let fake = Fake::start().await;
    let mut link = MqttLink::connect(options(fake.port, &[]), clock());
    let publisher = link.publisher();
    let within = Duration::from_millis(300);
    let publish = |qos| publisher.publish("out", b"1".to_vec(), qos, false, within);
    assert_eq!(
        publish(Qos::AtLeastOnce).await,
        Err(PublishError::NotConnected)
    );
    let (mut peer, _) = fake.welcome(false).await;
    until(&mut link, connected).await;
    assert_eq!(publish(Qos::AtMostOnce).await, Ok(()));
    assert_eq!(
        publish(Qos::AtLeastOnce).await,
        Err(PublishError::NotAcknowledged(within))
    );
    peer.expect(PUBLISH).await;
    peer.expect(PUBLISH).await;
    let (_peer, _) = fake.welcome(false).await;
    until(&mut link, connected).await;
    let large = publisher.publish("out", vec![0; 3000], Qos::AtMostOnce, false, within);
    assert_eq!(large.await, Err(PublishError::TooLarge(3000)));
    let topic = publisher.publish("out/#", Vec::new(), Qos::AtMostOnce, false, within);
    assert_eq!(topic.await, Err(PublishError::Topic("out/#".to_owned())));
}
