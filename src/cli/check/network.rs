//! Every connection that the configuration needs, as a list for whoever looks after a firewall.
//!
//! Nothing is resolved and nothing is dialled: it is what is written, so it can be asked for before the gateway is in the plant.

use std::{collections::BTreeMap, io};

use serde::Serialize;

use crate::{
    cli::{table::Table, terminal::Terminal},
    config::Settings,
    destination::{Connection, Peer, Role},
};

/// What a firewall has to let through: a connection, and all that it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Opening {
    /// `out`: nothing of andon listens on the network. What will listen some day says `in`.
    direction: &'static str,
    /// `tcp`
    protocol: &'static str,
    /// A name, or an address without brackets.
    host: String,
    port: u16,
    /// Whether that peer is spoken to over TLS. To a proxy it is not; what goes through it says so itself.
    tls: bool,
    /// Whether this host has to resolve a name for it.
    dns: bool,
    /// The interface or address of this host that it goes out from, if only that will do.
    bind: Option<String>,
    /// Whether that peer is a proxy.
    proxy: bool,
    #[serde(rename = "for")]
    purposes: Vec<Purpose>,
}

/// Who needs a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Purpose {
    /// `source`, `destination`, `heartbeat`
    what: &'static str,
    /// Its name; the heartbeat has none.
    name: Option<String>,
    /// Only tokens are fetched there.
    token: bool,
    /// Who is meant, if the connection leads to a proxy.
    behind: Option<Behind>,
}

/// Who is spoken to through a proxy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Behind {
    host: String,
    port: u16,
    tls: bool,
}

/// All of them, sorted; what several need is there once.
pub(super) fn needed(settings: &Settings) -> Vec<Opening> {
    let mut found: BTreeMap<_, Vec<Purpose>> = BTreeMap::new();
    for (what, name, connection) in connections(settings) {
        let proxied = connection.proxy.is_some();
        let behind = proxied.then(|| Behind {
            host: connection.to.host.clone(),
            port: connection.to.port,
            tls: connection.tls,
        });
        let bind = connection.bind.as_ref().map(ToString::to_string);
        let tls = connection.tls && !proxied;
        let to = connection.leads_to().clone();
        let purposes = found.entry((to, tls, bind, proxied)).or_default();
        purposes.push(Purpose {
            what,
            name: name.map(str::to_owned),
            token: connection.role == Role::Token,
            behind,
        });
    }
    let opening = |((to, tls, bind, proxy), mut purposes): (_, Vec<Purpose>)| {
        let to: Peer = to;
        purposes.sort();
        purposes.dedup();
        Opening {
            direction: "out",
            protocol: "tcp",
            dns: to.is_name(),
            host: to.host,
            port: to.port,
            tls,
            bind,
            proxy,
            purposes,
        }
    };
    found.into_iter().map(opening).collect()
}

/// What each part of the configuration says that it needs. What is switched off is no part of it any more.
fn connections(settings: &Settings) -> Vec<(&'static str, Option<&str>, Connection)> {
    let parts = &settings.parts;
    let source = |host: &str, port, tls| Connection {
        role: Role::Own,
        to: Peer::new(host, port),
        tls,
        proxy: None,
        bind: None,
    };
    let modbus = parts.modbus.iter().flat_map(|of| {
        let all = [Some(&of.link.address), of.link.backup.as_ref()];
        // A serial port needs no firewall.
        let peers = all
            .into_iter()
            .flatten()
            .filter_map(|address| address.peer());
        peers.map(|(host, port)| {
            let mut connection = source(host, port, false);
            connection.bind.clone_from(&of.link.bind);
            ("source", Some(&*of.name), connection)
        })
    });
    let mqtt = parts.mqtt.iter().map(|of| {
        let connection = source(&of.broker.host, of.broker.port, of.broker.tls);
        ("source", Some(&*of.name), connection)
    });
    let destinations = parts.destinations.iter().flat_map(|of| {
        let all = of.connections().into_iter();
        all.map(|connection| ("destination", Some(&*of.name), connection))
    });
    let heartbeat = settings.heartbeat.iter().flat_map(|beat| {
        let all = Connection::over_http(&beat.access, beat.sign.as_ref()).into_iter();
        all.map(|connection| ("heartbeat", None, connection))
    });
    let sources = modbus.chain(mqtt);
    sources.chain(destinations).chain(heartbeat).collect()
}

