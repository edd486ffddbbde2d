//! What goes over the wire: packets of MQTT 3.1.1 and 5, to bytes and back. No IO, and no state but that of one connection.
//!
//! This is the only place that knows rumqttc, and it uses the packets of that crate, not its client: that one sends each
//! acknowledgement by itself, forgets what it has read when a connection ends, takes a short DISCONNECT for an unfinished packet, and is
//! ended by one packet that is too large. Without it the crate also brings no TLS of its own. What two versions have in common is written once, here; [`v3`] and [`v5`] are what differs.

use std::time::Duration;

use bytes::{BufMut, BytesMut};

use super::{Filter, Options, Qos, TooLarge, Version};

mod read;
#[cfg(test)]
mod tests;
mod v3;
mod v5;
mod words;

pub(super) use read::{Found, Reader};

/// A packet from the broker.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Packet {
    /// It accepted the connection.
    Accepted(Accepted),
    /// It refused the connection: why, in words that follow its name.
    Refused(String),
    /// A message.
    Message(Incoming),
    /// It will not send a message at QoS 2 again.
    Released(u16),
    /// Its answer to a publish at QoS 1.
    Answered(u16, Result<(), String>),
    /// Its answers to the filters of a SUBSCRIBE, in order.
    Subscribed(u16, Vec<Granted>),
    /// It is there.
    Pong,
    /// It is about to close the connection.
    Goodbye(Goodbye),
}

/// At which level a subscription is granted, or why it is not.
pub(super) type Granted = Result<Qos, String>;

/// What the broker says when it accepts a connection. Version 3.1.1 says only whether the session is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// It still knew the session.
    pub(super) session_present: bool,
    /// How many publishes at QoS 1 it takes at once.
    pub(super) receive_maximum: u16,
    /// The largest packet that it takes, in bytes.
    pub(super) max_packet: Option<usize>,
    /// The most that may be published at.
    pub(super) max_qos: Qos,
    /// Whether it keeps retained messages.
    pub(super) retains: bool,
    /// How often it wants to hear something, if not as often as was offered.
    pub(super) keep_alive: Option<Duration>,
    /// How long it keeps the session, if not for as long as was asked for.
    pub(super) session_expiry: Option<Duration>,
}

impl Accepted {
    fn new(session_present: bool) -> Self {
        Self {
            session_present,
            receive_maximum: u16::MAX,
            max_packet: None,
            max_qos: Qos::AtLeastOnce,
            retains: true,
            keep_alive: None,
            session_expiry: None,
        }
    }
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Incoming {
    pub(super) topic: String,
    /// A copy of its own.
    pub(super) payload: Result<Vec<u8>, TooLarge>,
    pub(super) retain: bool,
    pub(super) dup: bool,
    /// What acknowledges it; none at QoS 0.
    pub(super) ack: Option<Ack>,
}

/// Why the broker closes the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goodbye {
    /// In words that follow its name.
    Because(String),
    /// Another client has connected with our client id.
    TakenOver,
}

/// Something short that is sent for a packet id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    /// PUBACK: a message at QoS 1 is dealt with.
    Received(u16),
    /// PUBREC: the same at QoS 2, which nobody has asked for and an old session may hold.
    Recorded(u16),
    /// PUBCOMP: the end of the same.
    Completed(u16),
}

impl Ack {
    /// The same in both versions, where there is nothing to complain of.
    pub(super) fn write(self, to: &mut BytesMut) {
        let (kind, pkid) = match self {
            Self::Received(pkid) => (0x40, pkid),
            Self::Recorded(pkid) => (0x50, pkid),
            Self::Completed(pkid) => (0x70, pkid),
        };
        to.put_slice(&[kind, 2]);
        to.put_u16(pkid);
    }
}

/// PINGREQ.
pub(super) const PING: [u8; 2] = [0xC0, 0];
/// DISCONNECT, all being well.
pub(super) const DISCONNECT: [u8; 2] = [0xE0, 0];

/// A message to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
    pub(super) retain: bool,
    /// The packet id, at QoS 1.
    pub(super) pkid: Option<u16>,
}

/// CONNECT.
pub(super) fn connect(options: &Options, password: Option<String>) -> Result<BytesMut, String> {
    let mut bytes = BytesMut::new();
    let login = options.credentials.as_ref().map(|of| &of.user);
    let login = login.map(|user| (user.clone(), password.unwrap_or_default()));
    match options.version {
        Version::V3 => v3::connect(options, login, &mut bytes),
        Version::V5 => v5::connect(options, login, &mut bytes),
    }?;
    Ok(bytes)
}

/// SUBSCRIBE.
pub(super) fn subscribe(
    version: Version,
    pkid: u16,
    filters: &[&Filter],
    to: &mut BytesMut,
) -> Result<(), String> {
    match version {
        Version::V3 => v3::subscribe(pkid, filters, to),
        Version::V5 => v5::subscribe(pkid, filters, to),
    }
}

/// PUBLISH.
pub(super) fn publish(
    version: Version,
    message: Outgoing<'_>,
    to: &mut BytesMut,
) -> Result<(), String> {
    match version {
        Version::V3 => v3::publish(message, to),
        Version::V5 => v5::publish(message, to),
    }
}

/// Whether a topic can be published to.
pub(super) fn is_topic(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= usize::from(u16::MAX) && !topic.contains(['+', '#', '\0'])
}
