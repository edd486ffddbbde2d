//! The connections that a part of the configuration needs, as whoever looks after a firewall wants to know them.
//!
//! They follow from the configuration alone: nothing is resolved or dialled, and nothing secret is in them.

use std::net::IpAddr;

use url::{Host, Url};

use super::{Access, Signing, access::Bind};

/// Stands for a URL that cannot be read.
const UNREAD: &str = "https://in-a-secret-that-cannot-be-read/";

/// A TCP connection that goes out from this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// What it is for.
    pub role: Role,
    /// Who is meant.
    pub to: Peer,
    /// Whether what goes to that peer is encrypted up to there.
    pub tls: bool,
    /// The proxy on the way. The connection then leads there, and that goes unencrypted; what it carries does not if `tls` is set.
    pub proxy: Option<Peer>,
    /// The interface or the address of this host that it goes out from.
    pub bind: Option<Bind>,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What the part is there for: events go to a receiver, samples come from a device.
    Own,
    /// Tokens are fetched there first (`sign.token_url`).
    Token,
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// A name in lower case, or an address without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

impl Peer {
    /// A host as it is written somewhere, in brackets or not.
    pub fn new(host: &str, port: u16) -> Self {
        let host = host.trim_matches(['[', ']']).to_lowercase();
        Self { host, port }
    }

    /// Whether somebody has to resolve its name: it is no address.
    pub fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }

    /// Where a URL leads, with the usual port of its scheme. Anything else that it holds stays out.
    pub fn of_url(url: &Url) -> Option<Self> {
        let host = match url.host()? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        Some(Self::new(&host, url.port_or_known_default()?))
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Connection {
    /// What everything over HTTP needs: the way to the receiver, and the same way to whoever issues its tokens.
    pub fn over_http(access: &Access, sign: Option<&Signing>) -> Vec<Self> {
        let issuer = match sign {
            Some(Signing::OAuth2(oauth2)) => Some((Role::Token, oauth2.token_url.clone())),
            _ => None,
        };
        let all = std::iter::once(&access.url).chain(&access.more);
        // What is in a secret that is not there yet is needed all the same.
        let own = all.map(|url| {
            (
                Role::Own,
                url.reveal().unwrap_or_else(|_| UNREAD.to_owned()),
            )
        });
        let urls: Vec<(Role, String)> = own.chain(issuer).collect();
        let proxy = access.proxy.as_ref();
        let of_url = |(role, url): (Role, String)| {
            let url = Url::parse(&url).ok()?;
            Some(Self {
                role,
                to: Peer::of_url(&url)?,
                tls: url.scheme() == "https",
                proxy: proxy.and_then(|proxy| Peer::of_url(&proxy.url)),
                bind: access.bind.clone(),
            })
        };
        urls.into_iter().filter_map(of_url).collect()
    }

    /// The other end of the connection itself, which a firewall has to let through.
    pub fn leads_to(&self) -> &Peer {
        self.proxy.as_ref().unwrap_or(&self.to)
    }
}
