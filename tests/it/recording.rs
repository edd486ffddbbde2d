//! What moved the real agent, recorded and decided once more by the real program: the same events, the same ids.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use serde_json::Value;

use crate::support::{Agent, Receiver, cold_device, mill, text, to, too_hot, wait};

const TRIGGERED: &str = "alert.triggered mill-1/spindle-overtemp";

const POLICY: &str = r#"
[[policy]]
id = "critical-2s"
when = { severity = ["critical"] }
steps = [{ after = "2s", to = ["ops"] }]
"#;

/// What a replay of this file decides; it must be what was recorded.
fn replay(agent: &Agent, file: &Path) -> Vec<(String, String)> {
    let file = file.display().to_string();
    let said = agent.verb("replay", &[&file, "--expect-same", "--json"]);
    let report: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&said.stderr));
    });
    assert!(said.status.success(), "{report:#}");
    assert_eq!(report["same"], true, "{report:#}");
    let events = report["events"].as_array().expect("a list");
    let named = events.iter().map(|event| {
        let kind = format!("alert.{}", text(event, "/kind"));
        (kind, text(event, "/id").to_owned())
    });
    named.collect()
}

/// What the receiver was told, in order.
fn heard(receiver: &Receiver) -> Vec<(String, String)> {
    let all = receiver.all().into_iter().map(|one| one.json());
    all.map(|body| {
        (
            text(&body, "/event").to_owned(),
            text(&body, "/id").to_owned(),
        )
    })
    .collect()
}

#[test]
fn a_recorded_run_of_the_real_agent_is_decided_again_with_the_same_ids() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let config = mill(&device) + &to(&receiver) + POLICY;
    let mut agent = Agent::new(&config, &too_hot(""));
    let (whole, middle) = (agent.path("whole.jsonl"), agent.path("middle.jsonl"));
    agent.tell(&["--record", &whole.display().to_string()]);
    agent.run();
    device.holding(100, 973);
    let number = text(&receiver.hears(TRIGGERED).json(), "/alert/number").to_owned();
    receiver.hears("alert.escalated mill-1/spindle-overtemp");

    // Somebody else begins to record in the middle, while an alert is open.
    let before = heard(&receiver).len();
    let file = middle.display().to_string();
    let mut recording = agent.begin("record", &["--to", &file]);
    wait::until("a recording that has begun", || {
        let text = fs::read_to_string(&middle).unwrap_or_default();
        text.contains("\n{\"step\":").then_some(())
    });
    agent.shows("both recordings", |view| view["recordings"] == 2);
    let said = agent.verb("status", &[]).stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.contains("2 recordings under way"), "{said}");

    assert!(
        agent
            .verb("ack", &[&number, "--note", "on my way"])
            .status
            .success()
    );
    receiver.hears("alert.acknowledged mill-1/spindle-overtemp");
    let why = ["--why", "new spindle"];
    let shelve = [&["mill-1", "--for", "1h"][..], &why].concat();
    assert!(agent.verb("shelve", &shelve).status.success());
    assert!(agent.verb("unshelve", &["mill-1"]).status.success());
    // Another rule comes by a reload and raises at once, and a command is refused.
    agent.rules(&(too_hot("") + &too_hot("").replace("spindle-overtemp", "second")));
    assert!(agent.verb("reload", &[]).status.success());
    receiver.hears("alert.triggered mill-1/second");
    assert!(!agent.verb("ack", &["A-99"]).status.success());
    device.holding(100, 200);
    receiver.hears("alert.resolved mill-1/spindle-overtemp");
    receiver.hears("alert.resolved mill-1/second");
    agent.shows("nothing that waits", |view| view["store"]["pending"] == 0);

    let pid = rustix::process::Pid::from_child(&recording);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it records");
    let ended = wait::until("the end of the recording", || {
        recording.try_wait().expect("a child")
    });
    assert!(ended.success(), "Ctrl-C is how a recording ends");
    assert!(agent.stop().success());

    for file in [&whole, &middle] {
        let mode = fs::metadata(file)
            .expect("a recording")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(file).expect("a recording");
        assert!(
            !text.contains("t0ken") && !text.contains("whsec"),
            "a secret"
        );
        assert!(text.ends_with("}\n") && text.contains("\n{\"end\":"));
    }
    // One destination gets every event, so what it heard is what was decided.
    let told = heard(&receiver);
    assert!(told.len() >= 8, "{told:#?}");
    let shown = |events: Vec<(String, String)>| {
        let mut events = events;
        events.sort();
        events
    };
    assert_eq!(shown(replay(&agent, &whole)), shown(told.clone()));
    let later = replay(&agent, &middle);
    assert_eq!(shown(later), shown(told[before..].to_vec()));

    // A recording whose agent dies is played as far as it goes, and says so.
    agent.tell(&[]);
    agent.run();
    let killed = agent.path("killed.jsonl");
    let file = killed.display().to_string();
    let mut recording = agent.begin("record", &["--to", &file]);
    wait::until("a recording that has begun", || {
        let text = fs::read_to_string(&killed).unwrap_or_default();
        text.contains("\n{\"step\":").then_some(())
    });
    agent.kill();
    let ended = wait::until("the end of the recording", || {
        recording.try_wait().expect("a child")
    });
    assert_eq!(ended.code(), Some(1));
    let text = fs::read_to_string(&killed).expect("a recording");
    assert!(
        text.ends_with("{\"end\":\"the agent went away\"}\n"),
        "{text}"
    );
    replay(&agent, &killed);

    // Where the file is taken, the plant is watched all the same.
    let size = fs::metadata(&whole).expect("a recording").len();
    agent.tell(&["--record", &whole.display().to_string()]);
    agent.run();
    assert!(agent.log().contains("this run is not recorded"));
    assert_eq!(fs::metadata(&whole).expect("a recording").len(), size);
}

#[test]
fn samples_alone_are_recorded_for_as_long_as_was_asked() {
    let mut device = cold_device();
    let receiver = Receiver::start();
    let agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    agent.shows("a value", |view| {
        text(view, "/machines/0/tags/0/value").starts_with("20")
    });
    let sheet = agent.path("samples.csv");
    let file = sheet.display().to_string();
    let begin = wait::now();
    let mut recording = agent.begin("record", &["--to", &file, "--csv", "--for", "3s"]);
    wait::until("the first samples", || {
        let text = fs::read_to_string(&sheet).unwrap_or_default();
        text.contains(",20,°C,good,").then_some(())
    });
    device.holding(100, 305);
    let ended = wait::until("the end of the recording", || {
        recording.try_wait().expect("a child")
    });
    assert!(ended.success());
    assert!(begin.elapsed() >= Duration::from_secs(3));
    let text = fs::read_to_string(&sheet).expect("a table");
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("time,mono_s,machine,tag,value,unit,quality,stamp,retained")
    );
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == 9 && row[2] == "mill-1"));
    assert!(rows.iter().any(|row| row[4] == "30.5"), "{text}");
}
