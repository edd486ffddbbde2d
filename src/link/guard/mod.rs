//! Which addresses a destination may dial: the guard against being made to talk to what nobody meant (SSRF).
//!
//! It is a pure policy over URLs and addresses. It opens no connection and resolves no name: [`crate::link::http`] asks it
//! twice, with the URL as parsed (an address literal never reaches a resolver) and with all that the resolver returned.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;
use url::{Host, Url};

/// The policy of one destination.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Whether `http:` is allowed besides `https:`.
    pub allow_http: bool,
    /// Networks and ports that are not public and yet may be dialled.
    pub allow: Vec<(IpNet, u16)>,
    /// Where the agent itself listens: never dialled, whatever `allow` says.
    pub own: Vec<SocketAddr>,
}

/// Why a URL or an address may not be dialled, and what to write if it was meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// It is plain HTTP.
    #[error(
        "{host} would be reached over plain http, which anybody on the way can read; use https, or set `allow_http = true` for this destination"
    )]
    PlainHttp {
        /// The host.
        host: String,
    },
    /// It is neither HTTP nor HTTPS.
    #[error("`{0}:` is not a scheme that andon sends over; use https")]
    Scheme(String),
    /// The URL holds a user name or a password, which would end up in messages.
    #[error("the url holds a user name or password; put them into `headers` instead")]
    Credentials,
    /// The URL names no host or no port.
    #[error("the url names no host")]
    NoHost,
    /// It is not public, and nobody has allowed it.
    #[error(
        "{subject} is {what}, not a public address; if it is meant, this line allows it for this destination: {line}"
    )]
    NotAllowed {
        /// The address, or the name and its addresses.
        subject: String,
        /// `a private address`
        what: &'static str,
        /// The exact line to paste, with all that is allowed already.
        line: String,
    },
    /// It is never dialled.
    #[error("{subject} is {what}; andon never connects there")]
    Never {
        /// The address, or the name and its address.
        subject: String,
        /// `a link-local address`
        what: &'static str,
    },
    /// The name has no addresses.
    #[error("no address is known for {0}")]
    NoAddress(String),
}

impl Guard {
    /// Checks a URL as parsed, with its host if that is an address literal in any spelling. Returns its port.
    ///
    /// # Errors
    /// [`Refusal`] when it must not be dialled.
    pub fn check_url(&self, url: &Url) -> Result<u16, Refusal> {
        let host = url.host().ok_or(Refusal::NoHost)?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http => {}
            "http" => {
                let host = host.to_string();
                return Err(Refusal::PlainHttp { host });
            }
            other => return Err(Refusal::Scheme(other.to_owned())),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        let port = url.port_or_known_default().ok_or(Refusal::NoHost)?;
        let literal = match host {
            Host::Domain(_) => return Ok(port),
            Host::Ipv4(ip) => IpAddr::V4(ip),
            Host::Ipv6(ip) => IpAddr::V6(ip),
        };
        self.check_addresses(None, port, &[literal])?;
        Ok(port)
    }

    /// Checks a host as it was written, if it is an address; a name is checked when it is resolved.
    ///
    /// # Errors
    /// [`Refusal`] when it must not be dialled.
    pub fn check_host(&self, host: &str, port: u16) -> Result<(), Refusal> {
        match host.parse() {
            Ok(address) => self.check_addresses(None, port, &[address]),
            Err(_) => Ok(()),
        }
    }

    /// Checks everything that the resolver returned for `name`. All addresses must pass: which of them is dialled is not ours
    /// to choose, and a name that mixes public and private ones is how rebinding looks.
    ///
    /// # Errors
    /// [`Refusal`] when one of them must not be dialled.
    pub fn check_resolved(
        &self,
        name: &str,
        port: u16,
        addresses: &[IpAddr],
    ) -> Result<(), Refusal> {
        if addresses.is_empty() {
            return Err(Refusal::NoAddress(name.to_owned()));
        }
        self.check_addresses(Some(name), port, addresses)
    }

    fn check_addresses(
        &self,
        name: Option<&str>,
        port: u16,
        addresses: &[IpAddr],
    ) -> Result<(), Refusal> {
        let subject = |addresses: &[IpAddr]| {
            let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            match name {
                Some(name) => format!("{name} ({})", list.join(", ")),
                None => list.join(", "),
            }
        };
        let mut missing = Vec::new();
        for &address in addresses {
            let real = unmapped(address);
            let never = |what| Refusal::Never {
                subject: subject(&[address]),
                what,
            };
            match class(real) {
                Class::Never(what) => return Err(never(what)),
                _ if self.is_own(real, port) => return Err(never("where andon itself listens")),
                Class::Public => {}
                Class::Listed(_) if self.allows(real, port) => {}
                Class::Listed(what) => missing.push((real, what)),
            }
        }
        let Some(&(_, what)) = missing.first() else {
            return Ok(());
        };
        let real: Vec<IpAddr> = missing.into_iter().map(|(address, _)| address).collect();
        Err(Refusal::NotAllowed {
            subject: subject(&real),
            what,
            line: self.line_with(&real, port),
        })
    }

    fn allows(&self, address: IpAddr, port: u16) -> bool {
        self.allow
            .iter()
            .any(|(net, allowed)| *allowed == port && net.contains(&address))
    }

