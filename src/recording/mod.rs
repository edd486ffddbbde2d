//! A recording: everything that moved the core in a run, line by line, from which the core decides the same again.
//!
//! The core is deterministic, so a recording is its state at the beginning and its inputs with their instants; the events stand beside
//! them only to be compared. Not here: who asks for a recording, and where its lines go. Nothing is recorded unless a person asked.
//!
//! ```text
//! loop ── tap ══ bounded ══ reel ── lines ──> file ── replay ──> events, the same ids included
//! ```

mod act;
pub mod csv;
pub mod file;
pub mod line;
mod mould;
mod plant;
mod recorded;
pub mod reel;
pub mod replay;
pub mod told;
pub mod trial;

#[cfg(test)]
pub(crate) mod tests;
