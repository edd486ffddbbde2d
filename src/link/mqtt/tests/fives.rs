//! What only MQTT 5 has: reasons, limits that the broker states, answers to publishes.

use std::time::Duration;

use super::super::{
    testbed::{
        Listener, PATIENCE,
        fake::{CONNECT, Fake, PINGREQ, PUBLISH, Peer, SUBSCRIBE, packet},
        options,
    },
    *,
};

/// A property with a text: its number, then the text.
fn text(property: u8, text: &str) -> Vec<u8> {
    let mut bytes = vec![property, 0, u8::try_from(text.len()).unwrap()];
    bytes.extend(text.as_bytes());
    bytes
}

const REASON: u8 = 31;
const REFERENCE: u8 = 28;

/// A reason code and properties, as they stand in DISCONNECT, PUBACK and, without its flags, in CONNACK.
fn because(code: u8, properties: &[u8]) -> Vec<u8> {
    let mut body = vec![code, u8::try_from(properties.len()).unwrap()];
    body.extend(properties);
    body
}

fn notice(event: Event) -> Option<String> {
    match event {
        Event::Notice { what } => Some(what),
        _ => None,
    }
}

/// A connection whose CONNACK has these properties.
async fn granted(properties: &[u8], change: impl Fn(&mut Options)) -> (Peer, Listener) {
    let fake = Fake::start(Version::V5).await;
    let mut options = options(Version::V5, fake.port, &["a"]);
    change(&mut options);
    let link = Listener::connect(options);
    let mut peer = fake.accept().await;
    peer.expect(CONNECT).await;
    peer.accepted(false, properties).await;
    (peer, link)
}

#[tokio::test]
async fn a_broker_that_leaves_says_why() {
    let fake = Fake::start(Version::V5).await;
    let mut link = Listener::connect(options(Version::V5, fake.port, &["a"]));
    let quota = [text(REASON, "50 per\nhour"), text(38, "k")].concat();
    // The user property has a value too.
    let quota = [quota, vec![0, 1, b'v']].concat();
    for (body, expected) in [
        (vec![], "closed the connection"),
        (vec![0x00], "closed the connection"),
        (vec![0x8B], "is shutting down"),
        (vec![0x8D], "closed the connection: keep alive timeout"),
        // As mosquitto sends it, and with a reason.
        (vec![0x8E], "another client uses the client id `andon-test`"),
        (
            because(0x8E, &text(REASON, "taken")),
            "another client uses the client id `andon-test`",
        ),
        (
            because(0x97, &quota),
            "closed the connection: quota exceeded (50 per hour)",
        ),
        (vec![0x9B], "cannot keep our status (qos not supported)"),
        (
            because(0x9D, &text(REFERENCE, "other:1883")),
            "wants its clients to go to other:1883; set `url`",
        ),
        (vec![0x9C], "go to another broker"),
        // A code that there is not.
        (vec![0x7F], "cannot be read"),
    ] {
        let mut peer = fake.listening(1).await;
        link.connected().await;
        peer.publish(1, "a", b"1", false).await;
        peer.send(&packet(0xE0, body)).await;
        drop(peer);
        link.message().await;
        let why = link.disconnected().await;
        assert!(why.contains(expected), "{expected}: {why}");
    }
}

#[tokio::test]
async fn a_broker_that_refuses_says_why() {
    for (code, properties, expected) in [
        (
            0x86,
            text(REASON, "locked"),
            "check user and password (locked)",
        ),
        (0x8A, Vec::new(), "refused the connection: banned"),
        (0x9A, Vec::new(), "leave `status_topic` out"),
        (0x9C, text(REFERENCE, "b2"), "go to b2; set `url`"),
    ] {
        let fake = Fake::start(Version::V5).await;
        let mut link = Listener::connect(options(Version::V5, fake.port, &["a"]));
        let mut peer = fake.accept().await;
        peer.expect(CONNECT).await;
        let body = [vec![0], because(code, &properties)].concat();
        peer.send(&packet(0x20, body)).await;
        let why = link.disconnected().await;
        assert!(why.contains(expected), "{expected}: {why}");
    }
}

