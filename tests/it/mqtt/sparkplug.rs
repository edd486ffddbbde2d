//! Sparkplug B: payloads and nodes of Eclipse Tahu, a real broker, and the agent between them.

use serde_json::{Value, json};

use crate::support::{
    Agent, Broker, EdgeNode, Receiver, javascript, python, text, to, view::tag, wait,
};

fn shows(agent: &Agent, name: &str, value: &str) -> Value {
    agent.shows(&format!("{name} at {value}"), |view| {
        let tag = tag(view, name);
        tag["bad"].is_null() && text(tag, "/value") == value
    })
}

fn is_bad(agent: &Agent, name: &str, reason: &str) -> Value {
    agent.shows(&format!("{name} bad as {reason}"), |view| {
        text(tag(view, name), "/reason") == reason
    })
}

/// The press behind `gw-7`, and `gw-7` itself.
fn press(broker: &Broker) -> String {
    format!(
        r#"
[[machine]]
id = "press"
class = "press"
[[machine]]
id = "gw-7"

[[source.mqtt]]
name = "cell"
url = "mqtt://127.0.0.1:{}"
sparkplug = {{ reorder_timeout = "500ms" }}
subscribe = [
  {{ topic = "spBv1.0/hall/+/gw-7/{{machine}}", payload = "sparkplug_b", class = "press", tags = [
    {{ tag = "temp", metric = "Spindle/Temperature", unit = "°C", decimals = 1 }},
    {{ tag = "load", metric = "Load" }},
  ] }},
  {{ topic = "spBv1.0/hall/+/gw-7", payload = "sparkplug_b", machine = "gw-7", tags = [
    {{ tag = "uptime", metric = "Uptime" }},
  ] }},
]
"#,
        broker.port()
    )
}

const RULE: &str = r#"
[[rule]]
id = "too-hot"
machine = "press"
tag = "temp"
above = 95.0
off_delay = "0s"
severity = "critical"
"#;

/// What the press's birth says; the aliases are those of the temperature and of the load.
fn births(node: &mut EdgeNode, aliases: [u64; 2], temperature: f64) {
    node.tell(&json!({ "node": [{ "name": "Uptime", "alias": 1, "type": "UInt32", "value": 7 }] }));
    node.tell(&json!({ "device": "Press", "metrics": [
        { "name": "Spindle/Temperature", "alias": aliases[0], "type": "Double", "value": temperature },
        { "name": "Load", "alias": aliases[1], "type": "Int16", "value": -3 },
    ] }));
}

fn data(node: &mut EdgeNode, alias: u64, kind: &str, value: f64) {
    let metric = json!({ "alias": alias, "type": kind, "value": value });
    node.tell(&json!({ "device": "Press", "data": [metric] }));
}

/// Calls about a rule: their events, in their order.
fn events(receiver: &Receiver, rule: &str) -> Vec<String> {
    let all = receiver.accepted().into_iter().map(|one| one.json());
    let about = all.filter(|body| text(body, "/alert/rule_id") == rule);
    about.map(|body| text(&body, "/event").to_owned()).collect()
}

fn called(receiver: &Receiver, rule: &str, expected: &[&str]) {
    wait::until(&format!("{rule}: {expected:?}"), || {
        (events(receiver, rule) == expected).then_some(())
    });
}

const TRIGGERED: &str = "alert.triggered";
const RESOLVED: &str = "alert.resolved";
const REOPENED: &str = "alert.reopened";

