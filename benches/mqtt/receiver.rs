//! The least of a webhook's receiver: it notes when a request is there whole and which value it tells of, over connections that stay open.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver as Arrivals, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// The longest that an arrival is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub at: Instant,
    /// The number of the crossing that it tells of.
    pub number: u64,
    /// Bytes of the body.
    pub size: usize,
}

/// The receiver.
pub struct Receiver {
    port: u16,
    arrivals: Arrivals<Arrival>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its port").port();
        let (arrived, arrivals) = channel();
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let arrived = arrived.clone();
                thread::spawn(move || serve(client, &arrived));
            }
        });
        Self { port, arrivals }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next request about a crossing.
    pub fn next(&self) -> Arrival {
        let next = self.arrivals.recv_timeout(PATIENCE);
        next.expect("the next request arrives within two minutes")
    }

    /// Waits for the request about this crossing; those before it were about earlier ones.
    pub fn wait_for(&self, number: u64) -> Arrival {
        loop {
            let next = self.next();
            if next.number == number {
                return next;
            }
        }
    }
}

fn serve(client: TcpStream, arrived: &Sender<Arrival>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut answers = client.try_clone()?;
    let mut requests = BufReader::new(client);
    let mut line = String::new();
    loop {
        let mut size = 0;
        loop {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                size = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; size];
        requests.read_exact(&mut body)?;
        let at = Instant::now();
        answers.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
        // What is about no crossing is what the agent says about itself.
        if let Some(number) = value(&body).and_then(crate::number_of) {
            let _ = arrived.send(Arrival { at, number, size });
        }
    }
}

/// `"metric_value":97.3` of a body.
fn value(body: &[u8]) -> Option<f64> {
    const KEY: &str = "\"metric_value\":";
    let body = std::str::from_utf8(body).ok()?;
    let rest = &body[body.find(KEY)? + KEY.len()..];
    let end = rest.find([',', '}'])?;
    rest[..end].trim().parse().ok()
}
