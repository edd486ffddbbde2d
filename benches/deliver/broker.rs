//! The least of an MQTT 3.1.1 broker: one client, which is sent what the benchmark publishes. It stands for a machine whose value changes
//! at an instant that is known exactly.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

/// How many messages may be unacknowledged, fewer than the agent's `max_unacked`.
const WINDOW: usize = 90;

#[derive(Default)]
struct State {
    client: Option<TcpStream>,
    subscribed: bool,
    unacked: usize,
    next: u16,
}

/// The broker.
pub struct Broker {
    port: u16,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Broker {
    /// Listens on a free port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let shared: Arc<(Mutex<State>, Condvar)> = Arc::default();
        let state = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let _ = serve(client, &state);
                state.0.lock().expect("no panic").subscribed = false;
            }
        });
        Ok(Self { port, shared })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns when the agent has subscribed.
    pub fn wait_for_agent(&self) {
        let state = self.shared.0.lock().expect("no panic");
        let subscribed = self.shared.1.wait_while(state, |state| !state.subscribed);
        drop(subscribed.expect("no panic"));
    }

    /// Sends one value with QoS 1, as soon as fewer than the window are unacknowledged.
    pub fn publish(&self, topic: &str, value: &str) -> io::Result<()> {
        let state = self.shared.0.lock().expect("no panic");
        let full = |state: &mut State| state.unacked >= WINDOW;
        let mut state = self.shared.1.wait_while(state, full).expect("no panic");
        state.unacked += 1;
        state.next = state.next % 60_000 + 1;
        let mut packet = Vec::new();
        packet.extend(
            u16::try_from(topic.len())
                .expect("a short topic")
                .to_be_bytes(),
        );
        packet.extend(topic.bytes());
        packet.extend(state.next.to_be_bytes());
        packet.extend(value.bytes());
        let mut whole = vec![0x32, u8::try_from(packet.len()).expect("a short packet")];
        whole.extend(packet);
        match &mut state.client {
            Some(client) => client.write_all(&whole),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Returns when everything is acknowledged: what it caused is on disk.
    pub fn wait_for_acks(&self) {
        let state = self.shared.0.lock().expect("no panic");
        let waiting = |state: &mut State| state.unacked > 0;
        drop(self.shared.1.wait_while(state, waiting).expect("no panic"));
    }
}

fn serve(mut client: TcpStream, shared: &(Mutex<State>, Condvar)) -> io::Result<()> {
    client.set_nodelay(true)?;
    let lock = || shared.0.lock().expect("no panic");
    loop {
        let (kind, body) = packet(&mut client)?;
        match kind >> 4 {
            1 => {
                client.write_all(&[0x20, 2, 0, 0])?;
                let mut state = lock();
                state.client = Some(client.try_clone()?);
                state.unacked = 0;
            }
            8 => {
                let granted = [0x90, 3, body[0], body[1], 1];
                let mut state = lock();
                client.write_all(&granted)?;
                state.subscribed = true;
            }
            4 => lock().unacked -= 1,
            12 => client.write_all(&[0xD0, 0])?,
            14 => return Ok(()),
            _ => {}
        }
        shared.1.notify_all();
    }
}

fn packet(client: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0; 1];
    client.read_exact(&mut byte)?;
    let kind = byte[0];
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        client.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7F) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    Ok((kind, body))
}
