//! A broker that does what a test tells it to, right or wrong. It knows just enough of MQTT 3.1.1.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::PATIENCE;

pub(crate) const CONNECT: u8 = 1;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const SUBSCRIBE: u8 = 8;
pub(crate) const DISCONNECT: u8 = 14;

/// Listens on a free port.
pub(crate) struct Fake {
    listener: TcpListener,
    pub(crate) port: u16,
}

/// One connection of a client.
pub(crate) struct Peer(TcpStream);

/// A packet of the client: type, and what follows the length.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) kind: u8,
    pub(crate) body: Vec<u8>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    /// Waits for a connection.
    pub(crate) async fn accept(&self) -> Peer {
        let accepted = timeout(PATIENCE, self.listener.accept()).await;
        Peer(accepted.expect("a connect in time").unwrap().0)
    }

    /// Waits for a connection and answers its CONNECT; says whether it asked for a clean session.
    pub(crate) async fn welcome(&self, session_present: bool) -> (Peer, bool) {
        let mut peer = self.accept().await;
        let connect = peer.expect(CONNECT).await;
        // Protocol name (6 bytes) and level (1 byte) come before the flags.
        let clean = connect.body[7] & 0b10 != 0;
        peer.send(&[0x20, 2, u8::from(session_present), 0]).await;
        (peer, clean)
    }
}

impl Peer {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Sends a message at QoS 1.
    pub(crate) async fn publish(&mut self, pkid: u16, topic: &str, payload: &[u8], dup: bool) {
        let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
        body.extend(topic.as_bytes());
        body.extend(pkid.to_be_bytes());
        body.extend(payload);
        let mut packet = vec![0x32 | (u8::from(dup) << 3)];
        packet.extend(length(body.len()));
        packet.extend(body);
        // The client may have hung up over the first bytes of it, which is what some tests are about.
        let _ = self.0.write_all(&packet).await;
    }

    /// The next packet of the client; `None` when it has hung up.
    pub(crate) async fn packet(&mut self) -> Option<Packet> {
        let read = async {
            let kind = self.0.read_u8().await.ok()? >> 4;
            let (mut size, mut shift) = (0, 0);
            loop {
                let byte = self.0.read_u8().await.ok()?;
                size |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; size];
            self.0.read_exact(&mut body).await.ok()?;
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

    /// Waits for a SUBSCRIBE, confirms each filter with this code, and returns the packet.
    pub(crate) async fn subscribed(&mut self, filters: usize, code: u8) -> Packet {
        let packet = self.expect(SUBSCRIBE).await;
        let size = u8::try_from(2 + filters).unwrap();
        let mut answer = vec![0x90, size, packet.body[0], packet.body[1]];
        answer.extend(vec![code; filters]);
        self.send(&answer).await;
        packet
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
    /// Packet id of an acknowledgement.
    pub(crate) fn pkid(&self) -> u16 {
        u16::from_be_bytes([self.body[0], self.body[1]])
    }

    /// Whether these bytes are in it.
    pub(crate) fn contains(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.body.windows(text.len()).any(|part| part == text)
    }
}

fn length(mut size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(size % 128).unwrap();
        size /= 128;
        if size == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}
