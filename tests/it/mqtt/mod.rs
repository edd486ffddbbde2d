//! MQTT as a source, against brokers and publishers that share nothing with ours.

mod brokers;
mod payloads;
