//! paho-mqtt as a publisher that shares nothing with ours.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use super::python;

/// A publisher; it ends with this value.
pub(crate) struct Publisher {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Publisher {
    /// Connects to a broker of this machine.
    pub(crate) fn start(port: u16) -> Self {
        let mut script = python::script("mqtt_publisher.py");
        let script = script.arg(port.to_string());
        let mut child = script
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        Self {
            orders: child.stdin.take().expect("its input"),
            answers: BufReader::new(child.stdout.take().expect("its output")),
            child,
        }
    }

    /// Publishes a text at QoS 1 and waits until the broker has acknowledged it.
    pub(crate) fn publish(&mut self, topic: &str, payload: &str) {
        self.order(&json!({ "topic": topic, "payload": payload }));
    }

    /// Publishes as the script beside this file is told, and waits.
    pub(crate) fn order(&mut self, order: &Value) {
        self.begin(order);
        self.is_done();
    }

    /// Begins to publish; [`Self::is_done`] waits for its end.
    pub(crate) fn begin(&mut self, order: &Value) {
        writeln!(self.orders, "{order}").expect("it listens");
    }

    /// Waits until what was begun first is published.
    pub(crate) fn is_done(&mut self) {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it answers");
        let count: Result<usize, _> = answer.trim().parse();
        count.unwrap_or_else(|_| panic!("the publisher ended: {answer:?}"));
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
