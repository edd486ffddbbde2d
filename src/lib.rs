//! andon: reads machines, decides locally what is abnormal, and gets the alert to people.

pub mod alert;
pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod destination;
pub mod link;
pub mod rules;
pub mod sample;
pub mod source;
