//! Whether sources and destinations can be reached from here. Nothing is sent: a connection is opened and closed.

use std::{io, time::Duration};

use serde::Serialize;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use url::Url;

use crate::{
    config::Settings,
    destination::Access,
    link::{
        guard::Guard,
        http::{self, HttpClient},
    },
    source::modbus::config::Address,
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
    let peer = |what, name: &str, address| Peer {
        what,
        name: name.to_owned(),
        address,
    };
    let parts = &settings.parts;
    let modbus = parts.modbus.iter().map(|source| {
        let Address::Tcp { host, port } = &source.address;
        peer("modbus", &source.name, Ok((host.clone(), *port)))
    });
    let mqtt = parts
        .mqtt
        .iter()
        .map(|source| peer("mqtt", &source.name, Ok((source.host.clone(), source.port))));
    let destinations = parts.destinations.iter().map(|destination| {
        let address = destination
            .access()
            .map_or_else(|| Err("is not reached over HTTP".to_owned()), reachable);
        peer("destination", &destination.name, address)
    });
    let heartbeat = settings
        .heartbeat
        .iter()
        .map(|heartbeat| peer("heartbeat", "-", reachable(&heartbeat.access)));
    modbus
        .chain(mqtt)
        .chain(destinations)
        .chain(heartbeat)
        .collect()
}

/// Host and port, if the guard and the certificates allow a connection at all.
fn reachable(access: &Access) -> Result<(String, u16), String> {
    let allow = access
        .allow_addresses
        .iter()
        .map(|allowed| (allowed.net, allowed.port))
        .collect();
    let guard = Guard {
        allow_http: access.allow_http,
        allow,
        own: Vec::new(),
    };
    let settings = http::Settings {
        guard,
        timeout: access.timeout,
        ca: access.ca.clone(),
    };
    HttpClient::new(&access.url, settings).map_err(|error| error.to_string())?;
    let url = Url::parse(&access.url).map_err(|error| format!("`url` cannot be read: {error}"))?;
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or("has no host to connect to")?;
    Ok((host.to_owned(), url.port_or_known_default().unwrap_or(443)))
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
