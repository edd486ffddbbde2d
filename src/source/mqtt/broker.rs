//! The keys of `[[source.mqtt]]` that say how a broker is reached: where it is, what is spoken there, who we are.

use std::{path::PathBuf, sync::Arc, time::Duration};

use url::Url;

use super::topic::to_id;
use crate::{
    config::{
        secret::Secret,
        section::{Section, Size},
        values::{FileBeside, Identity},
    },
    link::{
        certificate::Witness,
        guard::Guard,
        http::{self, BuildError},
        mqtt::{Credentials, Options, Status, Timing, Version},
    },
};

/// Version 5 brokers are told to send packets of up to this many times `max_packet`: what is between is reported as malformed for the
/// machine that sent it, and only what is larger still is dropped by the broker, of which nobody hears.
const SLACK: usize = 16;

/// Where [`SLACK`] ends.
const MOST: usize = 64 << 20;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A broker and who we are there.
#[derive(Clone, Debug)]
pub struct Broker {
    /// Its name or address, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What is spoken there.
    pub version: Version,
    /// Whether it is spoken over TLS.
    pub tls: bool,
    /// The path of the WebSocket that it travels in, if it does.
    pub websocket: Option<String>,
    /// The certificates that are trusted; without them those that the system trusts.
    pub ca: Option<PathBuf>,
    /// Our own certificate, if the broker wants one.
    pub identity: Option<Identity>,
    /// Who notes what certificate it shows.
    pub witness: Option<Witness>,
    /// Who logs in.
    pub user: Option<String>,
    /// With which password.
    pub password: Option<Secret>,
    /// Names the session at the broker.
    pub client_id: String,
    /// How long the broker keeps the session while we are away.
    pub session_expiry: Duration,
    /// How often the broker hears something at least.
    pub keep_alive: Duration,
    /// Bytes; larger payloads are malformed.
    pub max_packet: usize,
    /// How many messages may wait for their commit before reading stops.
    pub max_unacked: usize,
    /// Where `online` and `offline` are published, retained.
    pub status_topic: Option<String>,
}

impl Broker {
    /// Reads the keys of the source `name` of `site`. Mistakes are reported; with any, the result is not to be used.
    pub(super) fn read(section: &Section<'_>, site: &str, name: &str) -> Option<Self> {
        let address = section.required::<String>("url").and_then(|url| {
            let address = parse_url(&url);
            address.map_err(|why| section.error("url", why)).ok()
        });
        let ca = section.optional::<FileBeside>("ca").map(|file| file.0);
        let identity = Identity::read(section);
        if let Some(Address { tls: false, .. }) = &address {
            let for_tls = [("ca", ca.is_some()), ("client_cert", identity.is_some())];
            for (key, _) in for_tls.into_iter().filter(|(_, is)| *is) {
                section.error(key, "is for mqtts:// and wss://, which `url` does not say");
            }
        }
        let versions = [("3.1.1", Version::V3), ("5", Version::V5)];
        let version = section.word("version", &versions).unwrap_or_default();
        let user = section.optional::<String>("user");
        let password = section.optional::<Secret>("password");
        if password.is_some() && section.raw("user").is_none() {
            section.error("user", "is missing; MQTT has no password without a user");
        }
        let client_id = section.optional::<String>("client_id").unwrap_or_else(|| {
            let default = to_id(&format!("andon-{site}-{name}"));
            default.map_or_else(|| "andon".to_owned(), |id| id.0.to_string())
        });
        if client_id.is_empty() || client_id.len() > 128 {
            section.error("client_id", "must have 1 to 128 bytes");
        }
        let minute = Duration::from_secs(60);
        let session_expiry = section.ranged("session_expiry", 7 * DAY, minute..=365 * DAY);
        if version == Version::V3 && section.raw("session_expiry").is_some() {
            section.warn(
                "session_expiry",
                "is for version = \"5\"; with 3.1.1 the broker alone decides how long it keeps a session",
            );
        }
        let seconds = Duration::from_secs;
        let keep_alive = section.ranged("keep_alive", seconds(15), seconds(5)..=seconds(600));
        let max_packet =
            section.ranged("max_packet", Size(1 << 20), Size(1 << 10)..=Size(16 << 20));
        let max_unacked = section.ranged("max_unacked", 100_i64, 1..=1000);
        let status_topic = section.optional::<String>("status_topic");
        if let Some(topic) = &status_topic
            && (topic.is_empty() || topic.contains(['+', '#', '{', '}']))
        {
            section.error("status_topic", "must be a topic without wildcards");
        }
        let address = address?;
        let broker = Self {
            host: address.host,
            port: address.port,
            version,
            tls: address.tls,
            websocket: address.websocket,
            ca,
            identity,
            witness: None,
            user,
            password,
            client_id,
            session_expiry,
            keep_alive,
            max_packet: usize::try_from(max_packet.0).unwrap_or(1 << 20),
            max_unacked: usize::try_from(max_unacked).unwrap_or(100),
            status_topic,
        };
        // That a certificate cannot be read was said when it was read.
        if let Some(settings) = broker.settings()
            && let Err(error @ BuildError::Key { .. }) = http::check_files(&settings)
        {
            let why = http::reason::of_build(&error);
            let message = format!("cannot be used, and what needs it is off until it can: {why}");
            section.warn("client_key", message);
        }
        Some(broker)
    }

