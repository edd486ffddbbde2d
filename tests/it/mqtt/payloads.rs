//! Every kind of payload from an independent publisher through a real broker into the agent, and what people see of it.

use serde_json::{Value, json};

use crate::support::{Agent, Broker, Publisher, Receiver, text, to};

/// Each subscription is about one machine, `m`, and stands in the order of [`SENT`].
const SOURCE: &str = r#"
[[machine]]
id = "m"
[[machine]]
id = "other"
[[source.mqtt]]
name = "cell"
max_packet = "8KiB"
URL
[[source.mqtt.subscribe]]
topic = "p/number"
machine = "m"
payload = "number"
stale_after = "1h"
tag = "number"
decimals = 2
[[source.mqtt.subscribe]]
topic = "p/phase"
machine = "m"
payload = "number"
stale_after = "1h"
tag = "phase"
values = { 1 = "heating", 2 = "holding" }
[[source.mqtt.subscribe]]
topic = "p/bool"
machine = "m"
payload = "bool"
stale_after = "1h"
tag = "door"
[[source.mqtt.subscribe]]
topic = "p/text"
machine = "m"
payload = "text"
stale_after = "1h"
tag = "mode"
values = { "RUN" = 1, "E STOP" = 2 }
[[source.mqtt.subscribe]]
topic = "p/json"
machine = "m"
payload = "json"
stale_after = "1h"
tags = [
  { tag = "nested", path = "/motor/0/load" },
  { tag = "word", path = "/state", values = { "ON" = 1, "OFF" = 0 } },
  { tag = "quoted", path = "/text", quoted = true },
  { tag = "unquoted", path = "/text" },
  { tag = "silent", path = "/nowhere" },
]
[[source.mqtt.subscribe]]
topic = "p/quality"
machine = "m"
payload = "json"
stale_after = "1h"
quality = { path = "/q" }
tags = [
  { tag = "good", path = "/a" },
  { tag = "ua", path = "/a", quality = { path = "/status", good = "opc_ua" } },
]
[[source.mqtt.subscribe]]
topic = "p/named"
machine = "m"
payload = "json"
stale_after = "1h"
each = "/values"
name = "/id"
value = "/v"
quality = { path = "/q" }
time = "/t"
tags = [{ tag = "spindle", name = "Channel1.Device1.Spindle" }, { tag = "coolant", name = "Channel1.Device1.Coolant" }]
[[source.mqtt.subscribe]]
topic = "p/series"
machine = "m"
payload = "json"
stale_after = "1h"
each = ""
time = "/ts"
tags = [{ tag = "last", path = "/values/temp" }]
[[source.mqtt.subscribe]]
topic = "p/senml"
machine = "m"
payload = "senml"
stale_after = "1h"
tags = [{ tag = "hum", name = "humidity" }]
[[source.mqtt.subscribe]]
topic = "p/any/{machine}"
payload = "json"
stale_after = "1h"
tags = [{ tag = "any", path = "/v" }]
"#;

/// A topic below `p`, a payload, and what `status` then shows of some tags.
type Sent = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const SENT: [Sent; 9] = [
    ("number", " 97.25\n", &[("number", "97.25")]),
    ("phase", "2", &[("phase", "holding (2)")]),
    ("bool", "on", &[("door", "true")]),
    ("text", "E STOP", &[("mode", "E STOP (2)")]),
    (
        "json",
        r#"{"state": "OFF", "text": "7.5", "motor": [{"load": 12.5}, {"load": 99}]}"#,
        &[
            ("nested", "12.5"),
            ("word", "OFF (0)"),
            ("quoted", "7.5"),
            ("unquoted", "answer not understood"),
            ("silent", ""),
        ],
    ),
    (
        "quality",
        r#"{"a": 4, "q": 192, "status": 2150891520}"#,
        &[("good", "4.0"), ("ua", "bad quality")],
    ),
    // The form of Kepware's IoT Gateway.
    (
        "named",
        r#"{"timestamp": 1775298605000, "values": [
            {"id": "Channel1.Device1.Spindle", "v": 1200, "q": true, "t": 1775298604900},
            {"id": "Channel1.Device1.Coolant", "v": 3, "q": false, "t": 1775298604900},
            {"id": "Channel1.Device1.Other", "v": 5, "q": true, "t": 1775298604900}]}"#,
        &[("spindle", "1200.0"), ("coolant", "bad quality")],
    ),
    (
        "series",
        r#"[{"ts": 1775298602000, "values": {"temp": 22}}, {"ts": 1775298601000, "values": {"temp": 21}}]"#,
        &[("last", "22.0")],
    ),
    (
        "senml",
        r#"[{"bn": "urn:dev:ow:10e2073a01080063:", "n": "voltage", "v": 3}, {"n": "humidity", "u": "%RH", "v": 67.5}]"#,
        &[("hum", "67.5")],
    ),
];

