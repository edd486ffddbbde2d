//! The operator's desk: what `andon status`, `andon alerts` and `andon ack` do, over the same socket.

use std::{path::Path, time::Duration};

use serde::de::DeserializeOwned;

use super::DemoError;
use crate::{
    api::{
        history::{AlertStory, DeliveryView},
        view::{AlertView, Obeyed, View},
        wire::Acknowledge,
    },
    clock::Clock,
    link::http::{Call, HttpClient},
};

/// The agent is in the same process: it answers at once or not at all.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 4 << 20;

/// A client of the agent's socket.
pub(super) struct Desk {
    http: HttpClient,
    clock: Clock,
}

impl Desk {
    /// A client of the agent behind this socket; it need not be there yet.
    pub(super) fn new(socket: &Path, clock: Clock) -> Result<Self, DemoError> {
        let http = HttpClient::over_unix_socket(socket, TIMEOUT, ANSWER_LIMIT)
            .map_err(|error| DemoError::Desk(error.to_string()))?;
        Ok(Self { http, clock })
    }

    /// The state of everything.
    pub(super) async fn status(&self) -> Result<View, DemoError> {
        self.exchange("GET", "/v1/status", String::new()).await
    }

    /// The newest alerts, open or not, the newest first.
    pub(super) async fn alerts(&self) -> Result<Vec<AlertView>, DemoError> {
        self.exchange("GET", "/v1/alerts?state=all&limit=20", String::new())
            .await
    }

    /// One alert with its events and deliveries.
    pub(super) async fn alert(&self, number: &str) -> Result<AlertStory, DemoError> {
        let path = format!("/v1/alerts/{number}");
        self.exchange("GET", &path, String::new()).await
    }

    /// Deliveries, the newest first, older than `before`.
    pub(super) async fn outbox(&self, before: Option<i64>) -> Result<Vec<DeliveryView>, DemoError> {
        let path = match before {
            Some(before) => format!("/v1/outbox?before={before}"),
            None => "/v1/outbox".to_owned(),
        };
        self.exchange("GET", &path, String::new()).await
    }

    /// Takes an alert.
    pub(super) async fn acknowledge(
        &self,
        number: &str,
        by: &str,
        note: &str,
    ) -> Result<Obeyed, DemoError> {
        let asked = Acknowledge {
            note: Some(note.to_owned()),
            by: Some(by.to_owned()),
        };
        let body = serde_json::to_string(&asked).map_err(|error| failed(&error))?;
        let path = format!("/v1/alerts/{number}/acknowledge");
        self.exchange("POST", &path, body).await
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        body: String,
    ) -> Result<T, DemoError> {
        let call = Call {
            method,
            url: format!("http://andon{path}"),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body,
        };
        let reply = self.http.send(&call, self.clock.now().wall).await;
        let reply = reply.map_err(|error| failed(&error))?;
        if reply.status != 200 {
            let (status, text) = (reply.status, reply.body);
            return Err(DemoError::Desk(format!("{path} gave {status}: {text}")));
        }
        serde_json::from_str(&reply.body).map_err(|error| failed(&error))
    }
}

fn failed(error: &dyn std::error::Error) -> DemoError {
    DemoError::Desk(error.to_string())
}
