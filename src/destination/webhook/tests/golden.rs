//! Every event in every format, byte for byte, as it stands in `tests/formats`.
//!
//! A change of a format is a change of these files: write them anew with `UPDATE_EXPECT=1` and read what `git diff` says.

use std::{fmt::Write as _, fs, path::Path};

use super::*;
use crate::destination::HeaderText;

/// The formats, each with what its destination has beside type and URL, in a file of this name.
const FORMATS: [(&str, &str); 9] = [
    ("native", ""),
    ("haltless", "format = \"haltless\""),
    ("hasp", "format = \"hasp\""),
    ("cloudevents", "format = \"cloudevents\""),
    (
        "cloudevents-binary",
        "format = \"cloudevents\"\nmode = \"binary\"",
    ),
    (
        "alertmanager",
        "format = \"alertmanager\"\nreceiver = \"plant\"",
    ),
    ("template-json", TEMPLATE_JSON),
    ("template-form", TEMPLATE_FORM),
    ("template-get", TEMPLATE_GET),
];

const TEMPLATE_JSON: &str = r#"
format = "template"
method = "PUT"
headers = { X-Title = "{alert.machine_name}: {alert.message}", X-Site = "7" }
body = '''{
  "title": "{text|max=60}", "what": {alert.message}, "value": {alert.metric_value},
  "priority": {alert.severity|map=critical:5,error:4,warning:3,*:1}, "at": {timestamp|unix},
  "who": "{by.name|or=nobody}", "hall": "{alert.labels.hall}", "step": {escalation.step}
}'''
"#;

const TEMPLATE_FORM: &str = r#"
format = "template"
content_type = "application/x-www-form-urlencoded"
body = "to=%2B491701234567&text={text|max=160}"
"#;

const TEMPLATE_GET: &str = r#"
url = "https://sms.example.com/send/{alert.machine_id}?text={text|max=160}&prio={alert.severity|map=critical:1,*:0}"
format = "template"
method = "GET"
"#;

/// What is told: each kind of event, and what is special about an attempt.
fn cases() -> Vec<(String, Notice, Attempt)> {
    let mut cases: Vec<_> = EventKind::ALL
        .into_iter()
        .map(|kind| (kind.word().to_owned(), notice(kind), attempt()))
        .collect();
    let mut add = |name: &str, kind, change: &dyn Fn(&mut Notice, &mut Attempt)| {
        let (mut notice, mut attempt) = (notice(kind), attempt());
        change(&mut notice, &mut attempt);
        cases.push((name.to_owned(), notice, attempt));
    };
    add(
        "late, over by now",
        EventKind::Triggered,
        &|notice, attempt| {
            (attempt.late_seconds, attempt.already_resolved) = (7 * 3600, true);
            notice.synchronised = false;
        },
    );
    add("a test", EventKind::Triggered, &|notice, _| {
        notice.test = true;
        notice.alert.rule = "andon.test".to_owned();
        notice.alert.machine = "andon".to_owned();
    });
    add("a drill", EventKind::Triggered, &|notice, _| {
        notice.drill = true
    });
    add("joins late", EventKind::Escalated, &|_, attempt| {
        attempt.as_trigger = true;
        let why = "expired".to_owned();
        attempt.given_up = vec![GivenUp {
            from: 3,
            to: 5,
            why,
        }];
    });
    add("blind", EventKind::Triggered, &|notice, _| {
        notice.alert.rule = "andon.blind".to_owned();
        (notice.alert.tag, notice.alert.value, notice.alert.limit) = (None, None, None);
        (notice.alert.level, notice.alert.unit) = (None, String::new());
    });
    add("deactivated", EventKind::Triggered, &|notice, _| {
        notice.alert.rule = "andon.deactivated".to_owned();
        notice.alert.machine = "andon".to_owned();
        notice.alert.labels = [("subject".to_owned(), "pager".to_owned())].into();
    });
    add("about the agent", EventKind::Resolved, &|notice, _| {
        notice.alert.rule = "andon.disk".to_owned();
        notice.alert.machine = "andon".to_owned();
        notice.durable = false;
    });
    add("bad texts", EventKind::Closed, &|notice, _| {
        let bad = "\"a\\\" <b> & {text} 🚨 \u{7f}%0A?x=1#;";
        notice.text = bad.to_owned();
        notice.site_name = bad.to_owned();
        notice.alert.machine_name = bad.to_owned();
        notice.alert.message = format!("{bad}{}", "ä".repeat(3000));
        notice.alert.labels = [
            ("class".to_owned(), bad.to_owned()),
            ("9 hall".to_owned(), String::new()),
        ]
        .into();
        notice.alert.url = Some("https://gw-7.plant.example.com/andon/alerts/A-1042".to_owned());
        notice.alert.runbook = Some("https://wiki.example.com/\"x\"".to_owned());
        notice.alert.unit = "\"\r\n".to_owned();
    });
    cases
}

