//! The real agent in a process of its own: machines of one class, each with the same topics and a rule for each, and a receiver for what it decides.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{CLIENT, Qos};

/// A folder with a configuration; nothing runs yet.
pub struct Plant {
    dir: PathBuf,
}

/// How many machines there are, and how many topics each has.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub machines: usize,
    pub topics: usize,
}

/// The last level of a topic, as the subscription has it too.
pub fn level(topic: usize) -> String {
    match topic {
        0 => "temp".to_owned(),
        other => format!("temp-{other}"),
    }
}

fn tag(topic: usize) -> String {
    match topic {
        0 => "spindle_temp".to_owned(),
        other => format!("spindle_temp_{other}"),
    }
}

impl Plant {
    pub fn configure(dir: &Path, shape: Shape, qos: Qos, broker: u16, receiver: u16) -> Self {
        fs::create_dir_all(dir.join("rules")).expect("a folder");
        let text = config(dir, shape, qos, broker, receiver);
        fs::write(dir.join("andon.toml"), text).expect("a file");
        let rules: String = (0..shape.topics).map(rule).collect();
        fs::write(dir.join("rules/bench.toml"), rules + MARK).expect("a file");
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The process; what it logs is kept beside its configuration.
    pub fn start(&self) -> Child {
        let log = File::create(self.log()).expect("a log");
        Command::new(env!("CARGO_BIN_EXE_andon"))
            .args(["run", "--config"])
            .arg(self.dir.join("andon.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the agent starts")
    }

    /// Whether the agent said since its last start that it dropped what came at QoS 0.
    pub fn has_dropped(&self) -> bool {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        log.contains("are dropped")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("log")
    }
}

/// Far away from any value that is not a crossing.
fn rule(topic: usize) -> String {
    let tag = tag(topic);
    format!(
        r#"
[[rule]]
id = "overtemp-{topic}"
machine_class = "cnc-mill"
tag = "{tag}"
unit = "°C"
levels = [
  {{ name = "hi", above = 85.0, on_delay = "0s", severity = "warning" }},
  {{ name = "hihi", above = 95.0, on_delay = "0s", severity = "critical" }},
]
deadband = 2.0
off_delay = "0s"
message = "spindle {{value}}, limit {{limit}}"
action = "Reduce feed, check coolant flow."
"#
    )
}

const MARK: &str = r#"
[[rule]]
id = "mark"
machine_class = "mark"
tag = "spindle_temp"
unit = "°C"
above = 95.0
severity = "warning"
deadband = 2.0
off_delay = "0s"
message = "a round begins"
action = "Measure."
"#;

fn config(dir: &Path, shape: Shape, qos: Qos, broker: u16, receiver: u16) -> String {
    let subscriptions = (0..shape.topics).map(|topic| subscription(topic, qos));
    let subscriptions: String = subscriptions.collect();
    let mut text = format!(
        r#"
[agent]
site = "plant-7"
site_name = "Plant 7"
timezone = "Europe/Berlin"
data_dir = "{dir}/data"
[clock]
synchronised = "assume"
[alerts]
reopen_within = "1d"

[[source.mqtt]]
name = "broker"
url = "mqtt://127.0.0.1:{broker}"
client_id = "{CLIENT}-agent"
{subscriptions}
  # What begins and ends a round is not to be dropped.
  [[source.mqtt.subscribe]]
  topic = "agent-mark/temp"
  machine = "mark"
  qos = 1
  payload = "number"
  stale_after = "1h"
  tag = "spindle_temp"
  unit = "°C"

[[machine]]
id = "mark"
class = "mark"

[[destination]]
name = "ops"
type = "webhook"
url = "http://127.0.0.1:{receiver}/andon"
allow_http = true
allow_addresses = ["127.0.0.1/32:{receiver}"]
call_every = "0s"
catch_up_spread = "0s"
[[route]]
default = true
to = ["ops"]
"#,
        dir = dir.display(),
    );
    for machine in 0..shape.machines {
        text += &format!("[[machine]]\nid = \"m-{machine}\"\nclass = \"cnc-mill\"\n");
    }
    text
}

fn subscription(topic: usize, qos: Qos) -> String {
    let tag = tag(topic);
    format!(
        r#"
  [[source.mqtt.subscribe]]
  topic = "agent/{{machine}}/{level}"
  class = "cnc-mill"
  qos = {qos}
  payload = "number"
  stale_after = "1h"
  tag = "{tag}"
  unit = "°C"
"#,
        level = level(topic),
        qos = qos as u8,
    )
}
