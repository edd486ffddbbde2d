//! Whether sources and destinations can be reached from here. Nothing is sent: a connection is opened and closed.

use std::{io, time::Duration};

use serde::Serialize;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use url::Url;

use crate::config::{
    Settings,
    tree::{Node, Value},
};

/// How long one connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reached {
    /// `modbus`, `mqtt`, `destination`, `heartbeat`
    pub(super) what: &'static str,
    /// Its name.
    pub(super) name: String,
    /// Host and port, without anything that may be secret.
    pub(super) address: String,
    /// Why it cannot be reached, if it cannot.
    pub(super) error: Option<String>,
}

/// Tries all of them at once, and tells of them in the order of the configuration.
pub(super) async fn reach(settings: &Settings) -> Vec<Reached> {
    let mut tries = JoinSet::new();
    for (at, peer) in peers(settings).into_iter().enumerate() {
        tries.spawn(async move {
            let error = match &peer.address {
                Ok((host, port)) => connect(host, *port).await.err(),
                Err(why) => Some(why.clone()),
            };
            let address = match &peer.address {
                Ok((host, port)) => format!("{host}:{port}"),
                Err(_) => "-".to_owned(),
            };
            let (what, name) = (peer.what, peer.name);
            let reached = Reached {
                what,
                name,
                address,
                error,
            };
            (at, reached)
        });
    }
    let mut reached = tries.join_all().await;
    reached.sort_by_key(|(at, _)| *at);
    reached.into_iter().map(|(_, reached)| reached).collect()
}

struct Peer {
    what: &'static str,
    name: String,
    address: Result<(String, u16), String>,
}

/// Everything that the agent would connect to.
fn peers(settings: &Settings) -> Vec<Peer> {
    let kinds = [
        ("modbus", &settings.parts.modbus, "address", 502),
        ("mqtt", &settings.parts.mqtt, "url", 1883),
        ("destination", &settings.parts.destinations, "url", 443),
    ];
    let mut peers = Vec::new();
    for (what, named, key, port) in kinds {
        for (name, node) in named {
            peers.push(Peer {
                what,
                name: name.clone(),
                address: address(node, key, port),
            });
        }
    }
    if let Some(heartbeat) = &settings.heartbeat {
        peers.push(Peer {
            what: "heartbeat",
            name: "-".to_owned(),
            address: host_and_port(&heartbeat.url.0, 443),
        });
    }
    peers
}

fn address(node: &Node, key: &str, port: u16) -> Result<(String, u16), String> {
    let Some(Value::Text(text)) = node.get(key).map(|node| &node.value) else {
        return Err(format!("has no `{key}` to connect to"));
    };
    // What cannot be read may hold a password, so it is not repeated.
    let url = Url::parse(text).map_err(|error| format!("`{key}` cannot be read: {error}"))?;
    host_and_port(&url, port)
}

fn host_and_port(url: &Url, port: u16) -> Result<(String, u16), String> {
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or("has no host to connect to")?;
    let port = match url.scheme() {
        "mqtts" => 8883,
        _ => port,
    };
    Ok((host.to_owned(), url.port_or_known_default().unwrap_or(port)))
}

/// The one place where `check` reaches out.
async fn connect(host: &str, port: u16) -> Result<(), String> {
    let host = host.trim_matches(['[', ']']);
    match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Err("connection refused: nothing listens on that port".to_owned())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "no answer within {} s; is it switched on, and is the way to it open?",
            PATIENCE.as_secs()
        )),
    }
}