/// The list for people: a row for each connection, and one more for each further thing that it is for.
pub(super) fn print(
    network: &[Opening],
    settings: &Settings,
    terminal: &mut Terminal<'_>,
) -> io::Result<()> {
    let heads = &[
        "DIRECTION",
        "PROTOCOL",
        "HOST",
        "PORT",
        "TLS",
        "DNS",
        "BIND",
        "FOR",
    ];
    let mut table = Table::new(heads);
    for opening in network {
        let yes = |is| if is { "yes" } else { "no" };
        let port = opening.port.to_string();
        let bind = opening.bind.as_deref().unwrap_or("any");
        let (direction, protocol) = (opening.direction, opening.protocol);
        let mut left = [
            direction,
            protocol,
            &opening.host,
            &port,
            yes(opening.tls),
            yes(opening.dns),
            bind,
        ];
        for purpose in &opening.purposes {
            let [direction, protocol, host, port, tls, dns, bind] = left;
            let purpose = purpose.to_string();
            table.row([direction, protocol, host, port, tls, dns, bind, &purpose]);
            left = [""; 7];
        }
    }
    table.print(terminal)?;
    let socket = settings.agent.socket.display();
    terminal.foreign(&format!(
        "in: nothing listens on the network; verbs reach the agent over the Unix socket {socket}"
    ))
}

