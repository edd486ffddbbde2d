//! What a client needs to know of its peer and of the way there. Secrets are named here and read when the client is made.

use std::{fmt, fs, io, net::IpAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use sha2::{Digest, Sha256};
use url::Url;

use crate::{
    config::secret::Secret,
    link::{certificate::Witness, guard::Guard},
};

/// The way to one peer.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which addresses may be dialled.
    pub guard: Guard,
    /// The limit of a whole exchange.
    pub timeout: Duration,
    /// Trust only the certificates of this PEM file; without it, what the operating system trusts.
    pub ca: Option<PathBuf>,
    /// The certificate that is shown to a peer that asks for one.
    pub identity: Option<Identity>,
    /// The proxy on the way. The peer's name is then resolved there and not here.
    pub proxy: Option<Proxy>,
    /// Where connections go out from.
    pub bind: Option<Bind>,
    /// Who notes what the peer shows.
    pub witness: Option<Witness>,
}

impl Settings {
    /// The direct way, with what the operating system trusts.
    pub fn new(guard: Guard, timeout: Duration) -> Self {
        Self {
            guard,
            timeout,
            ca: None,
            identity: None,
            proxy: None,
            bind: None,
            witness: None,
        }
    }
}

impl Settings {
    /// A digest of the files and secrets that a client is made from, as they are now: another one means that they were replaced.
    pub fn material(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut add = |found: Result<Vec<u8>, String>| {
            // What cannot be read is told apart by why, so that a file that comes back counts as another.
            let bytes = found.unwrap_or_else(|why| why.into_bytes());
            digest.update(bytes.len().to_le_bytes());
            digest.update(bytes);
        };
        let file = |path: &PathBuf| fs::read(path).map_err(|error| error.to_string());
        let secret = |secret: &Secret| {
            let revealed = secret.reveal().map_err(|error| error.to_string());
            revealed.map(|text| text.as_bytes().to_vec())
        };
        if let Some(ca) = &self.ca {
            add(file(ca));
        }
        if let Some(identity) = &self.identity {
            add(file(&identity.cert));
            add(secret(&identity.key));
        }
        if let Some((_, password)) = self.proxy.as_ref().and_then(|proxy| proxy.user.as_ref()) {
            add(secret(password));
        }
        digest.finalize().into()
    }
}

/// A client certificate.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate and those between it and the authority, in PEM form, ours first.
    pub cert: PathBuf,
    /// Its private key, in PEM form.
    pub key: Secret,
}

/// An HTTP proxy: `CONNECT` for https, whole URLs for http.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `http://proxy.plant.local:3128`; holds no secret.
    pub url: Url,
    /// User and password, if it wants them.
    pub user: Option<(String, Secret)>,
    /// Networks and ports that are not public and where the proxy may be.
    pub allow: Vec<(IpNet, u16)>,
}

impl Proxy {
    /// What may be dialled to reach it. It is always plain HTTP.
    pub fn guard(&self, of: &Guard) -> Guard {
        Guard {
            allow_http: true,
            allow: self.allow.clone(),
            own: of.own.clone(),
        }
    }

    /// Host and port, for people.
    pub fn name(&self) -> String {
        let port = self.url.port_or_known_default().unwrap_or(80);
        format!("{}:{port}", self.url.host_str().unwrap_or_default())
    }
}

/// A way out of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// A network interface: `wwan0`.
    Interface(String),
    /// An address of this host.
    Address(IpAddr),
}

impl Bind {
    /// Why connections cannot go out from there, and what to look at.
    pub fn why_not(&self, error: &io::Error) -> String {
        match (self, error.kind()) {
            (Self::Interface(name), io::ErrorKind::PermissionDenied) => format!(
                "going out over {name} needs the capability CAP_NET_RAW on this host; give it to the service, or set `bind` to an address"
            ),
            // ENODEV has no kind of its own.
            (Self::Interface(name), _) => format!(
                "there is no network interface {name} now ({error}); look at `bind`, `ip link` lists them"
            ),
            (Self::Address(ip), io::ErrorKind::AddrNotAvailable) => format!(
                "{ip} is not an address of this host now; look at `bind`, `ip address` lists them"
            ),
            (Self::Address(ip), _) => format!("going out from {ip} is not possible ({error})"),
        }
    }
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name) => f.write_str(name),
            Self::Address(ip) => ip.fmt(f),
        }
    }
}
