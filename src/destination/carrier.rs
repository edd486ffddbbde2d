//! What carries the requests of a destination, as configured: the delivery makes the connection from it and keeps it.

use super::{Access, Broker, Connection, Framing, LogFile, Program, Relay, Server, Signing};

/// The way on which the requests of a destination go. A kind that does not speak HTTP adds a variant here, one of [`super::Request`], and
/// a contact in `delivery::attempt::contact`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Carrier<'k> {
    /// Over HTTP.
    Http(&'k Access),
    /// Mails to a relay.
    Smtp(&'k Relay),
    /// Lines at the end of a file.
    File(&'k LogFile),
    /// Messages to a syslog server.
    Syslog(&'k Server, Framing),
    /// Messages to an MQTT broker.
    Mqtt(&'k Broker),
    /// Runs of a program on this host.
    Command(&'k Program),
}

impl Carrier<'_> {
    /// Every connection that it needs, its helpers' (who issues its tokens, say) too; `andon check --network` lists them. What stays on
    /// this host needs none.
    pub fn connections(&self, sign: Option<&Signing>) -> Vec<Connection> {
        match self {
            Self::Http(access) => Connection::over_http(access, sign),
            Self::Smtp(relay) => vec![relay.server.connection()],
            Self::File(_) | Self::Command(_) => Vec::new(),
            Self::Syslog(server, _) => vec![server.connection()],
            Self::Mqtt(broker) => vec![broker.server.connection()],
        }
    }
}
