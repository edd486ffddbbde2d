//! Why an exchange failed, in words that a person can act on, found in the chain of causes that the libraries give.

use std::{error::Error as StdError, io, time::Duration};

use rustls::{AlertDescription, CertificateError as Bad};
use thiserror::Error;

use super::{Bind, BuildError, CallError};
use crate::link::guard::Refusal;

/// The resolver knows no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no such host: {name} ({why}); check the name and the gateway's DNS")]
pub struct NoSuchHost {
    /// The name.
    pub name: String,
    /// What the resolver said.
    pub why: String,
}

/// What of the way to a peer is needed to say why it was not reached.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    /// The limit of the exchange.
    pub(super) timeout: Duration,
    /// Host and port of the proxy.
    pub(super) proxy: Option<String>,
    /// Where connections go out from.
    pub(super) bind: Option<Bind>,
    /// A client certificate is shown.
    pub(super) identity: bool,
}

impl Way {
    /// The proxy's 407.
    pub(super) fn wants_a_user(&self) -> String {
        let proxy = self.proxy.as_deref().unwrap_or_default();
        format!(
            "the proxy {proxy} wants another user or password; look at `proxy_user` and `proxy_password`"
        )
    }
}

/// Turns an error of reqwest, its URL removed, into what happened. Whatever went wrong until the connection and its TLS
/// stood is unreachable: nothing of the request was sent.
pub(super) fn of(error: &reqwest::Error, way: &Way) -> CallError {
    if error.is_connect() {
        return CallError::Unreachable(connecting(error, way));
    }
    // With TLS 1.3 a peer refuses our certificate only after we take the handshake for done; it has read no request then.
    if let Some(rustls::Error::AlertReceived(alert)) = find::<rustls::Error>(error) {
        return CallError::Unreachable(refused(*alert, way));
    }
    if error.is_timeout() {
        return CallError::Failed(format!(
            "no answer within {:?}; it may have arrived all the same",
            way.timeout
        ));
    }
    if error.is_builder() {
        return CallError::Unreachable(format!("the request cannot be sent: {}", root(error)));
    }
    CallError::Failed(format!(
        "the connection broke before an answer came ({})",
        root(error)
    ))
}

fn connecting(error: &reqwest::Error, way: &Way) -> String {
    if let Some(refusal) = find::<Refusal>(error) {
        return refusal.to_string();
    }
    if let Some(missing) = find::<NoSuchHost>(error) {
        return missing.to_string();
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return tls(error, way);
    }
    if let Some(bind) = &way.bind
        && said(error, "tcp bind")
    {
        return find::<io::Error>(error).map_or_else(|| root(error), |error| bind.why_not(error));
    }
    let Some(proxy) = &way.proxy else {
        return unconnected(error);
    };
    if said(error, "proxy authorization required") {
        way.wants_a_user()
    } else if said(error, "tunnel error: unsuccessful") {
        format!(
            "the proxy {proxy} refuses to connect to it; ask who runs the proxy, or look whether the host is up"
        )
    } else {
        format!("the proxy {proxy}: {}", unconnected(error))
    }
}

fn unconnected(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no connection in time; is the host switched on and is the way to it open?"
            .to_owned();
    }
    match find::<io::Error>(error) {
        Some(io) => of_kind(io.kind())
            .map_or_else(|| format!("no connection: {}", root(error)), str::to_owned),
        None => format!("no connection: {}", root(error)),
    }
}

/// Why a client cannot be made, with what caused it.
pub fn of_build(error: &BuildError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// Why a connection that we dialled ourselves was not made.
pub(in crate::link) fn of_io(error: &io::Error) -> String {
    of_kind(error.kind()).map_or_else(|| format!("no connection: {error}"), str::to_owned)
}

/// Why a TLS handshake that we made ourselves came to nothing; `identity` says whether a client certificate was shown.
pub(in crate::link) fn of_tls(error: &io::Error, identity: bool) -> String {
    let way = Way {
        identity,
        ..Way::default()
    };
    find::<rustls::Error>(error).map_or_else(|| of_io(error), |error| tls(error, &way))
}

fn of_kind(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind as Is;
    Some(match kind {
        Is::ConnectionRefused => "connection refused: nothing listens on that port",
        Is::NetworkUnreachable => "network unreachable: the gateway has no route there",
        Is::HostUnreachable => "host unreachable: it is off, or a firewall says so",
        Is::NotFound => "the socket does not exist; is the agent running?",
        Is::PermissionDenied => "permission denied by this host; a firewall or the socket's rights",
        Is::ConnectionReset | Is::UnexpectedEof | Is::BrokenPipe => {
            "the other side closed the connection at once"
        }
        _ => return None,
    })
}

/// What a peer says that wants to know us, and does not.
fn refused(alert: AlertDescription, way: &Way) -> String {
    use AlertDescription as Alert;
    match (alert, way.identity) {
        (Alert::CertificateRequired | Alert::HandshakeFailure, false) => format!(
            "the other side refused the TLS handshake ({alert:?}): it may want a client certificate; set `client_cert` and `client_key`"
        ),
        (
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::CertificateRequired
            | Alert::UnknownCA
            | Alert::AccessDenied,
            true,
        ) => format!(
            "the other side does not accept our client certificate ({alert:?}); look at `client_cert`, at its date and who signed it"
        ),
        _ => format!("the other side refused the TLS handshake ({alert:?})"),
    }
}

fn tls(error: &rustls::Error, way: &Way) -> String {
    let rustls::Error::InvalidCertificate(bad) = error else {
        return match error {
            rustls::Error::InvalidMessage(_) => {
                "the other side does not speak TLS on that port".to_owned()
            }
            rustls::Error::AlertReceived(alert) => refused(*alert, way),
            other => format!("the TLS handshake failed: {other}"),
        };
    };
    match bad {
        Bad::UnknownIssuer => "certificate not trusted: nobody known has signed it; set `ca` to the PEM file of the plant's own authority".to_owned(),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => "certificate not yet valid; is the gateway's clock right?".to_owned(),
        Bad::Expired | Bad::ExpiredContext { .. } => "certificate expired; it must be renewed there, unless the gateway's clock is wrong".to_owned(),
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => "certificate is for another host name than the url's".to_owned(),
        Bad::Revoked => "certificate was revoked".to_owned(),
        other => format!("certificate not trusted: {other}"),
    }
}

/// The first cause of a type. An `io::Error` hides the error that it was made from, so it is looked into.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inside = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = inside.and_then(|inside| find::<T>(inside)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Whether one of the causes says this. Some libraries keep their types to themselves.
fn said(error: &(dyn StdError + 'static), what: &str) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains(what) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The innermost cause, which is the one that says something.
fn root(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
