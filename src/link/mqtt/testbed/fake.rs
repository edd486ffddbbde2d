//! A broker that does what a test tells it to, right or wrong. It knows just enough of MQTT 3.1.1 and 5.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{super::Version, PATIENCE};

pub(crate) const CONNECT: u8 = 1;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const SUBSCRIBE: u8 = 8;
pub(crate) const PINGREQ: u8 = 12;
pub(crate) const DISCONNECT: u8 = 14;

/// Listens on a free port.
pub(crate) struct Fake {
    listener: TcpListener,
    version: Version,
    pub(crate) port: u16,
}

/// One connection of a client.
pub(crate) struct Peer {
    stream: TcpStream,
    version: Version,
}

/// A packet of the client: type, and what follows the length.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) kind: u8,
    pub(crate) body: Vec<u8>,
}

impl Fake {
    pub(crate) async fn start(version: Version) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self {
            listener,
            version,
            port,
        }
    }

    /// Waits for a connection.
    pub(crate) async fn accept(&self) -> Peer {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        let stream = accepted.expect("a connect in time").unwrap().0;
        stream.set_nodelay(true).unwrap();
        Peer {
            stream,
            version: self.version,
        }
    }

    /// Waits for a connection and answers its CONNECT, which must not ask for a clean session.
    pub(crate) async fn welcome(&self, session_present: bool) -> Peer {
        let mut peer = self.accept().await;
        let connect = peer.expect(CONNECT).await;
        // Protocol name (6 bytes) and level (1 byte) come before the flags.
        assert_eq!(connect.body[7] & 0b10, 0, "a clean session");
        peer.accepted(session_present, &[]).await;
        peer
    }

    /// The same, and confirms a subscription of so many filters.
    pub(crate) async fn listening(&self, filters: usize) -> Peer {
        let mut peer = self.welcome(true).await;
        peer.subscribed(&vec![1; filters]).await;
        peer
    }
}

impl Peer {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends it byte by byte, each for itself.
    pub(crate) async fn drip(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.send(&[*byte]).await;
            tokio::task::yield_now().await;
        }
    }

    /// CONNACK, with properties where there are any (version 5).
    pub(crate) async fn accepted(&mut self, session_present: bool, properties: &[u8]) {
        let mut body = vec![u8::from(session_present), 0];
        if self.version == Version::V5 {
            body.push(u8::try_from(properties.len()).unwrap());
            body.extend(properties);
        }
        self.send(&packet(0x20, body)).await;
    }

    /// Sends a message at QoS 1.
    pub(crate) async fn publish(&mut self, pkid: u16, topic: &str, payload: &[u8], dup: bool) {
        let packet = self.message(0x32 | (u8::from(dup) << 3), pkid, topic, payload);
        self.send(&packet).await;
    }

    /// PUBLISH, with this first byte.
    pub(crate) fn message(&self, first: u8, pkid: u16, topic: &str, payload: &[u8]) -> Vec<u8> {
        let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
        body.extend(topic.as_bytes());
        if first & 0b110 != 0 {
            body.extend(pkid.to_be_bytes());
        }
        if self.version == Version::V5 {
            // A property that is not used here: the user's `a` is `b`.
            body.extend([7, 38, 0, 1, b'a', 0, 1, b'b']);
        }
        body.extend(payload);
        packet(first, body)
    }

    /// The lines of a request, up to the empty one.
    pub(crate) async fn lines(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = async {
            while !bytes.ends_with(b"\r\n\r\n") {
                bytes.push(self.stream.read_u8().await.unwrap());
            }
        };
        timeout(PATIENCE, read).await.expect("a request in time");
        String::from_utf8(bytes).unwrap()
    }

    /// The next packet of the client; `None` when it has hung up.
    pub(crate) async fn packet(&mut self) -> Option<Packet> {
        let read = async {
            let kind = self.stream.read_u8().await.ok()? >> 4;
            let (mut size, mut shift) = (0, 0);
            loop {
                let byte = self.stream.read_u8().await.ok()?;
                size |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; size];
            self.stream.read_exact(&mut body).await.ok()?;
            Some(Packet { kind, body })
        };
        timeout(PATIENCE, read).await.expect("a packet in time")
    }

    /// The next packet, which must be of this type.
    pub(crate) async fn expect(&mut self, kind: u8) -> Packet {
        let packet = self.packet().await.expect("a packet, not the end");
        assert_eq!(packet.kind, kind, "{packet:?}");
        packet
    }

    /// Waits for a SUBSCRIBE, answers with these codes, one for each filter, and returns the packet.
    pub(crate) async fn subscribed(&mut self, codes: &[u8]) -> Packet {
        let packet = self.expect(SUBSCRIBE).await;
        self.confirm(packet.pkid(), codes).await;
        packet
    }

    /// SUBACK.
    pub(crate) async fn confirm(&mut self, pkid: u16, codes: &[u8]) {
        let mut body = pkid.to_be_bytes().to_vec();
        if self.version == Version::V5 {
            body.push(0);
        }
        body.extend(codes);
        self.send(&packet(0x90, body)).await;
    }

    /// PUBACK, with a reason where there is one (version 5).
    pub(crate) async fn acknowledge(&mut self, pkid: u16, reason: &[u8]) {
        let mut body = pkid.to_be_bytes().to_vec();
        body.extend(reason);
        self.send(&packet(0x40, body)).await;
    }

    /// Reads until the client hangs up; returns what it still sent.
    pub(crate) async fn rest(mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some(packet) = self.packet().await {
            packets.push(packet);
        }
        packets
    }
}

impl Packet {
    /// Packet id of an acknowledgement or a subscription.
    pub(crate) fn pkid(&self) -> u16 {
        u16::from_be_bytes([self.body[0], self.body[1]])
    }

    /// Packet id of a message at QoS 1.
    pub(crate) fn message_id(&self) -> u16 {
        let topic = usize::from(self.pkid());
        u16::from_be_bytes([self.body[2 + topic], self.body[3 + topic]])
    }

    /// Whether these bytes are in it.
    pub(crate) fn contains(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.body.windows(text.len()).any(|part| part == text)
    }
}

/// A packet: its first byte, the length, and what follows.
pub(crate) fn packet(first: u8, body: Vec<u8>) -> Vec<u8> {
    let (mut packet, mut size) = (vec![first], body.len());
    loop {
        let byte = u8::try_from(size % 128).unwrap();
        size /= 128;
        if size == 0 {
            packet.push(byte);
            break;
        }
        packet.push(byte | 0x80);
    }
    packet.extend(body);
    packet
}
