//! `record` and `replay`.

use std::fs;

use super::*;
use crate::api::tests::Script;

/// Records what the scripted agent tells, which then ends it.
async fn record(file: &Path, more: &[&str]) -> Said {
    let fake = Fake::start();
    let file = file.to_str().unwrap();
    talk(&fake.socket, &[&["record", "--to", file], more].concat()).await
}

#[tokio::test]
async fn a_recording_is_written_and_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.jsonl");
    let said = record(&path, &[]).await;
    assert_eq!(
        said.error,
        "the agent went away, so the recording ends here"
    );
    assert!(said.out.contains(": 4 lines, "), "{said:?}");
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.ends_with("{\"end\":\"the agent stopped\"}\n"),
        "{text}"
    );

    let file = path.to_str().unwrap();
    let said = alone(&["replay", file, "--expect-same"], "").ended(Exit::Fine);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("TIME "), "{said}");
    assert!(lines[1].contains("triggered  critical  mill-1"), "{said}");
    assert_eq!(
        lines[3..],
        [
            "2 inputs over 7 s: 2 events",
            "everything that was played was decided as recorded, ids included",
            "the recording ends: the agent stopped"
        ]
    );
    let json = alone(&["replay", file, "--json"], "").ended(Exit::Fine);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["same"], &json["inputs"]), (&true.into(), &2.into()));
    assert_eq!(json["events"][0]["alert"], "A-1");
}

#[tokio::test]
async fn a_replay_that_goes_another_way_is_not_fine_if_that_was_expected() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.jsonl");
    record(&path, &[]).await;
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        text.replace("\"value\":97.0}]}}}", "\"value\":20.0}]}}}"),
    )
    .unwrap();
    let file = path.to_str().unwrap();
    let said = alone(&["replay", file, "--expect-same"], "").ended(Exit::NotFine);
    assert!(
        said.contains("decided otherwise than recorded, first in line 3"),
        "{said}"
    );
    assert!(said.contains("replayed: nothing"), "{said}");
    alone(&["replay", file], "").ended(Exit::Fine);
}

#[tokio::test]
async fn a_recording_that_was_cut_is_played_as_far_as_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.jsonl");
    record(&path, &[]).await;
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 40]).unwrap();
    let said = alone(&["replay", path.to_str().unwrap()], "").ended(Exit::Fine);
    assert!(said.contains("1 input over 1 s: 0 events"), "{said}");
    assert!(said.ends_with("the recording broke off\n"), "{said}");
}

#[tokio::test]
async fn samples_alone_are_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("samples.csv");
    record(&path, &["--csv"]).await;
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "time,mono_s,machine,tag,value,unit,quality,stamp,retained\r\n\
         2026-04-04T10:30:01.000Z,1001.000000000,mill-1,temp,97,°C,good,,\r\n"
    );
}

#[tokio::test]
async fn a_recording_replaces_nothing_and_leaves_nothing_where_none_was_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.jsonl");
    fs::write(&path, "mine").unwrap();
    let said = record(&path, &[]).await;
    assert!(
        said.error.ends_with("exists; name another file"),
        "{said:?}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");

    let other = dir.path().join("other.jsonl");
    let fake = Fake::with(Script {
        no_recording: true,
        ..Script::default()
    });
    let said = talk(&fake.socket, &["record", "--to", other.to_str().unwrap()]).await;
    assert_eq!(
        said.error,
        "2 recordings run already; end one of them first"
    );
    assert!(!other.exists());
    let said = alone(&["replay", path.to_str().unwrap()], "");
    assert!(said.error.contains("is no recording"), "{said:?}");
}

#[tokio::test]
async fn other_rules_judge_what_was_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.jsonl");
    record(&path, &[]).await;
    // The recorded run knew `temp` and `door` of two mills; here one of them is watched, by a rule that never ran.
    let main = r#"
[agent]
site = "plant-7"
[[machine]]
id = "mill-1"
[[source.modbus]]
name = "hall"
address = "tcp://127.0.0.1:502"
units = [{ id = 1, machine = "mill-1", tags = [{ tag = "temp", read = "holding:1" }] }]
"#;
    let rule = r#"
[[rule]]
id = "much-too-hot"
machine = "mill-1"
tag = "temp"
above = 96.5
on_delay = "2s"
severity = "critical"
"#;
    let config = dir.path().join("andon.toml");
    fs::write(&config, main).unwrap();
    fs::create_dir(dir.path().join("rules")).unwrap();
    fs::write(dir.path().join("rules/new.toml"), rule).unwrap();
    let (file, config) = (path.to_str().unwrap(), config.to_str().unwrap());
    let said = alone(&["replay", file, "--config", config], "").ended(Exit::Fine);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[1].contains("A-1    triggered  critical  mill-1   much-too-hot  97"),
        "{said}"
    );
    assert!(lines[1].contains("10:30:03"), "after its delay: {said}");
    assert_eq!(
        lines[2],
        format!("1 sample over 7 s, judged by {config}: 1 event")
    );
    assert_eq!(
        lines[3],
        "not in this configuration, so not judged: mill-1/door, mill-2/door, mill-2/temp"
    );
    let json = alone(&["replay", file, "--config", config, "--json"], "").ended(Exit::Fine);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["events"][0]["rule"], "much-too-hot");
    fs::write(
        dir.path().join("rules/new.toml"),
        rule.replace("96.5", "98"),
    )
    .unwrap();
    let said = alone(&["replay", file, "--config", config], "").ended(Exit::Fine);
    assert!(said.starts_with("1 sample over 7 s"), "{said}");
    fs::write(
        dir.path().join("rules/new.toml"),
        rule.replace("above", "abov"),
    )
    .unwrap();
    let said = alone(&["replay", file, "--config", config], "");
    assert_eq!(said.exit, Exit::Configuration);
    assert!(said.error.contains("abov"), "{said:?}");
}
