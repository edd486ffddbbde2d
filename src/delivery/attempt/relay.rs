//! From what the configuration says of the way to a mail relay to what the SMTP client needs.

use super::chain;
use crate::{
    destination::{
        Relay,
        access::{self, RelayTls},
    },
    link::{
        guard::Guard,
        http::Settings,
        smtp::{self, Security},
    },
};

/// The whole way.
pub fn relay_settings(relay: &Relay) -> Settings {
    let guard = Guard {
        allow_http: false,
        allow: access::networks(&relay.allow_addresses),
        own: Vec::new(),
    };
    Settings {
        ca: relay.ca.clone(),
        bind: relay.bind.as_ref().map(super::reach::bind_of),
        ..Settings::new(guard, relay.timeout)
    }
}

/// How its connection is protected.
pub(super) fn security(relay: &Relay) -> Security {
    match relay.tls {
        RelayTls::StartTls => Security::StartTls,
        RelayTls::Implicit => Security::Implicit,
        RelayTls::None => Security::Plain,
    }
}

/// What is wrong with the way as it is written: the key and what about it.
pub(super) fn mistakes(relay: &Relay) -> Option<(&'static str, String)> {
    let guard = relay_settings(relay).guard;
    let refusal = guard.check_host(&relay.host, relay.port).err()?;
    Some(("server", refusal.to_string()))
}

/// Why nothing could be sent, as far as that can be told from files and secrets alone.
pub(super) fn unusable(relay: &Relay) -> Option<String> {
    if let Err(error) = smtp::check(security(relay), &relay_settings(relay)) {
        return Some(chain(&error));
    }
    let (_, password) = relay.user.as_ref()?;
    password.reveal().err().map(|error| chain(&error))
}
