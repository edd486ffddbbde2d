//! A peer in Python, over OpenSSL: another implementation of what andon speaks.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::Duration,
};

use serde_json::Value;

/// Runs until it is dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    heard: Receiver<Value>,
    child: Child,
}

impl Peer {
    /// With the files of this folder; the words are `tls`, and `client` where clients must show a certificate.
    pub(crate) fn start(folder: &Path, words: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/link/http/testbed/peer.py");
        Self::run(script, folder, words)
    }

    /// A script that prints its port, and then what it hears as lines of JSON.
    pub(crate) fn run(script: &str, folder: &Path, words: &[&str]) -> Self {
        let mut child = Command::new("python3")
            .arg(script)
            .arg(folder)
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let port = lines.next().expect("a line").expect("text");
        let port = port.parse().expect("a port");
        let (sender, heard) = sync_channel(1024);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Ok(value) = serde_json::from_str(&line) else {
                    continue;
                };
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            heard,
            child,
        }
    }

    /// What it was asked next, or how a handshake failed.
    pub(crate) fn hears(&self) -> Value {
        self.heard
            .recv_timeout(Duration::from_secs(60))
            .expect("a request")
    }

    /// Whether nothing more has arrived.
    pub(crate) fn is_quiet(&self) -> bool {
        self.heard.try_recv().is_err()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
