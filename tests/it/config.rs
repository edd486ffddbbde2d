//! A mistake in a file, or a database that cannot be used, never leaves the plant unwatched.

use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
    time::Duration,
};

use crate::support::{
    Agent, Device, Received, Receiver, cold_device, mill, text, to, too_hot, wait,
};

const TRIGGERED: &str = "alert.triggered mill-1/spindle-overtemp";
/// A key that does not exist.
const MISTAKE: &str = "severty = \"critical\"";
const BAD_CONFIGURATION: Option<i32> = Some(78);

#[test]
fn a_refused_configuration_leaves_the_last_good_one_running_and_says_so() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let mut agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    agent.stop();
    agent.rules(&too_hot(MISTAKE));
    agent.run();
    let view = agent.status();
    let refused = view["config"]["refused"].to_string();
    assert!(refused.contains("rules/test.toml"), "{view:#}");
    assert!(refused.contains("severty"), "{view:#}");
    let told = wait::until("an alert about it", || {
        about_the_agent(&receiver, "config-refused")
    });
    let sentence = text(&told.json(), "/text").to_owned();
    assert!(sentence.contains("test.toml"), "{sentence}");
    device.holding(100, 973);
    receiver.hears(TRIGGERED);

    agent.rules(&too_hot(""));
    let reloaded = agent.verb("reload", &[]);
    assert!(reloaded.status.success(), "{reloaded:?}");
    agent.shows("that nothing is refused", |view| {
        view["config"]["refused"]
            .as_array()
            .is_some_and(Vec::is_empty)
    });
}

#[test]
fn a_reload_of_a_mistake_names_it_and_changes_nothing() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    let before = agent.status()["config"]["hash"].clone();
    agent.rules(&too_hot(MISTAKE));
    let refused = agent.verb("reload", &[]);
    assert!(!refused.status.success(), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr) + String::from_utf8_lossy(&refused.stdout);
    assert!(
        said.contains("test.toml:") && said.contains("severty"),
        "{said}"
    );
    assert_eq!(agent.status()["config"]["hash"], before);
    device.holding(100, 973);
    receiver.hears(TRIGGERED);
}

#[test]
fn a_hangup_is_a_reload_and_ends_nothing() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let mut agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    agent.rules(&too_hot(MISTAKE));
    agent.hang_up();
    agent.shows("the mistake", |view| {
        view["config"]["refused"].to_string().contains("severty")
    });
    assert!(agent.log().contains("severty"), "{}", agent.log());
    agent.rules(&too_hot("").replace("above = 95.0", "above = 94.0"));
    agent.hang_up();
    agent.shows("that nothing is refused", |view| {
        view["config"]["refused"]
            .as_array()
            .is_some_and(Vec::is_empty)
    });
    device.holding(100, 945);
    receiver.hears(TRIGGERED);
    assert!(agent.is_running());
}

#[test]
fn a_second_agent_on_the_same_data_leaves_the_last_good_configuration_of_the_first() {
    let (device, receiver) = (cold_device(), Receiver::start());
    let mut agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    let last_good = agent.data().join("last-good/files.json");
    let kept = fs::read(&last_good).expect("the last good configuration");
    agent.rules(&too_hot("").replace("above = 95.0", "above = 120.0"));
    let second = agent.verb("run", &[]);
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(
        said.contains("another andon runs on this data_dir"),
        "{said}"
    );
    assert_eq!(fs::read(&last_good).ok(), Some(kept));
    assert!(agent.is_running());
}

#[test]
fn where_no_socket_can_be_made_the_plant_is_watched_all_the_same() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let mut agent = Agent::new(&(mill(&device) + &to(&receiver)), &too_hot(""));
    fs::remove_dir(agent.data()).expect("the folder for data");
    fs::write(agent.data(), "a file where the folder should be").expect("a file");
    fs::create_dir(agent.path("andon.sock")).expect("a folder where the socket should be");
    agent.spawn();
    device.holding(100, 973);
    receiver.hears(TRIGGERED);
    wait::until("an alert about the disk", || {
        about_the_agent(&receiver, "andon.disk")
    });
    assert!(agent.log().contains("no verb reaches this agent"));

    // The disk is back, which the store tries every 30 s, and nothing else happens in the plant.
    fs::remove_file(agent.data()).expect("the file");
    fs::create_dir(agent.data()).expect("the folder for data");
    wait::within(Duration::from_secs(60), "the end of that alert", || {
        let mut all = receiver.accepted().into_iter();
        all.find(|request| {
            let body = request.json();
            text(&body, "/event") == "alert.resolved"
                && text(&body, "/alert/rule_id") == "andon.disk"
        })
    });
    assert!(agent.stop().success());
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let mut agent = Agent::new(&(mill(&device) + &to(&receiver)), &too_hot(""));
    agent.run_without_a_log();
    device.holding(100, 973);
    receiver.hears(TRIGGERED);
    assert!(agent.is_running());
}

