//! What carries the requests of a destination, as configured: the delivery makes the connection from it and keeps it.

use std::path::Path;

use super::{
    Access, Connection, Signing,
    access::{Identity, Relay},
};

/// The way on which the requests of a destination go. A kind that does not speak HTTP adds a variant here, one of [`super::Request`], and
/// a contact in `delivery::attempt::contact`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Carrier<'k> {
    /// Over HTTP.
    Http(&'k Access),
    /// By SMTP, through a mail relay.
    Smtp(&'k Relay),
}

impl<'k> Carrier<'k> {
    /// Every connection that it needs, its helpers' (who issues its tokens, say) too; `andon check --network` lists them. What stays on
    /// this host needs none.
    pub fn connections(&self, sign: Option<&Signing>) -> Vec<Connection> {
        match self {
            Self::Http(access) => Connection::over_http(access, sign),
            Self::Smtp(relay) => vec![Connection::to_relay(relay)],
        }
    }

    /// The file with the certificates that are trusted, if it is told which.
    pub fn ca(&self) -> Option<&'k Path> {
        match self {
            Self::Http(access) => access.ca.as_deref(),
            Self::Smtp(relay) => relay.ca.as_deref(),
        }
    }

    /// The certificate that we show.
    pub fn identity(&self) -> Option<&'k Identity> {
        match self {
            Self::Http(access) => access.identity.as_ref(),
            Self::Smtp(_) => None,
        }
    }

    /// Whether the peer shows a certificate, as far as that is known.
    pub fn is_tls(&self) -> bool {
        match self {
            Self::Http(access) => access.is_tls(),
            Self::Smtp(relay) => relay.is_tls(),
        }
    }
}