#[test]
fn a_device_is_watched_from_its_birth_to_its_death_and_beyond() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let mut node = EdgeNode::start(&broker, "gw-7");
    births(&mut node, [10, 11], 20.5);
    // The agent comes later, and its configuration names the node: it is asked.
    let agent = Agent::start(&(press(&broker) + &to(&receiver)), RULE);
    shows(&agent, "press/temp", "20.5 °C");
    shows(&agent, "press/load", "-3.0");
    shows(&agent, "gw-7/uptime", "7.0");
    let [command] = &node.commands()[..] else {
        panic!("{:?}", node.commands());
    };
    let metric = &command["metrics"][0];
    assert_eq!(
        (
            text(metric, "/name"),
            text(metric, "/type"),
            &metric["value"]
        ),
        ("Node Control/Rebirth", "Boolean", &json!(true))
    );
    assert_eq!(command["seq"], Value::Null);

    data(&mut node, 10, "Double", 97.3);
    called(&receiver, "too-hot", &[TRIGGERED]);
    data(&mut node, 10, "Double", 21.0);
    called(&receiver, "too-hot", &[TRIGGERED, RESOLVED]);

    // A message is lost: what follows it is not taken before the node was born again.
    node.tell(&json!({ "skip": 1 }));
    data(&mut node, 10, "Double", 22.0);
    wait::until("the node is asked", || {
        (node.commands().len() == 2).then_some(())
    });
    let view = shows(&agent, "press/temp", "20.5 °C");
    // Nodes are not asked twice within seconds, so this may have taken longer than blindness goes unnoticed here.
    sees(&receiver);
    assert_eq!(count(&view, "gaps"), 1, "{view:#}");
    let troubles = view["sources"][0]["troubles"].as_array().expect("a list");
    let of_node = troubles.iter().any(|one| text(one, "/last") == "hall/gw-7");
    assert!(of_node, "{view:#}");
    assert_eq!(count(&view, "rebirths"), 2, "{view:#}");

    // Its aliases mean something else after the next birth.
    births(&mut node, [11, 10], 23.0);
    node.tell(&json!({ "birth": true }));
    shows(&agent, "press/temp", "23.0 °C");
    data(&mut node, 11, "Double", 98.0);
    called(&receiver, "too-hot", &[TRIGGERED, RESOLVED, REOPENED]);
    data(&mut node, 10, "Int16", 4.0);
    data(&mut node, 11, "Double", 24.0);
    shows(&agent, "press/temp", "24.0 °C");
    shows(&agent, "press/load", "4.0");

    // The death of a session that is not this one.
    let metrics = json!([{ "name": "bdSeq", "type": "UInt64", "value": 99 }]);
    node.tell(&json!({ "raw": "NDEATH/gw-7", "payload": { "timestamp": 1, "metrics": metrics } }));
    data(&mut node, 11, "Double", 25.0);
    let view = shows(&agent, "press/temp", "25.0 °C");
    assert!(tag(&view, "press/load")["bad"].is_null(), "{view:#}");
    sees(&receiver);

    // The device goes, and its node stays.
    node.tell(&json!({ "death": "Press" }));
    let view = is_bad(&agent, "press/temp", "goodbye");
    assert_eq!(tag(&view, "press/temp")["bad"], "it said goodbye");
    assert!(tag(&view, "gw-7/uptime")["bad"].is_null(), "{view:#}");
    wait::until("the press is blind", || is_blind(&receiver).then_some(()));
    node.tell(&json!({ "birth": true }));
    shows(&agent, "press/temp", "23.0 °C");
    sees(&receiver);
    assert_eq!(node.commands().len(), 2, "nothing was asked without need");
}

/// Whether something is blind, by what the receiver was told last.
fn is_blind(receiver: &Receiver) -> bool {
    let last = events(receiver, "andon.blind").pop();
    last.is_some_and(|event| event != RESOLVED)
}

fn sees(receiver: &Receiver) {
    wait::until("nothing is blind", || (!is_blind(receiver)).then_some(()));
}

/// A count of the source.
fn count(view: &Value, word: &str) -> u64 {
    view["sources"][0]["counts"][word]
        .as_u64()
        .unwrap_or_default()
}

