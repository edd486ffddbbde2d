//! The agent's HTTP API and the shapes that it and the verbs share.

pub mod order;
pub mod view;
