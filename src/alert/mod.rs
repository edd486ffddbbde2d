//! The pure core: decides which alerts there are, from samples, commands and time.
//!
//! ```text
//! sample ──> level (deadband, delays) ──> watch ──> alert ──> events
//!            ladder                       engine    lifecycle
//! ```
//!
//! Not here: reading devices, files or clocks, storing, rendering, sending. The core cannot fail, because it does nothing that can.
//! Its state is saved in the shapes of [`state`], the only place with serde; everything else that others see of it is in
//! [`plant`] (what to watch), [`command`] (what people say), [`signal`] (what the agent says of itself) and [`event`]
//! (what was decided).

mod blind;
mod category;
pub mod changes;
pub mod command;
mod condition;
mod cover;
pub mod discover;
pub mod engine;
mod escalation;
pub mod event;
mod ids;
mod ladder;
mod lifecycle;
mod mould;
mod obey;
mod passage;
pub mod plant;
pub mod restore;
mod saving;
pub mod shelving;
pub mod signal;
pub mod state;
mod telling;
mod timers;
mod views;
mod watch;
mod when;

pub use blind::BLIND_RULE;
pub use watch::Face;

#[cfg(test)]
pub(crate) mod tests;
