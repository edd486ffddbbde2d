//! What some faults need of the machine: root, loop devices, strace, network namespaces.
//!
//! A machine that does not grant it runs the other tests; what was not run is counted and said at the end of tests/run.

use std::{fs::OpenOptions, io::Write as _, path::Path, process::Command};

/// What a test needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    /// To mount an image through a loop device.
    Loop,
    /// To make network namespaces.
    Namespaces,
    /// To trace the agent with strace.
    Strace,
}

impl Need {
    /// Whether the machine grants it; if not, that is counted as a test that was not run.
    pub(super) fn is_met(self, test: &str) -> bool {
        let (met, why) = match self {
            Self::Loop => (
                is_root() && Path::new("/dev/loop-control").exists(),
                "needs root and loop devices",
            ),
            Self::Namespaces => (
                is_root() && works(Command::new("ip").args(["netns", "list"])),
                "needs root and network namespaces",
            ),
            Self::Strace => (
                works(Command::new("strace").args(["-qq", "-o", "/dev/null", "true"])),
                "needs strace and the right to trace",
            ),
        };
        if !met {
            not_run(test, why);
        }
        met
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Counted by tests/run.
fn not_run(test: &str, why: &str) {
    super::bench::say(&format!("not run: {test}: {why}"));
    if let Some(path) = std::env::var_os("ANDON_NOT_RUN") {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| writeln!(file, "not run: {test}: {why}"));
        written.expect("the list of what was not run");
    }
}
