//! What flows between machines and the agent, by programs that are not ours: paho publishes, mosquitto keeps and sends.

use std::{
    collections::HashSet,
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::decided::Taken;
use crate::support::{Broker, python, wait};

/// paho, with numbered values of many machines; it ends with this value.
pub(super) struct Publisher {
    child: Child,
    stdin: Option<ChildStdin>,
    taken: Arc<Mutex<Vec<Taken>>>,
    /// Says that the flow has stopped and all of it is acknowledged.
    enough: Receiver<()>,
    reading: Option<JoinHandle<()>>,
}

impl Publisher {
    /// So many messages a second, evenly; a machine changes its side with every so many of its messages.
    pub(super) fn start(port: u16, rate: usize, machines: usize, every: usize) -> Self {
        let arguments = [port.into(), rate, machines, every].map(|number| number.to_string());
        let mut child = python::script("mqtt_load.py")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let ready = lines.next().expect("a line").expect("text");
        assert_eq!(ready, "ready");
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let keep = Arc::clone(&taken);
        let (said, enough) = sync_channel(1);
        let reading = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line == "enough" {
                    let _ = said.send(());
                    continue;
                }
                let one = Taken::read(&line);
                keep.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(one);
            }
        });
        Self {
            stdin: child.stdin.take(),
            child,
            taken,
            enough,
            reading: Some(reading),
        }
    }

    /// Stops the flow, and waits until the broker has acknowledged all of it.
    pub(super) fn stop(&mut self) {
        let stdin = self.stdin.as_mut().expect("it is not finished");
        writeln!(stdin, "enough").expect("it reads");
        let stopped = self.enough.recv_timeout(Duration::from_secs(60));
        stopped.expect("the broker acknowledges");
    }

    /// Publishes one more message of each machine and the last one, of a machine that had none before; gives all that the broker has
    /// acknowledged.
    pub(super) fn finish(mut self) -> Vec<Taken> {
        self.stdin = None;
        let ended = wait::until("paho ends", || self.child.try_wait().expect("a child"));
        assert!(ended.success(), "paho ended with {ended}");
        let reading = self.reading.take().expect("it was read");
        reading.join().expect("its lines are understood");
        std::mem::take(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What mosquitto logs about the agent, read as it grows.
pub(super) struct Sight {
    log: BufReader<File>,
    line: String,
    /// Sent over the connection that is open and not acknowledged, by packet id.
    pub(super) in_flight: HashSet<u32>,
    /// Of each connection that ended, what was in flight then.
    pub(super) ended: Vec<usize>,
    /// Whether it has confirmed the agent's subscriptions.
    pub(super) subscribed: bool,
    /// Acknowledgements over all connections.
    pub(super) acknowledged: usize,
}

/// How the agent is called at the broker.
const CLIENT: &str = "andon-plant-7-cell-broker";

impl Sight {
    pub(super) fn of(broker: &Broker) -> Self {
        let log = File::open(broker.log()).expect("mosquitto's log");
        Self {
            log: BufReader::new(log),
            line: String::new(),
            in_flight: HashSet::new(),
            ended: Vec::new(),
            subscribed: false,
            acknowledged: 0,
        }
    }

    /// Reads what has been logged meanwhile.
    pub(super) fn look(&mut self) {
        // A line that is not whole yet stays until the rest is there.
        while self
            .log
            .read_line(&mut self.line)
            .is_ok_and(|bytes| bytes > 0)
            && self.line.ends_with('\n')
        {
            let line = std::mem::take(&mut self.line);
            if line.contains(CLIENT) {
                self.take(&line);
            }
        }
    }

    fn take(&mut self, line: &str) {
        let after = |mark: &str| {
            let rest = &line[line.find(mark)? + mark.len()..];
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            rest[..end].parse::<u32>().ok()
        };
        if line.contains("Sending PUBLISH") {
            self.in_flight.extend(after(", m"));
        } else if line.contains("Received PUBACK") {
            let id = after("(Mid: ").or_else(|| after("(m"));
            let id = id.expect("a packet id");
            self.in_flight.remove(&id);
            self.acknowledged += 1;
        } else if line.contains("Sending SUBACK") {
            self.subscribed = true;
        } else if line.contains(": Client ") {
            // It has closed its connection, or was replaced.
            self.ended.push(self.in_flight.len());
            self.in_flight.clear();
        }
    }
}