fn shown(request: &HttpRequest) -> String {
    let mut text = format!("{} {}\n", request.method, request.url);
    for (name, value) in &request.headers {
        let HeaderText::Plain(value) = value else {
            panic!("no secrets here")
        };
        let _ = writeln!(text, "{name}: {value}");
    }
    format!("{text}\n{}\n", request.body)
}

fn of_format(more: &str) -> Destination {
    let url = "url = \"https://ops.example.com/andon?token=canary\"\n";
    let url = if more.contains("\nurl =") { "" } else { url };
    read(&format!("type = \"webhook\"\n{url}{more}")).expect("a destination")
}

#[test]
fn every_event_in_every_format_is_what_it_was() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let write = std::env::var_os("UPDATE_EXPECT").is_some();
    for (name, more) in FORMATS {
        let destination = of_format(more);
        let mut text = String::new();
        for (case, notice, attempt) in cases() {
            let request = shown(&request(&destination, &notice, &attempt));
            let _ = writeln!(text, "=== {case}\n{request}");
        }
        let file = folder.join(format!("{name}.txt"));
        if write {
            fs::write(&file, &text).expect("the file");
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        for (now, was) in text.split("=== ").zip(expected.split("=== ")) {
            assert_eq!(now, was, "{name}");
        }
        assert_eq!(text.len(), expected.len(), "{name}");
    }
}

#[test]
fn no_text_breaks_a_request() {
    for (name, more) in FORMATS {
        let destination = of_format(more);
        for (case, notice, attempt) in cases() {
            let request = request(&destination, &notice, &attempt);
            let fine = url::Url::parse(&request.url).expect("a URL");
            assert!(fine.host_str().expect("a host").ends_with(".example.com"));
            for (header, value) in &request.headers {
                let HeaderText::Plain(value) = value else {
                    panic!("no secrets here")
                };
                let fine = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
                assert!(fine, "{name}, {case}, {header}: {value}");
            }
            if request.body.starts_with('{') {
                let body = serde_json::from_str::<Json>(&request.body);
                assert!(body.is_ok(), "{name}, {case}: {body:?}: {}", request.body);
            }
            assert!(request.body.len() < 16 * 1024, "{name}, {case}");
        }
    }
}

/// What Alertmanager 0.25.0 itself sent to a webhook, firing and resolved.
const ALERTMANAGER: &str = include_str!("../../../../tests/formats/alertmanager-0.25.0.jsonl");

#[test]
fn alertmanager_sends_the_same_fields_in_the_same_order() {
    let destination = of_format("format = \"alertmanager\"\nreceiver = \"plant\"");
    let kinds = [EventKind::Triggered, EventKind::Resolved];
    assert_eq!(ALERTMANAGER.lines().count(), kinds.len());
    for (theirs, kind) in ALERTMANAGER.lines().zip(kinds) {
        let ours = request(&destination, &notice(kind), &attempt()).body;
        let (ours_read, theirs_read): (Json, Json) = (
            serde_json::from_str(&ours).expect("JSON"),
            serde_json::from_str(theirs).expect("JSON"),
        );
        assert_eq!(keys(&ours), keys(theirs), "{kind:?}");
        for same in [
            "/version",
            "/status",
            "/receiver",
            "/truncatedAlerts",
            "/groupLabels",
            "/groupKey",
            "/alerts/0/status",
        ] {
            assert_eq!(ours_read.pointer(same), theirs_read.pointer(same), "{same}");
        }
        let ends = |of: &Json| of["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z";
        assert_eq!(ends(&ours_read), ends(&theirs_read));
        let digits = |of: &Json| of["alerts"][0]["fingerprint"].as_str().map(str::len);
        assert_eq!(digits(&ours_read), digits(&theirs_read));
    }
}

/// The names of all fields of a JSON text as they come, without those inside labels and annotations.
fn keys(text: &str) -> Vec<&str> {
    const FREE: [&str; 5] = [
        "labels",
        "annotations",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
    ];
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find("\":") {
        let name = &rest[rest[..end].rfind('"').map_or(0, |at| at + 1)..end];
        found.push(name);
        rest = &rest[end + 2..];
        if FREE.contains(&name) {
            rest = &rest[rest.find('}').expect("its end")..];
        }
    }
    found
}

#[test]
fn whoever_is_not_told_of_a_kind_of_event_says_so() {
    let told = |more: &str| {
        let destination = of_format(more);
        let kinds = EventKind::ALL.into_iter();
        let left_out = kinds.filter(|kind| !destination.wants(*kind));
        left_out.map(EventKind::word).collect::<Vec<_>>().join(" ")
    };
    for (name, more) in FORMATS {
        let expected = match name {
            "haltless" => "updated acknowledged resolved shelved unshelved closed",
            "alertmanager" => "acknowledged shelved",
            _ => "",
        };
        assert_eq!(told(more), expected, "{name}");
    }
}
