//! The record proves itself, and somebody who shares no code with it comes to the same figures.

use std::{fs, process::Command};

use serde_json::Value;

use crate::support::{
    Agent, Answer, Device, Receiver, cold_device, destination, mill, python, text, too_hot, wait,
};

const TRIGGERED: &str = "alert.triggered mill-1/spindle-overtemp";
const RESOLVED: &str = "alert.resolved mill-1/spindle-overtemp";

fn plant(device: &Device, ops: &Receiver, few: &Receiver) -> String {
    // It takes only some kinds of events: nobody owes it the others.
    let some = "events = [\"triggered\", \"reopened\", \"resolved\"]";
    mill(device)
        + &destination("ops", ops, "")
        + &destination("few", few, some)
        + "\n[[route]]\ndefault = true\nto = [\"ops\", \"few\"]\n"
}

fn by_python(agent: &Agent) -> Value {
    let mut command = python::script("record.py");
    let output = command.arg("check").arg(agent.data().join("andon.db"));
    let output = output.output().expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn tamper(agent: &Agent, sql: &str) {
    let mut command: Command = python::script("record.py");
    let command = command.arg("tamper").arg(agent.data().join("andon.db"));
    assert!(command.arg(sql).status().expect("python runs").success());
}

/// Waits until nothing is owed any more.
fn settled(agent: &Agent) {
    agent.shows("nothing that waits", |view| view["store"]["pending"] == 0);
}

#[test]
fn the_balance_is_what_a_stranger_computes_and_a_changed_record_is_found() {
    let (mut device, ops, few) = (cold_device(), Receiver::start(), Receiver::start());
    // Two attempts fail after they were heard, so they are repeats.
    few.answer_each(|n| match n {
        0 | 1 => Answer::Status(503),
        _ => Answer::Accept,
    });
    let mut agent = Agent::start(&plant(&device, &ops, &few), &too_hot(""));
    device.holding(100, 973);
    let number = text(&ops.hears(TRIGGERED).json(), "/alert/number").to_owned();
    assert!(
        agent
            .verb("ack", &[&number, "--note", "on my way"])
            .status
            .success()
    );
    few.hears(TRIGGERED);
    device.holding(100, 821);
    ops.hears(RESOLVED);
    few.hears(RESOLVED);
    settled(&agent);

    let report = agent.json("verify", &["--json"]);
    assert_eq!(report["problems"], serde_json::json!([]), "{report:#}");
    assert_eq!(report["fine"], true);
    let said = agent.verb("verify", &[]);
    assert!(said.status.success());
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("3 accepted by ops (HTTP 200)"), "{said}");
    assert!(said.contains("Everything adds up."), "{said}");
    let story = agent.verb("alerts", &["show", &number]);
    let story = String::from_utf8_lossy(&story.stdout).into_owned();
    assert!(story.contains("accepted by few (HTTP 200)"), "{story}");
    let csv = agent.verb("verify", &["--csv", "--since", "7d"]);
    assert!(
        String::from_utf8_lossy(&csv.stdout).contains("\nfew,2,2,"),
        "{csv:?}"
    );

    // What the receivers stored says the same.
    for (receiver, received) in [(&ops, 3), (&few, 2)] {
        let lines: Vec<String> = receiver.all().into_iter().map(|one| one.body).collect();
        let file = agent.path("received.jsonl");
        fs::write(&file, lines.join("\n")).expect("a file");
        let file = file.display().to_string();
        let report = agent.json("verify", &["--received", &file, "--json"]);
        assert_eq!(
            (&report["fine"], &report["streams"][0]["received"]),
            (&true.into(), &received.into())
        );
    }

    assert!(agent.stop().success());
    let stranger = by_python(&agent);
    assert_eq!(stranger["intact"], true, "{stranger:#}");
    assert_eq!(stranger["head"], report["chain"]["head"]);
    assert_eq!(stranger["events"], report["events"]);
    for one in report["destinations"].as_array().expect("a list") {
        let name = text(one, "/name");
        for (figure, expected) in stranger["destinations"][name].as_object().expect("figures") {
            assert_eq!(&one[figure], expected, "{figure} of {name}");
        }
    }
    assert_eq!(stranger["destinations"]["few"]["repeats"], 2);

    let hash = text(&report, "/chain/head/hash");
    let head = format!("{hash}@{}", report["chain"]["head"]["seq"]);
    tamper(
        &agent,
        "UPDATE events SET body = replace(body, 'mill', 'mall') WHERE seq = 1",
    );
    assert_eq!(by_python(&agent)["wrong"], serde_json::json!([1]));
    agent.run();
    let found = agent.verb("verify", &["--head", &head]);
    assert_eq!(found.status.code(), Some(1));
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(
        found.contains("chain: event 1 is not what was written"),
        "{found}"
    );
}

#[test]
fn the_heartbeat_carries_the_head_that_finds_a_record_that_was_cut() {
    let (mut device, ops, few, beats) = (
        cold_device(),
        Receiver::start(),
        Receiver::start(),
        Receiver::start(),
    );
    let port = beats.port();
    let heartbeat = format!(
        "\n[heartbeat]\nurl = \"http://127.0.0.1:{port}/alive\"\nallow_http = true\nallow_addresses = [\"127.0.0.1/32:{port}\"]\nevery = \"10s\"\n"
    );
    let mut agent = Agent::start(&(plant(&device, &ops, &few) + &heartbeat), &too_hot(""));
    device.holding(100, 973);
    ops.hears(TRIGGERED);
    few.hears(TRIGGERED);
    settled(&agent);
    let record = wait::until("a heartbeat with an event", || {
        let beats = beats
            .all()
            .into_iter()
            .map(|beat| beat.json()["record"].clone());
        beats.into_iter().find(|record| record["sequence"] == 1)
    });
    let head = format!("{}@{}", text(&record, "/hash"), record["sequence"]);
    let fine = agent.json("verify", &["--json", "--head", &head]);
    assert_eq!(fine["chain"]["known_head_holds"], true, "{fine:#}");
    assert_eq!(fine["stream"], record["stream"]);

    assert!(agent.stop().success());
    // Everything as if it had never happened.
    tamper(
        &agent,
        "DELETE FROM events; DELETE FROM deliveries; DELETE FROM now WHERE key != 'mark' AND key != 'core'",
    );
    agent.run();
    let alone = agent.json("verify", &["--json"]);
    assert_eq!(alone["chain"]["intact"], true, "by itself it looks whole");
    let found = agent.json("verify", &["--json", "--head", &head]);
    assert_eq!(found["fine"], false, "{found:#}");
}
