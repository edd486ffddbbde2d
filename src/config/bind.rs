//! Where connections go out from, on a gateway with several uplinks.

use std::{fmt, net::IpAddr};

use super::{section::Read, tree::Node};

/// The longest name of an interface that Linux has.
const LONGEST: usize = 15;

/// A way out of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// A network interface: `wwan0`.
    Interface(String),
    /// An address of this host.
    Address(IpAddr),
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name) => f.write_str(name),
            Self::Address(ip) => ip.fmt(f),
        }
    }
}

impl Read for Bind {
    const EXPECTED: &'static str =
        "the name of a network interface, like \"wwan0\", or an address of this gateway";
    fn read(node: &Node) -> Result<Self, String> {
        Self::of_text(node, |text| {
            if let Ok(ip) = text.parse() {
                return Some(Self::Address(ip));
            }
            let fits = |c: char| c.is_ascii_graphic() && c != '/' && c != ':';
            let fine = (1..=LONGEST).contains(&text.len()) && text.chars().all(fits);
            fine.then(|| Self::Interface(text.to_owned()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::{Place, Value};

    #[test]
    fn an_address_is_an_address_and_anything_else_that_linux_could_name_is_an_interface() {
        let read = |text: &str| {
            Bind::read(&Node {
                value: Value::Text(text.to_owned()),
                place: Place {
                    file: "a.toml".into(),
                    line: 1,
                },
            })
        };
        for (text, expected) in [
            ("10.0.0.5", Bind::Address([10, 0, 0, 5].into())),
            (
                "::1",
                Bind::Address(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)),
            ),
            ("eth0.100", Bind::Interface("eth0.100".to_owned())),
            ("wwan0", Bind::Interface("wwan0".to_owned())),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "a/b",
            "10.0.0.5:80",
            "sixteen-letters-x",
            "e th0",
            "fe80::1%eth0",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
