//! Against mosquitto, in both versions.

use std::time::Duration;

use super::super::{
    testbed::{
        self, Listener, PATIENCE, disconnected, message,
        mosquitto::{Mosquitto, certificates, password_file},
        options,
    },
    *,
};
use crate::{
    config::{
        secret::Secret,
        section::Read as _,
        tree::{Node, Place, Value},
    },
    link::{
        guard::Guard,
        http::{Identity, Settings},
    },
};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

async fn publish(link: &MqttLink, topic: &str, payload: &[u8], retain: bool) {
    let publisher = link.publisher();
    let payload = payload.to_vec();
    let sent = publisher.publish(topic, payload, Qos::AtLeastOnce, retain, PATIENCE);
    sent.await.unwrap();
}

#[tokio::test]
async fn a_large_retained_message_does_not_keep_other_topics_from_being_heard() {
    for version in BOTH {
        let mosquitto = Mosquitto::start("").await;
        let mut publisher = Listener::connect(Options {
            client_id: "publisher".to_owned(),
            max_packet: 1_000_000,
            ..options(version, mosquitto.port, &[])
        });
        publisher.connected().await;
        publish(&publisher, "bad/1", &[b'x'; 500_000], true).await;
        publish(&publisher, "bad/2", &[b'x'; 1500], true).await;
        publish(&publisher, "good/1", b"fine", true).await;
        let mut link = Listener::connect(options(version, mosquitto.port, &["bad/+", "good/+"]));
        let mut large = Vec::new();
        loop {
            let heard = link.message().await;
            assert!(heard.retain);
            link.ack(heard.token.unwrap());
            match heard.payload {
                Err(TooLarge(size)) => large.push(size),
                Ok(payload) => {
                    assert_eq!(payload, b"fine");
                    break;
                }
            }
        }
        // Version 5 tells the broker what is not to be sent at all.
        match version {
            Version::V3 => assert_eq!(large, [500_000, 1500]),
            Version::V5 => assert_eq!(large, [1500]),
        }
        // And it stays connected.
        publish(&publisher, "good/2", b"live", false).await;
        let heard = link.until(|event| {
            assert!(disconnected(event.clone()).is_none());
            message(event).filter(|message| !message.retain)
        });
        assert_eq!(heard.await.topic, "good/2");
    }
}

/// TLS with this authority only, and without a certificate of ours.
fn trusting(ca: std::path::PathBuf) -> Settings {
    let guard = Guard {
        allow_http: false,
        allow: Vec::new(),
        own: Vec::new(),
    };
    Settings {
        ca: Some(ca),
        ..Settings::new(guard, PATIENCE)
    }
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
    for version in BOTH {
        let with = |ca: &str, host: &str, password: &'static str| Options {
            host: host.to_owned(),
            tls: Some(trusting(mosquitto.path(ca))),
            credentials: Some(Credentials {
                user: "andon".to_owned(),
                password: Arc::new(move || Ok(password.to_owned())),
            }),
            client_id: format!("{ca}-{host}-{password}"),
            ..options(version, mosquitto.port, &["a"])
        };
        let mut link = Listener::connect(with("plant-ca.pem", "localhost", "geheim"));
        link.connected().await;
        publish(&link, "a", b"1", false).await;
        assert_eq!(link.message().await.payload, Ok(b"1".to_vec()));

        for (ca, host, password, part) in [
            (
                "other-ca.pem",
                "localhost",
                "geheim",
                "nobody known has signed it",
            ),
            (
                "plant-ca.pem",
                "127.0.0.1",
                "geheim",
                "for another host name",
            ),
            (
                "plant-ca.pem",
                "localhost",
                "falsch",
                "check user and password",
            ),
            ("plant.key", "localhost", "geheim", "holds no certificate"),
            ("none.pem", "localhost", "geheim", "cannot be used"),
        ] {
            let mut link = Listener::connect(with(ca, host, password));
            let why = link.disconnected().await;
            assert!(why.contains(part), "{why}");
            assert!(!why.contains(password), "{why}");
        }
    }
}

