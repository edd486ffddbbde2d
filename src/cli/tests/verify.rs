//! The proof over what a receiver stored.

use std::fs;

use super::{alone, *};

fn body(sequence: u64) -> String {
    format!(
        "{{\"event\":\"alert.triggered\",\"id\":\"E{sequence}\",\"stream\":\"S1\",\"sequence\":{sequence},\"given_up\":[],\"dedup_key\":\"k\"}}"
    )
}

#[test]
fn a_receiver_checks_its_file_without_an_agent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("received.jsonl");
    let file = path.to_str().unwrap();
    let args = ["verify", "--received", file];

    let lines: Vec<String> = [1, 2, 2, 3].into_iter().map(body).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    let said = alone(&args, "").ended(Exit::Fine);
    let expected = "\
STREAM  OF  NUMBERS  RECEIVED  REPEATED  GIVEN UP  MISSING  CONFLICTS  DISORDERS
S1      -   1-3      3         1         0         0        0          0
every number up to the last is here or was given up; a repeat bears the same id; watches are in order
";
    assert_eq!(said, expected);

    // One line that was lost, and one that broke off.
    fs::write(&path, format!("{}\n{}\n{{\"stream", body(1), body(3))).unwrap();
    let said = alone(&args, "").ended(Exit::NotFine);
    assert!(said.contains("S1: missing 2\n"), "{said}");
    assert!(said.contains("cannot be read: line 3\n"), "{said}");
    let json = alone(&[&args[..], &["--json"]].concat(), "").ended(Exit::NotFine);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["streams"][0]["missing_numbers"], "2");
}

#[test]
fn a_line_without_end_does_not_fill_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("received.jsonl");
    let long = "x".repeat((16 << 20) + 5);
    fs::write(&path, format!("{}\n{long}\n{}\n", body(1), body(2))).unwrap();
    let args = ["verify", "--received", path.to_str().unwrap(), "--json"];
    let said = alone(&args, "").ended(Exit::Fine);
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(json["malformed_lines"], serde_json::json!([2]));
    assert_eq!(json["streams"][0]["received"], 2);
}

#[test]
fn what_is_no_file_or_no_pointer_is_usage() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let said = alone(&["verify", "--received", folder], "");
    assert_eq!(said.exit, Exit::Usage);
    let said = alone(&["verify", "--received", folder, "--by", "to"], "");
    assert!(said.error.contains("write /to"), "{}", said.error);
}
