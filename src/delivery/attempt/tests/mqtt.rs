//! Against mosquitto, with its own `mosquitto_sub` as the display that comes later.

use std::process::Command;

use super::*;
use crate::link::mqtt::testbed::{
    PATIENCE,
    mosquitto::{Mosquitto, certificates, password_file},
};

fn broker(url: &str, port: u16, more: &str) -> (Destination, Contact) {
    let broker = read(&format!(
        "type = \"mqtt\"\nurl = \"{url}:{port}\"\nallow_addresses = [\"127.0.0.1/32:{port}\", \"[::1/128]:{port}\"]\n{more}"
    ));
    let broker = broker.expect("a destination");
    let contact = Contact::new(&broker, None).expect("a contact");
    (broker, contact)
}

fn hot() -> Notice {
    let mut hot = notice();
    hot.site = "plant-7".to_owned();
    hot.alert.machine = "mill-1".to_owned();
    hot.alert.rule = "hot".to_owned();
    hot.alert.state = "active".to_owned();
    hot
}

fn is_accepted(exchange: &Exchange) -> bool {
    matches!(exchange.outcome, Outcome::Accepted { .. })
}

/// What somebody who comes later is told at once: topic and payload of each retained message.
async fn retained(port: u16) -> Vec<(String, serde_json::Value)> {
    let listen = tokio::task::spawn_blocking(move || {
        let mut command = Command::new("mosquitto_sub");
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
            "-v",
            "-t",
            "andon/#",
        ]);
        // It ends after the last retained message, or by itself where there is none.
        command.args(["--retained-only", "-W", "3"]);
        command
            .output()
            .expect("mosquitto-clients must be installed for this test")
    });
    let output = listen.await.expect("its output");
    let text = String::from_utf8(output.stdout).expect("a text");
    let line = |line: &str| {
        let (topic, payload) = line.split_once(' ').expect("a topic and a payload");
        (
            topic.to_owned(),
            serde_json::from_str(payload).expect("JSON"),
        )
    };
    text.lines().map(line).collect()
}

#[tokio::test]
async fn who_comes_later_sees_the_state_and_who_listens_hears_the_event() {
    let mosquitto = Mosquitto::start("").await;
    let port = mosquitto.port;
    let (broker, contact) = broker("mqtt://127.0.0.1", port, "");
    let listener = Command::new("mosquitto_sub")
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &port.to_string(),
            "-t",
            "andon/plant-7/events",
            "-q",
            "1",
            "-C",
            "1",
            "-W",
            "60",
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("mosquitto-clients must be installed for this test");
    let heard = tokio::task::spawn_blocking(move || listener.wait_with_output());
    // It may subscribe after the first; every event passes there.
    let resolved = Notice {
        kind: "resolved".to_owned(),
        ..hot()
    };
    while !heard.is_finished() {
        let done = tell(&broker, &contact, &hot(), now()).await;
        assert!(is_accepted(&done), "{done:?}");
    }
    let heard = heard.await.expect("a task").expect("an output");
    let heard: serde_json::Value = serde_json::from_slice(&heard.stdout).expect("JSON");
    assert_eq!(heard["event"], "alert.triggered");
    let state = retained(port).await;
    assert_eq!(state.len(), 1, "{state:?}");
    assert_eq!(state[0].0, "andon/plant-7/alerts/mill-1/hot");
    assert_eq!(state[0].1["alert"]["state"], "active");
    let mut over = resolved;
    over.alert.state = "resolved".to_owned();
    assert!(is_accepted(&tell(&broker, &contact, &over, now()).await));
    assert_eq!(retained(port).await[0].1["alert"]["state"], "resolved");
}

#[tokio::test]
async fn a_broker_that_was_restarted_is_told_again() {
    let mut mosquitto = Mosquitto::start("").await;
    let (broker, contact) = broker("mqtt://127.0.0.1", mosquitto.port, "");
    assert!(is_accepted(&tell(&broker, &contact, &hot(), now()).await));
    mosquitto.restart().await;
    let again = tokio::time::timeout(PATIENCE, async {
        loop {
            let done = tell(&broker, &contact, &hot(), now()).await;
            match done.outcome {
                Outcome::Accepted { .. } => return,
                Outcome::Unreachable { .. } | Outcome::Failed { .. } => {}
                other => panic!("{other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    again.await.expect("accepted again");
    assert_eq!(retained(mosquitto.port).await.len(), 1);
}

#[tokio::test]
async fn a_login_a_certificate_of_ours_and_an_authority_are_what_the_broker_wants() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path(), "plant");
    certificates(folder.path(), "other");
    password_file(&folder.path().join("passwords"), "andon", "geheim");
    let mosquitto = Mosquitto::start_in(
        folder,
        "cafile {dir}/plant-ca.pem\ncertfile {dir}/plant.pem\nkeyfile {dir}/plant.key\nrequire_certificate true\npassword_file {dir}/passwords",
    )
    .await;
    let at = |file: &str| mosquitto.path(file).display().to_string();
    let key = mosquitto.path("plant.key");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(key, private).expect("its mode");
    let ours = format!(
        "client_cert = \"{}\"\nclient_key = {{ file = \"{}\" }}",
        at("plant.pem"),
        at("plant.key")
    );
    let (plant, other) = (at("plant-ca.pem"), at("other-ca.pem"));
    let five = format!("{ours}\nversion = \"5\"");
    for (ca, password, more, part) in [
        (&plant, "geheim", ours.as_str(), None),
        (&plant, "geheim", &five, None),
        (&plant, "falsch", &five, Some("check user and password")),
        (&plant, "falsch", &ours, Some("check user and password")),
        (&other, "geheim", &ours, Some("nobody known has signed it")),
        (&plant, "geheim", "", Some("")),
    ] {
        let more = format!("ca = \"{ca}\"\nuser = \"andon\"\npassword = \"{password}\"\n{more}");
        let (broker, contact) = broker("mqtts://localhost", mosquitto.port, &more);
        let outcome = tell(&broker, &contact, &hot(), now()).await.outcome;
        match (part, &outcome) {
            (None, Outcome::Accepted { .. }) => {}
            (Some(part), Outcome::Unreachable { why }) => {
                assert!(why.contains(part) && !why.contains(password), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_broker_of_version_5_says_why_it_does_not_take_an_event() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("access"), "topic read #\n").expect("a file");
    let mosquitto = Mosquitto::start_in(folder, "acl_file {dir}/access").await;
    let (broker, contact) = broker("mqtt://127.0.0.1", mosquitto.port, "version = \"5\"");
    let outcome = tell(&broker, &contact, &hot(), now()).await.outcome;
    let Outcome::Failed { why, .. } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(why.contains("not authorized"), "{why}");
}

#[tokio::test]
async fn a_broker_that_nobody_allowed_is_not_dialled() {
    let broker = read("type = \"mqtt\"\nurl = \"mqtt://localhost\"").expect("a destination");
    let contact = Contact::new(&broker, None).expect("a contact");
    let outcome = tell(&broker, &contact, &hot(), now()).await.outcome;
    let Outcome::Unreachable { why } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(why.contains("allow_addresses = ["), "{why}");
}