/// What a file holds, as if it stood in the configuration.
fn inline(path: &std::path::Path) -> Secret {
    let value = Value::Text(std::fs::read_to_string(path).unwrap());
    let place = Place {
        file: "t".into(),
        line: 0,
    };
    Secret::read(&Node { value, place }).unwrap()
}

#[tokio::test]
async fn a_broker_that_wants_our_certificate_gets_it() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), "plant");
    certificates(dir.path(), "other");
    let mosquitto = Mosquitto::start_in(
        dir,
        "cafile {dir}/plant-ca.pem\ncertfile {dir}/plant.pem\nkeyfile {dir}/plant.key\nrequire_certificate true",
    )
    .await;
    let ours = |name: &str| Identity {
        cert: mosquitto.path(&format!("{name}.pem")),
        key: inline(&mosquitto.path(&format!("{name}.key"))),
    };
    for version in BOTH {
        let with = |identity| Options {
            host: "localhost".to_owned(),
            tls: Some(Settings {
                identity,
                ..trusting(mosquitto.path("plant-ca.pem"))
            }),
            ..options(version, mosquitto.port, &["a"])
        };
        let mut link = Listener::connect(with(Some(ours("plant"))));
        link.connected().await;
        publish(&link, "a", b"1", false).await;
        assert_eq!(link.message().await.payload, Ok(b"1".to_vec()));
        link.close().await;
        for (identity, part) in [
            (None, "it may want a client certificate"),
            (
                Some(ours("other")),
                "does not accept our client certificate",
            ),
        ] {
            let mut link = Listener::connect(with(identity));
            let why = link.disconnected().await;
            assert!(why.contains(part), "{why}");
        }
    }
}

#[tokio::test]
async fn mqtt_in_a_websocket_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path(), "plant");
    // This mosquitto does not start without a listener that has none.
    const SECOND: &str = "listener {second} 127.0.0.1\nprotocol websockets\nallow_anonymous true";
    let plain = Mosquitto::start(SECOND).await;
    let tls = format!("{SECOND}\ncertfile {{dir}}/plant.pem\nkeyfile {{dir}}/plant.key");
    let tls = Mosquitto::start_in(dir, &tls).await;
    for version in BOTH {
        for (mosquitto, settings) in [
            (&plain, None),
            (&tls, Some(trusting(tls.path("plant-ca.pem")))),
        ] {
            let with = |name: &str| Options {
                host: "localhost".to_owned(),
                tls: settings.clone(),
                websocket: Some("/mqtt".to_owned()),
                client_id: format!("{name}-{version:?}"),
                max_payload: 20_000,
                max_packet: 30_000,
                ..options(version, mosquitto.second, &["a"])
            };
            let mut link = Listener::connect(with("reader"));
            link.connected().await;
            for size in [0, 1, 200, 20_000] {
                publish(&link, "a", &vec![b'x'; size], false).await;
                let heard = link.message().await;
                assert_eq!(heard.payload.map(|payload| payload.len()), Ok(size));
                link.ack(heard.token.unwrap());
            }
            timeout(PATIENCE, link.close()).await.unwrap();
            // The session was kept, and everything in it was acknowledged.
            let mut link = Listener::connect(with("reader"));
            assert!(link.connected().await);
            publish(&link, "a", b"next", false).await;
            assert_eq!(link.message().await.payload, Ok(b"next".to_vec()));
            link.close().await;
        }
    }
}

#[tokio::test]
async fn a_kept_session_brings_what_was_not_acknowledged_after_the_broker_restarts() {
    for version in BOTH {
        let mut mosquitto = Mosquitto::start("persistence true\npersistence_location {dir}/").await;
        let mut link = Listener::connect(options(version, mosquitto.port, &["a"]));
        link.connected().await;
        publish(&link, "a", b"1", false).await;
        publish(&link, "a", b"2", false).await;
        let first = link.message().await;
        link.message().await;
        link.ack(first.token.unwrap());
        // A publish that is acknowledged proves that the acknowledgement before it has arrived.
        publish(&link, "elsewhere", b"", false).await;
        mosquitto.restart().await;
        assert!(link.connected().await);
        let again = link.message().await;
        assert_eq!(again.payload, Ok(b"2".to_vec()));
    }
}