fn shown<'v>(view: &'v Value, tag: &str) -> &'v str {
    let tags = view["machines"][0]["tags"].as_array();
    let tag = tags.and_then(|tags| tags.iter().find(|of| of["tag"] == tag));
    let tag = tag.unwrap_or(&Value::Null);
    match &tag["bad"] {
        Value::Null => text(tag, "/value"),
        _ => text(tag, "/bad"),
    }
}

fn start() -> (Broker, Publisher, Agent, Receiver) {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let url = format!("url = \"mqtt://127.0.0.1:{}\"", broker.port());
    let config = SOURCE.replace("URL", &url) + &to(&receiver);
    let rule = r#"
[[rule]]
id = "stopped"
machine = "m"
tag = "mode"
equals = "E STOP"
severity = "critical"
message = "mode is {value}"
"#;
    let agent = Agent::start(&config, rule);
    let mut publisher = Publisher::start(broker.port());
    // Kept by the broker, it arrives as soon as the agent has subscribed to everything.
    publisher.order(&json!({ "topic": "p/any/other", "payload": "{\"v\": 1}", "retain": true }));
    agent.shows("what the broker had kept", |view| {
        text(view, "/machines/1/tags/0/value") == "1.0"
    });
    (broker, publisher, agent, receiver)
}

#[test]
fn every_kind_of_payload_is_read_as_another_client_sends_it() {
    let (_broker, mut publisher, agent, receiver) = start();
    for (topic, payload, _) in SENT {
        publisher.publish(&format!("p/{topic}"), payload);
    }
    for (topic, _, tags) in SENT {
        for (tag, expected) in tags {
            agent.shows(&format!("{tag} of p/{topic} as {expected:?}"), |view| {
                shown(view, tag) == *expected
            });
        }
    }
    // A rule names the state, and so does what people hear.
    let triggered = receiver.hears("alert.triggered m/stopped");
    let body = triggered.json();
    assert!(
        text(&body, "/alert/message").contains("mode is E STOP"),
        "{body}"
    );
}

#[test]
fn what_is_not_understood_is_bad_counted_and_told_and_ends_nothing() {
    let (_broker, mut publisher, agent, _receiver) = start();
    let strange = [
        json!({ "topic": "p/any/m", "payload": "{" }),
        json!({ "topic": "p/any/m", "hex": "ff00" }),
        json!({ "topic": "p/any/m", "payload": "" }),
        json!({ "topic": "p/any/m", "payload": "{\"v\": 1e999}" }),
        json!({ "topic": "p/any/m", "payload": "{\"v\": NaN}" }),
        json!({ "topic": "p/any/m", "payload": format!("{}{}", "[".repeat(4000), "]".repeat(4000)) }),
        json!({ "topic": "p/any/m", "payload": "{\"v\": 1}", "size": 9000 }),
        json!({ "topic": "p/any/m", "payload": "{\"v\": \"12\"}" }),
        json!({ "topic": "p/number", "payload": "inf" }),
        json!({ "topic": "p/text", "payload": "run" }),
        json!({ "topic": "p/senml", "payload": "{\"n\": 5}" }),
    ];
    for order in &strange {
        publisher.order(order);
    }
    // The last one that is fine says that all before it were taken.
    publisher.publish("p/phase", "1");
    let view = agent.shows("the last message", |view| !shown(view, "phase").is_empty());
    for (tag, why) in [
        ("any", "answer not understood"),
        ("number", "answer not understood"),
        ("mode", "unlisted text"),
    ] {
        assert_eq!(shown(&view, tag), why, "{tag}");
    }
    let source = &view["sources"][0];
    assert_eq!(source["counts"]["messages"], strange.len() + 2);
    // A record of SenML without a value is fine, and says nothing.
    assert_eq!(source["counts"]["malformed"], strange.len() - 1, "{source}");
    let trouble = &source["troubles"][0];
    assert!(text(trouble, "/last").starts_with("p/"), "{trouble}");
    let status = agent.verb("status", &[]);
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(
        said.contains("cell: 10 payloads not understood, the last "),
        "{said}"
    );
    publisher.publish("p/any/m", "{\"v\": 1}");
    agent.shows("a good value again", |view| shown(view, "any") == "1.0");
}
