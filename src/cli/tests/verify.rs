//! The proof over what a receiver stored.

use std::fs;

use super::{alone, talk, *};
use crate::{
    api::tests::{Fake, Script},
    verify::{
        chain,
        rows::{Account, Delivery, Entry, Event, Numbered, Point},
    },
};

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

/// Five events, each accepted by `ops` after two seconds, behind a socket that gives two at a time.
fn record() -> (Account, Vec<Entry>) {
    let mut before = chain::ZERO;
    let mut entries = Vec::new();
    for seq in 1..=5_i64 {
        let digest = [u8::try_from(seq).unwrap(); 32];
        before = chain::link(&before, &digest);
        let decided = 1_775_200_000_000 + seq * 30_000_000;
        let delivery = Delivery {
            destination: "ops".to_owned(),
            sequence: seq.unsigned_abs(),
            state: "accepted".to_owned(),
            attempts: 1,
            settled: Some(decided + 2000),
            result: Some("HTTP 202".to_owned()),
            ..Delivery::default()
        };
        entries.push(Entry {
            seq,
            digest: chain::hex(&digest),
            hash: Some(chain::hex(&before)),
            event: Some(Event {
                alert: 1,
                kind: "updated".to_owned(),
                decided,
                synchronised: true,
                deliveries: vec![delivery],
                ..Event::default()
            }),
        });
    }
    let account = Account {
        stream: "S".to_owned(),
        head: Point {
            seq: 5,
            hash: chain::hex(&before),
        },
        start: Point {
            seq: 0,
            hash: chain::hex(&chain::ZERO),
        },
        destinations: vec![Numbered {
            name: "ops".to_owned(),
            last: 5,
        }],
        ..Account::default()
    };
    (account, entries)
}

fn fake(account: &Account, record: &[Entry]) -> Fake {
    Fake::with(Script {
        account: account.clone(),
        record: record.to_vec(),
        ..Script::default()
    })
}

#[tokio::test]
async fn the_record_of_an_agent_is_proven_page_by_page() {
    let (account, mut record) = record();
    let agent = fake(&account, &record);
    let said = talk(&agent.socket, &["verify"]).await.ended(Exit::Fine);
    let head = &account.head.hash;
    let expected = format!(
        "\
5 events decided, of 1 alerts; 0 deliveries lost

Destinations
DESTINATION  OWED  ACCEPTED  DEDUPLICATED  SUPERSEDED  EXPIRED  FAILED  REFUSED  DROPPED  UNKNOWN  PENDING  LOST  REPEATS  NUMBERS  PRUNED  MEDIAN LAG  WORST LAG
ops          5     5         0             0           0        0       0        0        0        0        0     0        5        0       2 s         2 s
5 accepted by ops (HTTP 202)
accepted is what a server said; whether a person has read it is not known here

Chain
intact: 5 events, and the digests of 0 pruned ones, from event 1 to 5
head {head}@5

Everything adds up.
"
    );
    assert_eq!(said, expected);
    let since = talk(&agent.socket, &["verify", "--since", "12h", "--csv"]).await;
    let csv = since.ended(Exit::Fine);
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("destination,owed,accepted,"), "{csv}");
    assert!(lines[0].ends_with(",median_lag_ms,worst_lag_ms"), "{csv}");
    assert_eq!(lines[1], "ops,4,4,0,0,0,0,0,0,0,0,0,0,5,0,2000,2000");

    record[2].digest = record[1].digest.clone();
    let agent = fake(&account, &record);
    let said = talk(&agent.socket, &["verify"]).await.ended(Exit::NotFine);
    assert!(
        said.contains("chain: event 3 is not what was written"),
        "{said}"
    );
    assert!(said.ends_with("The record does not hold.\n"), "{said}");
}

#[tokio::test]
async fn a_time_or_a_head_that_makes_no_sense_is_usage() {
    let (account, record) = record();
    let agent = fake(&account, &record);
    for args in [
        ["--since", "7"],
        ["--since", "-7d"],
        ["--since", "d"],
        ["--head", "ab@1"],
    ] {
        let said = talk(&agent.socket, &[&["verify"], &args[..]].concat()).await;
        assert_eq!(said.exit, Exit::Usage, "{args:?}: {said:?}");
    }
}
