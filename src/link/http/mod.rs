//! HTTP as a client: the only place that knows reqwest.
//!
//! A client speaks to one origin, through its [`Guard`], and does exactly one exchange per call: it follows no redirect, retries
//! nothing, sends no referer, uses no proxy but the one that it is told, and reads a bounded part of the answer. It neither signs
//! nor decides what an answer means, and no URL ever reaches its errors, because URLs hold tokens.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Method, Response,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect, retry,
};
use rustls::ClientConfig;
use thiserror::Error;
use url::Url;

pub use self::{
    flow::Flow,
    settings::{Bind, Identity, Proxy, Settings},
    tls::check as check_files,
};
use self::{reason::Way, resolver::Lookup};
use super::guard::{Guard, Refusal};
use crate::{clock::Wall, config::secret::SecretError};

mod flow;
pub mod reason;
mod resolver;
mod retry_after;
mod settings;
pub(super) mod tls;

/// The time within which a connection, its DNS look-up and its TLS handshake must be done.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a receiver's answer is read.
pub const ANSWER_LIMIT: usize = 16 * 1024;
/// Idle connections are dropped after this: after a change of uplink older ones only hang.
const POOL_IDLE: Duration = Duration::from_secs(20);
const POOL_SIZE: usize = 2;

/// One request.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// `POST`
    pub method: &'static str,
    /// Where to; may hold tokens.
    pub url: String,
    /// Names and values; values may be secrets.
    pub headers: Vec<(String, String)>,
    /// The exact bytes.
    pub body: String,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// How long the peer asks us to wait, at most two hours.
    pub retry_after: Option<Duration>,
    /// What the peer calls this exchange, from a header made for that; as it came, at most 1000 bytes.
    pub request_id: Option<String>,
    /// The beginning of the body.
    pub body: String,
    /// The body was longer than what was read, or broke off.
    pub cut: bool,
}

/// Why there is no answer. The text says what happened and what to look at.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// Nothing was sent: the peer was not reached, or may not be.
    #[error("{0}")]
    Unreachable(String),
    /// It was sent, or part of it, and no answer came.
    #[error("{0}")]
    Failed(String),
}

/// Why a client cannot be made.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The URL is not one.
    #[error("the url cannot be read: {0}")]
    Url(url::ParseError),
    /// The guard refuses the URL.
    #[error(transparent)]
    Refused(Refusal),
    /// A file of certificates cannot be used.
    #[error("the certificates in {path} cannot be used: {why}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The key of the client certificate cannot be used.
    #[error("the key for the client certificate {cert} cannot be used: {why}")]
    Key {
        /// The certificate.
        cert: PathBuf,
        /// Why.
        why: String,
    },
    /// A secret that belongs to the way cannot be read.
    #[error("a secret for the connection cannot be read")]
    Secret(#[source] SecretError),
    /// The guard refuses the proxy.
    #[error("the proxy may not be used")]
    Proxy(#[source] Refusal),
    /// The operating system has no certificates, or the TLS library refuses the settings.
    #[error(
        "TLS cannot be set up ({0}); install the `ca-certificates` package or set `ca` to a PEM file"
    )]
    Tls(rustls::Error),
    /// reqwest refuses the settings.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// Whether a client could be made for `url`, from the files and secrets that are named, as far as that can be told without what the
/// operating system trusts. Nothing is connected to.
///
/// # Errors
/// [`BuildError`] as [`HttpClient::new`] would give it.
pub fn check(url: &str, settings: &Settings) -> Result<(), BuildError> {
    let (url, _) = checked(url, settings)?;
    if let Some(proxy) = &settings.proxy {
        through(proxy)?;
    }
    match url.scheme() {
        "http" => Ok(()),
        _ => tls::check(settings),
    }
}

/// What is dialled: the peer itself, or the proxy before it.
struct Dialled {
    guard: Guard,
    port: u16,
}

/// The URL as parsed. With a proxy its literals are judged all the same, and the proxy's own address beside them.
fn checked(url: &str, settings: &Settings) -> Result<(Url, Dialled), BuildError> {
    let url = Url::parse(url).map_err(BuildError::Url)?;
    let port = settings
        .guard
        .check_url(&url)
        .map_err(BuildError::Refused)?;
    let dialled = match &settings.proxy {
        None => Dialled {
            guard: settings.guard.clone(),
            port,
        },
        Some(proxy) => {
            let guard = proxy.guard(&settings.guard);
            let port = guard.check_url(&proxy.url).map_err(BuildError::Proxy)?;
            Dialled { guard, port }
        }
    };
    Ok((url, dialled))
}

fn through(proxy: &Proxy) -> Result<reqwest::Proxy, BuildError> {
    let all = reqwest::Proxy::all(proxy.url.as_str()).map_err(BuildError::Client)?;
    let Some((user, password)) = &proxy.user else {
        return Ok(all);
    };
    let password = password.reveal().map_err(BuildError::Secret)?;
    Ok(all.basic_auth(user, &password))
}

/// A client for one origin.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    /// Scheme, host and port; none for a Unix socket, where every URL goes to the same peer.
    origin: Option<(Url, Arc<Guard>)>,
    way: Way,
    answer_limit: usize,
}

impl HttpClient {
    /// A client for the origin of `url`. It opens no connection yet.
    ///
    /// # Errors
    /// [`BuildError`] when the URL is refused or the certificates cannot be read.
    pub fn new(url: &str, settings: Settings) -> Result<Self, BuildError> {
        Self::with_lookup(url, settings, resolver::system())
    }

