//! Getting events to people: which destinations an event is owed to, which delivery is tried when, and one try of it.
//!
//! [`route`] decides to whom, once, between the decision and its commit, [`calendar`] at which hours. [`schedule`] decides when, over and over, from row
//! ids and due times alone. Both are pure: no IO, no async, no clock read, no source of randomness. [`attempt`] makes one
//! try: it renders by [`crate::destination`], signs by [`signature`] and sends by [`crate::link`]. What is kept is kept
//! by the store.

pub mod attempt;
pub mod audience;
pub mod calendar;
pub mod concern;
pub mod dispatch;
pub mod hearing;
pub mod owed;
pub mod route;
pub mod schedule;
pub mod signature;
pub mod silence;
pub mod withdrawable;
