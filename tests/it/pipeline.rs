//! From a register or a topic to a person: the whole way, checked by implementations that share nothing with ours.

use serde_json::json;

use crate::support::{
    Agent, Broker, KEY, Receiver, cold_device, mill, publishers, signatures, text, to, too_hot,
    view,
};

const TRIGGERED: &str = "alert.triggered mill-1/spindle-overtemp";
const RESOLVED: &str = "alert.resolved mill-1/spindle-overtemp";

#[test]
fn a_register_above_its_limit_reaches_the_receiver_signed_and_so_does_the_end() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    agent.shows("20.0 °C", |view| {
        text(view, "/machines/0/tags/0/value").starts_with("20")
    });
    assert_eq!(receiver.stories(), [""; 0], "nothing is wrong yet");

    device.holding(100, 973);
    let triggered = receiver.hears(TRIGGERED);
    let body = triggered.json();
    assert_eq!(triggered.method, "POST");
    assert_eq!(triggered.path, "/andon?token=t0ken");
    assert_eq!(triggered.headers["content-type"], "application/json");
    assert_eq!(triggered.id(), text(&body, "/id"));
    let alert = json!({
        "machine_id": "mill-1", "machine_name": "CNC Mill #1", "rule_id": "spindle-overtemp",
        "severity": "critical", "state": "active", "metric_name": "spindle_temp", "metric_value": 97.3,
        "threshold_value": 95.0, "unit": "°C", "action": "Reduce feed.", "occurrences": 1, "ended_at": null,
    });
    for (key, expected) in alert.as_object().expect("an object") {
        assert_eq!(&body["alert"][key], expected, "alert.{key} of {body:#}");
    }
    assert_eq!(body["tenant_id"], "plant-7");
    assert_eq!(body["sequence"], 1);
    let sentence = text(&body, "/text");
    assert!(
        sentence.starts_with("[CRITICAL] Plant 7, CNC Mill #1: spindle 97.3 °C"),
        "{sentence}"
    );
    // The key as the documentation defines it, computed here on its own.
    let key = sha256("plant-7:spindle-overtemp:mill-1");
    assert_eq!(text(&body, "/dedup_key"), key);

    // Below the limit, but inside the deadband: not over yet.
    device.holding(100, 940);
    agent.shows("94.0 °C", |view| {
        text(view, "/machines/0/tags/0/value").starts_with("94")
    });
    assert_eq!(receiver.stories(), [TRIGGERED]);
    device.holding(100, 821);
    let resolved = receiver.hears(RESOLVED).json();
    assert_eq!(resolved["alert"]["id"], body["alert"]["id"]);
    assert_eq!(resolved["alert"]["state"], "resolved");
    assert_eq!(resolved["sequence"], 2);
    signatures::verify(&receiver.all());

    let alerts = agent.json("alerts", &["--all", "--json"]);
    let alerts = alerts.as_array().expect("a list");
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    assert_eq!(alerts[0]["id"], body["alert"]["id"]);
    assert_eq!(alerts[0]["state"], "resolved");
    for secret in [KEY, "t0ken"] {
        assert!(!agent.log().contains(secret), "a secret is in the log");
    }
}

#[test]
fn a_topic_above_its_limit_reaches_the_receiver_and_so_does_the_end() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let agent = Agent::start(&(publishers(&broker, 2) + &to(&receiver)), &too_hot(""));
    // What was published before the agent has subscribed for the first time is nobody's.
    heard(&agent, &broker, "m-2");
    broker.publish("plant/m-1/temp", "97.3");
    let triggered = receiver
        .hears("alert.triggered m-1/spindle-overtemp")
        .json();
    assert_eq!(triggered["alert"]["metric_value"], json!(97.3));
    broker.publish("plant/m-1/temp", "not a number");
    broker.publish("plant/nobody/temp", "99");
    broker.publish("plant/m-1/temp", "20");
    let resolved = receiver.hears("alert.resolved m-1/spindle-overtemp").json();
    assert_eq!(resolved["alert"]["id"], triggered["alert"]["id"]);
    signatures::verify(&receiver.all());
}

#[test]
fn an_acknowledgement_ends_the_escalation_and_is_told() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let policy = r#"
[[policy]]
id = "critical-3s"
name = "Critical, 3 s"
when = { severity = ["critical"] }
steps = [{ after = "3s", to = ["ops"] }]
"#;
    let config = mill(&device) + &to(&receiver) + policy;
    let agent = Agent::start(&config, &too_hot(""));
    device.holding(100, 973);
    let triggered = receiver.hears(TRIGGERED);
    let escalated = receiver.hears("alert.escalated mill-1/spindle-overtemp");
    let body = escalated.json();
    assert_eq!(body["escalation"]["policy_id"], "critical-3s");
    assert_eq!(body["escalation"]["step"], 1);
    let waited = escalated.at.duration_since(triggered.at).as_secs_f64();
    assert!(
        (2.0..10.0).contains(&waited),
        "the step came after {waited} s"
    );

    // A new alert, acknowledged in time.
    device.holding(100, 200);
    receiver.hears(RESOLVED);
    let number = text(&body, "/alert/number").to_owned();
    device.holding(100, 980);
    receiver.hears("alert.reopened mill-1/spindle-overtemp");
    let said = agent.verb("ack", &[&number, "--note", "on my way"]);
    assert!(said.status.success(), "{said:?}");
    let acknowledged = receiver
        .hears("alert.acknowledged mill-1/spindle-overtemp")
        .json();
    assert_eq!(acknowledged["by"]["note"], "on my way");
    assert_eq!(acknowledged["alert"]["state"], "acknowledged");
    let escalations = || {
        let stories = receiver.stories();
        let count = stories
            .iter()
            .filter(|story| story.contains("escalated"))
            .count();
        (count != 1).then(|| format!("{stories:?}"))
    };
    crate::support::wait::never(
        std::time::Duration::from_secs(5),
        "an acknowledged alert does not escalate",
        escalations,
    );
}

/// Waits until the agent hears this machine, which it can only after it has subscribed.
pub(crate) fn heard(agent: &Agent, broker: &Broker, machine: &str) {
    agent.shows("a first value", |view| {
        broker.publish(&format!("plant/{machine}/temp"), "20");
        view::machine(view, machine)["tags"][0]["value"].is_string()
    });
}

/// In hexadecimal digits.
pub(crate) fn sha256(text: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn samples_that_change_nothing_write_nothing_to_disk() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    let shows = |degrees: u16| {
        let wanted = format!("{degrees}");
        agent.shows("the value", |view| {
            text(view, "/machines/0/tags/0/value").starts_with(&wanted)
        });
    };
    shows(20);
    let files = || -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let entries = std::fs::read_dir(agent.data()).expect("the data");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut files: Vec<_> = paths
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), std::fs::read(path).expect("a file")))
            .collect();
        files.sort();
        files
    };
    let before = files();
    assert!(!before.is_empty());
    // Thirty changes of the value, each seen by the agent, none of them beyond a limit.
    for degrees in 30..60 {
        device.holding(100, degrees * 10);
        shows(degrees);
    }
    assert!(files() == before, "a sample was written to disk");
    device.holding(100, 973);
    receiver.hears(TRIGGERED);
    assert!(files() != before, "an alert was not written to disk");
}
