//! What Modbus promises, tested over real connections: against a peer that misbehaves and against the crate's own server.

mod config;
mod hostile;
mod link;
mod poll;
mod probe;
