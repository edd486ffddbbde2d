//! The source as a whole: configuration, what messages mean, and the promise about acknowledgements.

use std::sync::Arc;

use super::config::{Context, MqttConfig};
use crate::{
    config::{
        machine::Profiles,
        section::{Problems, Section},
        tree::{Node, Place, Value},
    },
    sample::TagId,
    source::{TagIds, TagSpec},
};

mod config;
mod intake;
mod receipts;
mod sparkplug;

/// Reads `text` as the table of one source, and reports what is wrong with it.
fn configure(text: &str) -> (Option<MqttConfig>, Vec<TagSpec>, Vec<String>) {
    let node = node(&toml::Value::Table(text.parse().unwrap()));
    let machines: [(Arc<str>, Option<Arc<str>>); 3] = [
        ("mill-1".into(), Some("mill".into())),
        ("mill-2".into(), Some("mill".into())),
        ("oven".into(), None),
    ];
    let problems = Problems::new();
    let press = profile();
    let profiles = Profiles::find(&Section::root(&press, &problems));
    let context = Context {
        site: "plant-7",
        machines: &machines,
        profiles: &profiles,
    };
    let config = MqttConfig::read("cell", Section::root(&node, &problems), &context);
    let tags = config.as_ref().map(|config| config.tags(&problems));
    // Whether the files of the examples lie on this machine is no matter of the source.
    let problems = problems.into_sorted().into_iter();
    let problems = problems.filter(|problem| !problem.message.starts_with("cannot be used"));
    let problems = problems.map(|problem| problem.to_string()).collect();
    (config, tags.unwrap_or_default(), problems)
}

/// Puts `to` for `from` into a text without mistakes, which makes one that says `expected`; what is said in all.
fn mistake(good: &str, from: &str, to: &str, expected: &str) -> Vec<String> {
    let text = good.replacen(from, to, 1);
    assert_ne!(text, good, "{from}");
    let problems = configure(&text).2;
    let found = problems.iter().any(|problem| problem.contains(expected));
    assert!(found, "{from} -> {to}: {problems:?}");
    problems
}

/// A configuration without mistakes, and ids for its tags in their order.
pub(super) fn good(text: &str) -> (MqttConfig, TagIds) {
    let (config, tags, problems) = configure(text);
    assert_eq!(problems, [""; 0]);
    let ids = tags.into_iter().zip(0..);
    let ids = ids.map(|(spec, id)| ((spec.machine, spec.tag), TagId(id)));
    (config.unwrap(), ids.collect())
}

fn profile() -> Node {
    let text = "[profile.press]\ntags = [{ tag = \"force\", path = \"/f\", unit = \"kN\" }]";
    node(&toml::Value::Table(text.parse().unwrap()))
}

fn node(value: &toml::Value) -> Node {
    let value = match value {
        toml::Value::String(text) => Value::Text(text.clone()),
        toml::Value::Integer(number) => Value::Int(*number),
        toml::Value::Float(number) => Value::Float(*number),
        toml::Value::Boolean(bit) => Value::Bool(*bit),
        toml::Value::Datetime(_) => unreachable!("no dates in these tests"),
        toml::Value::Array(items) => Value::List(items.iter().map(node).collect()),
        toml::Value::Table(table) => {
            let entries = table.iter().map(|(key, value)| (key.clone(), node(value)));
            Value::Table(entries.collect())
        }
    };
    let place = Place {
        file: "t".into(),
        line: 0,
    };
    Node { value, place }
}
