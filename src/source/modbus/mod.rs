//! Modbus: one task per link, which polls the units behind it and says what it read.
//!
//! `address`, `config`, `quirks` and `tag` read what the user wrote, `plan`, `point`, `form` and `decode` are pure, `link` is the connection and alone knows
//! the protocol's crate, `schedule` says whose turn it is, `spread` over which connection, `unit` remembers what a unit refuses, and `poll`
//! runs it all. It only reads: nothing here can write to a device.

use std::{io::ErrorKind, time::Duration};

pub mod address;
pub mod config;
pub mod decode;
pub mod form;
pub mod fuzz;
pub mod plan;
pub mod point;
pub mod probe;
pub mod quirks;
pub mod share;
pub mod tag;

mod backoff;
mod link;
mod poll;
mod report;
mod schedule;
mod spread;
mod unit;

#[cfg(test)]
mod tests;

pub use config::ModbusConfig;
use link::LinkError;
pub use link::LinkSettings;
pub use poll::run;

/// Whether a link can be connected, for `check`. Nothing is asked of its units, and a serial port that is in use is there.
///
/// # Errors
/// Why not, for people.
pub async fn reach(settings: &LinkSettings, patience: Duration) -> Result<(), String> {
    let mut settings = settings.clone();
    settings.timeout = patience;
    match link::Link::new(settings).connect().await {
        Err(LinkError::Connect { source, .. }) if source.kind() == ErrorKind::ResourceBusy => {
            Ok(())
        }
        Err(LinkError::Connect { source, .. }) => Err(source.to_string()),
        result => result.map_err(|error| error.to_string()),
    }
}
