//! Who stands in for a service: it takes what it is sent, keeps it, and answers as that service would in a mood.

use std::{
    collections::BTreeMap,
    io::{BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use crate::support::{port::Port, receiver, wait};

/// How a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It takes what it gets.
    Well,
    /// Too many requests; it says how long to wait.
    Busy,
    /// Too many requests, without a word about how long.
    BusyUnsaid,
    /// It blames what it was sent.
    Wrong,
    /// It does not know us: a bad key, or a URL that was withdrawn.
    Denied,
    /// It is out of order.
    Broken,
    /// Nobody is there. The stand-in is dropped for it and never asked.
    Gone,
    /// It refuses what it is sent and repeats all of it, secrets too. Only HTTP can be met so, and no service is asked how.
    Parrot,
}

/// Everything that is trouble.
pub(crate) const TROUBLES: [Mood; 6] = [
    Mood::Busy,
    Mood::BusyUnsaid,
    Mood::Wrong,
    Mood::Denied,
    Mood::Broken,
    Mood::Gone,
];

/// What was sent. What is no HTTP fills in what is like it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `POST /v2/enqueue`
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// A service in miniature; dropped, nobody is there any more.
pub(crate) trait StandIn {
    /// The configuration with what leads here filled in.
    fn fill(&self, config: &str) -> String;
    /// How it is from now on.
    fn becomes(&self, mood: Mood);
    /// What was sent up to now and not taken, while it may go on.
    fn so_far(&self) -> Vec<Seen>;
    /// What was sent since this was asked last, when nobody is about to send more.
    fn take(&self) -> Vec<Seen>;
    /// What keeps its port from others when it is dropped, if it has one of ours.
    fn port(&self) -> Option<Arc<Port>> {
        None
    }
}

/// An answer over HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// An answer with this body.
pub(crate) fn reply(status: u16, body: &str) -> Reply {
    let body = body.to_owned();
    Reply {
        status,
        headers: Vec::new(),
        body,
    }
}

impl Reply {
    /// With one header more.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// What a service answers that does nothing in a way of its own.
pub(crate) fn usual(mood: Mood) -> Reply {
    match mood {
        Mood::Well => reply(200, ""),
        Mood::Busy => reply(429, "slow down").with("retry-after", "7"),
        Mood::BusyUnsaid => reply(429, "slow down"),
        Mood::Wrong => reply(400, "that is wrong"),
        Mood::Denied => reply(401, "who are you"),
        Mood::Broken => reply(500, "out of order"),
        Mood::Gone | Mood::Parrot => unreachable!("no service is asked about {mood:?}"),
    }
}

/// What answers a request in a mood.
type Answers = fn(Mood, &Seen) -> Reply;

/// A service over HTTP. `{url}` becomes its origin, and what allows to go there is put before the configuration.
pub(crate) fn http(answers: Answers) -> Box<dyn StandIn> {
    let port = Arc::new(Port::reserve());
    let listener = TcpListener::bind(("127.0.0.1", port.number)).expect("our port");
    let shared = Arc::new(Shared {
        answers,
        mood: Mutex::new(Mood::Well),
        seen: Mutex::default(),
        closing: AtomicBool::new(false),
    });
    let service = Arc::clone(&shared);
    let listening = std::thread::spawn(move || {
        for stream in listener.incoming() {
            if service.closing.load(Ordering::SeqCst) {
                return;
            }
            let service = Arc::clone(&service);
            std::thread::spawn(move || stream.map(|stream| service.serve(stream)));
        }
    });
    Box::new(Http {
        port,
        shared,
        listening: Some(listening),
    })
}

struct Http {
    port: Arc<Port>,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    answers: Answers,
    mood: Mutex<Mood>,
    seen: Mutex<Vec<Seen>>,
    closing: AtomicBool,
}

impl StandIn for Http {
    fn fill(&self, config: &str) -> String {
        let port = self.port.number;
        format!(
            "allow_http = true\nallow_addresses = [\"127.0.0.1/32:{port}\"]\n{}",
            config.replace("{url}", &format!("http://127.0.0.1:{port}"))
        )
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

    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut lock(&self.shared.seen))
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        // Wakes the loop, which then ends and closes the socket.
        drop(TcpStream::connect(("127.0.0.1", self.port.number)));
        if let Some(listening) = self.listening.take() {
            listening.join().expect("the stand-in ends");
        }
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        while let Some(request) = receiver::read(&mut reader, wait::now())? {
            let seen = Seen {
                line: format!("{} {}", request.method, request.path),
                headers: request.headers,
                body: request.body,
            };
            let reply = match *lock(&self.mood) {
                Mood::Parrot => repeated(&seen),
                mood => (self.answers)(mood, &seen),
            };
            lock(&self.seen).push(seen);
            let headers = reply.headers.iter();
            let headers: String = headers
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let Reply { status, body, .. } = reply;
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\n\r\n{body}"
            )?;
        }
        Ok(())
    }
}

fn repeated(seen: &Seen) -> Reply {
    let headers = seen.headers.values().cloned().collect::<Vec<_>>();
    let said = format!("{} {} {}", seen.line, headers.join(" "), seen.body);
    reply(400, &said)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
