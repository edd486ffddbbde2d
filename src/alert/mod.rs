//! The pure core: decides which alerts there are, from samples, commands and time.

pub mod command;
pub mod event;
pub mod plant;
