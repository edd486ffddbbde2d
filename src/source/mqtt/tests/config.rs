//! What may be written under `[[source.mqtt]]`, and what is said about mistakes.

use std::time::Duration;

use super::{configure, good, mistake};
use crate::link::mqtt::Qos;

const GOOD: &str = r#"
url = "mqtts://broker.plant.local"
ca = "/etc/andon/plant-ca.pem"
user = "andon"
password = { file = "/etc/andon/broker.pw" }
status_topic = "andon/plant-7"
[[subscribe]]
topic = "plant/{line}/{machine}/telemetry"
payload = "json"
stale_after = "30s"
class = "mill"
time = "/ts"
profile = "press"
tags = [{ tag = "temperature", path = "/temperature", unit = "°C", valid = [-40, 150] }]
[[subscribe]]
topic = "oven/door"
payload = "bool"
machine = "oven"
tag = "door_open"
qos = 0
retained = "ignore"
stale_after = "1h"
"#;

#[test]
fn everything_that_may_be_written_is_read() {
    let (config, tags, problems) = configure(GOOD);
    assert_eq!(problems, [""; 0]);
    let names: Vec<String> = tags
        .iter()
        .map(|spec| format!("{}/{}", spec.machine, spec.tag))
        .collect();
    assert_eq!(
        names,
        [
            "mill-1/force",
            "mill-1/temperature",
            "mill-2/force",
            "mill-2/temperature",
            "oven/door_open"
        ]
    );
    assert_eq!(tags[1].unit.as_ref(), "°C");
    assert_eq!(tags[4].stale_after, Duration::from_secs(3600));
    let config = config.unwrap();
    assert_eq!(config.address(), "broker.plant.local:8883");
    assert_eq!(config.broker.client_id, "andon-plant-7-cell");
    let link = config.link();
    let filters: Vec<&str> = link.filters.iter().map(|f| f.topic.as_ref()).collect();
    assert_eq!(filters, ["plant/+/+/telemetry", "oven/door"]);
    assert_eq!(link.filters[1].qos, Qos::AtMostOnce);
}

#[test]
fn one_filter_is_asked_for_once_at_the_higher_level() {
    let subscribe = |tag, qos| {
        format!(
            "[[subscribe]]\ntopic = \"a/{{machine}}\"\npayload = \"json\"\nstale_after = \"9s\"\nqos = {qos}\n\
             tags = [{{ tag = \"{tag}\", path = \"/{tag}\" }}]\n"
        )
    };
    let text = format!(
        "url = \"mqtt://b\"\n{}{}",
        subscribe("x", 0),
        subscribe("y", 1)
    );
    let filters = good(&text).0.link().filters;
    assert_eq!(filters.len(), 1);
    assert_eq!(filters[0].qos, Qos::AtLeastOnce);
}

#[test]
fn the_password_is_never_shown() {
    let text = GOOD.replace("{ file = \"/etc/andon/broker.pw\" }", "\"geheim\"");
    let (config, _, problems) = configure(&text);
    assert_eq!(
        problems.len(),
        1,
        "an inline password is a warning: {problems:?}"
    );
    let config = config.unwrap();
    let shown = format!("{config:?} {:?} {problems:?}", config.link());
    assert!(!shown.contains("geheim"), "{shown}");
    let credentials = config.link().credentials.unwrap();
    assert_eq!((credentials.password)(), Ok("geheim".to_owned()));
}

#[test]
fn a_password_file_that_others_can_read_is_refused_at_connect() {
    use std::{fs, os::unix::fs::PermissionsExt};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pw");
    fs::write(&path, "geheim\n").unwrap();
    let text = GOOD.replace("/etc/andon/broker.pw", path.to_str().unwrap());
    let reveal = good(&text).0.link().credentials.unwrap().password;
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    for open in [0o604, 0o640] {
        mode(open);
        assert!(reveal().unwrap_err().contains("chmod"));
    }
    mode(0o600);
    assert_eq!(reveal(), Ok("geheim".to_owned()));
}

