//! MQTT as a source, against brokers, nodes and publishers that share nothing with ours.

mod payloads;
mod retained;
mod sparkplug;
