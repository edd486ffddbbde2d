//! Faults inside system calls, by strace's injection: the program is not changed, and does not know.
//!
//! `strace -D` stays out of the way: the agent keeps its place as our child.

use std::path::Path;

use fastrand::Rng;

/// The n-th entry into a system call, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    call: Call,
    number: u32,
}

/// Where a process is when it makes the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// The commit is written and not synced; later ones fall between a checkpoint and the reset of the log.
    Fsync,
    /// In the middle of a commit, of the growth of its log, or of a checkpoint.
    Pwrite,
    /// Before something is written to a socket or pipe in one piece: an acknowledgement, an answer.
    Send,
    /// Before a request of a delivery or a packet is written.
    Writev,
    /// Before an answer or a packet is read.
    Receive,
}

/// Each call, its name for strace, and how far into its many times a kill may fall.
const CALLS: [(Call, &str, u32); 5] = [
    (Call::Fsync, "fsync", 14),
    (Call::Pwrite, "pwrite64", 200),
    (Call::Send, "sendto", 12),
    (Call::Writev, "writev", 12),
    (Call::Receive, "recvfrom", 40),
];

impl Point {
    pub(super) fn pick(random: &mut Rng) -> Self {
        let (call, _, most) = CALLS[random.usize(..CALLS.len())];
        Self {
            call,
            number: random.u32(1..=most),
        }
    }

    /// The n-th sync.
    pub(super) fn fsync(number: u32) -> Self {
        Self {
            call: Call::Fsync,
            number,
        }
    }

    fn name(self) -> &'static str {
        let mut all = CALLS.iter();
        all.find(|(call, ..)| *call == self.call)
            .map_or("", |(_, name, _)| name)
    }

    pub(super) fn word(self) -> &'static str {
        match self.call {
            Call::Fsync => "a kill before a sync",
            Call::Pwrite => "a kill before a write to the disk",
            Call::Send => "a kill before something is sent",
            Call::Writev => "a kill before a request is written",
            Call::Receive => "a kill before something is read",
        }
    }
}

/// Kills the agent when it enters this call.
pub(super) fn kill_at(point: Point) -> Vec<String> {
    let (name, number) = (point.name(), point.number);
    inject(name, &format!("{name}:signal=KILL:when={number}"), None)
}

/// What a call gives instead of doing its work, from the first to the last time.
pub(super) fn fail(call: &str, error: &str, first: u32, last: u32) -> Vec<String> {
    inject(
        call,
        &format!("{call}:error={error}:when={first}..{last}"),
        None,
    )
}

/// Syncs of this file do nothing and say that they did.
pub(super) fn lying_sync(file: &Path) -> Vec<String> {
    inject("fsync", "fsync:retval=0", Some(file))
}

fn inject(call: &str, what: &str, file: Option<&Path>) -> Vec<String> {
    let mut command: Vec<String> = [
        "strace",
        "-D",
        "-f",
        "--seccomp-bpf",
        "-qqq",
        "-o",
        "/dev/null",
    ]
    .map(str::to_owned)
    .to_vec();
    command.extend(["-e".to_owned(), format!("trace={call}")]);
    command.extend(["-e".to_owned(), format!("inject={what}")]);
    if let Some(file) = file {
        command.extend(["-P".to_owned(), file.display().to_string()]);
    }
    command
}
