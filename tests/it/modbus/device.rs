//! A Modbus TCP device of our own that remembers who asked it what, when and over which connection, and that has habits which others
//! do not. Each of its holding registers holds its own address.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};

use crate::support::wait;

/// What it does that others do not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    /// The most registers that it answers at once.
    pub(super) registers: u16,
    /// How many connections it serves at once.
    pub(super) connections: usize,
    /// What it does about more of them.
    pub(super) beyond: Beyond,
    /// A unit that never answers.
    pub(super) mute: Option<u8>,
}

/// What it does about a connection that it does not serve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Beyond {
    HangsUp,
    NeverAnswers,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            registers: 125,
            connections: usize::MAX,
            beyond: Beyond::HangsUp,
            mute: None,
        }
    }
}

/// What one client did.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// Where it came from.
    pub(super) from: IpAddr,
    /// Its requests, in their order.
    pub(super) asked: Vec<Asked>,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) unit: u8,
    /// When its first byte was there.
    pub(super) came: Instant,
    /// Just before its answer was sent.
    pub(super) answered: Instant,
}

/// A device that is there until the test ends.
pub(super) struct Witness {
    pub(super) port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: Vec<Connection>,
    /// The same, to look whether the clients are still there.
    open: Vec<TcpStream>,
    most_open: usize,
}

impl Seen {
    /// How many are open. The end of one comes before the beginning of the next, whatever the threads here have noticed of it.
    fn open(&mut self) -> usize {
        let look = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let ended = |stream: &TcpStream| {
            !matches!(
                recv(stream, &mut [0][..], look),
                Ok((1.., _)) | Err(Errno::AGAIN)
            )
        };
        self.open.retain(|stream| !ended(stream));
        self.open.len()
    }
}

impl Witness {
    pub(super) fn start(habits: Habits) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let record = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                enter(stream, habits, &record);
            }
        });
        Self { port, seen }
    }

    /// All connections so far.
    pub(super) fn seen(&self) -> Vec<Connection> {
        held(&self.seen).connections.clone()
    }

    /// How many were open at once at most.
    pub(super) fn most_open(&self) -> usize {
        held(&self.seen).most_open
    }
}

fn held(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn enter(stream: TcpStream, habits: Habits, record: &Arc<Mutex<Seen>>) {
    let (Ok(peer), Ok(open)) = (stream.peer_addr(), stream.try_clone()) else {
        return;
    };
    let mut seen = held(record);
    let at = seen.connections.len();
    let is_served = seen.open() < habits.connections;
    if !is_served && habits.beyond == Beyond::HangsUp {
        return;
    }
    seen.connections.push(Connection {
        from: peer.ip(),
        asked: Vec::new(),
    });
    seen.open.push(open);
    seen.most_open = seen.most_open.max(seen.open());
    let record = Arc::clone(record);
    thread::spawn(move || {
        serve(&stream, |asked| {
            held(&record).connections[at].asked.push(asked);
            let answers = is_served && habits.mute != Some(asked.unit);
            answers.then_some(habits.registers)
        });
    });
}

/// Reads requests until the client has gone. `judge` is told of each and says how many registers it answers at most;
/// nothing for no answer.
fn serve(mut stream: &TcpStream, judge: impl Fn(Asked) -> Option<u16>) {
    let mut request = [0_u8; 12];
    while stream.read_exact(&mut request[..1]).is_ok() {
        let came = wait::now();
        if stream.read_exact(&mut request[1..]).is_err() {
            return;
        }
        let asked = Asked {
            unit: request[6],
            came,
            answered: wait::now(),
        };
        if let Some(most) = judge(asked)
            && stream.write_all(&answer(&request, most)).is_err()
        {
            return;
        }
    }
}

fn answer(request: &[u8; 12], most: u16) -> Vec<u8> {
    let word = |at: usize| u16::from_be_bytes([request[at], request[at + 1]]);
    let (start, count) = (word(8), word(10));
    let body = if count > most {
        vec![request[7] | 0x80, 3]
    } else {
        let bytes = (start..start + count).flat_map(u16::to_be_bytes);
        let length = u8::try_from(count * 2).expect("a short answer");
        [request[7], length].into_iter().chain(bytes).collect()
    };
    let length = u16::try_from(body.len() + 1).expect("a short answer");
    let mut answer = request[..4].to_vec();
    answer.extend(length.to_be_bytes());
    answer.push(request[6]);
    answer.extend(body);
    answer
}
