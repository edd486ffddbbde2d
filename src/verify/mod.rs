//! Proofs over a record: that what was decided, owed and heard adds up.
//!
//! Everything here is pure: rows and lines come in, a report comes out. It reads no store and no file, and knows nothing of how
//! deliveries are made, so that it can find what is wrong with them.

pub mod balance;
pub mod chain;
pub mod ranges;
pub mod received;
pub mod rows;