    /// What people look for when it is silent: `broker.plant.local:8883`.
    pub fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// How the connection is made, with nothing subscribed.
    pub(super) fn link(&self) -> Options {
        let password = self.password.clone();
        let reveal = move || match &password {
            Some(secret) => match secret.reveal() {
                Ok(revealed) => Ok(revealed.to_string()),
                Err(error) => Err(error.to_string()),
            },
            None => Ok(String::new()),
        };
        Options {
            host: self.host.clone(),
            port: self.port,
            version: self.version,
            tls: self.settings(),
            websocket: self.websocket.clone(),
            // A plant's broker is where the plant put it.
            guard: None,
            bind: None,
            clean: false,
            session_expiry: self.session_expiry,
            credentials: self.user.clone().map(|user| Credentials {
                user,
                password: Arc::new(reveal),
            }),
            client_id: self.client_id.clone(),
            keep_alive: self.keep_alive,
            max_payload: self.max_packet,
            max_packet: self.max_packet.saturating_mul(SLACK).min(MOST),
            max_unacked: self.max_unacked,
            filters: Vec::new(),
            status: self.status_topic.clone().map(|topic| Status {
                topic,
                online: "online".to_owned(),
                offline: "offline".to_owned(),
            }),
            timing: Timing::default(),
        }
    }

    /// Whom to believe and what to show; none without TLS.
    fn settings(&self) -> Option<http::Settings> {
        // Only what concerns TLS is used.
        let nowhere = Guard {
            allow_http: false,
            allow: Vec::new(),
            own: Vec::new(),
        };
        self.tls.then(|| http::Settings {
            ca: self.ca.clone(),
            identity: self.identity.clone().map(|of| http::Identity {
                cert: of.cert,
                key: of.key,
            }),
            witness: self.witness.clone(),
            ..http::Settings::new(nowhere, Duration::ZERO)
        })
    }

    /// Why no connection could be made, as far as its files say.
    pub fn unusable(&self) -> Option<String> {
        let checked = http::check_files(&self.settings()?);
        checked.err().map(|error| http::reason::of_build(&error))
    }
}

/// What `url` says.
struct Address {
    host: String,
    port: u16,
    tls: bool,
    websocket: Option<String>,
}

/// Each scheme: whether it means TLS, the usual port, and whether it means a WebSocket.
const SCHEMES: [(&str, bool, u16, bool); 4] = [
    ("mqtt", false, 1883, false),
    ("mqtts", true, 8883, false),
    ("ws", false, 80, true),
    ("wss", true, 443, true),
];

fn parse_url(text: &str) -> Result<Address, String> {
    const EXPECTED: &str =
        "must be mqtt://host:1883 or mqtts://host:8883, or ws://host/path or wss://host/path";
    let url = Url::parse(text).map_err(|_| EXPECTED.to_owned())?;
    let scheme = SCHEMES.iter().find(|(word, ..)| *word == url.scheme());
    let (_, tls, port, websocket) = *scheme.ok_or_else(|| EXPECTED.to_owned())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{EXPECTED}; `user` and `password` are keys of their own"
        ));
    }
    if !websocket && !matches!(url.path(), "" | "/") {
        return Err("has a path, which only ws:// and wss:// have".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{EXPECTED}, with nothing after it"));
    }
    let host = url.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| EXPECTED.to_owned())?;
    Ok(Address {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(port),
        tls,
        websocket: websocket.then(|| url.path().to_owned()),
    })
}
