//! The agent's HTTP API on a Unix socket, and the shapes that it and the verbs share.
//!
//! It asks the running agent and reads its history; it knows neither the engine nor the store, decides nothing and keeps no
//! state. There are no secrets in what it shows. Whoever may open the socket may use all of it: the socket's mode and group
//! decide, and the kernel says who it was.

mod alerts;
mod deliveries;
mod door;
mod error;
pub mod history;
mod input;
pub mod keep;
mod machines;
mod names;
pub mod order;
mod peer;
mod record;
mod recording;
mod site;
#[cfg(test)]
pub(crate) mod tests;
mod users;
pub mod view;
pub mod wire;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use tokio::{net::UnixListener, sync::oneshot};
use tokio_util::sync::CancellationToken;

pub use self::door::{DoorError, bind};
use self::{
    error::ApiError,
    history::History,
    order::{Agent, NoAnswer, Order},
    peer::{Doorkeeper, Peer},
};
use crate::clock::Clock;

/// The longest body of a request, in bytes.
pub const BODY_LIMIT: usize = 64 * 1024;
/// The most rows that one answer lists.
pub const ROWS: usize = 200;
/// How long the loop may take to answer before the caller is told that it does not.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same for a test of a destination, which waits for somebody outside: at most a minute and its queue.
const TEST_PATIENCE: Duration = Duration::from_secs(90);
/// How long requests that are being answered may still take when the agent stops.
const GRACE: Duration = Duration::from_secs(3);

/// Serves the API until `stop`, then lets the requests that are under way end, for three seconds at most.
///
/// # Errors
/// When the server cannot go on.
pub async fn serve(
    listener: UnixListener,
    agent: Agent,
    history: Arc<dyn History>,
    clock: Clock,
    stop: CancellationToken,
) -> Result<(), std::io::Error> {
    let shared = Shared {
        agent,
        history,
        clock,
    };
    let app = router(shared).into_make_service_with_connect_info::<Peer>();
    let stopped = stop.clone();
    let server = axum::serve(Doorkeeper::new(listener), app)
        .with_graceful_shutdown(async move { stopped.cancelled().await });
    let too_late = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = server.into_future() => served,
        () = too_late => Ok(()),
    }
}

/// What every handler needs.
#[derive(Clone)]
struct Shared {
    agent: Agent,
    history: Arc<dyn History>,
    clock: Clock,
}

impl Shared {
    /// Asks the agent, within the time that the loop may take.
    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, ApiError> {
        self.ask_within(PATIENCE, order).await
    }

    async fn ask_within<T>(
        &self,
        patience: Duration,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<T, ApiError> {
        let answer = tokio::time::timeout(patience, self.agent.ask(order)).await;
        Ok(answer.map_err(|_| NoAnswer)??)
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v1/status", get(site::status))
        .route("/v1/site", get(site::site))
        .route("/v1/reload", post(site::reload))
        .route("/v1/shelve", post(site::shelve))
        .route("/v1/unshelve", post(site::unshelve))
        .route("/v1/alerts", get(alerts::list))
        .route("/v1/alerts/{alert}", get(alerts::show))
        .route("/v1/alerts/{alert}/acknowledge", post(alerts::acknowledge))
        .route("/v1/alerts/{alert}/close", post(alerts::close))
        .route("/v1/destinations", get(deliveries::destinations))
        .route("/v1/destinations/{name}/test", post(deliveries::test))
        .route("/v1/machines", get(machines::list))
        .route("/v1/machines/{machine}/forget", post(machines::forget))
        .route("/v1/outbox", get(deliveries::list))
        .route("/v1/outbox/import", post(keep::import))
        .route("/v1/backup", post(keep::begin))
        .route("/v1/backup/{id}", get(keep::piece))
        .route("/v1/backup/{id}/end", post(keep::end))
        .route("/v1/outbox/{id}", get(deliveries::show))
        .route("/v1/outbox/{id}/retry", post(deliveries::retry))
        .route("/v1/outbox/{id}/drop", post(deliveries::give_up))
        .route("/v1/record", get(record::list))
        .route("/v1/record/account", get(record::account))
        .route("/v1/recording", post(recording::begin))
        .fallback(async || ApiError::Unknown("there is nothing at this path".to_owned()))
        .method_not_allowed_fallback(async || ApiError::Method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(shared)
}
