//! How a server is reached that speaks a protocol of its own over TCP, as far as its configuration says.

use std::{path::PathBuf, time::Duration};

use url::Url;

use super::{Allowed, Bind, Identity};
use crate::{
    config::{section::Section, values::FileBeside},
    destination::{Connection, Peer, Role},
};

/// The way to a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// The key that says where it is: `url`.
    pub key: &'static str,
    /// A name in lower case, or an address without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// The limit of one attempt.
    pub timeout: Duration,
    /// Trust only the certificates of this PEM file.
    pub ca: Option<PathBuf>,
    /// What may be dialled although it is not public.
    pub allow_addresses: Vec<Allowed>,
    /// The certificate that we show, if the server wants one.
    pub identity: Option<Identity>,
    /// The interface or the address of this host that connections go out from.
    pub bind: Option<Bind>,
}

/// A scheme that `url` may begin with: its word, whether that means TLS, and the usual port, if there is one.
pub(in crate::destination) type Scheme = (&'static str, bool, Option<u16>);

impl Server {
    /// Reads `url`, which must be there, and the keys beside it.
    pub(in crate::destination) fn read(section: &Section<'_>, schemes: &[Scheme]) -> Option<Self> {
        let (least, most) = (Duration::from_secs(1), Duration::from_secs(60));
        let timeout = section.ranged("timeout", Duration::from_secs(10), least..=most);
        let ca = section.optional::<FileBeside>("ca").map(|file| file.0);
        let allow_addresses = section.get("allow_addresses", Vec::new());
        let (identity, bind) = (Identity::read(section), section.optional("bind"));
        let url: String = section.required("url")?;
        let (peer, tls) = match peer(&url, schemes) {
            Ok(found) => found,
            Err(wrong) => {
                section.error("url", wrong);
                return None;
            }
        };
        if !tls {
            let for_tls = [("ca", ca.is_some()), ("client_cert", identity.is_some())];
            for (key, _) in for_tls.into_iter().filter(|(_, is)| *is) {
                section.error(key, "is for TLS, which `url` does not say");
            }
        }
        Some(Self {
            key: "url",
            host: peer.host,
            port: peer.port,
            tls,
            timeout,
            ca,
            allow_addresses,
            identity,
            bind,
        })
    }

    /// The connection that it needs, for who looks after a firewall.
    pub fn connection(&self) -> Connection {
        Connection {
            role: Role::Own,
            to: Peer::new(&self.host, self.port),
            tls: self.tls,
            proxy: None,
            bind: self.bind.clone(),
        }
    }
}

/// Who is meant, and whether over TLS. What is wrong never repeats the URL: people write passwords into it.
fn peer(url: &str, schemes: &[Scheme]) -> Result<(Peer, bool), String> {
    let like = || {
        let all = schemes.iter().map(|(word, _, port)| {
            let port = port.map_or(":514".to_owned(), |port| format!(":{port}"));
            format!("{word}://host.plant.local{port}")
        });
        all.collect::<Vec<_>>().join(" or ")
    };
    let parsed = Url::parse(url).map_err(|_| format!("is not a url; write it like {}", like()))?;
    let scheme = schemes.iter().find(|(word, ..)| *word == parsed.scheme());
    let Some((_, tls, usual)) = scheme else {
        return Err(format!("must be like {}", like()));
    };
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("holds a user name or password, which has keys of its own".to_owned());
    }
    if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() {
        return Err(format!(
            "has something behind the port; write it like {}",
            like()
        ));
    }
    let host = parsed.host_str().filter(|host| !host.is_empty());
    let host = host.ok_or("names no host")?;
    let port = parsed.port().filter(|port| *port != 0).or(*usual);
    let port = port.ok_or_else(|| format!("names no port; write it like {}", like()))?;
    Ok((Peer::new(host, port), *tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_scheme_a_host_and_a_port_and_nothing_else() {
        let schemes: [Scheme; 2] = [("tcp", false, None), ("tls", true, Some(6514))];
        let read = |url: &str| peer(url, &schemes);
        assert_eq!(
            read("tcp://LOGS.local:514"),
            Ok((Peer::new("logs.local", 514), false))
        );
        assert_eq!(
            read("tls://[fd00::1]"),
            Ok((Peer::new("fd00::1", 6514), true))
        );
        for (bad, why) in [
            ("logs.local:514", "must be like tcp://"),
            ("logs", "is not a url"),
            ("tcp://logs.local", "names no port"),
            ("udp://logs.local:514", "must be like tcp://"),
            ("tls://:6514", "is not a url"),
            ("tls://a:canary@logs.local", "user name or password"),
            ("tls://logs.local/x?canary", "behind the port"),
        ] {
            let wrong = read(bad).expect_err(bad);
            assert!(
                wrong.contains(why) && !wrong.contains("canary"),
                "{bad}: {wrong}"
            );
        }
    }
}
