//! Backup, restore, import, and an image that was cloned: with the real program.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};

use crate::support::{Agent, Receiver, cold_device, mill, text, to, too_hot};

const TRIGGERED: &str = "alert.triggered mill-1/spindle-overtemp";
const RESOLVED: &str = "alert.resolved mill-1/spindle-overtemp";
const CANARY: &str = "canary-t0ken-5f2a";

#[track_caller]
fn fine(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn name(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn a_backup_of_the_running_agent_is_whole_private_and_without_secrets() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let secret = format!("headers = {{ \"x-key\" = \"{CANARY}\" }}");
    let config = mill(&device)
        + &crate::support::destination("ops", &receiver, &secret)
        + "\n[[route]]\ndefault = true\nto = [\"ops\"]\n";
    let agent = Agent::start(&config, &too_hot(""));
    device.holding(100, 973);
    let heard = receiver.hears(TRIGGERED);
    assert_eq!(heard.headers["x-key"], CANARY);
    // The alert that it tells is in it, also if only its delivery is not settled yet.
    let backup = agent.path("backup.db");
    let said = fine(&agent.verb("backup", &[name(&backup)]));
    assert!(said.contains("1 open alert, checked"), "{said}");
    let mode = fs::metadata(&backup).expect("it").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bytes = fs::read(&backup).expect("it");
    let has = |what: &str| {
        bytes
            .windows(what.len())
            .any(|part| part == what.as_bytes())
    };
    assert!(has("spindle-overtemp"), "the alert is in it");
    for secret in [CANARY, "t0ken", crate::support::KEY] {
        assert!(!has(secret), "{secret} is in the backup");
    }
    // Never over something that is there, unless that is said.
    let said = refused(&agent.verb("backup", &[name(&backup)]));
    assert!(said.contains("--force"), "{said}");
    assert_eq!(fs::read(&backup).expect("it"), bytes);
    fine(&agent.verb("backup", &["--force", name(&backup)]));
    let said = refused(&agent.verb("backup", &["/proc/nowhere/backup.db"]));
    assert!(said.contains("/proc/nowhere"), "{said}");
    let entries = fs::read_dir(agent.path("")).expect("a folder");
    let left = entries.filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().contains(".part")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn a_restored_backup_is_told_and_its_alerts_end_but_no_number_is_used_twice() {
    let (mut device, mut receiver) = (cold_device(), Receiver::closed());
    let mut agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    device.holding(100, 973);
    let opened = agent.shows("an open alert that is owed", |view| {
        view["alerts"][0]["number"].is_string() && view["store"]["pending"] == 1
    });
    let number = text(&opened, "/alerts/0/number").to_owned();
    let backup = agent.path("backup.db");
    fine(&agent.verb("backup", &[name(&backup)]));
    let said = refused(&agent.verb("restore", &[name(&backup), "--resend"]));
    assert!(
        said.contains("the agent runs") && said.contains("stop it first"),
        "{said}"
    );

    // After the backup: it is closed, and another one comes.
    fine(&agent.verb("close", &[&number, "--why", "for the test"]));
    agent.shows("no alert of the mill", |view| {
        view["alerts"].as_array().is_some_and(Vec::is_empty)
    });
    device.holding(100, 200);
    agent.shows("a cold mill", |view| {
        text(view, "/machines/0/tags/0/value").starts_with("20")
    });
    device.holding(100, 973);
    let later = agent.shows("the next alert", |view| {
        view["alerts"][0]["number"].is_string()
    });
    assert!(agent.stop().success());

    let said = refused(&agent.verb("restore", &[name(&backup)]));
    assert!(
        said.contains("--resend"),
        "nobody can be asked here: {said}"
    );
    let said = fine(&agent.verb("restore", &[name(&backup), "--resend"]));
    assert!(said.contains("pending for ops: 1"), "{said}");
    let aside = said
        .lines()
        .find_map(|line| line.strip_prefix("the database that was there is now "));
    let aside = aside.unwrap_or_else(|| panic!("{said}")).to_owned();
    device.holding(100, 200);
    agent.run();
    receiver.open();
    let first = receiver.hears(TRIGGERED).json();
    assert_eq!(text(&first, "/alert/number"), number);
    assert_eq!(first["sequence"], 1, "a new stream counts from 1");
    let end = receiver.hears(RESOLVED).json();
    assert_eq!(end["alert"]["id"], first["alert"]["id"]);
    let told = receiver.hears("alert.triggered andon/andon.store").json();
    assert!(
        text(&told, "/text").contains("restored from a backup of"),
        "{told:#}"
    );

    // What the database that was replaced still owed is imported, once.
    let imported = agent.json("outbox", &["import", &aside, "--json"]);
    assert!(imported["owed"].as_u64() >= Some(2), "{imported:#}");
    let again = agent.json("outbox", &["import", &aside, "--json"]);
    assert_eq!(
        (&again["found"], &again["owed"]),
        (&imported["found"], &0.into())
    );
    receiver.hears("alert.closed mill-1/spindle-overtemp");

    // The next alert of all has a number that neither database knew.
    let highest = |number: &str| {
        number
            .trim_start_matches("A-")
            .parse::<u64>()
            .expect("a number")
    };
    let before = highest(text(&later, "/alerts/0/number"));
    device.holding(100, 973);
    let next = agent.shows("a new alert", |view| {
        let alerts = view["alerts"].as_array();
        alerts.is_some_and(|alerts| alerts.iter().any(|alert| alert["machine"] == "mill-1"))
    });
    let alerts = next["alerts"].as_array().expect("alerts");
    let mill = alerts.iter().find(|alert| alert["machine"] == "mill-1");
    let mill = text(mill.expect("it is there"), "/number").to_owned();
    assert!(
        mill == number || highest(&mill) > before,
        "{mill}, and {before} was used"
    );
}

#[test]
fn an_alert_that_was_open_in_a_database_set_aside_is_taken_up_and_its_end_is_heard() {
    let (mut device, mut receiver) = (cold_device(), Receiver::closed());
    let config = mill(&device) + &to(&receiver);
    let mut agent = Agent::start(&config, &too_hot(""));
    device.holding(100, 973);
    let opened = agent.shows("an open alert", |view| view["store"]["pending"] == 1);
    assert!(agent.stop().success());
    newer(&agent);
    device.holding(100, 200);
    agent.run();
    receiver.open();
    // What to run is in the alert about it.
    let told = receiver.hears("alert.triggered andon/andon.store").json();
    let action = text(&told, "/alert/action").to_owned();
    assert!(action.starts_with("What was pending"), "{action}");
    let aside = action.split('`').nth(1).unwrap_or_default();
    let aside = aside.trim_start_matches("andon outbox import ").to_owned();
    // This agent does not read what a newer one wrote.
    let said = refused(&agent.verb("outbox", &["import", &aside]));
    assert!(said.contains("newer andon"), "{said}");
    // One who knows that version does: here it becomes one of ours again.
    set_version(
        Path::new(&aside),
        version(&agent.data().join("andon.db.copy"), &agent),
    );
    let said = fine(&agent.verb("outbox", &["import", &aside]));
    assert!(said.contains("open alerts taken up: 1"), "{said}");
    let first = receiver.hears(TRIGGERED).json();
    assert_eq!(text(&first, "/alert/id"), text(&opened, "/alerts/0/id"));
    let end = receiver.hears(RESOLVED).json();
    assert_eq!(first["alert"]["id"], end["alert"]["id"]);
    assert_eq!(first["alert"]["number"], end["alert"]["number"]);
    assert!(first["sequence"].as_u64() < end["sequence"].as_u64());
}

#[test]
fn an_image_on_another_machine_is_another_agent_with_another_stream_and_says_so() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let mut agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    device.holding(100, 973);
    let first = receiver.hears(TRIGGERED).json();
    assert!(agent.stop().success());
    // The same disk in the same machine, then in another one.
    agent.run();
    assert_eq!(agent.status()["agent"], first["agent_id"]);
    assert!(agent.stop().success());
    let db = open(&agent.data().join("andon.db"));
    let changed = db.execute(
        "UPDATE meta SET value = 'another' WHERE key = 'machine_id'",
        [],
    );
    assert_eq!(changed.expect("a database"), 1, "this machine has an id");
    drop(db);
    agent.run();
    let told = receiver.hears("alert.triggered andon/andon.store").json();
    assert!(
        text(&told, "/text").contains("came from another machine"),
        "{told:#}"
    );
    assert_ne!(told["stream"], first["stream"]);
    assert_ne!(told["agent_id"], first["agent_id"]);
    assert_eq!(told["sequence"], 1);
    let new = agent.status()["agent"].clone();
    assert_eq!(new, told["agent_id"]);
    // From here on it stays what it is, and the alert is over.
    agent.kill();
    agent.run();
    assert_eq!(agent.status()["agent"], new);
    let end = receiver.hears("alert.resolved andon/andon.store").json();
    assert_eq!(end["stream"], told["stream"]);
}

/// Makes the database of a stopped agent one of a version that nobody knows.
fn newer(agent: &Agent) {
    set_version(&agent.data().join("andon.db"), 99);
}

fn open(path: &Path) -> rusqlite::Connection {
    let flags = rusqlite::OpenFlags::default();
    rusqlite::Connection::open_with_flags(path, flags).expect("a database")
}

fn set_version(path: &Path, version: i32) {
    let db = open(path);
    db.pragma_update(None, "user_version", version)
        .expect("a database");
}

/// The version that the running agent writes, seen in a backup of it.
fn version(path: &Path, agent: &Agent) -> i32 {
    fine(&agent.verb("backup", &[name(path)]));
    let version = open(path).pragma_query_value(None, "user_version", |row| row.get(0));
    version.expect("a version")
}
