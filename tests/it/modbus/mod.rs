//! Modbus against implementations that share nothing with ours.

mod quality;
mod links;
mod values;
