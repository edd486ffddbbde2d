//! A server in miniature that is spoken to in a protocol of its own over TCP.

use std::{
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use super::stand_in::{Mood, Seen, StandIn};
use crate::support::{port::Port, wait};

/// What was sent, in the terms of HTTP.
pub(super) fn seen(line: &str, body: &str) -> Seen {
    Seen {
        line: line.to_owned(),
        headers: Default::default(),
        body: body.to_owned(),
    }
}

/// Reads a connection to its end, or to what its mood makes of it, and hands over what it finds.
pub(super) type Serves = fn(&TcpStream, Mood, &mut dyn FnMut(Seen)) -> Option<()>;

/// A server that is spoken to in a protocol of its own.
pub(super) struct Server {
    port: Arc<Port>,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    mood: Mutex<Mood>,
    seen: Mutex<Vec<Seen>>,
    connections: Mutex<Connections>,
    closing: AtomicBool,
}

#[derive(Default)]
struct Connections {
    open: usize,
    /// The ports of those whose connection has ended.
    ended: Vec<u16>,
}

impl Server {
    #[allow(clippy::new_ret_no_self, reason = "it is only ever used as a stand-in")]
    pub(super) fn new(serves: Serves) -> Box<dyn StandIn> {
        let port = Arc::new(Port::reserve());
        let listener = TcpListener::bind(("127.0.0.1", port.number)).expect("our port");
        let shared = Arc::new(Shared {
            mood: Mutex::new(Mood::Well),
            seen: Mutex::default(),
            connections: Mutex::default(),
            closing: AtomicBool::new(false),
        });
        let service = Arc::clone(&shared);
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if service.closing.load(Ordering::SeqCst) {
                    return;
                }
                lock(&service.connections).open += 1;
                let service = Arc::clone(&service);
                std::thread::spawn(move || service.serve(&stream, serves));
            }
        });
        Box::new(Self {
            port,
            shared,
            listening: Some(listening),
        })
    }

    /// Connects and hangs up; says from which port.
    fn knock(&self) -> u16 {
        let stream = TcpStream::connect(("127.0.0.1", self.port.number)).expect("a server");
        stream.local_addr().expect("an address").port()
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream, serves: Serves) {
        // Who has hung up has no address any more later.
        let peer = stream.peer_addr();
        let mood = *lock(&self.mood);
        serves(stream, mood, &mut |seen| lock(&self.seen).push(seen));
        let mut connections = lock(&self.connections);
        connections.open -= 1;
        connections.ended.extend(peer.map(|peer| peer.port()));
    }
}

impl StandIn for Server {
    fn fill(&self, config: &str) -> String {
        let server = format!("127.0.0.1:{}", self.port.number);
        let allow = format!(
            "allow_addresses = [\"127.0.0.1/32:{}\"]\n",
            self.port.number
        );
        allow + &config.replace("{server}", &server)
    }

    fn becomes(&self, mood: Mood) {
        *lock(&self.shared.mood) = mood;
    }

    fn port(&self) -> Option<Arc<Port>> {
        Some(Arc::clone(&self.port))
    }

    fn so_far(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// Connections are taken in the order in which they come, so when ours has ended and none is left, all before it were heard out.
    fn take(&self) -> Vec<Seen> {
        let ours = self.knock();
        wait::until("all before us are heard out", || {
            let connections = lock(&self.shared.connections);
            (connections.open == 0 && connections.ended.contains(&ours)).then_some(())
        });
        std::mem::take(&mut lock(&self.shared.seen))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.knock();
        if let Some(listening) = self.listening.take() {
            listening.join().expect("the stand-in ends");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
