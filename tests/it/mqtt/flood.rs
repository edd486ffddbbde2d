//! More messages than the agent can decide on: what waits, what is lost, how that is seen, and what it costs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Agent, Broker, Publisher, Receiver, destination, long, to, view::value, wait,
};

/// A source with these subscriptions, for machines that are named here.
fn source(broker: &Broker, machines: &[&str], subscriptions: &str) -> String {
    let machine = |id: &&str| format!("[[machine]]\nid = \"{id}\"\nclass = \"any\"\n");
    let machines: String = machines.iter().map(machine).collect();
    let port = broker.port();
    format!(
        "{machines}[[source.mqtt]]\nname = \"cell\"\nurl = \"mqtt://127.0.0.1:{port}\"\n{subscriptions}"
    )
}

/// A topic with the number that is the value of a machine.
fn number(topic: &str, machine: &str) -> String {
    format!(
        "[[source.mqtt.subscribe]]\ntopic = \"{topic}\"\nmachine = \"{machine}\"\npayload = \"number\"\n\
         stale_after = \"1h\"\ntag = \"value\"\ndecimals = 0\n"
    )
}

/// Every change of the side is a decision that is written to disk.
const FLIPS: &str = r#"
[[rule]]
id = "flips"
machine = "m"
tag = "value"
above = 0.5
deadband = 0.1
off_delay = "0s"
severity = "info"
"#;

/// What flips is decided and told to nobody.
fn but_flips(receiver: &Receiver) -> String {
    let routes = "[[route]]\nwhen = { rule = [\"flips\"] }\nto = []\n[[route]]\ndefault = true\nto = [\"ops\"]\n";
    destination("ops", receiver, "") + routes
}

fn count(view: &Value, what: &str) -> u64 {
    view["sources"][0]["counts"][what].as_u64().unwrap_or(0)
}

/// What the agent had resident at most.
const MOST: &str = "VmHWM";

/// Since it had this much in memory at most, it may have cost the agent so many MiB.
fn costs_less_than(agent: &Agent, before: u64, most: u64) {
    let now = agent.memory(MOST);
    assert!(now < before + most * 1024, "{before} KiB before, {now} KiB");
}

