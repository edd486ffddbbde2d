//! The agent as its users have it: the real program, real protocol peers, real signals. One binary, so that it links once.
//!
//! Nothing here looks inside the agent: a test sees its configuration, its socket, its verbs and what receivers get. What is
//! missing on the machine fails the test with the command that installs it; no test skips itself.

mod architecture;
mod canary;
mod clock;
mod config;
mod copies;
mod credentials;
mod digests;
mod direct;
mod disks;
mod documents;
mod formats;
mod heartbeat;
mod kinds;
mod lab;
mod mail;
mod modbus;
mod mqtt;
mod oauth2;
mod offline;
mod pipeline;
mod record;
mod recording;
mod restarts;
mod simulation;
mod support;
