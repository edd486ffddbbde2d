//! Modbus against implementations that share nothing with ours.

mod values;
