//! What tests of MQTT need: a broker that misbehaves on demand, and a real one. Never part of the program.

use std::{collections::VecDeque, ops::Deref, time::Duration};

use tokio::time::timeout;

use super::{Event, Filter, Message, MqttLink, Options, Qos, Timing, Version};
use crate::clock::{Clock, Synchronised};

pub(crate) mod fake;
pub(crate) mod mosquitto;

/// Longer than anything in these tests takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) fn clock() -> Clock {
    Clock::system(Synchronised::Assume)
}

/// Options with short times and limits.
pub(crate) fn options(version: Version, port: u16, filters: &[&str]) -> Options {
    let filter = |topic: &&str| Filter {
        topic: (*topic).into(),
        qos: Qos::AtLeastOnce,
    };
    Options {
        host: "127.0.0.1".to_owned(),
        port,
        version,
        tls: None,
        websocket: None,
        guard: None,
        bind: None,
        clean: false,
        session_expiry: Duration::from_secs(3600),
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
        patience: PATIENCE / 2,
        backoff_least: millis(20),
        backoff_most: millis(40),
        short: PATIENCE,
        confirm: PATIENCE,
        farewell: millis(500),
        ..Timing::default()
    }
}

/// A link whose messages come one by one.
pub(crate) struct Listener {
    link: MqttLink,
    waiting: VecDeque<Message>,
}

impl Deref for Listener {
    type Target = MqttLink;
    fn deref(&self) -> &MqttLink {
        &self.link
    }
}

impl Listener {
    pub(crate) fn connect(options: Options) -> Self {
        Self {
            link: MqttLink::connect(options, clock()),
            waiting: VecDeque::new(),
        }
    }

    /// The next event, which must come.
    pub(crate) async fn event(&mut self) -> Event {
        if let Some(message) = self.waiting.pop_front() {
            return Event::Messages(vec![message]);
        }
        let next = timeout(PATIENCE, self.link.next()).await;
        match next.expect("an event in time").expect("a living link") {
            Event::Messages(messages) => {
                self.waiting.extend(messages);
                let first = self.waiting.pop_front();
                Event::Messages(vec![first.expect("a message")])
            }
            other => other,
        }
    }

    /// Skips events until this finds what it looks for.
    pub(crate) async fn until<T>(&mut self, find: impl Fn(Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = find(self.event().await) {
                return found;
            }
        }
    }

    /// The next message.
    pub(crate) async fn message(&mut self) -> Message {
        self.until(message).await
    }

    /// The next connection; says whether the broker still knew the session.
    pub(crate) async fn connected(&mut self) -> bool {
        self.until(connected).await
    }

    /// Why the next connection ends.
    pub(crate) async fn disconnected(&mut self) -> String {
        self.until(disconnected).await
    }

    pub(crate) async fn close(self) {
        self.link.close().await;
    }
}

pub(crate) fn message(event: Event) -> Option<Message> {
    match event {
        Event::Messages(messages) => messages.into_iter().next(),
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
