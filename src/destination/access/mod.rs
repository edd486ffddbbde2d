//! How a destination is reached over HTTP, as far as its configuration says. What may be dialled is judged elsewhere.

use std::{fmt, path::PathBuf, time::Duration};

use ipnet::IpNet;

pub use self::{
    allowed::Allowed,
    proxy::Proxy,
    relay::{Protection, Relay},
    server::Server,
};
use super::Veiled;
pub use crate::config::values::{Bind, Identity};
use crate::config::{section::Section, values::FileBeside};

mod allowed;
mod proxy;
mod relay;
pub(super) mod server;

/// The way to a receiver.
#[derive(Clone, PartialEq)]
pub struct Access {
    /// May hold tokens, or be one, so `Debug` shows its host only, or nothing.
    pub url: Veiled,
    /// Further places that are reached in the same way: the other instances of a receiver.
    pub more: Vec<Veiled>,
    /// The limit of one attempt.
    pub timeout: Duration,
    /// Trust only the certificates of this PEM file.
    pub ca: Option<PathBuf>,
    /// Plain HTTP is allowed.
    pub allow_http: bool,
    /// What may be dialled although it is not public.
    pub allow_addresses: Vec<Allowed>,
    /// The certificate that we show, if the receiver wants one.
    pub identity: Option<Identity>,
    /// The proxy on the way.
    pub proxy: Option<Proxy>,
    /// The interface or the address of this host that connections go out from.
    pub bind: Option<Bind>,
}

impl Access {
    /// Reads the keys that every destination over HTTP has, and `url`, which must be there.
    pub fn read(section: &Section<'_>, timeout: Duration) -> Option<Self> {
        let url = section.required("url");
        Self::of_url(section, timeout, url)
    }

    /// The same where there need not be a `url`.
    pub fn read_optional(section: &Section<'_>, timeout: Duration) -> Option<Self> {
        let url = section.optional("url");
        Self::of_url(section, timeout, url)
    }

    /// The same for a service whose URL is known; `url` is for those who have to go elsewhere.
    pub fn read_known(section: &Section<'_>, timeout: Duration, known: &str) -> Option<Self> {
        let url = section.optional("url").unwrap_or_else(|| known.into());
        Self::of_url(section, timeout, Some(url))
    }

    /// The same for a receiver with several instances: `urls`.
    pub fn read_instances(
        section: &Section<'_>,
        timeout: Duration,
        first: Veiled,
        more: Vec<Veiled>,
    ) -> Option<Self> {
        let access = Self::of_url_at(section, "urls", timeout, Some(first))?;
        let fine = |url: &Veiled| {
            url.plain()
                .is_none_or(|plain| access.is_fine(section, "urls", plain))
        };
        if !more.iter().all(fine) {
            return None;
        }
        Some(Self { more, ..access })
    }

    fn of_url(section: &Section<'_>, timeout: Duration, url: Option<Veiled>) -> Option<Self> {
        Self::of_url_at(section, "url", timeout, url)
    }

    fn of_url_at(
        section: &Section<'_>,
        key: &'static str,
        timeout: Duration,
        url: Option<Veiled>,
    ) -> Option<Self> {
        let access = Self {
            url: url.clone().unwrap_or_default(),
            more: Vec::new(),
            timeout: section.ranged(
                "timeout",
                timeout,
                Duration::from_secs(1)..=Duration::from_secs(60),
            ),
            ca: section.optional::<FileBeside>("ca").map(|file| file.0),
            allow_http: section.get("allow_http", false),
            allow_addresses: section.get("allow_addresses", Vec::new()),
            identity: Identity::read(section),
            proxy: Proxy::read(section),
            bind: section.optional("bind"),
        };
        match url?.plain() {
            Some(plain) if !access.is_fine(section, key, plain) => return None,
            Some(_) => {}
            None => access.look_into_secret(section, key),
        }
        Some(access)
    }

    /// A secret is read again at each attempt and may have been replaced by then, so what is wrong with it now is a warning.
    fn look_into_secret(&self, section: &Section<'_>, key: &str) {
        // That it cannot be read was said when it was found.
        let Ok(url) = self.url.reveal() else { return };
        if let Err(error) = url::Url::parse(&url) {
            section.warn(
                key,
                format!("cannot be used: the secret is not a url ({error}), like https://ops.example.com/andon"),
            );
        }
    }

    /// Whether what is written at `key` is a URL; what is wrong is reported.
    pub fn is_fine(&self, section: &Section<'_>, key: &str, url: &str) -> bool {
        if holds_a_token(url) {
            let path = format!("{}.{key}", section.path());
            section.problems().hides(&path);
        }
        if let Err(error) = url::Url::parse(url) {
            section.error(
                key,
                format!("is not a url ({error}); write it like https://ops.example.com/andon"),
            );
            return false;
        }
        if self.identity.is_some() && url.starts_with("http:") {
            section.error(
                "client_cert",
                "is for https://, `url` says http://, where nobody asks for a certificate",
            );
        }
        true
    }

    /// Scheme, host and port, without what may be secret.
    pub fn origin(&self) -> String {
        self.url.plain().map_or_else(
            || match self.url.reveal() {
                Ok(url) => origin(&url),
                Err(_) => "a url that cannot be read".to_owned(),
            },
            origin,
        )
    }

    /// Whether it is reached over TLS, as far as that is known.
    pub fn is_tls(&self) -> bool {
        let plain = |url: &Veiled| url.reveal().is_ok_and(|url| url.starts_with("http:"));
        !plain(&self.url)
    }
}

/// Whether a URL holds what only the receiver may know, as far as one can see: a query, or a part of the path too long for a word.
fn holds_a_token(url: &str) -> bool {
    const WORD: usize = 16;
    let Ok(url) = url::Url::parse(url) else {
        return true;
    };
    url.query().is_some() || url.path().split('/').any(|part| part.len() >= WORD)
}

/// Scheme, host and port of a URL.
pub fn origin(url: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| "no url".to_owned(),
        |url| url.origin().ascii_serialization(),
    )
}

/// Networks with their ports, as the guard takes them.
pub fn networks(allowed: &[Allowed]) -> Vec<(IpNet, u16)> {
    allowed.iter().map(|of| (of.net, of.port)).collect()
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("origin", &self.url.plain().map(origin))
            .field("timeout", &self.timeout)
            .field("ca", &self.ca)
            .field("allow_http", &self.allow_http)
            .field("allow_addresses", &self.allow_addresses)
            .field("identity", &self.identity)
            .field("proxy", &self.proxy)
            .field("bind", &self.bind)
            .finish()
    }
}
