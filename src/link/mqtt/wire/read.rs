//! Takes packets out of what has arrived.

use bytes::{Buf, BytesMut};

use super::{Ack, Incoming, Packet, TooLarge, Version, v3, v5};

/// The most that a packet without a message may have: answers to subscriptions are short, and what a broker adds in words too.
const CONTROL: usize = 256 * 1024;
/// The most that the properties of a message may have (version 5). They are not used here.
const PROPERTIES: usize = 64 * 1024;

/// Reads one connection. What is kept of a message that is not all there is bounded by its limit.
#[derive(Debug)]
pub(in crate::link::mqtt) struct Reader {
    version: Version,
    max_payload: usize,
    /// So many bytes belong to a message that was too large.
    skip: usize,
}

/// What stands at the front.
#[derive(Debug, PartialEq)]
pub(in crate::link::mqtt) enum Found {
    /// Not a whole packet.
    Nothing,
    /// A packet, which is taken out.
    Packet(Packet),
    /// A message that must be acknowledged, for which there is no room. It is left there.
    NoRoom,
}

impl Reader {
    pub(in crate::link::mqtt) fn new(version: Version, max_payload: usize) -> Self {
        Self {
            version,
            max_payload,
            skip: 0,
        }
    }

    /// The next packet; `room` says whether a message may be taken that must be acknowledged.
    ///
    /// # Errors
    /// Why nothing that follows can be read, in words that follow the broker's name.
    pub(in crate::link::mqtt) fn next(
        &mut self,
        bytes: &mut BytesMut,
        room: bool,
    ) -> Result<Found, String> {
        let skipped = self.skip.min(bytes.len());
        bytes.advance(skipped);
        self.skip -= skipped;
        let Some(header) = Header::read(bytes).map_err(unreadable)? else {
            return Ok(Found::Nothing);
        };
        if header.kind() == PUBLISH {
            return self.message(header, bytes, room).map_err(unreadable);
        }
        if header.body > CONTROL {
            let size = header.body;
            return Err(unreadable(format!("{size} bytes, and it is no message")));
        }
        let whole = header.size + header.body;
        if bytes.len() < whole {
            return Ok(Found::Nothing);
        }
        let frame = bytes.split_to(whole);
        let packet = match self.version {
            Version::V3 => v3::read(&frame),
            Version::V5 => v5::read(&frame),
        };
        packet.map(Found::Packet).map_err(unreadable)
    }

    fn message(
        &mut self,
        header: Header,
        bytes: &mut BytesMut,
        room: bool,
    ) -> Result<Found, String> {
        if header.qos() > 0 && !room {
            return Ok(Found::NoRoom);
        }
        let Some(head) = Head::read(header, self.version, bytes)? else {
            return Ok(Found::Nothing);
        };
        let payload = header.body - head.size - head.properties;
        let end = header.size + header.body;
        let too_large = payload > self.max_payload || head.properties > PROPERTIES;
        if !too_large && bytes.len() < end {
            return Ok(Found::Nothing);
        }
        let topic = &bytes[header.size + 2..header.size + 2 + head.topic];
        // A topic that is none belongs to nobody, but the message must not come for ever.
        let topic = String::from_utf8_lossy(topic).into_owned();
        if topic.is_empty() {
            return Err("a message without a topic".to_owned());
        }
        let payload = if too_large {
            let there = end.min(bytes.len());
            bytes.advance(there);
            self.skip = end - there;
            Err(TooLarge(payload))
        } else {
            let copy = bytes[end - payload..end].to_vec();
            bytes.advance(end);
            Ok(copy)
        };
        Ok(Found::Packet(Packet::Message(Incoming {
            topic,
            payload,
            retain: header.first & 1 != 0,
            dup: header.first & 8 != 0,
            ack: head.ack,
        })))
    }
}

fn unreadable(why: String) -> String {
    format!("sent what cannot be read: {why}")
}

const PUBLISH: u8 = 3;

/// The fixed header (MQTT 3.1.1, 2.2; 5, 2.1.1).
#[derive(Clone, Copy, Debug)]
struct Header {
    first: u8,
    /// Its own bytes.
    size: usize,
    /// Those that follow.
    body: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Option<Self>, String> {
        let Some((first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        if matches!(first >> 4, 0 | 15) {
            return Err(format!("a packet of type {}", first >> 4));
        }
        Ok(number(rest)?.map(|(size, body)| Self {
            first: *first,
            size: 1 + size,
            body,
        }))
    }

    fn kind(self) -> u8 {
        self.first >> 4
    }

    fn qos(self) -> u8 {
        self.first >> 1 & 3
    }
}

/// What stands before the payload of a message.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// The length of the topic, which begins two bytes after the header.
    topic: usize,
    ack: Option<Ack>,
    /// All of it but the properties themselves.
    size: usize,
    /// How long the properties are.
    properties: usize,
}

impl Head {
    /// None while it is not all there.
    fn read(header: Header, version: Version, bytes: &[u8]) -> Result<Option<Self>, String> {
        let there = &bytes[header.size..bytes.len().min(header.size + header.body)];
        // Where all of the packet is there, what is missing will not come.
        let missing = || match there.len() == header.body {
            true => Err("a message that ends too early".to_owned()),
            false => Ok(None),
        };
        let short = |at: usize| {
            let bytes = there.get(at..at + 2)?;
            Some(u16::from_be_bytes([bytes[0], bytes[1]]))
        };
        let Some(topic) = short(0).map(usize::from) else {
            return missing();
        };
        let mut size = 2 + topic;
        let ack = match header.qos() {
            0 => None,
            3 => return Err("a message at QoS 3".to_owned()),
            qos => {
                let Some(pkid) = short(size) else {
                    return missing();
                };
                size += 2;
                if pkid == 0 {
                    return Err("a message with the packet id 0".to_owned());
                }
                Some(match qos {
                    1 => Ack::Received(pkid),
                    _ => Ack::Recorded(pkid),
                })
            }
        };
        if there.len() < size {
            return missing();
        }
        let properties = match version {
            Version::V3 => 0,
            Version::V5 => match number(&there[size..])? {
                None => return missing(),
                Some((own, length)) => {
                    size += own;
                    length
                }
            },
        };
        if size + properties > header.body {
            return Err("a message that ends too early".to_owned());
        }
        Ok(Some(Self {
            topic,
            ack,
            size,
            properties,
        }))
    }
}

/// A variable byte integer: how many bytes it takes, and what it says; none while it is not all there.
fn number(bytes: &[u8]) -> Result<Option<(usize, usize)>, String> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((index + 1, value)));
        }
    }
    match bytes.len() < 4 {
        true => Ok(None),
        false => Err("a length of more than four bytes".to_owned()),
    }
}
