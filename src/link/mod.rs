//! Every outward connection: what may be dialled, and how. Nothing here knows alerts, events or destinations.

pub mod certificate;
pub mod dial;
pub mod file;
pub mod guard;
pub mod http;
pub mod mqtt;
pub mod program;
pub mod smtp;
pub mod stream;
