//! Whether sources and destinations can be reached from here. Nothing is sent: a connection is opened and closed.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::Serialize;
use tokio::{
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time::timeout,
};
use url::Url;

use crate::{
    config::Settings,
    delivery::attempt::{client_of, guard_of},
    destination::Access,
    link::guard::Guard,
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
                Ok((host, port)) => connect(host, *port, peer.guard.as_ref()).await.err(),
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
    /// Host and port, or why it has none.
    address: Result<(String, u16), String>,
    /// Where events go is guarded; where samples come from is not.
    guard: Option<Guard>,
}

/// Everything that the agent would connect to.
fn peers(settings: &Settings) -> Vec<Peer> {
    let parts = &settings.parts;
    let modbus = parts.modbus.iter().map(|source| {
        let Address::Tcp { host, port } = &source.address;
        Peer::source("modbus", &source.name, host, *port)
    });
    let mqtt = parts.mqtt.iter();
    let mqtt = mqtt.map(|source| Peer::source("mqtt", &source.name, &source.host, source.port));
    let destinations = parts.destinations.iter().filter_map(|destination| {
        let access = destination.access()?;
        Some(Peer::guarded("destination", &destination.name, access))
    });
    let heartbeat = settings.heartbeat.iter();
    let heartbeat = heartbeat.map(|beat| Peer::guarded("heartbeat", "-", &beat.access));
    modbus
        .chain(mqtt)
        .chain(destinations)
        .chain(heartbeat)
        .collect()
}

impl Peer {
    fn source(what: &'static str, name: &str, host: &str, port: u16) -> Self {
        Self {
            what,
            name: name.to_owned(),
            address: Ok((host.to_owned(), port)),
            guard: None,
        }
    }

    fn guarded(what: &'static str, name: &str, access: &Access) -> Self {
        let guard = guard_of(access);
        Self {
            what,
            name: name.to_owned(),
            address: host_and_port(access, &guard),
            guard: Some(guard),
        }
    }
}

/// Where a URL leads, if the guard and the certificates allow a connection at all.
fn host_and_port(access: &Access, guard: &Guard) -> Result<(String, u16), String> {
    client_of(access).map_err(|error| error.to_string())?;
    let url = Url::parse(&access.url).map_err(|error| format!("`url` cannot be read: {error}"))?;
    let port = guard.check_url(&url).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default();
    Ok((host.trim_matches(['[', ']']).to_owned(), port))
}

/// The one place where `check` reaches out.
async fn connect(host: &str, port: u16, guard: Option<&Guard>) -> Result<(), String> {
    let connected = async {
        let found = lookup_host((host, port)).await;
        let found: Vec<SocketAddr> = found
            .map_err(|error| format!("no such host: {error}"))?
            .collect();
        if let Some(guard) = guard {
            let addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
            let checked = guard.check_resolved(host, port, &addresses);
            checked.map_err(|refusal| refusal.to_string())?;
        }
        match TcpStream::connect(&found[..]).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Err("connection refused: nothing listens on that port".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    };
    let too_late = || {
        let seconds = PATIENCE.as_secs();
        format!("no answer within {seconds} s; is it switched on, and is the way to it open?")
    };
    timeout(PATIENCE, connected)
        .await
        .unwrap_or_else(|_| Err(too_late()))
}
