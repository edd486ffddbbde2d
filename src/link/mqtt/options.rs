//! What a connection is made with. Nothing here connects.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use rumqttc::QoS;

use crate::link::{certificate::Witness, http::Settings};

/// What a connection is made with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name or address of the broker.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The file with the CA certificates (PEM) that the broker's certificate must be signed by; without one there is no TLS.
    pub ca: Option<PathBuf>,
    /// TLS as over HTTP, where `ca` alone will not do: with what the system trusts, or with a certificate of ours.
    pub secured: Option<Settings>,
    /// The network interface that connections go out from.
    pub bind_device: Option<String>,
    /// The broker keeps nothing for us while we are away: for who only publishes.
    pub clean: bool,
    /// Who notes what certificate the broker shows.
    pub witness: Option<Witness>,
    /// Who logs in.
    pub credentials: Option<Credentials>,
    /// Names the session at the broker; must be unique there and stay the same. Not empty.
    pub client_id: String,
    /// At least one second.
    pub keep_alive: Duration,
    /// Bytes. A payload beyond it is reported as [`super::TooLarge`] and not kept.
    pub max_payload: usize,
    /// Bytes. A packet beyond it ends the connection, as MQTT 3.1.1 has no way to refuse it.
    pub max_packet: usize,
    /// How many messages may wait for their acknowledgement at once.
    pub max_unacked: usize,
    /// What is subscribed to, on every connection anew.
    pub filters: Vec<Filter>,
    /// Where the broker tells others whether this client is there.
    pub status: Option<Status>,
    /// Times that only tests change.
    pub timing: Timing,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qos {
    /// Level 0.
    AtMostOnce,
    /// Level 1.
    AtLeastOnce,
}

impl From<Qos> for QoS {
    fn from(qos: Qos) -> Self {
        match qos {
            Qos::AtMostOnce => Self::AtMostOnce,
            Qos::AtLeastOnce => Self::AtLeastOnce,
        }
    }
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

/// A retained topic that says whether this client is there: published at each connect and at the end, left as the last will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The topic.
    pub topic: String,
    /// Its payload while connected.
    pub online: String,
    /// Its payload otherwise.
    pub offline: String,
}

/// Times of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How often deadlines are looked at.
    pub tick: Duration,
    /// The shortest wait between two attempts.
    pub backoff_least: Duration,
    /// The longest wait between two attempts.
    pub backoff_most: Duration,
    /// A connection that held this long starts the waits over.
    pub stable: Duration,
    /// How long the broker may take to confirm a subscription.
    pub confirm: Duration,
    /// How long a subscription is watched while looking for the one whose message cannot be read.
    pub settle: Duration,
    /// How long such a subscription is left out.
    pub aside: Duration,
    /// How long saying goodbye may take.
    pub farewell: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(1),
            backoff_least: Duration::from_millis(500),
            backoff_most: Duration::from_secs(60),
            stable: Duration::from_secs(30),
            confirm: Duration::from_secs(15),
            settle: Duration::from_secs(2),
            aside: Duration::from_secs(6 * 60 * 60),
            farewell: Duration::from_secs(2),
        }
    }
}
