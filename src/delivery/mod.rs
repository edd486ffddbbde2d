//! Gets every event to every destination that it is owed to.

pub mod attempt;
pub mod signature;