#[tokio::test]
async fn a_broker_that_forgets_is_subscribed_to_again() {
    for version in BOTH {
        let mut mosquitto = Mosquitto::start("").await;
        let mut link = Listener::connect(options(version, mosquitto.port, &["a"]));
        link.connected().await;
        mosquitto.restart().await;
        assert!(!link.connected().await);
        publish(&link, "a", b"1", false).await;
        assert_eq!(link.message().await.topic, "a");
    }
}

#[tokio::test]
async fn a_last_will_is_published_when_the_agent_dies_and_not_when_it_stops() {
    for version in BOTH {
        let mosquitto = Mosquitto::start("").await;
        let mut watcher = Listener::connect(options(version, mosquitto.port, &["status"]));
        watcher.connected().await;
        let agent = Options {
            client_id: "agent".to_owned(),
            status: Some(Status {
                topic: "status".to_owned(),
                online: "online".to_owned(),
                offline: "offline".to_owned(),
            }),
            ..options(version, mosquitto.port, &[])
        };
        for dies in [true, false] {
            let link = MqttLink::connect(agent.clone(), testbed::clock());
            let payload = async |watcher: &mut Listener| {
                let heard = watcher
                    .until(|event| message(event).filter(|m| !m.retain))
                    .await;
                watcher.ack(heard.token.unwrap());
                String::from_utf8(heard.payload.unwrap()).unwrap()
            };
            assert_eq!(payload(&mut watcher).await, "online");
            match dies {
                true => drop(link),
                false => timeout(Duration::from_secs(5), link.close()).await.unwrap(),
            }
            assert_eq!(payload(&mut watcher).await, "offline");
        }
    }
}

#[tokio::test]
async fn two_clients_with_one_id_are_told_of_each_other() {
    for version in BOTH {
        let mosquitto = Mosquitto::start("").await;
        let one = options(version, mosquitto.port, &["a"]);
        let mut one = MqttLink::connect(one, testbed::clock());
        let one = tokio::spawn(async move { while one.next().await.is_some() {} });
        let mut other = Listener::connect(options(version, mosquitto.port, &["a"]));
        let hint = |event| disconnected(event).filter(|why| why.contains("another client"));
        // Version 5 has a word for it, which not every mosquitto says.
        let why = other.until(hint).await;
        assert!(why.contains("the client id `andon-test`"), "{why}");
        assert!(version == Version::V5 || why.contains("may use"), "{why}");
        one.abort();
    }
}

#[tokio::test]
async fn a_group_shares_what_is_published() {
    for version in BOTH {
        let mosquitto = Mosquitto::start("").await;
        let member = |name: &str| {
            Listener::connect(Options {
                client_id: name.to_owned(),
                ..options(version, mosquitto.port, &["$share/agents/plant/+", "all"])
            })
        };
        let (mut one, mut two) = (member("one"), member("two"));
        one.connected().await;
        two.connected().await;
        let mut publisher = Listener::connect(Options {
            client_id: "publisher".to_owned(),
            ..options(version, mosquitto.port, &[])
        });
        publisher.connected().await;
        // Both hear this, once they have subscribed.
        publish(&publisher, "all", b"0", true).await;
        for member in [&mut one, &mut two] {
            assert_eq!(member.message().await.topic, "all");
        }
        for number in 1..=20_u8 {
            publish(&publisher, "plant/1", &[number], false).await;
        }
        publish(&publisher, "all", b"end", false).await;
        let mut heard = Vec::new();
        for member in [&mut one, &mut two] {
            let before = heard.len();
            loop {
                let message = member.message().await;
                member.ack(message.token.unwrap());
                match message.topic.as_str() {
                    "all" if message.payload == Ok(b"end".to_vec()) => break,
                    "all" => {}
                    _ => heard.push(message.payload.unwrap()[0]),
                }
            }
            assert!(heard.len() > before, "one of them heard nothing");
        }
        heard.sort_unstable();
        assert_eq!(heard, (1..=20).collect::<Vec<_>>());
    }
}
