//! Several connections to one device: who is asked over which, and a device that serves fewer than were allowed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::{Value, json};

use super::device::{Beyond, Habits, Witness};
use crate::support::{Agent, Receiver, text, to, wait};

const UNITS: u8 = 6;

/// An agent that reads six units of a device, machines `m1` to `m6`, over as many connections as it may.
fn reading(device: &Witness, connections: usize) -> (Agent, Receiver) {
    let receiver = Receiver::start();
    let (mut machines, mut units) = (String::new(), String::new());
    for unit in 1..=UNITS {
        let _ = write!(machines, "[[machine]]\nid = \"m{unit}\"\n");
        let _ = write!(
            units,
            "{{ id = {unit}, machine = \"m{unit}\", tags = [{{ tag = \"t\", read = \"holding:{unit}00\" }}] }}, "
        );
    }
    let port = device.port;
    let config = format!(
        "{machines}[[source.modbus]]\nname = \"gateway\"\naddress = \"tcp://127.0.0.1:{port}\"\nmax_connections = {connections}\npoll = \"200ms\"\ntimeout = \"2s\"\nunits = [{units}]\n"
    );
    (Agent::start(&(config + &to(&receiver)), ""), receiver)
}

fn is_good(view: &Value, unit: u8) -> bool {
    let at = usize::from(unit - 1);
    text(view, &format!("/machines/{at}/tags/0/value")) == format!("{unit}00")
        && view["machines"][at]["tags"][0]["bad"].is_null()
}

/// Over which connections each unit was asked, since so many requests of each connection.
fn asked(device: &Witness, since: &[usize]) -> BTreeMap<u8, Vec<usize>> {
    let mut asked: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
    for (at, connection) in device.seen().iter().enumerate() {
        let from = since.get(at).copied().unwrap_or(0);
        for one in &connection.asked[from..] {
            asked.entry(one.unit).or_default().push(at);
        }
    }
    asked
}

#[test]
fn units_are_spread_over_connections_and_each_is_asked_over_its_own() {
    let device = Witness::start(Habits {
        mute: Some(2),
        ..Habits::default()
    });
    let (agent, _receiver) = reading(&device, 3);
    agent.shows("all that live, and the one that does not", |view| {
        (1..=UNITS).all(|unit| is_good(view, unit) == (unit != 2))
            && text(view, "/machines/1/tags/0/bad").contains("no answer")
            && text(view, "/sources/0/connection").ends_with("over 3 connections")
            && view["sources"][0]["connection_fine"] == true
            && view["sources"][0]["notes"] == json!(["no answer from unit 2"])
    });
    // The silent one was asked over another connection too by now, which cost that once.
    let since: Vec<usize> = device.seen().iter().map(|one| one.asked.len()).collect();
    let asked = wait::until("each living unit is asked ten times more", || {
        let asked = asked(&device, &since);
        let often = |unit: u8| asked.get(&unit).is_some_and(|polls| polls.len() >= 10);
        let living = [1, 3, 4, 5, 6].into_iter().all(often);
        living.then_some(asked)
    });
    let over = |unit: u8| asked[&unit].iter().copied().collect::<BTreeSet<usize>>();
    assert_eq!((over(1).len(), over(3).len()), (1, 1), "{asked:?}");
    assert_eq!((over(1), over(3)), (over(4), over(6)));
    assert!(over(1).is_disjoint(&over(3)) && over(5).is_disjoint(&over(1)));
    assert!(over(5).is_disjoint(&over(3)), "{asked:?}");
    assert_eq!(device.most_open(), 3);
}

#[test]
fn a_device_that_serves_fewer_connections_is_read_over_those() {
    for beyond in [Beyond::HangsUp, Beyond::NeverAnswers] {
        let device = Witness::start(Habits {
            connections: 2,
            beyond,
            ..Habits::default()
        });
        let (agent, _receiver) = reading(&device, 4);
        agent.shows("every unit", |view| {
            (1..=UNITS).all(|unit| is_good(view, unit))
        });
        wait::until("the log says what to do", || {
            let log = agent.log();
            let said = log.contains("2 of 4 connections are served")
                && log.contains("Set max_connections = 2");
            said.then_some(())
        });
        let log = agent.log();
        assert!(!log.contains("Check its power"), "{beyond:?}: {log}");
        agent.shows("how many connections are used", |view| {
            text(view, "/sources/0/connection").ends_with("over 2 of 4 connections")
                && view["sources"][0]["connection_fine"] == false
        });
        // Nothing is asked any more where nothing is answered.
        let since: Vec<usize> = device.seen().iter().map(|one| one.asked.len()).collect();
        let asked = wait::until("each unit is asked five times more", || {
            let asked = asked(&device, &since);
            let often = |unit: u8| asked.get(&unit).is_some_and(|polls| polls.len() >= 5);
            (1..=UNITS).all(often).then_some(asked)
        });
        let used: BTreeSet<usize> = asked.values().flatten().copied().collect();
        assert_eq!(used.len(), 2, "{beyond:?}: {asked:?}");
    }
}
