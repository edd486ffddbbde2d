//! The contract of the link: what it keeps up against brokers that misbehave, and against a real one.

mod real;
mod wrong;
