//! A receiver of webhooks that records every request byte for byte, and misbehaves as it is told.
//!
//! Written on plain sockets: what it records is what was on the wire, not what a library made of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{port::Port, text, wait};

/// What a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200
    Accept,
    /// Any other status.
    Status(u16),
    /// 200, after this many milliseconds.
    Slowly(u64),
    /// 429 with `Retry-After` in seconds.
    Later(u64),
    /// 429 with `Retry-After` as a date so many seconds after the `Date` of the answer.
    LaterByDate(u64),
    /// None, for as long as the receiver lives.
    Hang,
    /// None: the connection is closed after the request was read, so the sender cannot know that it arrived.
    Cut,
}

impl Answer {
    /// Whether it says that the request was taken.
    pub(crate) fn accepts(self) -> bool {
        matches!(self, Self::Accept | Self::Slowly(_))
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// When its connection was opened.
    pub(crate) connected: Instant,
    /// When it was complete.
    pub(crate) at: Instant,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    /// What it got.
    pub(crate) answer: Answer,
}

impl Received {
    /// The event's id, which is the idempotency key.
    pub(crate) fn id(&self) -> &str {
        self.headers.get("webhook-id").map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// `alert.triggered mill-1/spindle-overtemp`; a digest is about several.
    pub(crate) fn story(&self) -> String {
        let body = self.json();
        if body["event"] == "andon.digest" {
            return "andon.digest".to_owned();
        }
        let part = |pointer| text(&body, pointer).to_owned();
        let (machine, rule) = (part("/alert/machine_id"), part("/alert/rule_id"));
        format!("{} {machine}/{rule}", part("/event"))
    }
}

/// A running receiver.
pub(crate) struct Receiver {
    address: String,
    port: Port,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    received: Mutex<Vec<Received>>,
    /// The answer to the n-th request, from 0.
    answers: Mutex<Box<dyn FnMut(usize) -> Answer + Send>>,
    /// Called with each request before it is answered.
    recorder: Mutex<Hook>,
    /// Called with each request after it was answered.
    answered: Mutex<Hook>,
    closing: AtomicBool,
    /// Who connected, in this order.
    peers: Mutex<Vec<SocketAddr>>,
}

/// Something to be done about a request.
type Hook = Box<dyn FnMut(&Received) + Send>;

impl Receiver {
    /// One that accepts everything.
    pub(crate) fn start() -> Self {
        let mut receiver = Self::closed();
        receiver.open();
        receiver
    }

    /// One whose port refuses connections until it is opened.
    pub(crate) fn closed() -> Self {
        Self::closed_at("127.0.0.1")
    }

