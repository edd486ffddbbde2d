//! What people are told of what brokers refuse.

use super::super::super::{
    testbed::{
        Listener,
        fake::{CONNECT, Fake, packet},
        options,
    },
    *,
};

/// Answers a CONNECT with these bytes, and returns what is said of it.
async fn refused(version: Version, code_3: u8, code_5: u8) -> String {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.accept().await;
    peer.expect(CONNECT).await;
    let body = match version {
        Version::V3 => vec![0, code_3],
        // As a broker answers that does not know version 5.
        Version::V5 if code_5 == 1 => vec![0, 1],
        Version::V5 => vec![0, code_5, 0],
    };
    peer.send(&packet(0x20, body)).await;
    let why = link.disconnected().await;
    assert!(
        why.starts_with(&format!("127.0.0.1:{}", fake.port)),
        "{why}"
    );
    why
}

pub(super) async fn a_refused_login_says_so(version: Version) {
    for (code_3, code_5) in [(4, 0x86), (5, 0x87)] {
        let why = refused(version, code_3, code_5).await;
        assert!(why.contains("check user and password"), "{why}");
    }
    let why = refused(version, 3, 0x88).await;
    assert!(why.contains("is not available now"), "{why}");
}

pub(super) async fn a_refused_client_id_says_so(version: Version) {
    let why = refused(version, 2, 0x85).await;
    assert!(why.contains("refused the client id"), "{why}");
}

pub(super) async fn a_broker_of_the_other_version_says_so(version: Version) {
    for (code_3, code_5) in [(1, 0x84), (0x84, 1)] {
        let why = refused(version, code_3, code_5).await;
        let other = match version {
            Version::V3 => "does not speak MQTT 3.1.1; set version = \"5\"",
            Version::V5 => "does not speak MQTT 5; set version = \"3.1.1\"",
        };
        assert!(why.contains(other), "{why}");
    }
}

pub(super) async fn a_refused_subscription_is_reported(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a", "b"]));
    let mut peer = fake.welcome(false).await;
    let code = match version {
        Version::V3 => 0x80,
        Version::V5 => 0x87,
    };
    peer.subscribed(&[1, code]).await;
    let lost = |event| match event {
        Event::FilterLost { filter, why } => Some((filter.to_string(), why)),
        _ => None,
    };
    let (filter, why) = link.until(lost).await;
    assert_eq!(filter, "b");
    assert!(why.contains("access rules"), "{why}");
    peer.publish(1, "a", b"1", false).await;
    link.message().await;
}

pub(super) async fn less_than_was_asked_for_is_reported(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    let mut peer = fake.welcome(false).await;
    peer.subscribed(&[0]).await;
    let notice = |event| match event {
        Event::Notice { what } => Some(what),
        _ => None,
    };
    let what = link.until(notice).await;
    assert!(what.contains("sends a at QoS 0 only"), "{what}");
}

/// Without a word, as every broker does with 3.1.1.
pub(super) async fn clients_that_replace_each_other_are_recognised(version: Version) {
    let fake = Fake::start(version).await;
    let mut link = Listener::connect(options(version, fake.port, &["a"]));
    for times in 1..=5 {
        drop(fake.listening(1).await);
        let why = link.disconnected().await;
        assert_eq!(
            why.contains("another client may use the client id `andon-test`"),
            times >= 3,
            "{times}: {why}"
        );
    }
    // A broker that is not there has nothing to do with it.
    drop(fake.accept().await);
    link.disconnected().await;
    drop(fake.listening(1).await);
    let why = link.disconnected().await;
    assert!(!why.contains("another client"), "{why}");
}
