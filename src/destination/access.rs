//! How a destination is reached over HTTP, as far as its configuration says. What may be dialled is judged elsewhere.

use std::{fmt, path::PathBuf, time::Duration};

use ipnet::IpNet;

use crate::config::{
    section::{Read, Section},
    tree::{Node, Value},
    values::FileBeside,
};

/// The way to a receiver.
#[derive(Clone, PartialEq)]
pub struct Access {
    /// May hold tokens, so `Debug` shows its host only.
    pub url: String,
    /// The limit of one attempt.
    pub timeout: Duration,
    /// Trust only the certificates of this PEM file.
    pub ca: Option<PathBuf>,
    /// Plain HTTP is allowed.
    pub allow_http: bool,
    /// What may be dialled although it is not public.
    pub allow_addresses: Vec<Allowed>,
}

impl Access {
    /// Reads the keys that every destination over HTTP has, and `url`.
    pub fn read(section: &Section<'_>, timeout: Duration) -> Option<Self> {
        let url = section.required("url");
        Self::of_url(section, timeout, url)
    }

    /// The same where there need not be a `url`.
    pub fn read_optional(section: &Section<'_>, timeout: Duration) -> Option<Self> {
        let url = section.optional("url");
        Self::of_url(section, timeout, url)
    }

    fn of_url(section: &Section<'_>, timeout: Duration, url: Option<String>) -> Option<Self> {
        let access = Self {
            url: url.clone().unwrap_or_default(),
            timeout: section.ranged(
                "timeout",
                timeout,
                Duration::from_secs(1)..=Duration::from_secs(60),
            ),
            ca: section.optional::<FileBeside>("ca").map(|file| file.0),
            allow_http: section.get("allow_http", false),
            allow_addresses: section.get("allow_addresses", Vec::new()),
        };
        if let Err(error) = url::Url::parse(&url?) {
            section.error(
                "url",
                format!("is not a url ({error}); write it like https://ops.example.com/andon"),
            );
            return None;
        }
        Some(access)
    }

    /// Scheme, host and port, without what may be secret.
    pub fn origin(&self) -> String {
        url::Url::parse(&self.url).map_or_else(
            |_| "no url".to_owned(),
            |url| url.origin().ascii_serialization(),
        )
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("origin", &self.origin())
            .field("timeout", &self.timeout)
            .field("ca", &self.ca)
            .field("allow_http", &self.allow_http)
            .field("allow_addresses", &self.allow_addresses)
            .finish()
    }
}

/// A network and a port: `10.0.0.0/8:443`, `127.0.0.1/32:8080`, `[fd00::/8]:443`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The network; bits beyond its prefix are not looked at.
    pub net: IpNet,
    /// The port.
    pub port: u16,
}

impl Allowed {
    /// Reads the form of the configuration. IPv6 networks stand in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        let (net, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        let net = match net.strip_prefix('[') {
            Some(inner) => IpNet::V6(inner.strip_suffix(']')?.parse().ok()?),
            None => IpNet::V4(net.parse().ok()?),
        };
        Some(Self { net, port })
    }
}

impl Read for Allowed {
    const EXPECTED: &'static str = "a network with a port, like \"10.0.0.0/8:443\", \"127.0.0.1/32:8080\" or \"[fd00::/8]:443\"";
    fn read(node: &Node) -> Result<Self, String> {
        let Value::Text(text) = &node.value else {
            return Err(Self::mismatch(node));
        };
        Self::parse(text).ok_or_else(|| format!("is \"{text}\", must be {}", Self::EXPECTED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_need_a_prefix_and_a_port_and_ipv6_its_brackets() {
        for good in [
            "10.0.0.0/8:443",
            "127.0.0.1/32:8080",
            "[fd00::/8]:443",
            "[::1/128]:1",
        ] {
            assert!(Allowed::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "10.0.0.0/8",
            "10.0.0.1:443",
            "10.0.0.0/33:443",
            "fd00::/8:443",
            "[fd00::/8]",
            "10.0.0.0/8:0",
            "10.0.0.0/8:x",
            "[10.0.0.0/8]:443",
        ] {
            assert!(Allowed::parse(bad).is_none(), "{bad}");
        }
    }
}
