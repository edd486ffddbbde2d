//! The API over a real socket, with an agent and a history that answer from a script. The verbs are tested with the same.

mod alerts;
mod deliveries;
mod door;
mod fake;
mod site;

pub(crate) use fake::{Fake, Script, view};
