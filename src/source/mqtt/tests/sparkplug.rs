//! What may be written for Sparkplug, and what is said about mistakes.

use std::time::Duration;

use super::{
    super::sparkplug::config::{NEVER_STALE, Settings},
    configure, good, mistake,
};
use crate::link::mqtt::Qos;

const GOOD: &str = r#"
url = "mqtt://broker"
sparkplug = { rebirth = false, reorder_timeout = "5s", host_id = "andon" }
[[subscribe]]
topic = "spBv1.0/hall/+/{node}/{machine}"
payload = "sparkplug_b"
class = "mill"
stale_after = "10m"
tags = [
  { tag = "temperature", metric = "Spindle/Temperature", unit = "°C", decimals = 2, valid = [-40, 150] },
  { tag = "load", metric = "Load", scale = 0.1, offset = -5, invalid = [999] },
]
[[subscribe]]
topic = "spBv1.0/hall/+/{node}"
payload = "sparkplug_b"
machine = "oven"
qos = 0
tags = [{ tag = "uptime", metric = "Uptime" }]
[[subscribe]]
topic = "ovens/door"
payload = "bool"
machine = "oven"
tag = "door_open"
stale_after = "1h"
"#;

#[test]
fn nodes_and_devices_are_subscribed_to_with_everything_that_they_say() {
    let (config, tags, problems) = configure(GOOD);
    assert_eq!(problems, [""; 0]);
    let names: Vec<String> = tags
        .iter()
        .map(|spec| format!("{}/{}", spec.machine, spec.tag))
        .collect();
    assert_eq!(
        names,
        [
            "oven/door_open",
            "mill-1/temperature",
            "mill-1/load",
            "mill-2/temperature",
            "mill-2/load",
            "oven/uptime"
        ]
    );
    assert_eq!(tags[0].stale_after, Duration::from_secs(3600));
    assert_eq!(tags[1].stale_after, NEVER_STALE);
    assert_eq!((tags[1].unit.as_ref(), tags[1].decimals), ("°C", 2));
    let config = config.unwrap();
    let reorder_timeout = Duration::from_secs(5);
    let settings = Settings {
        rebirth: false,
        reorder_timeout,
        host_id: Some("andon".into()),
    };
    assert_eq!(config.sparkplug, settings);
    let load = &config.watches[0].tags[1];
    assert_eq!((&*load.path, load.scale, load.offset), ("Load", 0.1, -5.0));
    // A node and what is behind it are one subscription: the order of its messages runs through all of them.
    let filters = config.link().filters;
    let topics: Vec<&str> = filters.iter().map(|f| f.topic.as_ref()).collect();
    assert_eq!(
        topics,
        ["ovens/door", "spBv1.0/hall/+/+/#", "spBv1.0/STATE/andon"]
    );
    assert_eq!(filters[1].qos, Qos::AtLeastOnce);
    let state = config.link().status.unwrap();
    assert_eq!(state.topic, "spBv1.0/STATE/andon");
    assert_eq!(state.online, r#"{"online":true,"timestamp":{timestamp}}"#);
}

#[test]
fn a_host_of_nothing_but_nodes_has_a_session_for_each_connection() {
    const NODES: &str = "url = \"mqtt://broker\"\nsparkplug = { host_id = \"andon\" }\n[[subscribe]]\n\
        topic = \"spBv1.0/hall/+/gw/{machine}\"\npayload = \"sparkplug_b\"\ntags = [{ tag = \"t\", metric = \"T\" }]\n";
    let more = "[[subscribe]]\ntopic = \"a/{machine}\"\npayload = \"number\"\ntag = \"a\"\nstale_after = \"1m\"\n";
    for (text, clean) in [
        (NODES.to_owned(), true),
        (NODES.replace("host_id = \"andon\"", ""), false),
        (NODES.to_owned() + more, false),
    ] {
        assert_eq!(good(&text).0.link().clean, clean, "{text}");
    }
}

#[test]
fn what_is_not_said_is_usual() {
    let text = GOOD
        .replace("sparkplug = {", "#")
        .replace("stale_after = \"10m\"", "");
    let (config, _) = good(&text);
    assert_eq!(config.sparkplug, Settings::default());
    assert_eq!(config.watches[0].stale_after, None);
    assert_eq!(config.link().status, None);
}

#[test]
fn machines_may_be_named_by_several_levels() {
    let text = GOOD.replace(
        "{node}/{machine}\"",
        "{node}/{device}\"\nmachine = \"{node}-{device}\"",
    );
    let (config, _) = good(&text);
    assert_eq!(config.watches[0].machines.len(), 2);
}

#[test]
fn mistakes_are_explained_where_they_are() {
    const TOPIC: &str = "spBv1.0/hall/+/{node}/{machine}";
    for (from, to, expected) in [
        (
            TOPIC,
            "spBv1.0/hall/DDATA/{node}/{machine}",
            "topic: must be \"spBv1.0/",
        ),
        (TOPIC, "spBv1.0/hall/{machine}", "topic: must be \"spBv1.0/"),
        (
            TOPIC,
            "spBv1.0/hall/+/{node}/{machine}/x",
            "topic: must be \"spBv1.0/",
        ),
        (
            TOPIC,
            "spBv1.0/hall/+/{machine}/#",
            "topic: must be \"spBv1.0/",
        ),
        (TOPIC, "spBv1.0//+/{machine}", "topic: must be \"spBv1.0/"),
        (
            TOPIC,
            "spAv1.0/hall/+/{node}/{machine}",
            "topic: must be \"spBv1.0/",
        ),
        (TOPIC, "spBv1.0/hall/+/{node}/m-{machine}", "whole levels"),
        ("{machine}", "{device}", "machine: is missing"),
        ("class = \"mill\"", "machine = \"oven\"", "named twice"),
        (
            "{machine}\"",
            "{device}\"\nmachine = \"{line}-{device}\"",
            "machine: has {line}, which `topic` does not have",
        ),
        (
            "{machine}\"",
            "{device}\"\nmachine = \"{device\"",
            "not closed",
        ),
        (
            "{machine}\"",
            "{device}\"\nmachine = \"device}\"",
            "not opened",
        ),
        (
            "machine = \"oven\"",
            "machine = \"Oven 1\"",
            "must be an id like \"oven-1\"",
        ),
        (
            "machine = \"oven\"",
            "machine = \"ovne\"",
            "did you mean \"oven\"",
        ),
        (
            "machine = \"oven\"",
            "machine = \"oven\"\nclass = \"mill\"",
            "class: is for machines",
        ),
        ("class = \"mill\"", "class = \"lathe\"", "is for no machine"),
        (", metric = \"Load\"", "", "metric: is missing"),
        (
            "metric = \"Load\"",
            "metric = \"\"",
            "the name that the node gives it",
        ),
        (
            "metric = \"Load\"",
            "path = \"/load\"",
            "metric: is missing",
        ),
        ("[-40, 150]", "[150, -40]", "the lower first"),
        (
            "stale_after = \"10m\"",
            "stale_after = \"5s\"",
            "must be at least 10s",
        ),
        ("stale_after = \"10m\"", "retained = \"use\"", "retained"),
        ("\"5s\"", "\"5m\"", "reorder_timeout: must be 0ms to 1m"),
        ("rebirth =", "rebrith =", "did you mean `rebirth`"),
        ("\"andon\"", "\"and/on\"", "host_id: must be 1 to 128 bytes"),
        (
            "url = \"mqtt://broker\"",
            "url = \"mqtt://broker\"\nstatus_topic = \"andon/here\"",
            "host_id: takes the place of `status_topic`",
        ),
        (
            "tags = [{ tag = \"uptime\", metric = \"Uptime\" }]",
            "",
            "tags: are missing",
        ),
        ("tag = \"uptime\"", "tag = \"door_open\"", "gives already"),
    ] {
        mistake(GOOD, from, to, expected);
    }
    let none = "url = \"mqtt://b\"\nsparkplug = {}\n[[subscribe]]\ntopic = \"a\"\nmachine = \"oven\"\npayload = \"number\"\nstale_after = \"9s\"\ntag = \"t\"";
    let problems = configure(none).2;
    assert!(problems[0].contains("needs a subscription"), "{problems:?}");
}

#[test]
fn nodes_in_common_at_two_levels_are_warned_of() {
    let both = |qos: u8| {
        let topic = "spBv1.0/hall/+/gw-7/{machine}";
        let text = format!(
            "{GOOD}\n[[subscribe]]\ntopic = \"{topic}\"\npayload = \"sparkplug_b\"\nqos = {qos}\nclass = \"mill\"\ntags = [{{ tag = \"x\", metric = \"X\" }}]\n"
        );
        configure(&text).2
    };
    let told = both(0);
    assert!(
        told.iter().any(|told| told.contains("at another qos")),
        "{told:?}"
    );
    assert_eq!(both(1), [""; 0]);
}
