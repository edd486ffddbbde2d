//! Sparkplug B: edge nodes that say what they will send, whether they live, and then only what has changed.
//!
//! It is a session, not a format. A birth names the metrics of a node or device with their types and short aliases, data says
//! new values by alias alone, a death ends it, and one sequence number runs through all messages of a node. What is here follows
//! that for every node and turns it into readings; it is pure: no IO, and time is an argument.
//! It is a reader: the only thing it ever says to a node is that it be born again.
//!
//! The protocol is that of "Sparkplug 3.0.0" (Eclipse Foundation, also ISO/IEC 20237); numbers in brackets are its chapters.
//! Where it leaves a choice, what is done here follows Eclipse Tahu's host, and it is said where it does not.

mod asking;
mod claims;
pub mod config;
mod fault;
pub mod fuzz;
mod host;
mod letter;
mod namespace;
mod node;
mod order;
mod part;
mod plan;
mod remark;
mod report;
mod session;
mod value;
mod watched;
mod wire;

#[cfg(test)]
mod tests;

pub(super) use host::Host;
pub(super) use letter::Came;
pub(super) use remark::Remark;
