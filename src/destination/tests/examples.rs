//! The examples that are shipped: one of each kind, format and scheme.

use std::collections::BTreeSet;

use crate::{
    config::section::{Problems, Section},
    destination::{Destination, kind_words, testbed::node},
};

#[test]
fn every_kind_is_registered_once_and_found_by_its_word() {
    let words: Vec<&str> = kind_words().collect();
    assert!(words.is_sorted_by(|one, next| one < next), "{words:?}");
}

/// Where the examples of this kind lead.
fn leads(kind: &str) -> BTreeSet<String> {
    let text = include_str!("../../../config/destinations.toml");
    let table = text.parse::<toml::Table>().expect("TOML");
    let examples = table["destination"].as_array().expect("a list");
    let of_kind = examples
        .iter()
        .filter(|of| of["type"].as_str() == Some(kind));
    let connections = of_kind.flat_map(|example| {
        let mut example = example.as_table().expect("a table").clone();
        example.remove("name");
        let (tree, problems) = (node(example.into()), Problems::new());
        let read = Destination::read("ops", Section::root(&tree, &problems));
        read.expect("a destination").connections()
    });
    connections
        .map(|of| format!("{} {}", of.to, if of.tls { "tls" } else { "plain" }))
        .collect()
}

#[test]
fn every_kind_says_where_it_leads_for_whoever_looks_after_a_firewall() {
    const SECRET: &str = "in-a-secret-that-cannot-be-read:443 tls";
    for (kind, expected) in [
        (
            "alertmanager",
            &["am-1.example.com:443 tls", "am-2.example.com:443 tls"][..],
        ),
        ("command", &[]),
        ("discord", &[SECRET]),
        ("file", &[]),
        ("google-chat", &[SECRET]),
        ("harp", &[SECRET]),
        ("jsm", &["api.atlassian.com:443 tls"]),
        ("mail", &["relay.example.com:587 tls"]),
        ("mqtt", &["broker.plant.example.com:8883 tls"]),
        ("onesignal", &["api.onesignal.com:443 tls"]),
        ("opsgenie", &["api.eu.opsgenie.com:443 tls"]),
        ("opshift", &["www.opshift.io:443 tls"]),
        ("opsknight", &["opsknight.example.com:443 tls"]),
        ("pagerduty", &["events.pagerduty.com:443 tls"]),
        ("resend", &["api.resend.com:443 tls"]),
        ("sendgrid", &["api.sendgrid.com:443 tls"]),
        ("slack", &[SECRET]),
        ("slack-bot", &["slack.com:443 tls"]),
        ("sns", &["sns.eu-central-1.amazonaws.com:443 tls"]),
        ("syslog", &["logs.plant.example.com:6514 tls"]),
        ("teams", &[SECRET]),
        ("teams-connector", &[SECRET]),
        ("telegram", &["api.telegram.org:443 tls"]),
        ("twilio", &["api.twilio.com:443 tls"]),
        (
            "webhook",
            &[
                "alerts.example.com:443 tls",
                "api.example.com:443 tls",
                "broker.example.com:443 tls",
                "cloud.example.com:443 tls",
                "events.example.com:443 tls",
                "hooks.example.com:443 tls",
                "login.example.com:443 tls",
                "oncall.example.com:443 tls",
                "ops.example.com:443 tls",
                "push.example.com:443 tls",
                "siren.example.com:443 tls",
                "sms.example.com:443 tls",
                "soc.example.com:443 tls",
            ],
        ),
        ("whatsapp", &["graph.facebook.com:443 tls"]),
    ] {
        let found = leads(kind);
        let expected = expected.iter().map(|line| (*line).to_owned());
        assert_eq!(found, expected.collect(), "{kind}");
    }
    let mut left = kind_words().filter(|kind| leads(kind).is_empty());
    assert_eq!(
        (left.next(), left.next(), left.next()),
        (Some("command"), Some("file"), None)
    );
}

#[test]
fn there_is_an_example_of_every_kind_format_and_scheme() {
    let text = include_str!("../../../config/destinations.toml");
    let table = text.parse::<toml::Table>().expect("TOML");
    let examples = table["destination"].as_array().expect("a list");
    for example in examples {
        let mut example = example.as_table().expect("a table").clone();
        let name = example.remove("name").expect("a name");
        let (tree, problems) = (node(example.into()), Problems::new());
        let section = Section::root(&tree, &problems);
        assert!(Destination::read("ops", section).is_some(), "{name}");
        for problem in problems.into_sorted() {
            // The files with the secrets are for whoever copies it to make.
            let missing = problem.message.starts_with("cannot be used");
            // Some are only for those who still have them.
            let leaving = ["is retired", "ends: "];
            let leaving = leaving.iter().any(|of| problem.message.starts_with(of));
            assert!(problem.warning && (missing || leaving), "{name}: {problem}");
        }
    }
    let shown = |keys: &[&str]| -> BTreeSet<&str> {
        let values = examples.iter().filter_map(|example| {
            let value = keys.iter().try_fold(example, |value, key| value.get(key));
            value.and_then(toml::Value::as_str)
        });
        values.collect()
    };
    assert_eq!(shown(&["type"]), kind_words().collect());
    let formats = crate::destination::webhook::format::WORDS.map(|(word, ..)| word);
    let plain = formats.into_iter().filter(|word| *word != "native");
    assert_eq!(shown(&["format"]), plain.collect());
    let schemes = crate::destination::sign::SCHEMES.map(|(word, ..)| word);
    assert_eq!(shown(&["sign", "scheme"]), schemes.into());
}
