//! The bench: an agent, its peers, and how to wait for them.

pub(crate) mod agent;
pub(crate) mod broker;
mod edge_node;
pub(crate) mod javascript;
pub(crate) mod modbus_device;
pub(crate) mod mount;
mod outside;
pub(crate) mod port;
mod publisher;
pub(crate) mod python;
pub(crate) mod receiver;
pub(crate) mod signatures;
pub(crate) mod view;
pub(crate) mod wait;

use serde_json::Value;

pub(crate) use self::{
    agent::Agent,
    broker::Broker,
    edge_node::EdgeNode,
    modbus_device::Device,
    publisher::Publisher,
    receiver::{Answer, Received, Receiver},
};

/// The key that all receivers here share with the agent.
pub(crate) const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Whether the long campaigns were asked for.
pub(crate) fn long() -> bool {
    std::env::var_os("ANDON_LONG").is_some()
}

/// A text of a JSON value by its pointer, empty where there is none.
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A signed webhook to this receiver; `more` goes into it.
pub(crate) fn destination(name: &str, receiver: &Receiver, more: &str) -> String {
    let (address, port) = (receiver.address(), receiver.port());
    format!(
        r#"
[[destination]]
name = "{name}"
type = "webhook"
url = "http://{address}:{port}/andon?token=t0ken"
allow_http = true
allow_addresses = ["{address}/32:{port}"]
sign = {{ scheme = "standard-webhooks", secret = {{ file = "ops.key" }} }}
# These tests play in seconds what a plant does in hours.
call_every = "0s"
{more}
"#
    )
}

/// One destination, and everything goes there.
pub(crate) fn to(receiver: &Receiver) -> String {
    let route = "\n[[route]]\ndefault = true\nto = [\"ops\"]\n";
    destination("ops", receiver, "") + route
}

/// A machine with one temperature behind a Modbus device: register 100, in tenths of a degree.
pub(crate) fn mill(device: &Device) -> String {
    format!(
        r#"
[[machine]]
id = "mill-1"
name = "CNC Mill #1"
class = "cnc-mill"

[[source.modbus]]
name = "hall-2"
address = "tcp://127.0.0.1:{}"
poll = "100ms"
timeout = "1s"
stale_after = "20s"
units = [{{ id = 1, machine = "mill-1", tags = [
  {{ tag = "spindle_temp", read = "holding:100", scale = 0.1, unit = "°C" }},
] }}]
"#,
        device.port()
    )
}

/// A device for [`mill`] at 20.0 degrees.
pub(crate) fn cold_device() -> Device {
    Device::start(&serde_json::json!({ "1": { "holding": { "100": [200] } } }))
}

/// Too hot is 95 degrees; `more` goes into the rule.
pub(crate) fn too_hot(more: &str) -> String {
    format!(
        r#"
[[rule]]
id = "spindle-overtemp"
machine_class = "cnc-mill"
tag = "spindle_temp"
unit = "°C"
above = 95.0
severity = "critical"
deadband = 2.0
off_delay = "0s"
message = "spindle {{value}}, limit {{limit}}"
action = "Reduce feed."
{more}
"#
    )
}

/// Machines `m-1`, `m-2`, .. of the class `cnc-mill` that publish their temperature at `plant/{machine}/temp`.
pub(crate) fn publishers(broker: &Broker, count: usize) -> String {
    publishers_at("127.0.0.1", broker.port(), count)
}

/// The same at any broker.
pub(crate) fn publishers_at(address: &str, port: u16, count: usize) -> String {
    let source = format!(
        r#"
[[source.mqtt]]
name = "cell-broker"
url = "mqtt://{address}:{port}"
subscribe = [{{ topic = "plant/{{machine}}/temp", qos = 1, payload = "number", stale_after = "1h", tag = "spindle_temp", unit = "°C" }}]
"#
    );
    let machines =
        (1..=count).map(|n| format!("\n[[machine]]\nid = \"m-{n}\"\nclass = \"cnc-mill\"\n"));
    machines.chain([source]).collect()
}
