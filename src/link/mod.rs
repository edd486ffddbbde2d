//! Every outward connection of the agent, and nothing that knows what travels over it.

pub mod mqtt;
