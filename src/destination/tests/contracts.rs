//! What each kind does where the configuration says nothing: what its service documents of how much and how often.

use std::{collections::BTreeSet, time::Duration};

use super::golden::examples;
use crate::destination::{Destination, Late, Retry, Terms, kind_words};

type Pace = (&'static [&'static str], Option<(u32, u64)>, Late, u64);

/// Files of `tests/formats` with how many attempts in how many seconds, what becomes of what is late, and for how many seconds nothing is
/// told twice.
const PACE: [Pace; 19] = [
    (
        &["pagerduty", "opsknight", "opsknight-api"],
        Some((120, 60)),
        Late::Collapse,
        0,
    ),
    (&["opsknight-webhook"], Some((100, 60)), Late::Collapse, 0),
    (
        &["opsgenie", "jsm", "opshift", "harp", "harp-inside"],
        Some((60, 60)),
        Late::Collapse,
        0,
    ),
    (&["onesignal"], Some((60, 60)), Late::Collapse, 0),
    (&["slack", "texts"], Some((60, 60)), Late::Collapse, 60),
    (&["google-chat"], Some((1, 1)), Late::Collapse, 60),
    (&["slack-bot"], Some((50, 60)), Late::Collapse, 60),
    (
        &["discord", "discord-forum"],
        Some((30, 60)),
        Late::Collapse,
        60,
    ),
    (&["telegram"], Some((20, 60)), Late::Collapse, 60),
    (
        &["teams", "teams-connector"],
        Some((100, 3600)),
        Late::Collapse,
        60,
    ),
    (&["twilio", "sns-phone"], Some((1, 1)), Late::Collapse, 0),
    (
        &["whatsapp", "whatsapp-text"],
        Some((1, 6)),
        Late::Collapse,
        0,
    ),
    (&["sns"], Some((600, 60)), Late::Collapse, 0),
    (&["sendgrid"], Some((600, 60)), Late::Collapse, 60),
    (&["resend"], Some((2, 1)), Late::Collapse, 60),
    (&["mail"], Some((60, 60)), Late::Collapse, 60),
    (&["alertmanager-api"], None, Late::Collapse, 0),
    (&["hasp"], None, Late::Send, 60),
    (
        &[
            "alertmanager",
            "cloudevents",
            "cloudevents-binary",
            "command",
            "file",
            "haltless",
            "mqtt",
            "native",
            "syslog",
            "template-form",
            "template-get",
            "template-json",
            "webhook-opsknight",
        ],
        None,
        Late::Send,
        0,
    ),
];

#[test]
fn every_kind_keeps_the_pace_of_its_service() {
    let mut left: BTreeSet<String> = examples().into_iter().map(|one| one.name).collect();
    for (names, rate, late, window) in PACE {
        for name in names {
            let terms = terms(name).terms;
            let found = terms.rate.map(|rate| (rate.count, rate.per.as_secs()));
            assert_eq!(found, rate, "{name}");
            assert_eq!(terms.late, late, "{name}");
            assert_eq!(terms.duplicate_window.as_secs(), window, "{name}");
            assert!(left.remove(*name), "{name}");
        }
    }
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn every_kind_has_what_it_sends_in_a_file() {
    let kept: BTreeSet<&str> = examples()
        .iter()
        .map(|one| one.destination.kind_word())
        .collect();
    assert_eq!(kept, kind_words().collect());
}

fn terms(name: &str) -> Destination {
    let example = examples().into_iter().find(|one| one.name == name);
    example.unwrap_or_else(|| panic!("{name}")).destination
}

#[test]
fn hasp_and_haltless_are_as_patient_as_they_say() {
    let waits =
        |secs: &[u64]| Retry::After(secs.iter().map(|secs| Duration::from_secs(*secs)).collect());
    let usual = Terms::default();
    for (name, retry, timeout, deactivate_after) in [
        ("hasp", waits(&[10, 60, 300, 1800, 7200]), 10, Some(10)),
        ("haltless", waits(&[30, 120, 600]), 5, None),
        ("native", usual.retry, 10, None),
    ] {
        let destination = terms(name);
        assert_eq!(destination.terms.retry, retry, "{name}");
        assert_eq!(
            destination.terms.deactivate_after, deactivate_after,
            "{name}"
        );
        let access = destination.access().expect("over HTTP");
        assert_eq!(access.timeout.as_secs(), timeout, "{name}");
    }
}
