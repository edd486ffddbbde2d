//! MQTT as a source, against brokers, nodes and publishers that share nothing with ours.

mod brokers;
mod flood;
mod payloads;
mod retained;
mod sparkplug;
