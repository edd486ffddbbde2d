//! Every event at every kind of destination, byte for byte, as it stands in `tests/formats`.
//!
//! `NAME.toml` there is a destination and `NAME.txt` what it sends; a line `# thread = ..` in it is what an answer left for
//! follow-ups, and then everything is told with it as well. A change of a format is a change of these files: write them anew with
//! `UPDATE_EXPECT=1` and read what `git diff` says.

use std::{fmt::Write as _, fs, path::Path, sync::Arc};

use serde_json::Value as Json;

use crate::{
    alert::event::EventKind,
    destination::{
        Destination,
        notice::{Attempt, GivenUp, Notice},
        testbed::{Sent, all_of, attempt, notice, read, sent},
        text::tests::{event, site},
    },
};

/// A destination of `tests/formats`.
pub(super) struct Example {
    pub(super) name: String,
    pub(super) destination: Destination,
    pub(super) thread: Option<String>,
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats")
}

pub(super) fn examples() -> Vec<Example> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a text");
        let thread = text
            .lines()
            .find_map(|line| line.strip_prefix("# thread = "));
        let destination = read(&text).unwrap_or_else(|wrong| panic!("{path:?}: {wrong:#?}"));
        found.push(Example {
            name: path.file_stem().expect("a name").display().to_string(),
            thread: thread.map(str::to_owned),
            destination,
        });
    }
    assert!(found.len() >= 9);
    found
}

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
    cases.push(("hostile texts".to_owned(), hostile(), attempt()));
    cases
}

/// An alert of a machine that wants to be obeyed.
pub(super) fn hostile() -> Notice {
    let mut event = event(EventKind::Triggered);
    event.alert.machine_name = Arc::from(HOSTILE);
    event.alert.message = Arc::from(HOSTILE.repeat(10_000 / HOSTILE.chars().count() + 1));
    event.alert.action = Arc::from(HOSTILE);
    Notice::of(&event, &site(), true)
}

/// What somebody might call a machine to be obeyed: by a chat, a page, a terminal, a mailer, a log.
pub(in crate::destination) const HOSTILE: &str = "<!channel> @everyone @here <@U1> <at>x</at> *b* _i_ ~s~ `c` [l](https://evil.example) <a href=\"https://evil.example\">x</a> \
    </script> \u{202e}gnp.exe \u{1b}[31m\r\nBcc: x@evil.example\r\n.\r\n🚨👩‍🔧 {text} {{ name }} {% if %} %s $(id) ; ' \" \\ \u{0} ";

fn shown(requests: &[Sent]) -> String {
    let mut text = String::new();
    for request in requests {
        let first = format!("{} {}", request.method, request.url);
        let _ = writeln!(text, "{}", first.trim_end());
        for (name, value) in &request.headers {
            let _ = writeln!(text, "{name}: {value}");
        }
        let _ = writeln!(text, "\n{}", request.body);
    }
    text
}

fn told(example: &Example, notice: &Notice, attempt: &Attempt) -> Vec<(&'static str, Vec<Sent>)> {
    let sent = |thread| sent(&example.destination, notice, attempt, thread);
    let mut told = vec![("", sent(None))];
    if let Some(thread) = &example.thread {
        told.push((", goes on", sent(Some(thread))));
    }
    told
}

/// The story of one alert and the beginning of another in one message, where that can be.
fn digest(example: &Example) -> Option<Vec<Sent>> {
    let mut story: Vec<(Notice, Attempt)> = Vec::new();
    for (kind, another) in [
        (EventKind::Triggered, false),
        (EventKind::Escalated, false),
        (EventKind::Resolved, false),
        (EventKind::Triggered, true),
    ] {
        let (mut notice, mut attempt) = (notice(kind), attempt());
        let number = story.len() as u64;
        notice.id = ulid::Ulid::from_parts(notice.at.cast_unsigned(), number.into()).to_string();
        (attempt.sequence, attempt.late_seconds) = (42 + number, 7 * 3600 - number);
        if another {
            notice.alert.id = notice.id.clone();
            notice.alert.severity = "warning".to_owned();
        }
        story.push((notice, attempt));
    }
    let ops = &example.destination;
    let told: Vec<_> = story
        .iter()
        .map(|(notice, attempt)| ops.told(notice, attempt, None))
        .collect();
    let rendered = ops.render_digest(&told);
    let can = ops.abilities().digests;
    assert_eq!(can, rendered.is_ok(), "{}: {rendered:?}", example.name);
    let (digest, errand) = rendered.ok()?;
    assert_eq!(digest.told.len(), story.len());
    Some(all_of(&errand))
}

#[test]
fn every_event_in_every_format_is_what_it_was() {
    let write = std::env::var_os("UPDATE_EXPECT").is_some();
    for example in examples() {
        let name = &example.name;
        let mut text = String::new();
        for (case, notice, attempt) in cases() {
            for (more, requests) in told(&example, &notice, &attempt) {
                let _ = writeln!(text, "=== {case}{more}\n{}", shown(&requests));
            }
        }
        if let Some(requests) = digest(&example) {
            let _ = writeln!(text, "=== a digest\n{}", shown(&requests));
        }
        let file = folder().join(format!("{name}.txt"));
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
    for example in examples() {
        for (case, notice, attempt) in cases() {
            let told = told(&example, &notice, &attempt);
            for request in told.iter().flat_map(|(_, requests)| requests) {
                let name = &example.name;
                // A URL that is all secret has nothing of the alert in it, and not every way has one.
                if !request.url.starts_with("***") && request.url.contains("://") {
                    assert!(url::Url::parse(&request.url).is_ok(), "{}", request.url);
                    assert!(!request.url.contains("evil.example/"), "{}", request.url);
                }
                for (header, value) in &request.headers {
                    // An environment is not HTTP.
                    let fine = match request.method {
                        "RUN" => !value.contains(char::is_control),
                        _ => value.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                    };
                    assert!(fine, "{name}, {case}, {header}: {value}");
                }
                if request.body.starts_with(['{', '[']) {
                    let body = serde_json::from_str::<Json>(&request.body);
                    assert!(body.is_ok(), "{name}, {case}: {body:?}: {}", request.body);
                }
                assert!(request.body.len() < 64 * 1024, "{name}, {case}");
            }
        }
    }
}
