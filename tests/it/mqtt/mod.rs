//! MQTT as a source, against brokers and senders that share nothing with ours.

mod sparkplug;