#[test]
fn a_flood_at_qos_0_is_dropped_counted_alerted_on_and_costs_no_memory() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let flood = r#"
max_packet = "256KiB"
[[source.mqtt.subscribe]]
topic = "flood"
machine = "m"
qos = 0
payload = "json"
stale_after = "1h"
each = ""
tags = [{ tag = "value", path = "/v" }]
"#;
    let subscriptions = flood.to_owned() + &number("owed", "other");
    let config = source(&broker, &["m", "other"], &subscriptions) + &but_flips(&receiver);
    let agent = Agent::start(&config, FLIPS);
    let mut owed = Publisher::start(broker.port());
    owed.order(&json!({ "topic": "owed", "payload": "-1", "retain": true }));
    agent.shows("the subscription", |view| {
        value(view, "other/value") == "-1"
    });
    let before = agent.memory(MOST);

    // 100 MB. Each message flips the rule 300 times, which costs more than to read it.
    let payload = format!("[{}]", vec![r#"{"v":0},{"v":1}"#; 150].join(","));
    let mut flood = Publisher::start(broker.port());
    flood.begin(
        &json!({ "topic": "flood", "payload": payload, "size": 200_000, "qos": 0, "times": 500 }),
    );
    owed.order(&json!({ "topic": "owed", "payload": "%d", "times": 100 }));
    flood.is_done();

    receiver.hears("alert.triggered andon/andon.source");
    // What is owed beside it is not lost, and the connection is kept.
    let view = agent.shows("everything that is owed", |view| {
        value(view, "other/value") == "99"
    });
    assert!(count(&view, "dropped") > 0, "{view}");
    assert_eq!(count(&view, "disconnects"), 0, "{view}");
    let status = agent.verb("status", &[]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    for part in [" messages at QoS 0 dropped, the last ", " ago: flood"] {
        assert!(said.contains(part), "{said}");
    }
    // Most of it is the events of one commit.
    costs_less_than(&agent, before, 64);
    assert_eq!(receiver.told(), ["alert.triggered andon/andon.source"]);
    if long() {
        // A minute after the last drop, by itself.
        let limit = Duration::from_secs(180);
        receiver.hears_within(limit, "alert.resolved andon/andon.source");
    }
}

/// How often the value goes over the limit and back.
const PAIRS: u64 = 1500;

#[test]
fn a_flood_at_qos_1_waits_at_the_broker_and_nothing_of_it_is_lost() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let config = source(&broker, &["m"], &number("flood", "m")) + &but_flips(&receiver);
    let mut agent = Agent::start(&config, FLIPS);
    let mut publisher = Publisher::start(broker.port());
    publisher.order(&json!({ "topic": "flood", "payload": "0", "retain": true }));
    agent.shows("the subscription", |view| value(view, "m/value") == "0");
    let before = agent.memory(MOST);
    // 60 MB, more than goes on before the agent is there again, and far more than mosquitto keeps by default.
    agent.stop();
    let flood =
        json!({ "topic": "flood", "payload": ["1", "0"], "size": 20_000, "times": 2 * PAIRS });
    publisher.order(&flood);
    agent.run();
    // And the retained one at its start.
    let all = 2 * PAIRS + 1;
    let view = agent.shows("all messages", |view| count(view, "messages") >= all);
    assert_eq!(count(&view, "messages"), all, "{view}");
    assert_eq!(count(&view, "dropped"), 0, "{view}");
    // Each time that the value came over the limit is an occurrence of the one alert.
    let story = wait::until("every occurrence", || {
        let story = agent.json("alerts", &["show", "A-1", "--json"]);
        (story["alert"]["ended"].is_string() && story["alert"]["occurrences"] == PAIRS)
            .then_some(story)
    });
    let events = story["events"].as_array().expect("events");
    assert_eq!(events.len(), 200, "the last of {}", 2 * PAIRS);
    assert_eq!(events[199]["kind"], "resolved");
    costs_less_than(&agent, before, 32);
}

/// How mosquitto tells what it has dropped, of all its clients.
const DROPS: &str = r#"
[[source.mqtt.subscribe]]
topic = "$SYS/broker/publish/messages/dropped"
machine = "broker"
payload = "number"
stale_after = "1h"
tag = "dropped"
decimals = 0
[[source.mqtt.subscribe]]
topic = "$SYS/broker/load/publish/dropped/15min"
machine = "broker"
payload = "number"
stale_after = "1h"
tag = "drop_rate"
unit = "1/min"
"#;

const BROKER_DROPS: &str = r#"
[[rule]]
id = "broker-drops"
machine = "broker"
tag = "drop_rate"
above = 0
unit = "1/min"
severity = "error"
message = "the broker drops what waits for somebody"
action = "Set max_queued_messages 0 in mosquitto.conf."
"#;

#[test]
fn what_mosquitto_drops_with_its_own_limits_is_seen_where_it_says_so() {
    let broker = Broker::start_as("persistence false\nsys_interval 1\n");
    let receiver = Receiver::start();
    let subscriptions = number("numbered", "m") + DROPS;
    let config = source(&broker, &["m", "broker"], &subscriptions) + &to(&receiver);
    let mut agent = Agent::start(&config, BROKER_DROPS);
    let mut publisher = Publisher::start(broker.port());
    agent.shows("the subscriptions", |view| {
        value(view, "broker/dropped") == "0"
    });
    agent.stop();
    // The broker acknowledges all of them to their sender, and keeps the oldest.
    publisher.order(&json!({ "topic": "numbered", "payload": "%d", "times": 1500 }));
    agent.run();
    receiver.hears("alert.triggered broker/broker-drops");
    let view = agent.shows(
        "the last that the broker kept, and what it dropped",
        |view| {
            let dropped: Option<u64> = value(view, "broker/dropped").parse().ok();
            let last: Option<u64> = value(view, "m/value").parse().ok();
            dropped
                .zip(last)
                .is_some_and(|(dropped, last)| dropped > 0 && last + dropped == 1499)
        },
    );
    let dropped: u64 = value(&view, "broker/dropped").parse().expect("a number");
    assert!((400..=500).contains(&dropped), "{dropped} are lost");
}

/// Machines, and topics of each.
const MACHINES: usize = 1000;
const TOPICS: usize = 10;

#[test]
fn ten_thousand_topics_are_watched_and_each_of_them_is_heard() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let machines: Vec<String> = (0..MACHINES).map(|at| format!("m{at}")).collect();
    let machines: Vec<&str> = machines.iter().map(String::as_str).collect();
    let (mut subscriptions, mut rules) = (String::new(), String::new());
    for topic in 0..TOPICS {
        subscriptions += &format!(
            "[[source.mqtt.subscribe]]\ntopic = \"plant/{{machine}}/v{topic}\"\npayload = \"number\"\n\
             stale_after = \"1h\"\ntag = \"v{topic}\"\ndecimals = 0\n"
        );
        rules += &format!(
            "[[rule]]\nid = \"high-{topic}\"\nmachine_class = \"any\"\ntag = \"v{topic}\"\nabove = 20000\n\
             off_delay = \"0s\"\nseverity = \"critical\"\n"
        );
    }
    let config = source(&broker, &machines, &subscriptions) + &to(&receiver);
    let agent = Agent::start(&config, &rules);
    let log = agent.log();
    assert!(log.contains(" watches=10000 not_watching=0 "), "{log}");
    let before = agent.memory(MOST);
    let mut publisher = Publisher::start(broker.port());
    publisher.order(&json!({ "topic": "plant/m0/v9", "payload": "-1", "retain": true }));
    agent.shows("the subscriptions", |view| value(view, "m0/v9") == "-1");
    let mut each = |value: &str| {
        for topic in 0..TOPICS {
            let topic = format!("plant/m%d/v{topic}");
            publisher.order(&json!({ "topic": topic, "payload": value, "times": MACHINES }));
        }
    };
    each("%d");
    // They come one after the other.
    let view = agent.shows("the last message", |view| value(view, "m999/v9") == "999");
    assert_eq!(count(&view, "messages"), 10_001);
    for (at, machine) in machines.iter().enumerate() {
        for topic in 0..TOPICS {
            assert_eq!(value(&view, &format!("{machine}/v{topic}")), at.to_string());
        }
    }
    each("%d");
    publisher.order(&json!({ "topic": "plant/m999/v9", "payload": "20001" }));
    receiver.hears("alert.triggered m999/high-9");
    costs_less_than(&agent, before, 32);
}
