//! Brokers, devices and the agent itself stop and come back: the plant is watched again without a person.

use std::time::Duration;

use crate::{
    pipeline::heard,
    support::{Agent, Broker, Receiver, cold_device, mill, publishers, text, to, too_hot, wait},
};

const TRIGGERED: &str = "alert.triggered mill-1/spindle-overtemp";
const RESOLVED: &str = "alert.resolved mill-1/spindle-overtemp";

#[test]
fn a_broker_that_forgot_everything_is_subscribed_again() {
    let (mut broker, receiver) = (Broker::start_forgetful(), Receiver::start());
    let agent = Agent::start(&(publishers(&broker, 2) + &to(&receiver)), &too_hot(""));
    heard(&agent, &broker, "m-1");
    broker.stop();
    broker.resume();
    heard(&agent, &broker, "m-2");
    broker.publish("plant/m-1/temp", "97.3");
    receiver.hears("alert.triggered m-1/spindle-overtemp");
}

#[test]
fn a_message_that_waited_at_the_broker_while_the_agent_was_down_counts() {
    let (broker, receiver) = (Broker::start(), Receiver::start());
    let mut agent = Agent::start(&(publishers(&broker, 1) + &to(&receiver)), &too_hot(""));
    heard(&agent, &broker, "m-1");
    agent.kill();
    broker.publish("plant/m-1/temp", "97.3");
    agent.run();
    receiver.hears("alert.triggered m-1/spindle-overtemp");
}

#[test]
fn a_dead_device_is_an_alert_of_its_own_and_freezes_the_others() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    device.holding(100, 973);
    receiver.hears(TRIGGERED);
    device.switch_off();
    let blind = |event: &str| {
        let mut accepted = receiver.accepted().into_iter();
        accepted.find(|request| {
            let body = request.json();
            text(&body, "/event") == event && text(&body, "/alert/rule_id") == "andon.blind"
        })
    };
    let first = wait::until("a blind alert", || blind("alert.triggered"));
    let first = first.json();
    assert!(text(&first, "/text").starts_with("[BLIND]"), "{first:#}");
    assert_eq!(text(&first, "/alert/severity"), "critical");
    let view = agent.status();
    assert_eq!(view["not_watching"], 1, "{view:#}");
    let stories = receiver.stories();
    assert!(
        !stories.iter().any(|story| story == RESOLVED),
        "no answer is not normal: {stories:?}"
    );
    // It comes back cold, so both alerts are over.
    device.switch_on();
    receiver.hears(RESOLVED);
    wait::until("the end of blindness", || blind("alert.resolved"));
    assert!(
        agent.status()["alerts"]
            .as_array()
            .is_some_and(Vec::is_empty)
    );
}

#[test]
fn an_alert_stays_the_same_over_a_restart_of_the_agent() {
    let (mut device, receiver) = (cold_device(), Receiver::start());
    let mut agent = Agent::start(&(mill(&device) + &to(&receiver)), &too_hot(""));
    device.holding(100, 973);
    let triggered = receiver.hears(TRIGGERED).json();
    let status = agent.stop();
    assert!(status.success(), "an orderly stop ends with {status}");
    agent.run();
    let view = agent.status();
    assert_eq!(
        text(&view, "/alerts/0/id"),
        text(&triggered, "/alert/id"),
        "{view:#}"
    );
    agent.kill();
    // Well again while nobody looked.
    device.holding(100, 200);
    agent.run();
    let resolved = receiver.hears(RESOLVED).json();
    assert_eq!(resolved["alert"]["id"], triggered["alert"]["id"]);
    assert_eq!(resolved["stream"], triggered["stream"]);
    assert_eq!(resolved["agent_id"], triggered["agent_id"]);
    let triggers = receiver.stories();
    let triggers = triggers.iter().filter(|story| *story == TRIGGERED).count();
    assert_eq!(triggers, 1, "a restart is no new alert");
}

#[test]
fn systemd_hears_that_it_is_ready_alive_and_stopping() {
    let (device, receiver) = (cold_device(), Receiver::start());
    let mut agent = Agent::new(&(mill(&device) + &to(&receiver)), &too_hot(""));
    let notices = agent.notified(Duration::from_secs(4));
    agent.spawn();
    let told = |what: &str| {
        let mut buffer = [0; 4096];
        let mut heard = Vec::new();
        wait::until(what, || {
            let size = notices.recv(&mut buffer).expect("a notice of the agent");
            let text = String::from_utf8_lossy(&buffer[..size]).into_owned();
            let found = text.lines().any(|line| line == what);
            heard.push(text);
            found.then_some(())
        });
        heard
    };
    let before = told("READY=1");
    assert!(
        before
            .iter()
            .all(|text| !text.contains("WATCHDOG=1") || text.contains("READY=1")),
        "{before:?}"
    );
    agent.is_ready();
    told("WATCHDOG=1");
    told("WATCHDOG=1");
    assert!(agent.stop().success());
    told("STOPPING=1");
}
