//! What every kind of destination promises.

mod examples;
mod golden;