#[tokio::test]
async fn a_subscription_is_refused_with_its_reason() {
    for (code, expected) in [
        (0x8F, "topic filter invalid"),
        (0x9E, "shared subscriptions not supported"),
        (0xA2, "wildcard subscriptions not supported"),
    ] {
        let (mut peer, mut link) = granted(&[], |_| {}).await;
        peer.subscribed(&[code]).await;
        let lost = |event| match event {
            Event::FilterLost { why, .. } => Some(why),
            _ => None,
        };
        let why = link.until(lost).await;
        assert!(why.contains(expected), "{why}");
    }
}

#[tokio::test]
async fn a_publish_is_refused_with_its_reason() {
    let (mut peer, mut link) = granted(&[], |options| options.filters.clear()).await;
    link.connected().await;
    let publisher = link.publisher();
    for (reason, expected) in [
        (vec![0x10], Ok(())),
        (
            because(0x87, &text(REASON, "read only")),
            Err("not authorized (read only)"),
        ),
        (vec![0x97], Err("quota exceeded")),
    ] {
        let publish = publisher.publish("out", Vec::new(), Qos::AtLeastOnce, false, PATIENCE);
        let answer = async {
            let published = peer.expect(PUBLISH).await;
            peer.acknowledge(published.message_id(), &reason).await;
        };
        let (sent, ()) = tokio::join!(publish, answer);
        let expected = expected.map_err(|why| PublishError::Refused(why.to_owned()));
        assert_eq!(sent, expected);
    }
}

#[tokio::test]
async fn no_more_is_sent_than_the_broker_takes() {
    // Receive maximum 2, maximum packet size 100.
    let properties = [33, 0, 2, 39, 0, 0, 0, 100];
    let (_peer, mut link) = granted(&properties, |options| options.filters.clear()).await;
    link.connected().await;
    let publisher = link.publisher();
    let soon = Duration::from_millis(300);
    let publish = |size| publisher.publish("a", vec![0; size], Qos::AtLeastOnce, false, soon);
    assert_eq!(publish(100).await, Err(PublishError::TooLarge(100)));
    let (first, second, third) = tokio::join!(publish(50), publish(50), publish(50));
    let late = Err(PublishError::NotAcknowledged(soon));
    assert_eq!((first, second), (late.clone(), late));
    assert_eq!(third, Err(PublishError::Busy));
}

#[tokio::test]
async fn the_keep_alive_is_what_the_broker_wants() {
    let (mut peer, link) = granted(&[19, 0, 1], |options| options.filters.clear()).await;
    peer.expect(PINGREQ).await;
    drop(link);
}

#[tokio::test]
async fn a_session_that_is_kept_for_less_time_is_told_of() {
    let (_peer, mut link) = granted(&[17, 0, 0, 0, 60], |_| {}).await;
    let what = link.until(notice).await;
    assert!(what.contains("for 60 s after"), "{what}");
}

#[tokio::test]
async fn a_broker_without_qos_1_and_without_retained_messages_is_used_as_it_is() {
    let status = Status {
        topic: "status".to_owned(),
        online: "here".to_owned(),
        offline: "gone".to_owned(),
    };
    let properties = [36, 0, 37, 0];
    let change = |options: &mut Options| options.status = Some(status.clone());
    let (mut peer, mut link) = granted(&properties, change).await;
    let what = link.until(notice).await;
    assert!(what.contains("knows QoS 0 only"), "{what}");
    peer.expect(SUBSCRIBE).await;
    // Topic, no packet id, no properties, payload.
    let status = peer.expect(PUBLISH).await;
    assert_eq!(status.body, b"\0\x06status\0here");
}
