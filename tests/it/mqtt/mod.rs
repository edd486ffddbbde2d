//! The real agent and MQTT, as others speak it.

mod brokers;
