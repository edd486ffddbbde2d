//! Bodies against schemas of what their services document: every event that `tests/formats` tells there, hostile texts too, checked by
//! another implementation of JSON Schema.

use std::{fs, io::Write as _, path::Path, process::Stdio};

use serde_json::{Value, json};

use crate::support::python;

/// The schema of a request, by its first line.
type SchemaOf = fn(&str) -> &'static str;

/// Files of `tests/formats`, and what a request there must be by its first line.
const FILES: [(&str, SchemaOf); 12] = [
    ("alertmanager", |_| "alertmanager hook"),
    ("alertmanager-api", |_| "alertmanager api"),
    ("pagerduty", |_| "pagerduty"),
    ("opsknight", |_| "opsknight"),
    ("opsknight-api", |_| "opsknight"),
    ("opsknight-webhook", |_| "opsknight integration"),
    ("opshift", |_| "opshift"),
    ("harp", |_| "harp"),
    ("harp-inside", |_| "harp"),
    ("opsgenie", genie),
    ("jsm", genie),
    ("webhook-opsknight", |_| "opsknight hook"),
];

fn genie(line: &str) -> &'static str {
    match line {
        line if line.ends_with("/v2/alerts") => "opsgenie create",
        line if line.contains("/priority?") => "opsgenie priority",
        _ => "opsgenie act",
    }
}

#[test]
fn bodies_keep_to_what_their_services_document() {
    let mut asked = Vec::new();
    let mut named = Vec::new();
    for (file, schema) in FILES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/formats/{file}.txt"));
        let text = fs::read_to_string(&path).expect("a file");
        let mut line = "";
        for next in text.lines() {
            if next.starts_with("POST ") || next.starts_with("PUT ") {
                line = next;
            } else if next.starts_with(['{', '[']) {
                asked.push(json!([schema(line), next]));
                named.push(format!("{file}: {line}: {next}"));
            }
        }
    }
    assert!(asked.len() > 100, "{}", asked.len());
    let verdicts = verdicts(&asked);
    assert_eq!(verdicts.len(), named.len());
    for (verdict, name) in verdicts.iter().zip(named) {
        assert_eq!(*verdict, json!([]), "{name}");
    }
    // The judge is awake.
    let wrong = verdicts_of_one(
        "alertmanager api",
        &json!([{ "labels": { "a-b": "", "c": 1 } }]),
    );
    for mistake in ["'a-b' does not match", "1 is not of type 'string'"] {
        assert!(wrong.to_string().contains(mistake), "{wrong}");
    }
    let wrong = json!({ "routing_key": "k", "event_action": "trigger", "dedup_key": "k".repeat(256), "payload": {} });
    let wrong = verdicts_of_one("pagerduty", &wrong);
    assert!(wrong.to_string().contains("dedup_key"), "{wrong}");
    assert!(
        wrong.to_string().contains("'summary' is a required"),
        "{wrong}"
    );
}

fn verdicts_of_one(schema: &str, body: &Value) -> Value {
    verdicts(&[json!([schema, body.to_string()])]).remove(0)
}

fn verdicts(asked: &[Value]) -> Vec<Value> {
    let mut child = python::script("body_schemas.py")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut stdin = child.stdin.take().expect("its input");
    let text = json!(asked).to_string();
    let writing = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("python ends");
    writing.join().expect("written").expect("python listens");
    serde_json::from_slice(&output.stdout).expect("a list")
}
