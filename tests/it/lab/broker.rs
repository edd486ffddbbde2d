//! A broker of our own (MQTT 3.1.1, QoS 1, one lasting session): it writes down what it sends and what the agent acknowledges.
//!
//! An acknowledgement that reaches it is the agent's promise that the message counts. So it is the truth that everything here is
//! measured by, and a broker that is known to keep it has to be so small that one can see that it does.

use std::{
    collections::VecDeque,
    io::{BufReader, Read, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::ledger::{Ledger, Line};
use crate::support::{port::Port, wait};

/// So many messages are sent ahead of their acknowledgements.
const WINDOW: usize = 20;

/// Called with the number of each message that was acknowledged, after that is on record.
type OnAck = Box<dyn FnMut(u64) + Send>;

pub(super) struct Broker {
    port: Port,
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
    ledger: Arc<Ledger>,
    on_ack: Mutex<OnAck>,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Message>,
    /// Sent and not acknowledged, oldest first, with their packet ids.
    in_flight: VecDeque<(u16, Message)>,
    last_id: u16,
    subscribed: bool,
    /// Counts connections; the last one is the one that is served.
    connection: u64,
    /// Of the last connection, while it is fit for messages.
    stream: Option<TcpStream>,
    /// Connections whose packets are still read.
    reading: usize,
    /// Acknowledgements of something else than the oldest.
    out_of_order: u64,
}

#[derive(Clone, Debug)]
struct Message {
    number: u64,
    topic: String,
    payload: String,
}

impl Broker {
    /// Listens at this address of this machine.
    pub(super) fn start_at(address: &str, ledger: &Arc<Ledger>) -> Self {
        let port = Port::reserve();
        let shared = Arc::new(Shared {
            inner: Mutex::default(),
            changed: Condvar::new(),
            ledger: Arc::clone(ledger),
            on_ack: Mutex::new(Box::new(|_| {})),
        });
        let listener = TcpListener::bind((address, port.number)).expect("our port");
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || {
                    // A connection that breaks is what this is about.
                    let _ = shared.serve(stream);
                });
            }
        });
        Self { port, shared }
    }

    pub(super) fn port(&self) -> u16 {
        self.port.number
    }

    /// Keeps messages until they are acknowledged, and sends them as soon as somebody listens.
    pub(super) fn publish(&self, number: u64, topic: String, payload: String) {
        let mut inner = self.shared.lock();
        inner.waiting.push_back(Message {
            number,
            topic,
            payload,
        });
        self.shared.pump(&mut inner);
    }

    /// Messages that are not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        let inner = self.shared.lock();
        inner.waiting.len() + inner.in_flight.len()
    }

    pub(super) fn out_of_order(&self) -> u64 {
        self.shared.lock().out_of_order
    }

    /// What happens at each acknowledgement from now on.
    pub(super) fn on_ack(&self, what: impl FnMut(u64) + Send + 'static) {
        let mut on_ack = self
            .shared
            .on_ack
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *on_ack = Box::new(what);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        let (kind, body) = packet(&mut reader)?;
        if kind >> 4 != 1 {
            return Ok(());
        }
        // Byte 7 of CONNECT holds its flags; bit 1 asks for a clean session.
        let clean = body.get(7).is_some_and(|flags| flags & 2 != 0);
        let connection = {
            let mut inner = self.lock();
            if let Some(old) = inner.stream.take() {
                // What the last process still sent is read to its end, and then it is over.
                let _ = old.shutdown(std::net::Shutdown::Write);
            }
            let begin = wait::now();
            while inner.reading > 0 && begin.elapsed() < Duration::from_secs(2) {
                let waited = self
                    .changed
                    .wait_timeout(inner, Duration::from_millis(50))
                    .unwrap_or_else(PoisonError::into_inner);
                inner = waited.0;
            }
            if clean {
                inner.subscribed = false;
            }
            inner.connection += 1;
            inner.reading += 1;
            let connection = inner.connection;
            let present = inner.subscribed;
            let sent = stream.write_all(&[0x20, 2, u8::from(present), 0]);
            if present && sent.is_ok() {
                self.resume(&mut inner, stream.try_clone()?);
            }
            connection
        };
        let ended = self.read(connection, &mut reader, &mut stream);
        let mut inner = self.lock();
        inner.reading -= 1;
        if inner.connection == connection {
            inner.stream = None;
        }
        self.changed.notify_all();
        ended
    }

    /// Reads until the connection ends.
    fn read(
        &self,
        connection: u64,
        reader: &mut BufReader<TcpStream>,
        stream: &mut TcpStream,
    ) -> std::io::Result<()> {
        loop {
            let (kind, body) = packet(reader)?;
            match kind >> 4 {
                // PUBACK
                4 => {
                    let id = u16::from_be_bytes([body[0], body[1]]);
                    let acknowledged = {
                        let mut inner = self.lock();
                        let found = inner.in_flight.iter().position(|(sent, _)| *sent == id);
                        let taken = found.and_then(|at| {
                            inner.out_of_order += u64::from(at != 0);
                            inner.in_flight.remove(at)
                        });
                        if let Some((_, message)) = &taken {
                            let number = message.number;
                            self.ledger.write(Line::Acknowledged { number, connection });
                        }
                        if inner.connection == connection {
                            self.pump(&mut inner);
                        }
                        taken
                    };
                    if let Some((_, message)) = acknowledged {
                        let mut on_ack = self.on_ack.lock().unwrap_or_else(PoisonError::into_inner);
                        on_ack(message.number);
                    }
                }
                // SUBSCRIBE: id, then filters with their QoS. Everything is granted.
                8 => {
                    let mut granted = vec![body[0], body[1]];
                    let mut at = 2;
                    while at + 2 < body.len() {
                        let length = usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
                        at += 2 + length;
                        granted.push(body[at].min(1));
                        at += 1;
                    }
                    let mut answer = vec![0x90, u8::try_from(granted.len()).expect("few filters")];
                    answer.extend(granted);
                    let mut inner = self.lock();
                    stream.write_all(&answer)?;
                    let first = !std::mem::replace(&mut inner.subscribed, true);
                    if first && inner.connection == connection {
                        self.resume(&mut inner, stream.try_clone()?);
                    }
                }
                // PINGREQ
                12 => {
                    let _turn = self.lock();
                    stream.write_all(&[0xD0, 0])?;
                }
                // DISCONNECT
                14 => return Ok(()),
                _ => {}
            }
        }
    }

    /// What was not acknowledged is sent again over the new connection, then what waits.
    fn resume(&self, inner: &mut Inner, stream: TcpStream) {
        inner.stream = Some(stream);
        let again: Vec<_> = inner.in_flight.iter().cloned().collect();
        let connection = inner.connection;
        self.ledger
            .write_all(again.iter().map(|(_, message)| Line::Sent {
                number: message.number,
                connection,
            }));
        for (id, message) in again {
            write(inner, id, &message, true);
        }
        self.pump(inner);
    }

    /// Sends what waits, as far as the window allows.
    fn pump(&self, inner: &mut Inner) {
        let mut now = Vec::new();
        while inner.stream.is_some() && inner.in_flight.len() < WINDOW {
            let Some(message) = inner.waiting.pop_front() else {
                break;
            };
            inner.last_id = inner.last_id.checked_add(1).unwrap_or(1);
            inner.in_flight.push_back((inner.last_id, message.clone()));
            now.push((inner.last_id, message));
        }
        if now.is_empty() {
            return;
        }
        let connection = inner.connection;
        // On record first, so that nothing is processed that was not sent.
        self.ledger
            .write_all(now.iter().map(|(_, message)| Line::Sent {
                number: message.number,
                connection,
            }));
        for (id, message) in now {
            write(inner, id, &message, false);
        }
    }
}

/// Writes a PUBLISH at QoS 1; a connection that fails is not written to again.
fn write(inner: &mut Inner, id: u16, message: &Message, again: bool) {
    let Some(stream) = &mut inner.stream else {
        return;
    };
    let length = u16::try_from(message.topic.len()).expect("a short topic");
    let mut body = length.to_be_bytes().to_vec();
    body.extend(message.topic.as_bytes());
    body.extend(id.to_be_bytes());
    body.extend(message.payload.as_bytes());
    // One byte is enough for the length of what is sent here.
    let length = u8::try_from(body.len()).ok().filter(|length| *length < 128);
    let mut packet = vec![
        0x32 | (u8::from(again) << 3),
        length.expect("a short message"),
    ];
    packet.extend(body);
    if stream.write_all(&packet).is_err() {
        inner.stream = None;
    }
}

/// The first byte of a packet and what follows its length.
fn packet(reader: &mut impl Read) -> std::io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    let kind = byte[0];
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        reader.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7F) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((kind, body))
}
