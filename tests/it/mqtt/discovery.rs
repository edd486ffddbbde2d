//! Machines that nobody configured: heard by the real agent at a real broker, kept over a kill, as many as are allowed, and forgotten.

use serde_json::{Value, json};

use crate::support::{Agent, Broker, Publisher, Receiver, text, to, view::machine, wait};

const RULES: &str = r#"
[[rule]]
id = "overforce"
machine_class = "press"
tag = "force"
above = 50
off_delay = "0s"
severity = "critical"
message = "force {value}, limit {limit}"
"#;

/// Presses, at most so many of which are discovered, and what else is configured.
fn config(broker: &Broker, receiver: &Receiver, most: usize, more: &str) -> String {
    format!(
        r#"
{more}
[[source.mqtt]]
name = "cell"
url = "mqtt://127.0.0.1:{}"
max_machines = {most}
[[source.mqtt.subscribe]]
topic = "plant/{{line}}/{{machine}}/state"
class = "press"
discover = true
payload = "json"
stale_after = "1h"
tags = [{{ tag = "force", path = "/force", unit = "kN" }}]
"#,
        broker.port()
    ) + &to(receiver)
}

fn state(machine: &str, force: u32) -> (String, String) {
    let topic = format!("plant/l1/{machine}/state");
    (topic, json!({ "force": force }).to_string())
}

fn ids(view: &Value) -> Vec<&str> {
    let machines = view["machines"].as_array().into_iter().flatten();
    machines.map(|machine| text(machine, "/id")).collect()
}

/// Publishes until this machine has a value: what comes before a subscription is nobody's.
fn is_heard(agent: &Agent, publisher: &mut Publisher, name: &str, force: u32) {
    let (topic, payload) = state(name, force);
    wait::until(&format!("{name} at {force}"), || {
        publisher.publish(&topic, &payload);
        let view = agent.status();
        let value = text(machine(&view, &name.to_lowercase()), "/tags/0/value");
        value.starts_with(&force.to_string()).then_some(())
    });
}

/// How many events of this story there are.
fn stories(receiver: &Receiver, story: &str) -> usize {
    receiver.told().iter().filter(|told| *told == story).count()
}

#[test]
fn a_machine_that_nobody_configured_alerts_and_is_remembered_over_a_kill() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let mut publisher = Publisher::start(broker.port());
    let mut agent = Agent::start(&config(&broker, &receiver, 10, ""), RULES);
    is_heard(&agent, &mut publisher, "other", 1);
    // Its first message is too strong, and is not said twice.
    let (topic, payload) = state("Press-1", 60);
    publisher.publish(&topic, &payload);
    let heard = receiver.hears("alert.triggered press-1/overforce").json();
    assert_eq!(heard["alert"]["machine_name"], "Press-1");
    assert_eq!(heard["alert"]["labels"], json!({ "line": "l1" }));
    // What it was told by was acknowledged only with the machine on disk.
    agent.kill();
    agent.run();
    let view = agent.status();
    let mut known = ids(&view);
    known.sort_unstable();
    assert_eq!(known, ["other", "press-1"]);
    let press = machine(&view, "press-1");
    assert_eq!(press["discovered"]["source"], "cell");
    assert_eq!(press["labels"], json!({ "line": "l1" }));
    let (topic, payload) = state("Press-1", 1);
    publisher.publish(&topic, &payload);
    receiver.hears("alert.resolved press-1/overforce");
    assert_eq!(stories(&receiver, "alert.triggered press-1/overforce"), 1);
    // A reload tells it anew, which changes nothing.
    assert!(agent.verb("reload", &[]).status.success());
    is_heard(&agent, &mut publisher, "Press-1", 2);
    assert_eq!(ids(&agent.status()).len(), 2);
}

