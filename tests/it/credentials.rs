//! Who is told, and when, that a secret cannot be used or a certificate ends.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command, time::Duration};

use crate::support::{
    Agent, Broker, Received, Receiver, cold_device, destination, mill, text, to, too_hot, wait,
};

/// The first event of this kind about this rule.
fn about(receiver: &Receiver, kind: &str, rule: &str) -> Received {
    let limit = Duration::from_secs(90);
    wait::within(limit, &format!("{kind} of {rule}"), || {
        receiver.accepted().into_iter().find(|request| {
            let body = request.json();
            text(&body, "/event") == kind && text(&body, "/alert/rule_id") == rule
        })
    })
}

fn openssl(folder: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("openssl");
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn a_missing_secret_is_told_at_the_start_and_its_end_when_it_is_there() {
    let (device, receiver, other) = (cold_device(), Receiver::start(), Receiver::start());
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("other.key");
    let broken = destination("other", &other, "").replace("ops.key", &key.display().to_string());
    let mut agent = Agent::start(&(mill(&device) + &broken + &to(&receiver)), &too_hot(""));
    let told = about(&receiver, "alert.triggered", "andon.secret").json();
    let sentence = text(&told, "/text");
    assert!(
        sentence.contains("destination other is off") && sentence.contains("other.key"),
        "{sentence}"
    );
    fs::write(&key, crate::support::KEY).expect("the key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("its mode");
    about(&receiver, "alert.resolved", "andon.secret");
    assert!(agent.is_running());
}

#[test]
fn the_end_of_our_certificate_is_told_and_survives_a_restart_until_it_is_renewed() {
    let (device, receiver) = (cold_device(), Receiver::start());
    let folder = tempfile::tempdir().expect("a folder");
    let renew = |days: &str| {
        openssl(
            folder.path(),
            &format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout andon.key -out andon.pem -subj /CN=andon -days {days}"
            ),
        );
    };
    renew("5");
    let at = folder.path().display();
    let vault = format!(
        "\n[[destination]]\nname = \"vault\"\ntype = \"webhook\"\nurl = \"https://vault.example.com/\"\nclient_cert = \"{at}/andon.pem\"\nclient_key = {{ file = \"{at}/andon.key\" }}\n"
    );
    let mut agent = Agent::start(&(mill(&device) + &vault + &to(&receiver)), &too_hot(""));
    let told = about(&receiver, "alert.triggered", "andon.certificate").json();
    assert_eq!(text(&told, "/alert/severity"), "warning");
    let sentence = text(&told, "/text");
    assert!(
        sentence.contains("our certificate for destination vault") && sentence.contains("CN=andon"),
        "{sentence}"
    );
    agent.stop();
    renew("100");
    agent.run();
    about(&receiver, "alert.resolved", "andon.certificate");
}

/// Makes an authority, `ca.pem`.
fn authority(folder: &Path) {
    openssl(
        folder,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=Plant -days 300",
    );
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").expect("a file");
}

/// Makes `broker.pem` and `broker.key` for `localhost`, signed by the authority.
fn issue(folder: &Path, days: u32) {
    openssl(
        folder,
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout broker.key -out broker.csr -subj /CN=cell-broker",
    );
    openssl(
        folder,
        &format!(
            "x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -extfile names -out broker.pem"
        ),
    );
}

#[test]
fn the_end_of_a_brokers_certificate_is_told_and_that_it_was_renewed() {
    let (device, receiver) = (cold_device(), Receiver::start());
    let folder = tempfile::tempdir().expect("a folder");
    authority(folder.path());
    issue(folder.path(), 5);
    let mut broker = Broker::start_tls(folder.path());
    let source = format!(
        "\n[[machine]]\nid = \"m-1\"\n[[source.mqtt]]\nname = \"cell-broker\"\nurl = \"mqtts://localhost:{}\"\nca = \"{}/ca.pem\"\nsubscribe = [{{ topic = \"m-1/temp\", machine = \"m-1\", payload = \"number\", stale_after = \"1h\", tag = \"temp\" }}]\n",
        broker.port(),
        folder.path().display()
    );
    let _agent = Agent::start(&(mill(&device) + &source + &to(&receiver)), &too_hot(""));
    let told = about(&receiver, "alert.triggered", "andon.certificate").json();
    assert_eq!(text(&told, "/alert/severity"), "warning");
    let sentence = text(&told, "/text");
    assert!(
        sentence.contains("the certificate that source cell-broker shows")
            && sentence.contains("CN=cell-broker"),
        "{sentence}"
    );
    broker.stop();
    issue(folder.path(), 100);
    broker.resume();
    let told = about(&receiver, "alert.resolved", "andon.certificate").json();
    let subject = text(&told, "/alert/labels/subject");
    assert_eq!(subject, "source.cell-broker.peer", "{told:#}");
}
