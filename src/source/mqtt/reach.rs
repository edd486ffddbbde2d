//! Whether a broker takes us, for `check`: a connection that is opened and closed. Nothing is subscribed to, as in a group that would
//! take messages away from the agent that runs.

use std::time::Duration;

use tokio::time::timeout;

use super::config::MqttConfig;
use crate::{
    clock::{Clock, Synchronised},
    link::mqtt::{Event, MqttLink, Options},
};

/// Connects to the broker of a source and logs in, under a name of its own: two clients with one name throw each other out.
///
/// # Errors
/// Why not, for people.
pub async fn reach(config: &MqttConfig, patience: Duration) -> Result<(), String> {
    let options = Options {
        client_id: format!("{}-check", config.broker.client_id),
        clean: true,
        filters: Vec::new(),
        status: None,
        ..config.link()
    };
    let mut link = MqttLink::connect(options, Clock::system(Synchronised::Assume));
    let answer = async {
        loop {
            match link.next().await {
                Some(Event::Connected { .. }) => return Ok(()),
                Some(Event::Disconnected { why }) => return Err(why),
                Some(_) => {}
                None => return Err("the connection failed in an unforeseen way".to_owned()),
            }
        }
    };
    let answer = timeout(patience, answer).await;
    link.close().await;
    let silent = || format!("no answer within {} s", patience.as_secs());
    answer.unwrap_or_else(|_| Err(silent())).map_err(|why| {
        // Who asks names the address too.
        let why = why.strip_prefix(&config.address()).unwrap_or(&why);
        why.trim_start_matches([':', ' ']).to_owned()
    })
}
