//! What tests of MQTT need: a broker that misbehaves on demand, and a real one. Never part of the program.

use std::time::Duration;

use tokio::time::timeout;

use super::{Event, Filter, Message, MqttLink, Options, Qos, Timing};
use crate::clock::{Clock, Synchronised};

pub(crate) mod fake;
pub(crate) mod mosquitto;

/// Longer than anything in these tests takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) fn clock() -> Clock {
    Clock::system(Synchronised::Assume)
}

/// Options with short times and limits.
pub(crate) fn options(port: u16, filters: &[&str]) -> Options {
    let filter = |topic: &&str| Filter {
        topic: (*topic).into(),
        qos: Qos::AtLeastOnce,
    };
    Options {
        host: "127.0.0.1".to_owned(),
        port,
        ca: None,
        secured: None,
        bind_device: None,
        clean: false,
        witness: None,
        credentials: None,
        client_id: "andon-test".to_owned(),
        keep_alive: Duration::from_secs(15),
        max_payload: 1000,
        max_packet: 2000,
        max_unacked: 100,
        filters: filters.iter().map(filter).collect(),
        status: None,
        timing: quick(),
    }
}

/// Times with which a test does not take long.
pub(crate) fn quick() -> Timing {
    let millis = Duration::from_millis;
    Timing {
        tick: millis(20),
        backoff_least: millis(20),
        backoff_most: millis(40),
        confirm: millis(500),
        settle: millis(100),
        ..Timing::default()
    }
}

/// The next event, which must come.
pub(crate) async fn event(link: &mut MqttLink) -> Event {
    let next = timeout(PATIENCE, link.next()).await;
    next.expect("an event in time").expect("a living link")
}

/// Skips events until this finds what it looks for.
pub(crate) async fn until<T>(link: &mut MqttLink, find: impl Fn(Event) -> Option<T>) -> T {
    loop {
        if let Some(found) = find(event(link).await) {
            return found;
        }
    }
}

pub(crate) fn message(event: Event) -> Option<Message> {
    match event {
        Event::Message(message) => Some(message),
        _ => None,
    }
}

pub(crate) fn connected(event: Event) -> Option<bool> {
    match event {
        Event::Connected {
            session_present, ..
        } => Some(session_present),
        _ => None,
    }
}

pub(crate) fn disconnected(event: Event) -> Option<String> {
    match event {
        Event::Disconnected { why } => Some(why),
        _ => None,
    }
}