#[test]
fn beyond_the_limit_machines_are_counted_and_told_once_and_one_that_is_forgotten_makes_room() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let mut publisher = Publisher::start(broker.port());
    let agent = Agent::start(&config(&broker, &receiver, 2, ""), RULES);
    for name in ["press-1", "press-2"] {
        is_heard(&agent, &mut publisher, name, 1);
    }
    let unknown = |view: &Value| view["sources"][0]["counts"]["unknown_machine"].as_u64();
    for round in 1..=3 {
        for name in ["press-3", "press-4", "__"] {
            let (topic, payload) = state(name, 60);
            publisher.publish(&topic, &payload);
        }
        agent.shows("those that are not watched", |view| {
            unknown(view) == Some(3 * round)
        });
    }
    receiver.hears("alert.triggered andon/andon.source");
    assert_eq!(ids(&agent.status()).len(), 2);
    assert_eq!(stories(&receiver, "alert.triggered press-3/overforce"), 0);
    let log = agent.log();
    let lines = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    assert_eq!(lines("a machine is heard and not watched"), 2, "{log}");
    assert_eq!(lines("a machine cannot be discovered"), 1, "{log}");
    assert!(log.contains("max_machines = 2"), "{log}");

    let said = agent.verb("machines", &["forget", "press-2"]);
    assert!(said.status.success(), "{said:?}");
    receiver.hears("alert.resolved andon/andon.source");
    is_heard(&agent, &mut publisher, "press-3", 1);
    assert_eq!(ids(&agent.status()), ["press-1", "press-3"]);
    assert_eq!(stories(&receiver, "alert.triggered andon/andon.source"), 1);
}

#[test]
fn a_forgotten_machine_ends_its_alerts_and_comes_anew_when_it_speaks() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let mut publisher = Publisher::start(broker.port());
    let mut agent = Agent::start(&config(&broker, &receiver, 10, ""), RULES);
    is_heard(&agent, &mut publisher, "press-1", 60);
    let first = receiver.hears("alert.triggered press-1/overforce").json();
    let listed = agent.json("machines", &["--json"]);
    let since = text(&listed, "/0/discovered/since").to_owned();
    assert_eq!(text(&listed, "/0/class"), "press");

    let said = agent.verb("machines", &["forget", "press-1", "--by", "Maria"]);
    let lines = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(lines.contains("closed"), "{said:?}");
    let closed = receiver.hears("alert.closed press-1/overforce").json();
    assert_eq!(closed["by"]["name"], "Maria");
    assert_eq!(agent.status()["machines"], json!([]));
    let table = agent.verb("machines", &[]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("no machine"));
    let again = agent.verb("machines", &["forget", "press-1"]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    agent.kill();
    agent.run();
    assert_eq!(agent.status()["machines"], json!([]), "also after a kill");

    is_heard(&agent, &mut publisher, "press-1", 61);
    let (number, later) = (
        "/alert/number",
        wait::until("another alert", || {
            let all = receiver.accepted();
            let of = all.iter().map(|of| of.json());
            let mut of = of.filter(|of| of["event"] == "alert.triggered");
            of.find(|of| of["alert"]["number"] != first["alert"]["number"])
        }),
    );
    assert_ne!(text(&later, number), text(&first, number));
    assert_ne!(
        text(&agent.json("machines", &["--json"]), "/0/discovered/since"),
        since
    );
}

#[test]
fn a_discovered_machine_that_is_configured_later_goes_on_and_cannot_be_forgotten() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let mut publisher = Publisher::start(broker.port());
    let agent = Agent::start(&config(&broker, &receiver, 10, ""), RULES);
    is_heard(&agent, &mut publisher, "press-1", 60);
    receiver.hears("alert.triggered press-1/overforce");
    let more = "[[machine]]\nid = \"press-1\"\nname = \"The big press\"\nclass = \"press\"\n";
    agent.configure(&config(&broker, &receiver, 10, more));
    assert!(agent.verb("reload", &[]).status.success());
    let view = agent.shows("its name", |view| {
        text(view, "/machines/0/name") == "The big press"
    });
    assert_eq!(view["machines"][0]["discovered"], Value::Null);
    let refused = agent.verb("machines", &["forget", "press-1"]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(why.contains("is configured"), "{why}");
    let (topic, payload) = state("press-1", 1);
    publisher.publish(&topic, &payload);
    receiver.hears("alert.resolved press-1/overforce");
    assert_eq!(stories(&receiver, "alert.closed press-1/overforce"), 0);
    assert_eq!(ids(&agent.status()), ["press-1"]);
}

#[test]
fn discovered_machines_are_blind_while_the_broker_is_away() {
    let (mut broker, receiver) = (Broker::start(), Receiver::start());
    let mut publisher = Publisher::start(broker.port());
    let agent = Agent::start(&config(&broker, &receiver, 10, ""), RULES);
    is_heard(&agent, &mut publisher, "press-1", 1);
    broker.stop();
    let reason = |view: &Value| text(view, "/machines/0/tags/0/reason").to_owned();
    agent.shows("that it is blind", |view| reason(view) == "unreachable");
    broker.resume();
    let mut publisher = Publisher::start(broker.port());
    is_heard(&agent, &mut publisher, "press-1", 2);
}
