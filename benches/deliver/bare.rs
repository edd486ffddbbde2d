//! What the parts cost without an agent around them: one exchange over a client that is kept, beside a commit of as many pages.

use std::time::{Duration, Instant};

use crate::receiver::Receiver;

/// A client of its own.
pub struct Bare {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

impl Bare {
    pub fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
            client: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
        }
    }

    /// One exchange, until the request is there.
    pub fn exchange(&self, receiver: &Receiver, body: usize) -> Duration {
        let url = format!("http://127.0.0.1:{}/bare", receiver.port());
        let body = "b".repeat(body);
        let began = Instant::now();
        let answer = self
            .runtime
            .block_on(self.runtime.spawn(self.client.post(url).body(body).send()));
        assert_eq!(
            answer
                .expect("no panic")
                .expect("an answer")
                .status()
                .as_u16(),
            204
        );
        let (arrived, _) = receiver.next();
        arrived.duration_since(began)
    }
}
