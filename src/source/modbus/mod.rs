//! Modbus: one task per link, which polls the units behind it and says what it read.

pub mod config;
pub mod decode;
pub mod plan;
pub mod tag;
