//! What a connection is made with. Nothing here connects.

use std::{fmt, sync::Arc, time::Duration};

use super::Status;
use crate::link::{
    guard::Guard,
    http::{Bind, Settings},
};

/// What a connection is made with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name or address of the broker, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What is spoken there.
    pub version: Version,
    /// Whom to believe and which certificate to show; without it there is no TLS. Only that is used of it.
    pub tls: Option<Settings>,
    /// The path of the WebSocket that MQTT travels in: `/mqtt`; without one it travels by itself.
    pub websocket: Option<String>,
    /// Which addresses may be dialled; without one, all.
    pub guard: Option<Guard>,
    /// Where connections go out from.
    pub bind: Option<Bind>,
    /// The broker keeps nothing for us while we are away: for who only publishes.
    pub clean: bool,
    /// How long the broker is to keep the session while we are away. Version 3.1.1 cannot say so: there the broker decides.
    pub session_expiry: Duration,
    /// Who logs in.
    pub credentials: Option<Credentials>,
    /// Names the session at the broker; must be unique there and stay the same. 1 to 65535 bytes.
    pub client_id: String,
    /// How often the broker hears something at least; at least one second.
    pub keep_alive: Duration,
    /// Bytes. A payload beyond it is not kept; it is reported as [`super::TooLarge`], and the connection goes on.
    pub max_payload: usize,
    /// Bytes. No larger packet is sent, and with version 5 the broker is told to send none: it drops such messages.
    pub max_packet: usize,
    /// How many messages may wait for their acknowledgement at once; beyond it nothing more is taken. At least 1.
    pub max_unacked: usize,
    /// What is subscribed to, on every connection anew.
    pub filters: Vec<Filter>,
    /// Where the broker tells others whether this client is there.
    pub status: Option<Status>,
    /// Times that only tests change.
    pub timing: Timing,
}

impl Options {
    /// `broker.plant.local:8883`
    pub(super) fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// A version of MQTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1, an OASIS standard of 2014.
    #[default]
    V3,
    /// 5, of 2019.
    V5,
}

impl Version {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::V3 => "3.1.1",
            Self::V5 => "5",
        }
    }
}

/// A topic filter to subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// `plant/+/telemetry`
    pub topic: Arc<str>,
    /// The most that the broker may use.
    pub qos: Qos,
}

/// Quality of service. Level 2 is not offered: events carry an id, so repeats do no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// Level 0.
    AtMostOnce,
    /// Level 1.
    AtLeastOnce,
}

/// A user and the way to the password, which is read again at each connect.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// Reads the password, or says why it cannot be read.
    pub password: Arc<dyn Fn() -> Result<String, String> + Send + Sync>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials {{ user: {:?}, password: *** }}", self.user)
    }
}

/// Times of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How often deadlines are looked at.
    pub tick: Duration,
    /// How long each step of connecting may take, and how long the broker may take nothing of what is sent.
    pub patience: Duration,
    /// The shortest wait between two attempts.
    pub backoff_least: Duration,
    /// The longest wait between two attempts.
    pub backoff_most: Duration,
    /// A connection that held this long starts the waits over.
    pub stable: Duration,
    /// A connection that the broker ends within this time may have been replaced by another client of the same id.
    pub short: Duration,
    /// How long the broker may take to confirm a subscription.
    pub confirm: Duration,
    /// How long saying goodbye may take.
    pub farewell: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(1),
            patience: Duration::from_secs(10),
            backoff_least: Duration::from_millis(500),
            backoff_most: Duration::from_secs(60),
            stable: Duration::from_secs(10),
            // Two clients that replace each other hold for as long as the other waits.
            short: Duration::from_secs(120),
            confirm: Duration::from_secs(15),
            farewell: Duration::from_secs(2),
        }
    }
}
