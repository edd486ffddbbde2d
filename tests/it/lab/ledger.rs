//! What was done to the agent and what was heard from it, one JSON line each, written before the next thing happens.
//!
//! What is intended is synced before it is published. The rest is only written: the process that writes it is never killed, and the
//! disk that it lies on never cut. It lies outside the file system that faults are played on, and it alone is what the account is made from: neither the agent's
//! word nor a variable of the test.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde::{Deserialize, Serialize};

use crate::support::{Received, wait};

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Line {
    /// A machine crosses its limit (`up`) or is well again. `number` is in the value that is published.
    Intended {
        number: u64,
        machine: String,
        up: bool,
    },
    /// The broker is about to send it over this connection.
    Sent { number: u64, connection: u64 },
    /// The agent has acknowledged it over this connection.
    Acknowledged { number: u64, connection: u64 },
    /// A process of the agent is about to start.
    Started,
    /// It was ended, and by what.
    Ended { by: String },
    /// A request that was complete, and is not answered yet.
    Heard {
        destination: String,
        /// Since when its connection is open: it belongs to the process that ran then.
        connected: u64,
        id: String,
        body: String,
        /// Whether it will be answered with success.
        accepted: bool,
    },
}

/// A line with its time, in microseconds since the ledger began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) at: u64,
    pub(super) line: Line,
}

/// The file.
#[derive(Debug)]
pub(super) struct Ledger {
    file: Mutex<File>,
    path: PathBuf,
    begin: Instant,
}

impl Ledger {
    pub(super) fn begin(path: &Path) -> Arc<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .expect("a ledger");
        Arc::new(Self {
            file: Mutex::new(file),
            path: path.to_owned(),
            begin: wait::now(),
        })
    }

    pub(super) fn write(&self, line: Line) {
        self.write_all([line]);
    }

    /// Writes down what is going to be published, and syncs it.
    pub(super) fn intend(&self, lines: impl IntoIterator<Item = Line>) {
        self.write_all(lines);
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.sync_data().expect("the ledger");
    }

    /// Several at once.
    pub(super) fn write_all(&self, lines: impl IntoIterator<Item = Line>) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.micros(wait::now());
        let mut text = String::new();
        for line in lines {
            text += &serde_json::to_string(&Entry { at, line }).expect("a line");
            text.push('\n');
        }
        file.write_all(text.as_bytes()).expect("the ledger");
    }

    /// Writes down what a receiver heard.
    pub(super) fn heard(&self, destination: &str, request: &Received) {
        self.write(Line::Heard {
            destination: destination.to_owned(),
            connected: self.micros(request.connected),
            id: request.id().to_owned(),
            body: request.body.clone(),
            accepted: request.answer.accepts(),
        });
    }

    /// Everything that is in it.
    pub(super) fn read(&self) -> Vec<Entry> {
        let text = fs::read_to_string(&self.path).expect("the ledger");
        let read = |line: &str| serde_json::from_str(line).expect("a line of the ledger");
        text.lines().map(read).collect()
    }

    /// Copies it to where it outlives the test, for whoever looks for the cause.
    pub(super) fn keep(&self) -> PathBuf {
        let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lab-ledger.jsonl");
        fs::copy(&self.path, &to).expect("a copy of the ledger");
        to
    }

    fn micros(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.begin);
        u64::try_from(since.as_micros()).expect("less than an age")
    }
}
