//! Topic templates at a real broker, in both versions: several subscriptions, what their places say, and filters that overlap.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use crate::support::{
    Agent, Broker, Publisher, Receiver, to,
    view::{machine, value},
    wait,
};

/// Every message of press-1 matches three filters, and gives each of two subscriptions its tags.
fn config(broker: &Broker, receiver: &Receiver, version: &str) -> String {
    format!(
        r#"
[[machine]]
id = "press-1"
class = "press"
labels = {{ hall = "configured" }}
[[machine]]
id = "mill-1"
class = "mill"
[[source.mqtt]]
name = "cell"
url = "mqtt://127.0.0.1:{}"
version = "{version}"
[[source.mqtt.subscribe]]
topic = "plant/{{hall}}/{{line}}/{{machine}}/state"
class = "press"
payload = "json"
stale_after = "1h"
tags = [{{ tag = "force", path = "/force" }}]
[[source.mqtt.subscribe]]
topic = "plant/h1/+/{{machine}}/#"
payload = "json"
stale_after = "1h"
tags = [{{ tag = "temp", path = "/temp" }}]
[[source.mqtt.subscribe]]
topic = "plant/h1/l1/mill-1/{{part}}"
machine = "mill-1"
payload = "json"
stale_after = "1h"
tags = [{{ tag = "load", path = "/load" }}]
[[source.mqtt.subscribe]]
topic = "plant/#"
machine = "mill-1"
payload = "json"
stale_after = "1h"
tags = [{{ tag = "of_any", path = "/nowhere" }}]
"#,
        broker.port()
    ) + &to(receiver)
}

#[test]
fn every_subscription_takes_its_tags_of_a_message_and_takes_them_once() {
    for version in ["3.1.1", "5"] {
        // As it is installed it holds back what is beyond 20 messages, until those are on disk.
        let (broker, receiver) = (Broker::start(), Receiver::start());
        let mut publisher = Publisher::start(broker.port());
        let agent = Agent::start(&config(&broker, &receiver, version), "");
        let mut say = |topic: &str, payload: Value| {
            publisher.publish(topic, &payload.to_string());
        };
        wait::until("the first message", || {
            say(
                "plant/h1/l1/press-1/state",
                json!({ "force": 0.5, "temp": 0.5 }),
            );
            say("plant/h1/l1/mill-1/spindle", json!({ "load": 0.5 }));
            let view = agent.status();
            let heard = ["press-1/force", "press-1/temp", "mill-1/load"];
            let heard = heard.iter().all(|tag| !value(&view, tag).is_empty());
            heard.then_some(())
        });
        let sheet = agent.path("samples.csv");
        let file = sheet.display().to_string();
        let mut recording = agent.begin("record", &["--to", &file, "--csv"]);
        let rows = || fs::read_to_string(&sheet).unwrap_or_default();
        wait::until("a recording", || {
            say("plant/h1/l1/press-1/state", json!({ "temp": -1 }));
            rows().contains("press-1,temp,-1,").then_some(())
        });
        for at in 1..=20 {
            say(
                "plant/h1/l1/press-1/state",
                json!({ "force": at, "temp": at }),
            );
            // No {machine} of a class that is asked for, but of the second subscription.
            say(
                "plant/h1/l2/mill-1/state",
                json!({ "temp": at, "force": at }),
            );
            say("plant/h1/l1/mill-1/spindle", json!({ "load": at }));
        }
        say("plant/h1/l1/mill-1/spindle", json!({ "load": 99 }));
        wait::until("the last sample", || {
            rows().contains("mill-1,load,99,").then_some(())
        });
        recording.kill().expect("it records");
        recording.wait().expect("it ends");
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let text = rows();
        for row in text.lines() {
            let cells: Vec<&str> = row.split(',').collect();
            if let Ok(1.0..=20.0) = cells[4].parse::<f64>() {
                *counts
                    .entry(format!("{}/{}", cells[2], cells[3]))
                    .or_default() += 1;
            }
        }
        let expected = [
            "mill-1/load",
            "mill-1/temp",
            "press-1/force",
            "press-1/temp",
        ];
        let expected = expected.map(|tag| (tag.to_owned(), 20));
        assert_eq!(counts, expected.into(), "{version}\n{text}");

        let view = agent.status();
        let labels = |id: &str| machine(&view, id)["labels"].clone();
        let press = json!({ "hall": "configured", "line": "l1" });
        assert_eq!(labels("press-1"), press, "what is configured wins");
        assert_eq!(labels("mill-1"), json!({ "part": "spindle" }));
    }
}

#[test]
fn a_place_that_says_different_things_of_one_machine_is_no_label_and_that_is_said_once() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let mut publisher = Publisher::start(broker.port());
    let agent = Agent::start(&config(&broker, &receiver, "5"), "");
    wait::until("the first message", || {
        publisher.publish("plant/h1/l1/mill-1/spindle", r#"{ "load": 1 }"#);
        (!value(&agent.status(), "mill-1/load").is_empty()).then_some(())
    });
    for part in ["door", "belt", "door"] {
        publisher.publish(&format!("plant/h1/l1/mill-1/{part}"), r#"{ "load": 2 }"#);
    }
    agent.shows("the value", |view| {
        value(view, "mill-1/load").starts_with('2')
    });
    let status = agent.status();
    assert!(
        status.to_string().contains(r#""part":"spindle""#),
        "{status}"
    );
    let log = agent.log();
    let told = log
        .lines()
        .filter(|line| line.contains("say different things"));
    assert_eq!(told.count(), 1, "{log}");
}
