//! Modbus against implementations that share nothing with ours.

mod libmodbus;
mod links;
mod probe;
mod quality;
mod values;
