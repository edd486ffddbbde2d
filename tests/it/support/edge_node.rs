//! A Sparkplug edge node made of Eclipse Tahu's JavaScript, an implementation that shares nothing with ours.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::{Value, json};

use super::{Broker, javascript, wait};

/// A running node of the group `hall`; it ends with this value, as a power cut would end it.
pub(crate) struct EdgeNode {
    child: Child,
    stdin: ChildStdin,
    told: usize,
    said: Arc<Mutex<Vec<Value>>>,
}

impl EdgeNode {
    /// Starts one and waits for its first birth, which says nothing.
    pub(crate) fn start(broker: &Broker, name: &str) -> Self {
        let mut child = javascript::script("edge_node.js")
            .arg(format!("mqtt://127.0.0.1:{}", broker.port()))
            .args(["hall", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let said = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&said);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line = serde_json::from_str(&line).expect("a line of JSON");
                keep.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        let node = Self {
            stdin: child.stdin.take().expect("its input"),
            child,
            told: 0,
            said,
        };
        wait::until("the edge node is born", || {
            (node.births() > 0).then_some(())
        });
        node
    }

    /// Tells it to do something, and waits until it has.
    pub(crate) fn tell(&mut self, what: &Value) {
        writeln!(self.stdin, "{what}").expect("it listens");
        self.told += 1;
        let done = json!({ "done": self.told });
        wait::until(&format!("the edge node does {what}"), || {
            self.said().contains(&done).then_some(())
        });
    }

    /// How often it was born.
    pub(crate) fn births(&self) -> usize {
        self.said()
            .iter()
            .filter(|line| line["born"] == true)
            .count()
    }

    /// The commands that it has received.
    pub(crate) fn commands(&self) -> Vec<Value> {
        let said = self.said().into_iter();
        said.filter_map(|line| line.get("command").cloned())
            .collect()
    }

    fn said(&self) -> Vec<Value> {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for EdgeNode {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