    /// The same with a resolver of the caller's; what it answers is guarded all the same.
    fn with_lookup(url: &str, settings: Settings, lookup: Lookup) -> Result<Self, BuildError> {
        let (url, dialled) = checked(url, &settings)?;
        // A gateway without any certificates can still send over plain HTTP where that is allowed.
        let tls = match url.scheme() {
            "http" => tls::trusting_nobody()?,
            _ => tls::config(&settings)?,
        };
        let resolver = resolver::Guarded {
            guard: Arc::new(dialled.guard),
            port: dialled.port,
            lookup,
        };
        let mut builder = builder(tls, settings.timeout).dns_resolver(resolver);
        if let Some(proxy) = &settings.proxy {
            builder = builder.proxy(through(proxy)?);
        }
        builder = match &settings.bind {
            Some(Bind::Interface(name)) => builder.interface(name),
            Some(Bind::Address(ip)) => builder.local_address(*ip),
            None => builder,
        };
        Ok(Self {
            client: builder.build().map_err(BuildError::Client)?,
            way: Way {
                timeout: settings.timeout,
                proxy: settings.proxy.as_ref().map(Proxy::name),
                bind: settings.bind,
                identity: settings.identity.is_some(),
            },
            origin: Some((url, Arc::new(settings.guard))),
            answer_limit: ANSWER_LIMIT,
        })
    }

    /// A client that reaches its peer through a Unix socket, for `andon`'s own verbs; any `http://` URL goes there. The peer is
    /// the agent itself, so the caller says how much of an answer it takes.
    ///
    /// # Errors
    /// [`BuildError`] when the HTTP library refuses the settings.
    pub fn over_unix_socket(
        socket: &Path,
        timeout: Duration,
        answer_limit: usize,
    ) -> Result<Self, BuildError> {
        // TLS is never used here, but without a configuration reqwest looks for a provider of the whole process.
        let tls = tls::trusting_nobody()?;
        let client = builder(tls, timeout)
            .unix_socket(socket)
            .build()
            .map_err(BuildError::Client)?;
        Ok(Self {
            client,
            origin: None,
            way: Way {
                timeout,
                ..Way::default()
            },
            answer_limit,
        })
    }

    /// Whether it is made for the place that this URL leads to.
    pub fn serves(&self, url: &str) -> bool {
        let origin = self.origin.as_ref().map(|(origin, _)| origin.origin());
        origin.is_none() || Url::parse(url).ok().map(|url| url.origin()) == origin
    }

    /// Does one exchange. `now` dates a `Retry-After` that is a date, if the answer itself is not dated.
    ///
    /// # Errors
    /// [`CallError`] when there is no answer; any answer, whatever its status, is a [`Reply`].
    pub async fn send(&self, call: &Call, now: Wall) -> Result<Reply, CallError> {
        let request = self.request(call)?;
        let answer = self.client.execute(request).await;
        let answer = answer.map_err(|error| reason::of(&error.without_url(), &self.way))?;
        let status = answer.status().as_u16();
        if status == 407 && self.way.proxy.is_some() {
            return Err(CallError::Unreachable(self.way.wants_a_user()));
        }
        let retry_after = retry_after::requested(answer.headers(), now);
        let request_id = request_id(answer.headers());
        let (body, cut) = read_some(answer, self.answer_limit).await;
        Ok(Reply {
            status,
            retry_after,
            request_id,
            body,
            cut,
        })
    }

    fn request(&self, call: &Call) -> Result<reqwest::Request, CallError> {
        let local = |why: String| CallError::Unreachable(why);
        let url = Url::parse(&call.url)
            .map_err(|error| local(format!("the url cannot be read: {error}")))?;
        if let Some((origin, guard)) = &self.origin {
            guard
                .check_url(&url)
                .map_err(|refusal| local(refusal.to_string()))?;
            if origin.origin() != url.origin() {
                return Err(local(
                    "the request is for another host than its client; nothing was sent".to_owned(),
                ));
            }
        }
        let method = Method::from_bytes(call.method.as_bytes())
            .map_err(|_| local(format!("`{}` is no HTTP method", call.method)))?;
        let mut request = reqwest::Request::new(method, url);
        for (name, value) in &call.headers {
            let (name, value) = header(name, value).ok_or_else(|| {
                local(format!("header {name:?} has a name or value that HTTP cannot carry; look at `headers` and at its secret"))
            })?;
            request.headers_mut().append(name, value);
        }
        *request.body_mut() = (!call.body.is_empty()).then(|| call.body.clone().into());
        Ok(request)
    }
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that makes clients, and it turns every bad default off"
)]
fn builder(tls: ClientConfig, timeout: Duration) -> reqwest::ClientBuilder {
    // The connect timeout always fires first, so that a timeout tells on which side of sending it happened.
    let connect = CONNECT_TIMEOUT.min(timeout.mul_f64(0.8));
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("andon/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        .timeout(timeout)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .retry(retry::never())
        .http1_only()
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_SIZE)
}

/// By which name the peer finds this exchange in its own log.
fn request_id(headers: &HeaderMap) -> Option<String> {
    const NAMES: [&str; 7] = [
        "x-request-id",
        "request-id",
        "x-amzn-requestid",
        "x-message-id",
        "x-ms-request-id",
        "x-correlation-id",
        "cf-ray",
    ];
    let mut values = NAMES.iter().filter_map(|name| headers.get(*name));
    let value = values.find(|value| !value.is_empty() && value.len() <= 1000)?;
    value.to_str().ok().map(str::to_owned)
}

/// Reads up to `limit` bytes. The status has decided by then, so a body that breaks off is no error.
async fn read_some(mut answer: Response, limit: usize) -> (String, bool) {
    let mut body = Vec::new();
    let cut = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                let room = limit - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break true;
                }
            }
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    (String::from_utf8_lossy(&body).into_owned(), cut)
}

#[cfg(test)]
pub(crate) mod testbed;
#[cfg(test)]
mod tests;
