//! The way to a device: its backup, where connections go out from, and the pause after each.

use std::{net::IpAddr, time::Duration};

use serde_json::json;

use super::{
    device::{Habits, Witness},
    reading,
};
use crate::support::{Agent, Device, text, wait};

const TAG: &str = "{ tag = \"t\", read = \"holding:100\" }";

fn shows(agent: &Agent, value: &str) {
    agent.shows(value, |view| {
        text(view, "/machines/0/tags/0/value") == value
            && view["machines"][0]["tags"][0]["bad"].is_null()
    });
}

fn shows_bad(agent: &Agent, why: &str) {
    agent.shows(why, |view| {
        text(view, "/machines/0/tags/0/bad").contains(why)
    });
}

fn says(agent: &Agent, what: &str) {
    wait::until(what, || agent.log().contains(what).then_some(()));
}

/// What the source says of its connection.
fn stands(agent: &Agent, how: &str) {
    agent.shows(how, |view| {
        text(view, "/sources/0/connection").starts_with(how)
    });
}

#[test]
fn the_backup_is_read_while_the_first_address_is_gone_and_the_log_says_so() {
    let device = |value: u16| Device::start(&json!({ "1": { "holding": { "100": [value] } } }));
    let (mut first, mut second) = (device(41), device(42));
    let link = format!(
        "address = \"tcp://127.0.0.1:{}\"\nbackup = \"tcp://127.0.0.1:{}\"\npoll = \"100ms\"\ntimeout = \"5s\"",
        first.port(),
        second.port()
    );
    let (agent, _receiver) = reading(&link, 1, TAG);
    shows(&agent, "41");
    first.switch_off();
    shows(&agent, "42");
    says(
        &agent,
        &format!(
            "the first address cannot be connected, at the backup 127.0.0.1:{} now",
            second.port()
        ),
    );
    let at = |port: u16| format!("127.0.0.1:{port}");
    stands(
        &agent,
        &format!("on its backup address {}", at(second.port())),
    );
    let said = agent.verb("status", &[]).stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(
        said.contains("link: on its backup address 127.0.0.1:"),
        "{said}"
    );
    second.switch_off();
    shows_bad(&agent, "no connection");
    stands(&agent, "not connected: cannot connect to ");
    // People look for the address that they gave first.
    says(
        &agent,
        &format!("cannot connect to 127.0.0.1:{}", first.port()),
    );
    second.switch_on();
    shows(&agent, "42");
    first.switch_on();
    second.switch_off();
    shows(&agent, "41");
    stands(&agent, &format!("connected to {}", at(first.port())));
}

#[test]
fn connections_go_out_from_where_they_are_bound() {
    for (bind, expected) in [("127.0.0.2", [127, 0, 0, 2]), ("lo", [127, 0, 0, 1])] {
        let device = Witness::start(Habits::default());
        let link = format!(
            "address = \"tcp://127.0.0.1:{}\"\nbind = \"{bind}\"\npoll = \"100ms\"\ntimeout = \"5s\"",
            device.port
        );
        let (agent, _receiver) = reading(&link, 1, TAG);
        shows(&agent, "100");
        for connection in device.seen() {
            assert_eq!(connection.from, IpAddr::from(expected), "{bind}");
        }
    }
    // What this host does not have is no connection, and the log says what to look at; a device is asked nothing.
    for (bind, why) in [
        ("192.0.2.1", "192.0.2.1 is not an address of this host now"),
        ("nosuch0", "there is no network interface nosuch0 now"),
    ] {
        let device = Witness::start(Habits::default());
        let link = format!(
            "address = \"tcp://127.0.0.1:{}\"\nbind = \"{bind}\"",
            device.port
        );
        let (agent, _receiver) = reading(&link, 1, TAG);
        shows_bad(&agent, "no connection");
        says(&agent, why);
        assert!(device.seen().is_empty(), "{bind}");
    }
}

#[test]
fn a_device_that_needs_a_pause_after_each_connect_is_sent_nothing_before() {
    const PAUSE: Duration = Duration::from_millis(1500);
    let device = Witness::start(Habits::default());
    let link = format!(
        "address = \"tcp://127.0.0.1:{}\"\nconnect_pause = \"1500ms\"\nclose_after_poll = true\npoll = \"50ms\"\ntimeout = \"5s\"",
        device.port
    );
    let (agent, _receiver) = reading(&link, 1, TAG);
    shows(&agent, "100");
    let seen = wait::until("three connections that asked something", || {
        let seen = device.seen();
        let asked = seen.iter().filter(|one| !one.asked.is_empty()).count();
        (asked >= 3).then_some(seen)
    });
    let asked: Vec<_> = seen.iter().flat_map(|one| one.asked.first()).collect();
    for pair in asked.windows(2) {
        // Each connection was made after the answer that the one before it got.
        let silent = pair[1].came.duration_since(pair[0].answered);
        assert!(silent >= PAUSE, "a byte came after {silent:?}");
    }
    assert!(seen.iter().all(|one| one.asked.len() <= 1), "{seen:?}");
}
