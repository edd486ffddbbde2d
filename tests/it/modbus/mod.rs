//! Modbus against implementations that share nothing with ours.

mod probe;
mod quality;
mod links;
mod values;