    /// The same at another address of this machine.
    pub(crate) fn closed_at(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            port: Port::reserve(),
            shared: Arc::new(Shared {
                received: Mutex::default(),
                answers: Mutex::new(Box::new(|_| Answer::Accept)),
                recorder: Mutex::new(Box::new(|_| {})),
                answered: Mutex::new(Box::new(|_| {})),
                closing: AtomicBool::new(false),
                peers: Mutex::default(),
            }),
            listening: None,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.number
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Listens from now on.
    pub(crate) fn open(&mut self) {
        assert!(self.listening.is_none(), "it is open");
        self.shared.closing.store(false, Ordering::SeqCst);
        let listener =
            TcpListener::bind((self.address.as_str(), self.port.number)).expect("our port");
        let shared = Arc::clone(&self.shared);
        self.listening = Some(std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.closing.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, connected) = (Arc::clone(&shared), wait::now());
                lock(&shared.peers).extend(
                    stream
                        .as_ref()
                        .map(TcpStream::peer_addr)
                        .into_iter()
                        .flatten(),
                );
                // A sender that gives up in the middle of a request is no concern of the others.
                std::thread::spawn(move || stream.map(|stream| shared.serve(stream, connected)));
            }
        }));
    }

    /// Refuses connections from now on.
    pub(crate) fn close(&mut self) {
        if let Some(listening) = self.listening.take() {
            self.shared.closing.store(true, Ordering::SeqCst);
            // Wakes the loop, which then ends and closes the socket.
            drop(TcpStream::connect((
                self.address.as_str(),
                self.port.number,
            )));
            listening.join().expect("the receiver ends");
        }
    }

    /// Returns when every connection that was made until now has been taken, and so has its time: on a busy machine one that a killed
    /// sender has left would be taken for its successor's.
    pub(crate) fn catch_up(&self) {
        let address = (self.address.as_str(), self.port.number);
        let address = address.to_socket_addrs().expect("an address").next();
        let address = address.expect("one address");
        let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
            // It is closed or cut off: nothing waits there.
            return;
        };
        let own = stream.local_addr().expect("a connected socket");
        wait::until("the connection is taken", || {
            lock(&self.shared.peers).contains(&own).then_some(())
        });
    }

    /// What every request gets from now on.
    pub(crate) fn answer(&self, answer: Answer) {
        self.answer_each(move |_| answer);
    }

    /// What the n-th request gets, counted from 0 over the life of the receiver.
    pub(crate) fn answer_each(&self, answers: impl FnMut(usize) -> Answer + Send + 'static) {
        *lock(&self.shared.answers) = Box::new(answers);
    }

    /// What is done with every request before it is answered, one after the other.
    pub(crate) fn record(&self, recorder: impl FnMut(&Received) + Send + 'static) {
        *lock(&self.shared.recorder) = Box::new(recorder);
    }

    /// What is done from now on about every request that was answered.
    pub(crate) fn when_answered(&self, what: impl FnMut(&Received) + Send + 'static) {
        *lock(&self.shared.answered) = Box::new(what);
    }

    /// Everything that arrived, whatever it got.
    pub(crate) fn all(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// What was accepted.
    pub(crate) fn accepted(&self) -> Vec<Received> {
        let mut all = self.all();
        all.retain(|request| request.answer.accepts());
        all
    }

    /// Waits for an accepted request with this story.
    pub(crate) fn hears(&self, story: &str) -> Received {
        self.hears_within(wait::PATIENCE, story)
    }

    /// Waits so long for an accepted request with this story.
    pub(crate) fn hears_within(&self, limit: Duration, story: &str) -> Received {
        let found = || self.accepted().into_iter().find(|one| one.story() == story);
        let begin = wait::now();
        while begin.elapsed() < limit {
            if let Some(found) = found() {
                return found;
            }
            wait::pause(Duration::from_millis(20));
        }
        panic!("never heard \"{story}\", only {:?}", self.stories());
    }

    /// The stories of what was accepted, in order of arrival.
    pub(crate) fn stories(&self) -> Vec<String> {
        self.accepted().iter().map(Received::story).collect()
    }

    /// The same, each once: a repeat has the id of what it repeats.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut ids = BTreeSet::new();
        let mut accepted = self.accepted();
        accepted.retain(|of| ids.insert(of.id().to_owned()));
        accepted.iter().map(Received::story).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream, connected: Instant) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        // Several requests may come over one connection.
        while let Some(mut request) = read(&mut reader, connected)? {
            if self.closing.load(Ordering::SeqCst) {
                return Ok(());
            }
            let answer = {
                let mut received = lock(&self.received);
                request.answer = lock(&self.answers)(received.len());
                received.push(request.clone());
                lock(&self.recorder)(&request);
                request.answer
            };
            let (status, extra) = match answer {
                Answer::Accept => (200, String::new()),
                Answer::Slowly(milliseconds) => {
                    wait::pause(Duration::from_millis(milliseconds));
                    (200, String::new())
                }
                Answer::Status(status) => (status, String::new()),
                Answer::Later(seconds) => (429, format!("retry-after: {seconds}\r\n")),
                Answer::LaterByDate(seconds) => (429, later_by_date(seconds)),
                Answer::Cut => return Ok(()),
                Answer::Hang => {
                    // Until the sender hangs up.
                    let _ = reader.read(&mut [0]);
                    return Ok(());
                }
            };
            let answer = format!("HTTP/1.1 {status} x\r\n{extra}content-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes())?;
            lock(&self.answered)(&request);
        }
        Ok(())
    }
}

/// One request, or the end of the connection.
pub(crate) fn read(
    reader: &mut BufReader<TcpStream>,
    connected: Instant,
) -> std::io::Result<Option<Received>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next(), words.next());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |text| text.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Received {
        connected,
        at: wait::now(),
        method: method.unwrap_or_default(),
        path: path.unwrap_or_default(),
        headers,
        body: String::from_utf8(body).expect("JSON is UTF-8"),
        answer: Answer::Hang,
    }))
}

/// `Retry-After` as a date, with the date that it counts from: the 1st of May 2026 at 8 o'clock and so many seconds.
fn later_by_date(seconds: u64) -> String {
    assert!(seconds < 60, "one minute has room for this");
    format!(
        "date: Fri, 01 May 2026 08:00:00 GMT\r\nretry-after: Fri, 01 May 2026 08:00:{seconds:02} GMT\r\n"
    )
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that failed elsewhere should say why, not that a lock is poisoned.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
