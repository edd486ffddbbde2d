//! What every kind of destination promises.

mod golden;
