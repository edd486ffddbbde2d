//! Whoever watches the watcher gets a signed sign of life that says what matters.

use crate::support::{Agent, Receiver, cold_device, mill, signatures, text, to, too_hot};

#[test]
fn the_heartbeat_is_signed_and_says_what_runs_and_what_waits() {
    let (mut device, receiver, beats) = (cold_device(), Receiver::closed(), Receiver::start());
    let heartbeat = format!(
        r#"
[heartbeat]
url = "http://127.0.0.1:{port}/alive"
allow_http = true
allow_addresses = ["127.0.0.1/32:{port}"]
every = "10s"
sign = {{ scheme = "standard-webhooks", secret = {{ file = "ops.key" }} }}
"#,
        port = beats.port()
    );
    let config = mill(&device) + &to(&receiver) + &heartbeat;
    let agent = Agent::start(&config, &too_hot(""));
    let first = beats.hears("agent.heartbeat /");
    let body = first.json();
    assert_eq!(first.path, "/alive");
    assert_eq!(first.id(), text(&body, "/id"));
    assert_eq!(body["tenant_id"], "plant-7");
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(body["config_hash"], agent.status()["config"]["hash"]);
    assert_eq!(body["undelivered"], 0);

    // Somebody crosses a limit, and nobody is there to hear of it: the next beat says so.
    device.holding(100, 973);
    agent.shows("an alert", |view| view["store"]["pending"] == 1);
    let second =
        crate::support::wait::until("a second heartbeat", || beats.all().into_iter().nth(1));
    let body = second.json();
    assert_eq!(body["undelivered"], 1);
    assert_eq!(body["open_alerts"], 1);
    assert_ne!(second.id(), first.id());
    signatures::verify(&beats.all());
}
