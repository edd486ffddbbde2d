//! After an outage a destination is told in one message what it missed, and nothing of it is lost, told in disorder or counted twice.

use std::{collections::BTreeMap, fs, time::Duration};

use serde_json::{Value, json};

use crate::{
    pipeline::heard,
    support::{
        Agent, Answer, Broker, Received, Receiver, destination, publishers, signatures, text,
        too_hot, wait,
    },
};

/// What is older than this is late.
const LATE_AFTER: Duration = Duration::from_secs(1);
/// A dead destination is probed at 1, 2, 4, .. seconds.
const NEXT_PROBE: Duration = Duration::from_secs(120);

/// Everything about hot spindles goes to `ops`, which wants digests; what is about the agent goes elsewhere.
fn plant(broker: &Broker, ops: &Receiver, rest: &Receiver) -> String {
    let digests = "late = \"digest\"\nlate_after = \"1s\"\ncatch_up_spread = \"0s\"";
    publishers(broker, 3)
        + &destination("ops", ops, digests)
        + &destination("rest", rest, "")
        + "\n[[route]]\nwhen = { rule = [\"spindle-overtemp\"] }\nto = [\"ops\"]\n\
           [[route]]\ndefault = true\nto = [\"rest\"]\n"
}

/// An outage in which `m-1` and `m-2` were too hot, and `m-3` still is: five events. None is critical, which would ring alone.
fn outage(broker: &Broker, ops: &Receiver, rest: &Receiver) -> Agent {
    let rules = too_hot("").replace("critical", "error");
    let agent = Agent::start(&plant(broker, ops, rest), &rules);
    heard(&agent, broker, "m-3");
    for (events, (machine, value)) in (1..).zip([
        ("m-1", "97.3"),
        ("m-2", "98.0"),
        ("m-1", "20"),
        ("m-3", "99.9"),
        ("m-2", "20"),
    ]) {
        broker.publish(&format!("plant/{machine}/temp"), value);
        agent.shows("one event more", |view| owed_to_ops(view) == Some(events));
    }
    // The last of them grows old enough.
    wait::pause(LATE_AFTER + Duration::from_millis(100));
    agent
}

fn owed_to_ops(view: &Value) -> Option<u64> {
    let destinations = view["destinations"].as_array()?;
    let ops = destinations.iter().find(|one| one["name"] == "ops")?;
    ops["pending"].as_u64()
}

fn is_digest(request: &Received) -> bool {
    request.json()["event"] == "andon.digest"
}

/// The digests that arrived, whatever they got.
fn digests(ops: &Receiver, count: usize) -> Vec<Received> {
    wait::within(NEXT_PROBE, "a digest", || {
        let mut all = ops.all();
        all.retain(is_digest);
        (all.len() >= count).then_some(all)
    })
}

/// The ids of the events of a digest, and what was said of each machine, in its order.
fn said(digest: &Received) -> (Vec<Value>, BTreeMap<String, Vec<String>>) {
    let body = digest.json();
    let (mut ids, mut said) = (Vec::new(), BTreeMap::new());
    for event in body["events"].as_array().expect("a list") {
        ids.push(event["id"].clone());
        let machine = text(event, "/alert/machine_id").to_owned();
        let story: &mut Vec<String> = said.entry(machine).or_default();
        story.push(text(event, "/event").to_owned());
    }
    ids.sort_unstable_by_key(Value::to_string);
    (ids, said)
}

fn adds_up(agent: &Agent, ops: &Receiver) {
    agent.shows("nothing that waits", |view| view["store"]["pending"] == 0);
    let report = agent.json("verify", &["--json"]);
    assert_eq!(report["problems"], json!([]), "{report:#}");
    let lines: Vec<String> = ops.all().into_iter().map(|one| one.body).collect();
    let file = agent.path("received.jsonl");
    fs::write(&file, lines.join("\n")).expect("a file");
    let file = file.display().to_string();
    let report = agent.json("verify", &["--received", &file, "--json"]);
    assert_eq!(report["fine"], true, "{report:#}");
    signatures::verify(&ops.all());
}

#[test]
fn what_an_outage_held_up_is_told_in_one_message_and_then_all_goes_on_as_before() {
    let (broker, mut ops, rest) = (Broker::start(), Receiver::closed(), Receiver::start());
    let agent = outage(&broker, &ops, &rest);
    ops.open();
    let digest = digests(&ops, 1).remove(0);
    let body = digest.json();
    assert_eq!(text(&body, "/id"), digest.id());
    let sentence = text(&body, "/text");
    let counted = "Plant 7: 5 events of 3 alerts, now 1 active, 2 resolved. [ERROR] Plant 7, m-3: spindle 99.9 °C";
    assert!(sentence.contains(counted), "{sentence}");
    let (_, stories) = said(&digest);
    let story = |machine: &str| stories[machine].iter().map(String::as_str);
    for machine in ["m-1", "m-2"] {
        assert!(story(machine).eq(["alert.triggered", "alert.resolved"]));
    }
    assert!(story("m-3").eq(["alert.triggered"]));

    broker.publish("plant/m-3/temp", "20");
    ops.hears("alert.resolved m-3/spindle-overtemp");
    broker.publish("plant/m-1/temp", "97.3");
    ops.hears("alert.reopened m-1/spindle-overtemp");
    adds_up(&agent, &ops);
    assert_eq!(ops.all().len(), 3, "{:?}", ops.stories());
    let outbox = agent.json("outbox", &["--state", "all", "--json"]);
    let told = outbox
        .to_string()
        .matches("in a digest of 5 events: HTTP 200")
        .count();
    assert_eq!(told, 5, "{outbox:#}");
}

#[test]
fn a_digest_whose_acceptance_a_kill_kept_from_the_record_is_repeated_as_it_was() {
    let (broker, mut ops, rest) = (Broker::start(), Receiver::closed(), Receiver::start());
    let mut agent = outage(&broker, &ops, &rest);
    ops.answer(Answer::Hang);
    ops.open();
    digests(&ops, 1);
    agent.kill();
    ops.answer(Answer::Accept);
    agent.run();
    let told = digests(&ops, 2);
    assert_eq!(told[0].id(), told[1].id());
    assert_eq!(said(&told[0]), said(&told[1]));
    broker.publish("plant/m-3/temp", "20");
    ops.hears("alert.resolved m-3/spindle-overtemp");
    adds_up(&agent, &ops);
}
