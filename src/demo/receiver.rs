//! The receivers of the demo: two paths of one HTTP server that believes nothing it cannot verify.
//!
//! The signature is checked as any receiver would from the text of Standard Webhooks 1.0, with none of the code that made it.
//! What arrives goes to whoever tells the story; nothing is judged here beyond the signature.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::{AbortHandle, JoinHandle},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::ports;
use crate::clock::{Clock, Wall};

/// The longest body that is read.
const BODY_LIMIT: usize = 256 * 1024;
/// A signature is good for so many seconds before and after its time.
const TOLERANCE: u64 = 300;
/// How long requests that are under way may take when it goes down.
const GRACE: Duration = Duration::from_secs(2);

/// What a receiver got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Letter {
    /// To whom: the destination's name.
    pub(super) to: String,
    /// When it arrived.
    pub(super) at: Wall,
    /// Its signature is good.
    pub(super) genuine: bool,
    /// The header `webhook-id`.
    pub(super) webhook_id: String,
    /// What it says.
    pub(super) payload: Payload,
}

/// What of a payload the story needs. A receiver ignores what it does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Payload {
    pub(super) event: String,
    pub(super) id: String,
    pub(super) stream: String,
    pub(super) sequence: u64,
    pub(super) given_up: Vec<GivenUp>,
    pub(super) timestamp: String,
    pub(super) dedup_key: String,
    pub(super) text: String,
    pub(super) alert: PayloadAlert,
}

/// Numbers that will never come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct GivenUp {
    pub(super) from: u64,
    pub(super) to: u64,
}

/// The alert that it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct PayloadAlert {
    pub(super) number: String,
    pub(super) severity: String,
    pub(super) rule_id: String,
}

/// The server.
pub(super) struct Receiver {
    address: SocketAddr,
    desk: Arc<Desk>,
    open: Option<(CancellationToken, JoinHandle<()>, AbortHandle)>,
}

struct Desk {
    /// Names of the receivers and their keys.
    keys: Vec<(&'static str, Vec<u8>)>,
    letters: mpsc::Sender<Letter>,
    clock: Clock,
}

impl Receiver {
    /// Opens on a free port; each name is a path with a key of its own.
    pub(super) async fn start(
        keys: Vec<(&'static str, Vec<u8>)>,
        letters: mpsc::Sender<Letter>,
        clock: Clock,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let mut receiver = Self {
            address: listener.local_addr()?,
            desk: Arc::new(Desk {
                keys,
                letters,
                clock,
            }),
            open: None,
        };
        receiver.serve(listener);
        Ok(receiver)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes down: what is under way ends, and then connections are refused.
    pub(super) async fn close(&mut self) {
        if let Some((cancel, task, abort)) = self.open.take() {
            cancel.cancel();
            if timeout(GRACE, task).await.is_err() {
                abort.abort();
            }
        }
    }

    /// Is back, at the same address.
    pub(super) async fn open(&mut self) -> io::Result<()> {
        let listener = ports::bind_again(self.address).await?;
        self.serve(listener);
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener) {
        let router = Router::new()
            .route("/{name}", post(take))
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(Arc::clone(&self.desk));
        let cancel = CancellationToken::new();
        let closed = cancel.clone();
        let task = tokio::spawn(async move {
            let closed = async move { closed.cancelled().await };
            let server = axum::serve(listener, router).with_graceful_shutdown(closed);
            // It ends with an error only where it cannot go on, and then the agent finds nobody: the story tells.
            let _ = server.await;
        });
        let abort = task.abort_handle();
        self.open = Some((cancel, task, abort));
    }
}

async fn take(
    State(desk): State<Arc<Desk>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let Some((to, key)) = desk.keys.iter().find(|(known, _)| *known == name) else {
        return StatusCode::NOT_FOUND;
    };
    let at = desk.clock.now().wall;
    let genuine = is_genuine(key, &headers, &body, at);
    let letter = Letter {
        to: (*to).to_owned(),
        at,
        genuine,
        webhook_id: header(&headers, "webhook-id").to_owned(),
        payload: serde_json::from_slice(&body).unwrap_or_default(),
    };
    if desk.letters.try_send(letter).is_err() {
        // Nobody reads: the agent keeps it and tries again.
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    if genuine {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::UNAUTHORIZED
    }
}

/// Whether one of the signatures is the one that this key gives for these bytes, now.
fn is_genuine(key: &[u8], headers: &HeaderMap, body: &[u8], now: Wall) -> bool {
    let (id, stamp) = (
        header(headers, "webhook-id"),
        header(headers, "webhook-timestamp"),
    );
    let fresh = stamp
        .parse::<i64>()
        .is_ok_and(|sent| now.as_seconds().abs_diff(sent) <= TOLERANCE);
    let right = |signature: &str| {
        let Some(Ok(claimed)) = signature
            .strip_prefix("v1,")
            .map(|text| STANDARD.decode(text))
        else {
            return false;
        };
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
            return false;
        };
        for part in [id.as_bytes(), b".", stamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        // In constant time, so that nobody learns a signature byte by byte.
        mac.verify_slice(&claimed).is_ok()
    };
    fresh && !id.is_empty() && header(headers, "webhook-signature").split(' ').any(right)
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the documentation of Standard Webhooks.
    const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SENT: i64 = 1_614_265_330;

    fn headers(signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", signature),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_the_right_signature_of_the_right_bytes_at_the_right_time_is_believed() {
        const GOOD: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let key = STANDARD.decode(KEY).unwrap();
        let believed = |key: &[u8], signature: &str, body: &[u8], late: i64| {
            let now = Wall::from_millis((SENT + late) * 1000);
            is_genuine(key, &headers(signature), body, now)
        };
        assert!(believed(&key, GOOD, BODY, 0));
        assert!(believed(&key, &format!("v1,AAAA {GOOD}"), BODY, 300));
        assert!(!believed(&key, GOOD, BODY, 301));
        assert!(!believed(&key, GOOD, BODY, -301));
        assert!(!believed(&key, GOOD, b"{}", 0));
        assert!(!believed(b"another", GOOD, BODY, 0));
        assert!(!believed(&key, &GOOD.replace("v1", "v2"), BODY, 0));
        assert!(!believed(&key, "", BODY, 0));
    }
}
