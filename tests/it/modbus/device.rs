//! A Modbus TCP device of our own that remembers who asked it what, when and over which connection, and that may take short
//! requests only. Each of its holding registers holds its own address.

use std::{
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use crate::support::wait;

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
    /// When its first byte was there.
    pub(super) came: Instant,
    /// Just before its answer was sent.
    pub(super) answered: Instant,
}

/// A device that is there until the test ends.
pub(super) struct Witness {
    pub(super) port: u16,
    seen: Arc<Mutex<Vec<Connection>>>,
}

impl Witness {
    /// One that answers at most so many registers at once.
    pub(super) fn start(most: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let Ok(peer) = stream.peer_addr() else {
                    continue;
                };
                let mut all = held(&record);
                let at = all.len();
                all.push(Connection {
                    from: peer.ip(),
                    asked: Vec::new(),
                });
                let record = Arc::clone(&record);
                thread::spawn(move || {
                    serve(stream, most, &|asked| held(&record)[at].asked.push(asked))
                });
            }
        });
        Self { port, seen }
    }

    /// All connections so far.
    pub(super) fn seen(&self) -> Vec<Connection> {
        held(&self.seen).clone()
    }
}

fn held(seen: &Mutex<Vec<Connection>>) -> MutexGuard<'_, Vec<Connection>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers until the client has gone; `note` is told of each request before its answer is sent.
fn serve(mut stream: TcpStream, most: u16, note: &dyn Fn(Asked)) {
    let mut request = [0_u8; 12];
    while stream.read_exact(&mut request[..1]).is_ok() {
        let came = wait::now();
        if stream.read_exact(&mut request[1..]).is_err() {
            return;
        }
        let answer = answer(&request, most);
        let answered = wait::now();
        note(Asked { came, answered });
        if stream.write_all(&answer).is_err() {
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
