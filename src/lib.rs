//! andon: reads machines, decides locally what is abnormal, and gets the alert to people.
//!
//! The way of the data, and the room in which each step lives:
//!
//! ```text
//! Modbus ─┐                     ┌──────────── one transaction ───────────┐
//! MQTT  ──┼─ samples ─> engine ─┤ events + watch state + outbox rows     ├─ wake ─> delivery ─> destinations
//! source ─┘    ^         alert  └──────────────── store ─────────────────┘
//!              │
//! cli, api ────┘ commands                          agent holds it all together, on one screen
//! ```
//!
//! | room | is | uses |
//! |---|---|---|
//! | [`agent`] | the pipeline: build, loop, ordered stop | everything |
//! | [`alert`] | the pure core: which alerts there are | `sample`, the types of `clock` |
//! | [`api`] | HTTP over a Unix socket: views and commands | `alert::command`, `clock`, `recording` |
//! | [`cli`] | one file per verb | `api`, `config`, `link::http`, `recording`; `store` for files of backups; `agent` and `demo` to start them |
//! | [`clock`] | the only reader of system clocks | nothing |
//! | [`config`] | what the user typed, into what the program needs | the readers of the other rooms |
//! | [`delivery`] | routes, the schedule (the second pure core), attempts, signatures | `destination`, `link`, `store`, `alert::event` |
//! | [`demo`] | a simulated machine, a receiver, and the real agent between them | everything |
//! | [`destination`] | one file per kind: an event into a request, an answer into an outcome | `alert::event` |
//! | [`health`] | systemd, the heartbeat, alerts about the agent itself | `alert::signal`, `link` |
//! | [`link`] | every outward connection and what may be dialled | nothing |
//! | [`recording`] | what moved the core in a run, as lines, and the core moved by them again | `alert`, `clock`, `sample` |
//! | [`rules`] | rule files, into watches | `config`, `alert::plant` |
//! | [`sample`] | what a source says about a tag | nothing |
//! | [`source`] | connections that yield samples | `sample`, `clock`, `link` |
//! | [`store`] | one SQLite file, one thread | nothing |
//! | [`verify`] | proofs over a record: that it adds up | nothing |
//!
//! Absent on purpose: actors, global state, a message bus, `async` or clocks in the two cores, and a second place that decides
//! anything. A protocol crate appears in one room only. A test keeps all of this true.

pub mod agent;
pub mod alert;
pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod demo;
pub mod destination;
pub mod health;
pub mod link;
#[cfg(test)]
#[path = "../tests/it/support/port.rs"]
mod port;
pub mod recording;
pub mod rules;
pub mod sample;
pub mod source;
pub mod store;
pub mod verify;
