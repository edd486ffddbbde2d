//! The least of a webhook's receiver: it notes when a request is there and says 204, over connections that stay open.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver as Arrivals, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// The longest that an arrival is waited for: after an outage the next probe may be five minutes away.
const PATIENCE: Duration = Duration::from_secs(6 * 60);

/// The receiver.
pub struct Receiver {
    port: u16,
    arrivals: Arrivals<(Instant, usize)>,
}

impl Receiver {
    /// Listens on a free port, or on this one.
    pub fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let port = listener.local_addr()?.port();
        let (arrived, arrivals) = channel();
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let arrived = arrived.clone();
                thread::spawn(move || serve(client, &arrived));
            }
        });
        Ok(Self { port, arrivals })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// When the next request was there whole, and how long its body was.
    pub fn next(&self) -> (Instant, usize) {
        self.arrivals
            .recv_timeout(PATIENCE)
            .expect("the next request arrives within six minutes")
    }
}

fn serve(client: TcpStream, arrived: &Sender<(Instant, usize)>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut answers = client.try_clone()?;
    let mut requests = BufReader::new(client);
    let mut line = String::new();
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body)?;
        let _ = arrived.send((Instant::now(), length));
        answers.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
}
