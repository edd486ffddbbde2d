//! Links to devices that others made: a serial line, and a device that is killed again and again.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::json;

use super::reading;
use crate::support::{Device, python, text, wait};

/// What is read of each device.
const TAG: &str = "{ tag = \"t\", read = \"holding:100\" }";

/// A process that ends with this value.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A cable with a serial port at each end. Both are held open: socat ends when nobody has one of them.
pub(super) fn cable(here: &Path, there: &Path) -> (Running, [File; 2]) {
    let end = |path: &Path| format!("pty,rawer,link={}", path.display());
    let child = Command::new("socat").args([end(here), end(there)]).spawn();
    let cable = Running(child.expect("socat; tests/run installs it"));
    wait::until("both ends of the cable", || {
        (here.exists() && there.exists()).then_some(())
    });
    let held = [here, there].map(|end| File::open(end).expect("an end of the cable"));
    (cable, held)
}

impl Running {
    /// Starts a device, which says when it can be asked.
    pub(super) fn ready(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the device runs");
        let stdout = child.stdout.take().expect("its output");
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        read.expect("it speaks");
        assert_eq!(line.trim(), "ready");
        Self(child)
    }
}

/// Unit 7, with these values from holding register 100 on.
pub(super) fn device(port: &Path, values: &[u16]) -> Running {
    let mut script = python::script("modbus_line.py");
    let values = values.iter().map(ToString::to_string);
    Running::ready(script.arg(port).args(["7", "100"]).args(values))
}

#[test]
fn a_serial_line_is_read_again_after_its_device_was_killed_and_after_it_was_unplugged() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let plugged = cable(&here, &there);
    let first = device(&there, &[41]);
    let link = format!(
        "address = \"rtu://{}?parity=none&stop_bits=1\"\npoll = \"200ms\"\ntimeout = \"2s\"\nmax_response = \"500ms\"",
        here.display()
    );
    let (agent, _receiver) = reading(&link, 7, TAG);
    let shows = |value: &str| {
        agent.shows(value, |view| {
            text(view, "/machines/0/tags/0/value") == value
                && view["machines"][0]["tags"][0]["bad"].is_null()
        });
    };
    let bad = |why: &str| {
        agent.shows(why, |view| {
            text(view, "/machines/0/tags/0/bad").contains(why)
        });
    };
    shows("41");
    drop(first);
    bad("no answer");
    let second = device(&there, &[42]);
    shows("42");
    drop((second, plugged));
    bad("no connection");
    let _plugged = cable(&here, &there);
    let _third = device(&there, &[43]);
    shows("43");
}

#[test]
fn a_device_that_is_killed_twenty_times_is_heard_again_each_time_and_memory_stays_flat() {
    let mut device = Device::start(&json!({ "1": { "holding": { "100": [7] } } }));
    let link = format!(
        "address = \"tcp://127.0.0.1:{}\"\npoll = \"100ms\"",
        device.port()
    );
    let (agent, _receiver) = reading(&link, 1, TAG);
    let resident = || -> usize {
        let pid = agent.pid().expect("it runs").as_raw_nonzero();
        let pages = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("its memory");
        let resident = pages.split_whitespace().nth(1).expect("a second number");
        resident.parse::<usize>().expect("a number") * 4
    };
    let mut early = 0;
    for cycle in 0..20 {
        agent.shows("a reading", |view| {
            text(view, "/machines/0/tags/0/value") == "7"
                && view["machines"][0]["tags"][0]["bad"].is_null()
        });
        device.switch_off();
        agent.shows("no reading", |view| {
            text(view, "/machines/0/tags/0/bad").contains("no connection")
        });
        device.switch_on();
        if cycle == 4 {
            early = resident();
        }
    }
    let more = resident().saturating_sub(early);
    assert!(more < 4096, "{more} KiB more after 15 cycles");
}
