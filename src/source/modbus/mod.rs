//! Modbus.

pub mod decode;
pub mod plan;