impl std::fmt::Display for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.token {
            f.write_str("tokens of ")?;
        }
        f.write_str(self.what)?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        if let Some(Behind { host, port, tls }) = &self.behind {
            let how = if *tls { "over TLS" } else { "without TLS" };
            let peer = Peer::new(host, *port);
            write!(f, ": by this proxy, {how}, to {peer}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{self, Env, Paths};

    /// What is listed for these tables of a configuration, a line for each purpose, its connection before it.
    fn listed(tables: &str) -> Vec<String> {
        let place = tempfile::tempdir().unwrap();
        let main = place.path().join("andon.toml");
        fs::write(&main, format!("[agent]\nsite = 'plant-7'\n{tables}")).unwrap();
        fs::write(place.path().join("ca.pem"), "").unwrap();
        let loaded = config::load(&Paths { main }, &Env::default());
        let loaded = loaded.unwrap_or_else(|problems| panic!("{tables}: {problems:?}"));
        let openings = needed(&loaded.settings);
        let lines = openings.iter().flat_map(|of| {
            let tls = if of.tls { "tls" } else { "plain" };
            let dns = if of.dns { "name" } else { "address" };
            let bind = of.bind.as_deref().unwrap_or("any");
            let (direction, protocol) = (of.direction, of.protocol);
            let left = format!(
                "{direction} {protocol} {} {} {tls} {dns} {bind}",
                of.host, of.port
            );
            of.purposes.iter().map(move |why| format!("{left} | {why}"))
        });
        lines.collect()
    }

    fn destination(name: &str, more: &str) -> String {
        format!("[[destination]]\nname = '{name}'\ntype = 'webhook'\n{more}\n")
    }

    const MODBUS: &str = "[[machine]]\nid = 'mill-1'\n[[source.modbus]]\nname = 'hall-2'\nunits = [{ id = 1, machine = 'mill-1', tags = [{ tag = 't', read = 'holding:0' }] }]\n";
    const MQTT: &str = "[[machine]]\nid = 'mill-1'\n[[source.mqtt]]\nname = 'cell'\nsubscribe = [{ topic = 'plant/{machine}', payload = 'json', stale_after = '30s', tags = [{ tag = 't', path = '/t' }] }]\n";
    const ISSUER: &str = "sign = { scheme = 'oauth2', token_url = 'https://login.example.com/tenant-secret/token', client_id = 'c', client_secret = { env = 'S' } }";

    #[test]
    fn each_part_says_where_it_leads_by_the_ports_that_it_dials_with() {
        for (tables, expected) in [
            (String::new(), &[][..]),
            (
                format!("{MODBUS}address = 'tcp://192.168.10.21'\n"),
                &["out tcp 192.168.10.21 502 plain address any | source hall-2"],
            ),
            (
                format!("{MODBUS}address = 'tcp://[fd00::1]:1502'\n"),
                &["out tcp fd00::1 1502 plain address any | source hall-2"],
            ),
            (
                format!("{MQTT}url = 'mqtt://Broker.plant.local'\n"),
                &["out tcp broker.plant.local 1883 plain name any | source cell"],
            ),
            (
                format!("{MQTT}url = 'mqtts://broker.plant.local'\nca = 'ca.pem'\n"),
                &["out tcp broker.plant.local 8883 tls name any | source cell"],
            ),
            (
                destination("ops", "url = 'https://ops.example.com/andon'"),
                &["out tcp ops.example.com 443 tls name any | destination ops"],
            ),
            (
                destination(
                    "ops",
                    "url = 'http://10.0.0.7/'\nallow_http = true\nallow_addresses = ['10.0.0.7/32:80']",
                ),
                &["out tcp 10.0.0.7 80 plain address any | destination ops"],
            ),
            (
                destination(
                    "ops",
                    "url = 'https://ops.example.com:8443'\nbind = 'wwan0'",
                ),
                &["out tcp ops.example.com 8443 tls name wwan0 | destination ops"],
            ),
            (
                destination(
                    "ops",
                    &format!("url = 'https://ops.example.com'\nbind = '10.0.0.5'\n{ISSUER}"),
                ),
                &[
                    "out tcp login.example.com 443 tls name 10.0.0.5 | tokens of destination ops",
                    "out tcp ops.example.com 443 tls name 10.0.0.5 | destination ops",
                ],
            ),
            (
                format!("[heartbeat]\nurl = 'https://beat.example.com/'\n{ISSUER}\n"),
                &[
                    "out tcp beat.example.com 443 tls name any | heartbeat",
                    "out tcp login.example.com 443 tls name any | tokens of heartbeat",
                ],
            ),
        ] {
            assert_eq!(listed(&tables), expected, "{tables}");
        }
    }

    #[test]
    fn behind_a_proxy_the_connection_leads_to_the_proxy_and_says_to_whom_it_goes_on() {
        let proxy = "proxy = 'http://192.0.2.9:3128'\nallow_addresses = ['192.0.2.9/32:3128']";
        let both = destination(
            "ops",
            &format!("url = 'https://ops.example.com'\n{proxy}\n{ISSUER}"),
        ) + &destination(
            "near",
            &format!("url = 'http://near.example.com:81'\nallow_http = true\n{proxy}"),
        );
        let to = "out tcp 192.0.2.9 3128 plain address any | ";
        let mut expected = [
            "destination near: by this proxy, without TLS, to near.example.com:81",
            "destination ops: by this proxy, over TLS, to ops.example.com:443",
            "tokens of destination ops: by this proxy, over TLS, to login.example.com:443",
        ]
        .map(|why| format!("{to}{why}"));
        expected.sort();
        assert_eq!(listed(&both), expected);
        // A proxy without a port, and one with a name, which somebody has to resolve.
        let named = destination(
            "ops",
            "url = 'https://ops.example.com'\nproxy = 'http://Proxy.example.com'",
        );
        assert_eq!(
            listed(&named),
            [
                "out tcp proxy.example.com 80 plain name any | destination ops: by this proxy, over TLS, to ops.example.com:443"
            ]
        );
    }

    #[test]
    fn what_several_need_is_there_once_sorted_and_without_what_is_switched_off() {
        let ops = |name: &str, path: &str| {
            destination(name, &format!("url = 'https://ops.example.com/{path}'"))
        };
        let first =
            ops("b", "1") + &destination("c", "url = 'https://a.example.com'") + &ops("a", "2");
        let turned =
            ops("a", "2") + &ops("b", "1") + &destination("c", "url = 'https://a.example.com'");
        let off = destination("gone", "url = 'https://gone.example.com'\nenabled = false");
        let expected = [
            "out tcp a.example.com 443 tls name any | destination c",
            "out tcp ops.example.com 443 tls name any | destination a",
            "out tcp ops.example.com 443 tls name any | destination b",
        ];
        assert_eq!(listed(&first), expected);
        assert_eq!(listed(&(off + &turned)), expected);
    }
}
