//! What every kind of destination promises.

mod contracts;
mod examples;
pub(super) mod golden;
mod hostile;
mod shapes;