#[test]
fn mistakes_are_explained_where_they_are() {
    for (from, to, expected) in [
        (
            "mqtts://broker.plant.local",
            "http://b",
            "url: must be mqtt://host:1883",
        ),
        (
            "mqtts://broker.plant.local",
            "mqtts://u:p@b",
            "keys of their own",
        ),
        (
            "mqtts://broker.plant.local",
            "mqtt://b",
            "ca: is for mqtts:// and wss://",
        ),
        (
            "user =",
            "client_cert = \"/etc/andon/ours.pem\"\nuser =",
            "client_key: is missing",
        ),
        (
            "user =",
            "version = \"4\"\nuser =",
            "version: is \"4\", must be one of 3.1.1, 5",
        ),
        (
            "user =",
            "session_expiry = \"1d\"\nuser =",
            "session_expiry: is for version = \"5\"",
        ),
        (
            "user =",
            "version = \"5\"\nsession_expiry = \"1s\"\nuser =",
            "session_expiry: must be 1m to",
        ),
        ("user = \"andon\"", "", "user: is missing"),
        ("{ file =", "{ fiel =", "password: has the key `fiel`"),
        ("{machine}/", "{machine}-x/", "whole levels"),
        ("{machine}", "x", "machine: is missing"),
        ("\"json\"", "\"jsn\"", "did you mean \"json\""),
        ("payload = \"json\"", "", "payload: is missing"),
        ("stale_after = \"30s\"", "", "stale_after: is missing"),
        (
            "machine = \"oven\"",
            "machine = \"ovne\"",
            "did you mean \"oven\"",
        ),
        ("machine = \"oven\"", "", "machine: is missing"),
        ("class = \"mill\"", "class = \"lathe\"", "is for no machine"),
        (
            "class = \"mill\"",
            "discover = true",
            "discover: needs a class",
        ),
        (
            "stale_after = \"1h\"",
            "stale_after = \"1h\"\ndiscover = true\nclass = \"oven\"",
            "discover: is for topics with {machine}",
        ),
        (
            "user =",
            "max_machines = 5\nuser =",
            "max_machines: needs a subscription with discover",
        ),
        ("class = \"mill\"", "machine = \"oven\"", "named twice"),
        ("\"/ts\"", "\"ts\"", "JSON pointer"),
        ("\"/temperature\"", "\"temperature\"", "JSON pointer"),
        ("[-40, 150]", "[150, -40]", "the lower first"),
        ("\"press\"", "\"pres\"", "there is no profile"),
        ("qos = 0", "qos = 2", "must be 0 to 1"),
        (
            "retained = \"ignore\"",
            "retaind = \"ignore\"",
            "did you mean `retained`",
        ),
        ("andon/plant-7", "andon/#", "without wildcards"),
        ("tag = \"door_open\"", "", "tag: is missing"),
    ] {
        let problems = mistake(GOOD, from, to, expected);
        assert!(problems.len() <= 2, "{to}: {problems:?}");
    }
}

#[test]
fn topics_in_common_at_two_levels_are_warned_of() {
    let both = |other: &str| {
        let topic = "{line}/hall/{machine}/telemetry";
        let text = format!(
            "{GOOD}\n[[subscribe]]\ntopic = \"{topic}\"\npayload = \"number\"\ntag = \"x\"\nstale_after = \"9s\"\n{other}"
        );
        configure(&text).2
    };
    assert_eq!(both("qos = 1"), [""; 0]);
    let told = both("qos = 0");
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("common with subscribe[0], at another qos"),
        "{told:?}"
    );
}

#[test]
fn the_same_tag_from_two_topics_is_a_mistake() {
    let text = format!(
        "{GOOD}\n[[subscribe]]\ntopic = \"mill-2/temp\"\npayload = \"number\"\nmachine = \"mill-2\"\n\
         tag = \"temperature\"\nstale_after = \"9s\"\n"
    );
    let (_, tags, problems) = configure(&text);
    assert_eq!(tags.len(), 5);
    assert_eq!(
        problems,
        ["t: subscribe[2]: gives mill-2/temperature, which subscribe[0] gives already"]
    );
}
