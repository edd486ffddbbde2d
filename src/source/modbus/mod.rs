//! Modbus: one task per link, which polls the units behind it and says what it read.
//!
//! `config` and `tag` read what the user wrote, `plan`, `point`, `form` and `decode` are pure, `link` is the connection and alone knows the protocol's crate, `unit`
//! remembers what a unit refuses, and `poll` takes turns. It only reads: there is no write in this version, and no serial line.

pub mod config;
pub mod decode;
pub mod form;
pub mod plan;
pub mod point;
pub mod probe;
pub mod share;
pub mod tag;

mod backoff;
mod link;
mod poll;
mod report;
mod unit;

#[cfg(test)]
mod tests;

pub use config::ModbusConfig;
pub use poll::run;
