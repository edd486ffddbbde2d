//! A Modbus device made of pymodbus, an implementation that shares nothing with ours.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use serde_json::Value;

use super::{port::Port, python};

/// A running device; it ends with this value.
pub(crate) struct Device {
    port: Port,
    units: String,
    running: Option<Running>,
}

struct Running {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Device {
    /// Starts one: unit -> kind -> address -> values.
    pub(crate) fn start(units: &Value) -> Self {
        let mut device = Self {
            port: Port::reserve(),
            units: units.to_string(),
            running: None,
        };
        device.switch_on();
        device
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.number
    }

    /// Starts it again with the values it was made with.
    pub(crate) fn switch_on(&mut self) {
        let mut child = python::script("modbus_device.py")
            .args(["--port", &self.port.number.to_string(), &self.units])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let mut running = Running {
            stdin: child.stdin.take().expect("its input"),
            stdout: BufReader::new(child.stdout.take().expect("its output")),
            child,
        };
        assert_eq!(
            running.line(),
            self.port.number.to_string(),
            "the device listens"
        );
        self.running = Some(running);
    }

    /// Ends it as a power cut does.
    pub(crate) fn switch_off(&mut self) {
        self.running = None;
    }

    /// Sets one register of the first unit.
    pub(crate) fn holding(&mut self, address: u16, value: u16) {
        self.say(&format!("holding {address} {value}"));
    }

    /// Any command of the script, once it is carried out.
    pub(crate) fn say(&mut self, command: &str) {
        let running = self.running.as_mut().expect("the device is on");
        writeln!(running.stdin, "{command}").expect("the device listens");
        assert_eq!(running.line(), "ok", "{command}");
    }
}

impl Running {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("the device speaks");
        line.trim().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