#[test]
fn a_node_that_loses_its_power_is_blind_and_good_again_when_it_is_back() {
    let (mut broker, receiver) = (Broker::start(), Receiver::start());
    let mut node = EdgeNode::start(&broker, "gw-7");
    births(&mut node, [10, 11], 20.5);
    let agent = Agent::start(&(press(&broker) + &to(&receiver)), RULE);
    shows(&agent, "press/temp", "20.5 °C");
    // The broker says it for the node.
    drop(node);
    for name in ["press/temp", "press/load", "gw-7/uptime"] {
        is_bad(&agent, name, "goodbye");
    }
    called(&receiver, "andon.blind", &[TRIGGERED]);
    let mut node = EdgeNode::start(&broker, "gw-7");
    births(&mut node, [10, 11], 21.5);
    node.tell(&json!({ "birth": true }));
    shows(&agent, "press/temp", "21.5 °C");
    called(&receiver, "andon.blind", &[TRIGGERED, RESOLVED]);

    // The broker is gone and comes back: nobody knows what was missed.
    broker.stop();
    is_bad(&agent, "press/temp", "unreachable");
    broker.resume();
    shows(&agent, "press/temp", "21.5 °C");
    data(&mut node, 10, "Double", 22.5);
    shows(&agent, "press/temp", "22.5 °C");
}

const STATE: &str = "spBv1.0/STATE/andon";

/// What the agent says of itself as a host: whether it is there, and since when. Nothing if it says so just
/// while it is asked: mosquitto_sub ends at the first message that was not kept.
fn state(broker: &Broker) -> Option<(bool, u64)> {
    let said = broker.retained(STATE);
    let (_, payload) = said.trim().split_once(' ')?;
    let said: Value = serde_json::from_str(payload).expect("JSON");
    let is = said["online"].as_bool().expect("true or false");
    Some((is, said["timestamp"].as_u64().expect("milliseconds")))
}

