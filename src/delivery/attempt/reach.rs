//! From what the configuration says of the way to a receiver to what the HTTP client needs.

use super::chain;
use crate::{
    alert::event::EventKind,
    config::secret::{Secret, SecretError},
    delivery::signature::seal,
    destination::{
        Access, Broker, Carrier, Destination, HttpRequest, OAuth2, Request, Server, Signing,
        Veiled, access,
        notice::{Attempt, Notice},
    },
    link::{
        guard::Guard,
        http::{self, BuildError, Settings},
    },
};

/// What may be dialled on the way to a receiver.
pub fn guard_of(access: &Access) -> Guard {
    Guard {
        allow_http: access.allow_http,
        allow: access::networks(&access.allow_addresses),
        // The agent listens on a Unix socket only, so there is no port of our own to keep out.
        own: Vec::new(),
    }
}

/// What is wrong with the way as it is written: the key, what about it, and whether that is only a warning. It would otherwise show
/// first when something is wrong in the plant.
pub fn mistakes(access: &Access, sign: Option<&Signing>) -> Vec<(&'static str, String, bool)> {
    let mut found = Vec::new();
    // What stands in files can be replaced at any time. That they are not there was said when they were read.
    for url in std::iter::once(&access.url).chain(&access.more) {
        let Ok(today) = url.reveal() else { continue };
        match http::check(&today, &settings_of(access)) {
            Err(BuildError::Refused(refusal)) if url.plain().is_none() => found.push((
                "url",
                format!("cannot be used, and what needs it is off until it can: {refusal}"),
                true,
            )),
            Err(BuildError::Refused(refusal)) => found.push(("url", refusal.to_string(), false)),
            Err(BuildError::Proxy(refusal)) => found.push(("proxy", refusal.to_string(), false)),
            Err(error @ BuildError::Key { .. }) => found.push((
                "client_key",
                format!("cannot be used, and what needs it is off until it can: {error}"),
                true,
            )),
            _ => continue,
        }
        break;
    }
    if let Some(Signing::OAuth2(oauth2)) = sign
        && let Err(BuildError::Refused(refusal)) =
            http::check(&oauth2.token_url, &token_settings(oauth2, access))
    {
        found.push(("sign.token_url", refusal.to_string(), false));
    }
    found
}

/// Where a receiver is, and its further instances, as the secrets are now.
///
/// # Errors
/// When one of them is a secret that cannot be read.
pub fn urls_of(access: &Access) -> Result<Vec<String>, SecretError> {
    each_url(access).collect()
}

/// The same for each by itself.
pub(super) fn each_url(access: &Access) -> impl Iterator<Item = Result<String, SecretError>> {
    let all = std::iter::once(&access.url).chain(&access.more);
    all.map(Veiled::reveal)
}

/// The whole way to a server that speaks a protocol of its own.
pub fn settings_of_server(server: &Server) -> Settings {
    let guard = Guard {
        allow_http: false,
        allow: access::networks(&server.allow_addresses),
        own: Vec::new(),
    };
    Settings {
        ca: server.ca.clone(),
        identity: identity(server.identity.as_ref()),
        bind: bind(server.bind.as_ref()),
        ..Settings::new(guard, server.timeout)
    }
}

/// What is wrong with the way to such a server, as [`mistakes`].
pub fn mistakes_of_server(server: &Server) -> Vec<(&'static str, String, bool)> {
    let settings = settings_of_server(server);
    if let Err(refusal) = settings.guard.check_host(&server.host, server.port) {
        return vec![(server.key, refusal.to_string(), false)];
    }
    match http::check_files(&settings) {
        Err(error @ BuildError::Key { .. }) => vec![(
            "client_key",
            format!("cannot be used, and what needs it is off until it can: {error}"),
            true,
        )],
        // That files are not there was said when they were read.
        _ => Vec::new(),
    }
}

/// Why no connection to such a server could be made, as far as its files say.
pub fn unusable_server(server: &Server) -> Option<String> {
    let checked = http::check_files(&settings_of_server(server));
    checked.err().map(|error| chain(&error))
}

fn identity(of: Option<&access::Identity>) -> Option<http::Identity> {
    of.map(|identity| http::Identity {
        cert: identity.cert.clone(),
        key: identity.key.clone(),
    })
}

fn bind(of: Option<&access::Bind>) -> Option<http::Bind> {
    of.cloned().map(|bind| match bind {
        access::Bind::Interface(name) => http::Bind::Interface(name),
        access::Bind::Address(ip) => http::Bind::Address(ip),
    })
}

/// The whole way.
pub fn settings_of(access: &Access) -> Settings {
    let proxy = access.proxy.as_ref();
    Settings {
        ca: access.ca.clone(),
        identity: identity(access.identity.as_ref()),
        proxy: proxy.map(|proxy| http::Proxy {
            url: proxy.url.clone(),
            user: proxy.user.clone(),
            allow: access::networks(&access.allow_addresses),
        }),
        bind: bind(access.bind.as_ref()),
        ..Settings::new(guard_of(access), access.timeout)
    }
}

/// The way to the issuer of tokens: that to the receiver, but with a list of addresses of its own.
pub fn token_settings(oauth2: &OAuth2, access: &Access) -> Settings {
    Settings {
        guard: Guard {
            allow_http: oauth2.allow_http,
            allow: access::networks(&oauth2.allow_addresses),
            own: Vec::new(),
        },
        ..settings_of(access)
    }
}

/// Why a destination's requests cannot be sealed now: a secret that cannot be read, or is none.
pub fn unusable_secret(destination: &Destination) -> Option<String> {
    let password = match destination.carrier() {
        Carrier::Smtp(relay) => relay.user.as_ref().map(|(_, password)| password),
        Carrier::Mqtt(Broker { login, .. }) => login.as_ref().map(|(_, password)| password),
        _ => None,
    };
    if let Some(Err(error)) = password.map(Secret::reveal) {
        return Some(chain(&error));
    }
    // Any event does: what is looked at are the secrets that all of them need.
    let notice = Notice {
        kind: EventKind::Triggered.word().to_owned(),
        ..Notice::default()
    };
    let attempt = Attempt::default();
    let errand = destination
        .render(&destination.told(&notice, &attempt, None))
        .ok()?;
    let mut requests = errand.requests.iter();
    requests.find_map(|request| match request {
        Request::Http(request) => unusable_request(request),
        _ => None,
    })
}

/// The same for one request.
pub fn unusable_request(request: &HttpRequest) -> Option<String> {
    if let Some(Signing::OAuth2(oauth2)) = &request.sign
        && let Err(error) = oauth2.client_secret.reveal()
    {
        return Some(chain(&error));
    }
    let sealed = seal(request, "", 0, Some(""));
    sealed.err().map(|error| chain(&error))
}

/// Why no client could be made for a receiver, as far as that can be told from files and secrets alone.
pub fn unusable(access: &Access) -> Option<String> {
    let settings = settings_of(access);
    match urls_of(access) {
        Err(error) => Some(chain(&error)),
        Ok(urls) => {
            let mut checked = urls.iter().map(|url| http::check(url, &settings));
            checked.find_map(|checked| checked.err().map(|error| chain(&error)))
        }
    }
}