#[test]
fn a_reload_changes_a_limit_and_keeps_the_alert() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    device.holding(100, 973);
    let triggered = receiver.hears(TRIGGERED).json();
    agent.rules(&too_hot("").replace("above = 95.0", "above = 120.0"));
    let reloaded = agent.verb("reload", &[]);
    assert!(reloaded.status.success(), "{reloaded:?}");
    let resolved = receiver
        .hears("alert.resolved mill-1/spindle-overtemp")
        .json();
    assert_eq!(resolved["alert"]["id"], triggered["alert"]["id"]);
}

#[test]
fn without_a_last_good_configuration_or_when_strict_it_ends_with_78() {
    let (device, receiver) = (cold_device(), Receiver::start());
    let config = mill(&device) + &to(&receiver);
    let mut agent = Agent::new(&config, &too_hot(MISTAKE));
    agent.spawn();
    assert_eq!(agent.ends().code(), BAD_CONFIGURATION);
    assert!(agent.log().contains("severty"), "{}", agent.log());

    agent.rules(&too_hot(""));
    agent.run();
    agent.stop();
    agent.rules(&too_hot(MISTAKE));
    let strict = agent.verb("run", &["--strict"]);
    assert_eq!(strict.status.code(), BAD_CONFIGURATION, "{strict:?}");
    let said = String::from_utf8_lossy(&strict.stderr);
    assert!(said.contains("with --strict no other one runs"), "{said}");
    let check = agent.verb("check", &[]);
    assert_eq!(check.status.code(), BAD_CONFIGURATION, "{check:?}");
}

#[test]
fn a_newer_database_is_set_aside_untouched_and_the_plant_is_watched() {
    set_aside(|database| {
        #[expect(clippy::disallowed_methods, reason = "a later version wrote this file")]
        let connection = rusqlite::Connection::open(database).expect("the database");
        connection
            .pragma_update(None, "user_version", 99_999)
            .expect("the database");
    });
}

#[test]
fn a_truncated_database_is_set_aside_and_the_plant_is_watched() {
    set_aside(|database| {
        let file = OpenOptions::new()
            .write(true)
            .open(database)
            .expect("the database");
        let length = file.metadata().expect("its length").len();
        file.set_len(length / 2).expect("a shorter one");
        let mut log = database.clone().into_os_string();
        log.push("-wal");
        // It was emptied into the database by the orderly stop.
        let _ = fs::remove_file(log);
    });
}

fn set_aside(spoil: impl FnOnce(&PathBuf)) {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let mut agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    warm_up(&mut device, &receiver);
    assert!(agent.stop().success());
    let database = agent.data().join("andon.db");
    spoil(&database);
    let spoilt = fs::read(&database).expect("the database");

    agent.run();
    wait::until("an alert about it", || about_the_agent(&receiver, "andon."));
    let beside = fs::read_dir(agent.data()).expect("the data").flatten();
    let names: Vec<_> = beside.map(|entry| entry.path()).collect();
    let kept = names
        .iter()
        .filter(|path| !path.to_string_lossy().ends_with("-wal"))
        .any(|path| *path != database && fs::read(path).is_ok_and(|bytes| bytes == spoilt));
    assert!(kept, "the old database is not among {names:?}");
    let before = receiver.stories().len();
    device.holding(100, 973);
    wait::until("the crossing arrives", || {
        let stories = receiver.stories();
        stories[before..]
            .iter()
            .any(|story| story == TRIGGERED)
            .then_some(())
    });
}

/// An alert that comes and ends, so that there is something in the database.
fn warm_up(device: &mut Device, receiver: &Receiver) {
    device.holding(100, 973);
    receiver.hears(TRIGGERED);
    device.holding(100, 200);
    receiver.hears("alert.resolved mill-1/spindle-overtemp");
}

/// The trigger of an alert about the agent itself whose rule has this in its name.
fn about_the_agent(receiver: &Receiver, rule: &str) -> Option<Received> {
    receiver.accepted().into_iter().find(|request| {
        let body = request.json();
        text(&body, "/event") == "alert.triggered"
            && text(&body, "/alert/machine_id") == "andon"
            && text(&body, "/alert/rule_id").contains(rule)
    })
}
