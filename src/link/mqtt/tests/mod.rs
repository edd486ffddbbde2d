//! What the link keeps up: a contract against brokers that misbehave, the same for both versions, and against a real one.

mod contract;
mod fives;
mod real;