    /// A listener on all interfaces is met at every address of this host. Those are found by asking the kernel for a
    /// socket there; the question is asked only when the port is one of ours.
    fn is_own(&self, address: IpAddr, port: u16) -> bool {
        self.own.iter().filter(|own| own.port() == port).any(|own| {
            own.ip() == address
                || address.is_loopback()
                || own.ip().is_unspecified() && std::net::UdpSocket::bind((address, 0)).is_ok()
        })
    }

    fn line_with(&self, more: &[IpAddr], port: u16) -> String {
        let more = more
            .iter()
            .map(|address| (IpNet::from(*address), port))
            .filter(|entry| !self.allow.contains(entry));
        let mut entries: Vec<String> = Vec::new();
        for entry in self.allow.iter().copied().chain(more) {
            let text = format!("\"{}\"", show_allowed(entry));
            if !entries.contains(&text) {
                entries.push(text);
            }
        }
        format!("allow_addresses = [{}]", entries.join(", "))
    }
}

/// Writes an entry as it is configured: `10.0.0.0/8:443`, `[fd00::/8]:443`.
pub fn show_allowed((net, port): (IpNet, u16)) -> String {
    match net {
        IpNet::V4(net) => format!("{net}:{port}"),
        IpNet::V6(net) => format!("[{net}]:{port}"),
    }
}

enum Class {
    Public,
    Listed(&'static str),
    Never(&'static str),
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// Public services that run on a metadata address of a cloud have the keys of the host to give away.
const METADATA: &str = "a cloud metadata address";

/// IPv4 networks that are never dialled (RFC 6890 and the clouds' own documentation).
const NEVER_V4: [(Ipv4Net, &str); 8] = [
    (v4(0, 0, 0, 0, 8), "an unspecified address"),
    (v4(169, 254, 169, 254, 32), METADATA),
    (v4(169, 254, 0, 0, 16), "a link-local address"),
    (v4(100, 100, 100, 200, 32), METADATA),
    (v4(192, 0, 0, 192, 32), METADATA),
    (v4(168, 63, 129, 16, 32), METADATA),
    (v4(224, 0, 0, 0, 4), "a multicast address"),
    (v4(240, 0, 0, 0, 4), "a reserved or broadcast address"),
];

/// IPv4 networks that are not public.
const LISTED_V4: [(Ipv4Net, &str); 11] = [
    (v4(127, 0, 0, 0, 8), "a loopback address"),
    (v4(10, 0, 0, 0, 8), "a private address"),
    (v4(172, 16, 0, 0, 12), "a private address"),
    (v4(192, 168, 0, 0, 16), "a private address"),
    (v4(100, 64, 0, 0, 10), "a carrier's private address"),
    (v4(192, 0, 0, 0, 24), "a special-purpose address"),
    (v4(192, 0, 2, 0, 24), "a documentation address"),
    (v4(192, 88, 99, 0, 24), "a special-purpose address"),
    (v4(198, 18, 0, 0, 15), "a benchmarking address"),
    (v4(198, 51, 100, 0, 24), "a documentation address"),
    (v4(203, 0, 113, 0, 24), "a documentation address"),
];

/// IPv6 networks that are never dialled.
const NEVER_V6: [(Ipv6Net, &str); 4] = [
    (v6(0xfe80, 0, 0, 10), "a link-local address"),
    (v6(0xff00, 0, 0, 8), "a multicast address"),
    (v6(0xfd00, 0xec2, 0, 32), METADATA),
    (v6(0xfd20, 0xce, 0, 32), METADATA),
];

/// IPv6 networks inside the public range that are not public. All outside of that range is not public either.
const LISTED_V6: [(Ipv6Net, &str); 3] = [
    (v6(0x2001, 0, 0, 23), "a special-purpose address"),
    (v6(0x2001, 0xdb8, 0, 32), "a documentation address"),
    (v6(0x3fff, 0, 0, 20), "a documentation address"),
];

const PUBLIC_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

fn class(address: IpAddr) -> Class {
    fn found<N: Copy>(
        table: &[(N, &'static str)],
        holds: impl Fn(N) -> bool,
    ) -> Option<&'static str> {
        table
            .iter()
            .find(|(net, _)| holds(*net))
            .map(|(_, what)| *what)
    }
    let (never, listed) = match address {
        IpAddr::V4(ip) => (
            found(&NEVER_V4, |net| net.contains(&ip)),
            found(&LISTED_V4, |net| net.contains(&ip)),
        ),
        IpAddr::V6(ip) if ip.is_unspecified() => (Some("an unspecified address"), None),
        IpAddr::V6(ip) if ip.is_loopback() => (None, Some("a loopback address")),
        IpAddr::V6(ip) if !PUBLIC_V6.contains(&ip) => (
            found(&NEVER_V6, |net| net.contains(&ip)),
            Some("a private or reserved address"),
        ),
        IpAddr::V6(ip) => (None, found(&LISTED_V6, |net| net.contains(&ip))),
    };
    match (never, listed) {
        (Some(what), _) => Class::Never(what),
        (None, Some(what)) => Class::Listed(what),
        (None, None) => Class::Public,
    }
}

/// The IPv4 address that an IPv6 one stands for: mapped (`::ffff:a.b.c.d`), compatible (`::a.b.c.d`), 6to4 (`2002::/16`) and
/// NAT64 (`64:ff9b::/96`); any other address as it is.
fn unmapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(ip) = address else {
        return address;
    };
    if ip.is_unspecified() || ip.is_loopback() {
        return address;
    }
    let pair = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => pair(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
