//! Which networks a destination may dial although they are not public, as they are written.

use ipnet::IpNet;

use crate::config::{section::Read, tree::Node};

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
        Self::of_text(node, Self::parse)
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
