//! Against mosquitto.

use std::time::Duration;

use super::super::{
    testbed::{
        PATIENCE, clock, connected, disconnected, message,
        mosquitto::{Mosquitto, certificates, password_file},
        options, until,
    },
    *,
};

async fn publish(link: &MqttLink, topic: &str, payload: &[u8], retain: bool) {
    let publisher = link.publisher();
    let payload = payload.to_vec();
    let sent = publisher.publish(topic, payload, Qos::AtLeastOnce, retain, PATIENCE);
    sent.await.unwrap();
}

#[tokio::test]
async fn a_large_retained_message_does_not_keep_other_topics_from_being_heard() {
    let mosquitto = Mosquitto::start("").await;
    let publisher = Options {
        client_id: "publisher".to_owned(),
        max_packet: 100_000,
        ..options(mosquitto.port, &[])
    };
    let mut publisher = MqttLink::connect(publisher, clock());
    until(&mut publisher, connected).await;
    publish(&publisher, "bad/1", &[b'x'; 5000], true).await;
    publish(&publisher, "good/1", b"fine", true).await;
    let mut link = MqttLink::connect(options(mosquitto.port, &["bad/+", "good/+"]), clock());
    let lost = |event| match event {
        Event::FilterLost { filter, .. } => Some(filter),
        _ => None,
    };
    assert_eq!(until(&mut link, lost).await.as_ref(), "bad/+");
    let heard = until(&mut link, message).await;
    assert_eq!((heard.topic.as_str(), heard.retain), ("good/1", true));
    // And it stays connected.
    publish(&publisher, "good/2", b"live", false).await;
    let heard = until(&mut link, |event| {
        assert!(disconnected(event.clone()).is_none());
        message(event).filter(|message| !message.retain)
    });
    assert_eq!(heard.await.topic, "good/2");
}

#[tokio::test]
async fn tls_with_an_own_ca_and_a_login() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), "plant");
    certificates(dir.path(), "other");
    password_file(&dir.path().join("passwords"), "andon", "geheim");
    let mosquitto = Mosquitto::start_in(
        dir,
        "certfile {dir}/plant.pem\nkeyfile {dir}/plant.key\npassword_file {dir}/passwords",
    )
    .await;
    let with = |ca: &str, host: &str, password: &'static str| Options {
        host: host.to_owned(),
        ca: Some(mosquitto.path(ca)),
        credentials: Some(Credentials {
            user: "andon".to_owned(),
            password: Arc::new(move || Ok(password.to_owned())),
        }),
        client_id: format!("{ca}-{host}-{password}"),
        ..options(mosquitto.port, &["a"])
    };
    let mut link = MqttLink::connect(with("plant-ca.pem", "localhost", "geheim"), clock());
    until(&mut link, connected).await;
    publish(&link, "a", b"1", false).await;
    assert_eq!(until(&mut link, message).await.payload, Ok(b"1".to_vec()));

    for (ca, host, password, part) in [
        (
            "other-ca.pem",
            "localhost",
            "geheim",
            "not signed by a CA in",
        ),
        ("plant-ca.pem", "127.0.0.1", "geheim", "is for another name"),
        (
            "plant-ca.pem",
            "localhost",
            "falsch",
            "check user and password",
        ),
        ("plant.key", "localhost", "geheim", "holds no certificate"),
        ("none.pem", "localhost", "geheim", "cannot be read"),
    ] {
        let mut link = MqttLink::connect(with(ca, host, password), clock());
        let why = until(&mut link, disconnected).await;
        assert!(why.contains(part), "{why}");
        assert!(!why.contains(password), "{why}");
    }
}

#[tokio::test]
async fn a_kept_session_brings_what_was_not_acknowledged_after_the_broker_restarts() {
    let mut mosquitto = Mosquitto::start("persistence true\npersistence_location {dir}/").await;
    let mut link = MqttLink::connect(options(mosquitto.port, &["a"]), clock());
    until(&mut link, connected).await;
    publish(&link, "a", b"1", false).await;
    publish(&link, "a", b"2", false).await;
    let first = until(&mut link, message).await;
    until(&mut link, message).await;
    link.ack(first.token.unwrap());
    // A publish that is acknowledged proves that the acknowledgement before it has arrived.
    publish(&link, "elsewhere", b"", false).await;
    mosquitto.restart().await;
    assert!(until(&mut link, connected).await);
    let again = until(&mut link, message).await;
    assert_eq!(again.payload, Ok(b"2".to_vec()));
}

#[tokio::test]
async fn a_broker_that_forgets_is_subscribed_to_again() {
    let mut mosquitto = Mosquitto::start("").await;
    let mut link = MqttLink::connect(options(mosquitto.port, &["a"]), clock());
    until(&mut link, connected).await;
    mosquitto.restart().await;
    assert!(!until(&mut link, connected).await);
    publish(&link, "a", b"1", false).await;
    assert_eq!(until(&mut link, message).await.topic, "a");
}

#[tokio::test]
async fn a_last_will_is_published_when_the_agent_dies_and_not_when_it_stops() {
    let mosquitto = Mosquitto::start("").await;
    let mut watcher = MqttLink::connect(options(mosquitto.port, &["status"]), clock());
    until(&mut watcher, connected).await;
    let agent = Options {
        client_id: "agent".to_owned(),
        status: Some(Status {
            topic: "status".to_owned(),
            online: "online".to_owned(),
            offline: "offline".to_owned(),
        }),
        ..options(mosquitto.port, &[])
    };
    for dies in [true, false] {
        let link = MqttLink::connect(agent.clone(), clock());
        let payload = async |watcher: &mut MqttLink| {
            let heard = until(watcher, |event| message(event).filter(|m| !m.retain)).await;
            String::from_utf8(heard.payload.unwrap()).unwrap()
        };
        assert_eq!(payload(&mut watcher).await, "online");
        match dies {
            true => drop(link),
            false => timeout(Duration::from_secs(1), link.close()).await.unwrap(),
        }
        assert_eq!(payload(&mut watcher).await, "offline");
    }
}
