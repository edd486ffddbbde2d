//! What Modbus promises, tested over real connections and in stopped time: against a peer that misbehaves and the crate's own server.

mod config;
mod hostile;
mod line;
mod link;
mod poll;
mod probe;
mod quirks;
mod rounds;
mod running;
mod serial;
mod several;
mod ways;
mod weather;