#[test]
fn nodes_may_wait_for_the_agent_as_their_host() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let config = press(&broker).replace("\"500ms\"", "\"500ms\", host_id = \"andon\"");
    let mut agent = Agent::start(&(config + &to(&receiver)), "");
    let is_there = |is: bool| {
        wait::until("the host's state", || {
            let (there, since) = state(&broker)?;
            (there == is).then_some(since)
        })
    };
    let first = is_there(true);
    // Somebody says that it is not: the broker, late, of a connection before.
    broker.publish_retained(STATE, r#"{"online":false,"timestamp":1}"#);
    assert_eq!(is_there(true), first);
    // It goes, and says when. Without a word, the broker says when it came.
    agent.stop();
    let end = is_there(false);
    assert!(end > first, "{end} after {first}");
    agent.run();
    let second = is_there(true);
    assert!(second >= end, "{second} after {end}");
    agent.kill();
    assert_eq!(is_there(false), second);
    // The clock is behind what nodes have heard, and they ignore what is older.
    let heard = 4_000_000_000_000;
    let said = format!(r#"{{"online":false,"timestamp":{heard}}}"#);
    broker.publish_retained(STATE, &said);
    agent.run();
    wait::until("a later time", || {
        (state(&broker) == Some((true, heard))).then_some(())
    });
    agent.stop();
    assert_eq!(is_there(false), heard);
}

/// One metric: its type, what is written, and what the agent shows of it, or why it is bad.
const METRICS: [(&str, &str, Shown); 30] = [
    ("Int8", "-1", Shown::As("-1")),
    ("Int8", "-128", Shown::As("-128")),
    ("Int8", "127", Shown::As("127")),
    ("Int16", "-32768", Shown::As("-32768")),
    ("Int32", "-2147483648", Shown::As("-2147483648")),
    ("Int32", "2147483647", Shown::As("2147483647")),
    ("Int64", "-9007199254740991", Shown::As("-9007199254740991")),
    ("UInt8", "255", Shown::As("255")),
    ("UInt16", "65535", Shown::As("65535")),
    ("UInt32", "4294967295", Shown::As("4294967295")),
    ("UInt64", "9007199254740991", Shown::As("9007199254740991")),
    ("Float", "1.5", Shown::As("1.5")),
    ("Double", "-0.1", Shown::As("-0.1")),
    ("Boolean", "true", Shown::As("true")),
    ("Boolean", "false", Shown::As("false")),
    ("DateTime", "1775298605120", Shown::As("1775298605120")),
    ("Double", "1.0, \"quality\": 192", Shown::As("1.0")),
    ("Double", "1.0, \"quality\": 0", Shown::Bad("bad_quality")),
    ("Double", "1.0, \"quality\": 500", Shown::Bad("stale")),
    ("Double", "1.0, \"null\": true", Shown::Bad("bad_quality")),
    (
        "Double",
        "1.0, \"historical\": true",
        Shown::Bad("never_heard"),
    ),
    ("String", "\"RUN\"", Shown::As("RUN (1)")),
    ("Text", "\"x\"", Shown::Bad("unlisted")),
    ("UUID", "\"x\"", Shown::Bad("malformed")),
    ("DataSet", "null", Shown::Bad("malformed")),
    ("Template", "null", Shown::Bad("malformed")),
    ("Bytes", "[1, 2]", Shown::Bad("malformed")),
    ("File", "[1, 2]", Shown::Bad("malformed")),
    (
        "Float",
        "3.0e38",
        Shown::As("300000000549775575777803994281145270272.0"),
    ),
    ("Int16", "0", Shown::As("0")),
];

#[derive(Clone, Copy)]
enum Shown {
    As(&'static str),
    Bad(&'static str),
}

/// What it writes and shows.
fn metric(at: usize) -> Value {
    let (kind, value, _) = METRICS[at];
    let text =
        format!(r#"{{ "name": "m{at}", "alias": {at}, "type": "{kind}", "value": {value} }}"#);
    serde_json::from_str(&text).expect("JSON")
}

fn bytes(answer: &Value) -> Vec<u8> {
    let hex = text(answer, "/hex");
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn every_type_is_read_as_two_other_implementations_write_it() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let tags: String = (0..METRICS.len())
        .map(|at| {
            let more = match METRICS[at].0 {
                "Float" | "Double" => "decimals = 1",
                "String" | "Text" => "values = { \"RUN\" = 1, \"STOP\" = 2 }",
                _ => "decimals = 0",
            };
            format!("    {{ tag = \"m{at}\", metric = \"m{at}\", {more} }},\n")
        })
        .collect();
    let config = format!(
        r#"
[[machine]]
id = "python"
[[machine]]
id = "javascript"
[[source.mqtt]]
name = "cell"
url = "mqtt://127.0.0.1:{}"
subscribe = [{{ topic = "spBv1.0/hall/+/{{node}}/{{machine}}", payload = "sparkplug_b", tags = [
{tags}] }}]
"#,
        broker.port()
    );
    let agent = Agent::start(&(config + &to(&receiver)), "");
    let payload = |seq: u64, metrics: Vec<Value>| json!({ "timestamp": 1000, "seq": seq, "metrics": metrics });
    let bd_seq = || json!({ "name": "bdSeq", "type": "UInt64", "value": 3 });
    let births = || {
        let all = (0..METRICS.len()).map(metric).collect();
        [payload(0, vec![bd_seq()]), payload(1, all)].into_iter()
    };
    for (machine, answers) in [
        ("python", python::sparkplug(births())),
        ("javascript", javascript::sparkplug(births())),
    ] {
        broker.publish_bytes(
            &format!("spBv1.0/hall/NBIRTH/of-{machine}"),
            &bytes(&answers[0]),
        );
        broker.publish_bytes(
            &format!("spBv1.0/hall/DBIRTH/of-{machine}/{machine}"),
            &bytes(&answers[1]),
        );
        let view = agent.shows(machine, |view| {
            tag(view, &format!("{machine}/m0"))["bad"].is_null()
        });
        for (at, (kind, value, expected)) in METRICS.iter().enumerate() {
            let tag = tag(&view, &format!("{machine}/m{at}"));
            match expected {
                Shown::As(shown) => assert_eq!(
                    text(tag, "/value"),
                    *shown,
                    "{machine} {kind} {value}: {tag}"
                ),
                Shown::Bad(why) => assert_eq!(
                    text(tag, "/reason"),
                    *why,
                    "{machine} {kind} {value}: {tag}"
                ),
            }
        }
    }
    // Data as most nodes send it: an alias, no type.
    let data = [payload(
        2,
        vec![json!({ "alias": 0, "field": "int_value", "value": 0xfe })],
    )];
    let answers = python::sparkplug(data.into_iter());
    broker.publish_bytes("spBv1.0/hall/DDATA/of-python/python", &bytes(&answers[0]));
    shows(&agent, "python/m0", "-2");
}
