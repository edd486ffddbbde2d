//! The real agent, in this process, between a broker and receivers.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, thread::JoinHandle};

use andon::{
    agent::{self, Start},
    config::{Env, Paths},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;

/// A running agent.
pub struct Plant {
    pub broker: Broker,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Plant {
    /// `machines` machines with one rule each; every event goes to all of these ports, under these names.
    pub fn start(dir: &Path, machines: usize, destinations: &[(String, u16)]) -> Self {
        let broker = Broker::start().expect("a port");
        fs::create_dir_all(dir.join("rules")).expect("a folder");
        fs::write(
            dir.join("andon.toml"),
            config(dir, machines, &broker, destinations),
        )
        .expect("a file");
        fs::write(dir.join("rules/bench.toml"), RULE).expect("a file");
        let start = Start {
            paths: Paths {
                main: dir.join("andon.toml"),
            },
            env: Env(BTreeMap::new()),
            strict: true,
            record: None,
            reload: Arc::new(Notify::new()),
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            if let Err(error) = runtime.block_on(agent::run(start, stopped)) {
                panic!("the agent ended: {error:?}");
            }
        });
        broker.wait_for_agent();
        Self {
            broker,
            stop,
            thread: Some(thread),
        }
    }

    /// A machine's value, above its limit or not.
    pub fn set(&self, machine: usize, high: bool) {
        let value = if high { "97.3" } else { "20.5" };
        let topic = format!("plant/mill-{machine}/temp");
        self.broker
            .publish(&topic, value)
            .expect("the agent listens");
    }

    pub fn stop(mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the agent stops");
        }
    }
}

const RULE: &str = r#"
[[rule]]
id = "spindle-overtemp"
machine_class = "cnc-mill"
tag = "spindle_temp"
unit = "°C"
levels = [{ name = "hihi", above = 95.0, on_delay = "0s", severity = "critical" }]
deadband = 2.0
off_delay = "0s"
message = "spindle {value}, limit {limit}"
action = "Reduce feed, check coolant flow."
"#;

fn config(dir: &Path, machines: usize, broker: &Broker, destinations: &[(String, u16)]) -> String {
    let mut text = format!(
        r#"
[agent]
site = "plant-7"
site_name = "Plant 7"
timezone = "Europe/Berlin"
data_dir = "{}/data"

[[source.mqtt]]
name = "broker"
url = "mqtt://127.0.0.1:{}"
  [[source.mqtt.subscribe]]
  topic = "plant/{{machine}}/temp"
  qos = 1
  payload = "number"
  stale_after = "1h"
  tag = "spindle_temp"
  unit = "°C"
"#,
        dir.display(),
        broker.port()
    );
    for machine in 0..machines {
        text += &format!(
            "[[machine]]\nid = \"mill-{machine}\"\nname = \"CNC Mill #{machine}\"\nclass = \"cnc-mill\"\n"
        );
    }
    for (name, port) in destinations {
        text += &format!(
            "[[destination]]\nname = \"{name}\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:{port}/andon\"\nallow_http = true\n\
             allow_addresses = [\"127.0.0.1/32:{port}\"]\ncall_every = \"0s\"\ncatch_up_spread = \"0s\"\n"
        );
    }
    let names: Vec<String> = destinations
        .iter()
        .map(|(name, _)| format!("\"{name}\""))
        .collect();
    text + &format!("[[route]]\ndefault = true\nto = [{}]\n", names.join(", "))
}
