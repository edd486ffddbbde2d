//! Getting events to people: which destinations an event is owed to, and which delivery is tried when.
//!
//! [`route`] decides to whom, once, between the decision and its commit. [`schedule`] decides when, over and over, from row
//! ids and due times alone. Both are pure: no IO, no async, no clock read, no source of randomness. What is sent is rendered by
//! [`crate::destination`], what is kept is kept by the store; neither is known here.

pub mod route;
pub mod schedule;
