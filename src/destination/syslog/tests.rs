//! What stands in a message, read back by a reader of its own.

use super::*;
use crate::destination::{
    Destination,
    notice::Notice,
    testbed::{attempt, notice, read},
};

const LOGS: &str = "type = \"syslog\"\nurl = \"tcp://logs.example.com:514\"\n";

fn syslog(more: &str) -> Destination {
    read(&format!("{LOGS}{more}")).expect("a destination")
}

fn message(of: &Destination, notice: &Notice) -> String {
    let attempt = attempt();
    let errand = of.render(&of.told(notice, &attempt, None));
    match errand.expect("an errand").requests.remove(0) {
        Request::Line(line) => line,
        other => panic!("{other:?}"),
    }
}

/// Header, structured data by name, text: a small reader of RFC 5424.
fn parsed(message: &str) -> (Vec<String>, Vec<(String, String)>, String) {
    let mut rest = message;
    let mut header = Vec::new();
    for _ in 0..6 {
        let (field, after) = rest.split_once(' ').expect("six fields");
        header.push(field.to_owned());
        rest = after;
    }
    let mut pairs = Vec::new();
    while let Some(element) = rest.strip_prefix('[') {
        rest = element.trim_start_matches(|c| c != ' ');
        while let Some(pair) = rest.strip_prefix(' ') {
            let (name, value) = pair.split_once("=\"").expect("a value");
            let (mut text, mut chars) = (String::new(), value.char_indices());
            let end = loop {
                match chars.next().expect("an end") {
                    (_, '\\') => text.push(chars.next().expect("what is escaped").1),
                    (at, '"') => break at,
                    (_, ']') => panic!("a bracket that is not escaped"),
                    (_, c) => text.push(c),
                }
            };
            pairs.push((name.to_owned(), text));
            rest = &value[end + 1..];
        }
        rest = rest.strip_prefix(']').expect("the end of an element");
    }
    let text = rest.strip_prefix("- ").unwrap_or_else(|| &rest[1..]);
    (header, pairs, text.to_owned())
}

#[test]
fn a_message_has_its_priority_its_fields_and_its_sentence() {
    let told = notice(EventKind::Triggered);
    let (header, pairs, text) = parsed(&message(&syslog(""), &told));
    let expected = [
        "<130>1",
        "2026-04-04T08:30:05.120Z",
        "plant-7",
        "andon",
        "-",
        "triggered",
    ];
    assert_eq!(header, expected);
    let of = |name: &str| {
        let found = pairs.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(of("machineName"), Some("CNC Mill #1"));
    assert_eq!((of("isSynced"), of("value")), (Some("1"), Some("97.3")));
    assert_eq!((of("test"), of("by")), (None, None));
    // It is not ASCII, so it says that it is UTF-8.
    assert_eq!(text.strip_prefix(BOM), Some(told.text.as_str()));
    let plain = Notice {
        text: "over".to_owned(),
        ..notice(EventKind::Resolved)
    };
    let ended = message(&syslog("facility = \"daemon\""), &plain);
    assert!(
        ended.starts_with("<29>1 ") && ended.ends_with("] over"),
        "{ended}"
    );
}

#[test]
fn what_a_machine_is_called_stays_inside_its_quotes_and_on_its_line() {
    let mut told = notice(EventKind::Triggered);
    let bad = "a\"] [evil@1 x=\"y\\\"] \n<0>1 - - - - - \u{1b}[31m🚨";
    told.alert.machine_name = bad.to_owned();
    told.text = format!("{bad}\r\n{}", "ä".repeat(900));
    let message = message(&syslog(""), &told);
    assert!(!message.contains(|c: char| c.is_control()), "{message}");
    let (_, pairs, _) = parsed(&message);
    let name = pairs.iter().find(|(name, _)| name == "machineName");
    let expected = bad.replace(['\n', '\u{1b}'], " ");
    assert_eq!(
        name.map(|(_, value)| value.as_str()),
        Some(expected.as_str())
    );
}

#[test]
fn a_message_is_never_longer_than_the_server_takes() {
    let mut told = notice(EventKind::Triggered);
    told.text = "ä".repeat(1000);
    let short = syslog("max_message = \"2KiB\"");
    let message = message(&short, &told);
    assert!(
        message.len() <= 2048 && message.len() > 2040,
        "{}",
        message.len()
    );
    assert!(message.ends_with('…'));
    // The data gives way before the sentence does.
    told.alert.machine_name = "]".repeat(200);
    told.alert.url = Some(format!("https://gw/{}", "ä".repeat(200)));
    told.alert.unit = "\\".repeat(200);
    let message = super::tests::message(&short, &told);
    assert!(message.len() <= 2048, "{}", message.len());
    assert!(message.contains(" triggered - \u{feff}ää"), "{message}");
}
