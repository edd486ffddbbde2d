//! Whether sources and destinations can be reached from here. Nothing is told or asked: a connection is opened and closed.

use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;
use url::Url;

use crate::{
    config::Settings,
    delivery::attempt::{HttpContact, settings_of, settings_of_server, urls_of},
    destination::{Access, Server},
    link::{dial::dial, guard::Guard, http::Bind},
    source::{
        modbus::{self, LinkSettings, address::Address},
        mqtt::{self, MqttConfig},
    },
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
    /// Host and port, or the serial port, without anything that may be secret.
    pub(super) address: String,
    /// Why it cannot be reached, if it cannot.
    pub(super) error: Option<String>,
}

/// Tries all of them at once, and tells of them in the order of the configuration.
pub(super) async fn reach(settings: &Settings) -> Vec<Reached> {
    let mut tries = JoinSet::new();
    for (at, peer) in peers(settings).into_iter().enumerate() {
        tries.spawn(async move {
            let error = match &peer.to {
                Ok(To::Host(host, port)) => connect(&peer, host, *port).await.err(),
                Ok(To::Device(link)) => modbus::reach(link, PATIENCE).await.err(),
                Ok(To::Broker(source)) => mqtt::reach::reach(source, PATIENCE).await.err(),
                Err(why) => Some(why.clone()),
            };
            let address = match &peer.to {
                Ok(To::Host(host, port)) => format!("{host}:{port}"),
                Ok(To::Device(link)) => link.address.to_string(),
                Ok(To::Broker(source)) => source.address(),
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
    /// Where it is, or why that is not known.
    to: Result<To, String>,
    /// Where events go is guarded; where samples come from is not.
    guard: Option<Guard>,
    /// Where the connection goes out from.
    bind: Option<Bind>,
}

enum To {
    Host(String, u16),
    /// What a Modbus source has of its own: serial ports, pauses.
    Device(Box<LinkSettings>),
    /// An MQTT broker is logged in to.
    Broker(Box<MqttConfig>),
}

/// Everything that the agent would connect to.
fn peers(settings: &Settings) -> Vec<Peer> {
    let parts = &settings.parts;
    let modbus = parts.modbus.iter().flat_map(|source| {
        let backup = source.link.backup.as_ref().map(|backup| {
            let name = format!("{} (backup)", source.name);
            (name, backup)
        });
        let first = (source.name.to_string(), &source.link.address);
        let device = |(name, address): (String, &Address)| {
            let mut link = source.link.clone();
            (link.address, link.backup) = (address.clone(), None);
            Peer::source("modbus", &name, To::Device(Box::new(link)))
        };
        [first]
            .into_iter()
            .chain(backup)
            .map(device)
            .collect::<Vec<_>>()
    });
    let mqtt = parts.mqtt.iter();
    let mqtt = mqtt.map(|source| {
        let to = To::Broker(Box::new(source.clone()));
        Peer::source("mqtt", &source.name, to)
    });
    let destinations = parts.destinations.iter().flat_map(|destination| {
        let access = destination.access().into_iter();
        let over_http =
            access.flat_map(|access| Peer::guarded("destination", &destination.name, access));
        let server = destination.server().into_iter();
        over_http.chain(server.map(|server| Peer::server(&destination.name, server)))
    });
    let heartbeat = settings.heartbeat.iter();
    let heartbeat = heartbeat.flat_map(|beat| Peer::guarded("heartbeat", "-", &beat.access));
    modbus
        .chain(mqtt)
        .chain(destinations)
        .chain(heartbeat)
        .collect()
}

impl Peer {
    fn source(what: &'static str, name: &str, to: To) -> Self {
        Self {
            what,
            name: name.to_owned(),
            to: Ok(to),
            guard: None,
            bind: None,
        }
    }

    fn server(name: &str, server: &Server) -> Self {
        let settings = settings_of_server(server);
        Self {
            what: "destination",
            name: name.to_owned(),
            to: Ok(To::Host(server.host.clone(), server.port)),
            guard: Some(settings.guard),
            bind: settings.bind,
        }
    }

    /// One for each instance. With a proxy that is who is connected to; what lies behind it only it can tell.
    fn guarded(what: &'static str, name: &str, access: &Access) -> Vec<Self> {
        let settings = settings_of(access);
        let proxy = settings.proxy.as_ref();
        let guard = proxy.map_or_else(
            || settings.guard.clone(),
            |proxy| proxy.guard(&settings.guard),
        );
        let peer = |address: Result<(String, u16), String>| Self {
            what,
            name: name.to_owned(),
            to: address.map(|(host, port)| To::Host(host, port)),
            guard: Some(guard.clone()),
            bind: settings.bind.clone(),
        };
        if let Err(error) = HttpContact::new(access, None, None) {
            return vec![peer(Err(format!("{:#}", anyhow::Error::from(error))))];
        }
        if let Some(proxy) = proxy {
            return vec![peer(host_and_port(&proxy.url, &guard))];
        }
        let urls = urls_of(access).unwrap_or_default();
        let address = |url: &String| match Url::parse(url) {
            Err(error) => Err(format!("`url` cannot be read: {error}")),
            Ok(url) => host_and_port(&url, &guard),
        };
        urls.iter().map(|url| peer(address(url))).collect()
    }
}

/// Where a URL leads, if the guard allows a connection at all.
fn host_and_port(url: &Url, guard: &Guard) -> Result<(String, u16), String> {
    let port = guard.check_url(url).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default();
    Ok((host.trim_matches(['[', ']']).to_owned(), port))
}

/// The one place where `check` reaches out.
async fn connect(peer: &Peer, host: &str, port: u16) -> Result<(), String> {
    let (guard, bind) = (peer.guard.as_ref(), peer.bind.as_ref());
    dial((host, port), guard, bind, PATIENCE).await.map(drop)
}
