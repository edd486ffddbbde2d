//! Destinations and the outbox.

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{
    ROWS, Shared, TEST_PATIENCE,
    error::ApiError,
    history::{DeliveryPage, DeliveryStory, DeliveryView, STATES},
    input::{Body, Name, Query, reason},
    order::Order,
    view::{Attempted, DestinationView, Obeyed},
    wire::Drop,
};

/// `GET /v1/destinations`
pub(super) async fn destinations(
    State(shared): State<Shared>,
) -> Result<Json<Vec<DestinationView>>, ApiError> {
    let view = shared.ask(Order::Look).await?;
    Ok(Json(view.destinations.clone()))
}

/// `POST /v1/destinations/{name}/test`: an answer, whether the destination accepted or not.
pub(super) async fn test(
    State(shared): State<Shared>,
    Name(name): Name,
) -> Result<Json<Attempted>, ApiError> {
    let asked = name.clone();
    let order = |reply| Order::TestDestination { name: asked, reply };
    let attempted = shared.ask_within(TEST_PATIENCE, order).await?;
    attempted.map(Json).ok_or_else(|| {
        let text = format!("there is no destination {name:?}; `andon destinations` lists them");
        ApiError::Unknown(text)
    })
}

/// Which deliveries to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Which {
    destination: Option<String>,
    state: Option<String>,
    limit: Option<usize>,
    before: Option<i64>,
}

/// `GET /v1/outbox?destination=&state=&limit=&before=`
pub(super) async fn list(
    State(shared): State<Shared>,
    Query(which): Query<Which>,
) -> Result<Json<Vec<DeliveryView>>, ApiError> {
    if let Some(state) = which
        .state
        .as_deref()
        .filter(|state| !STATES.contains(state))
    {
        let message = format!("`state` is {state:?}, must be one of {}", STATES.join(", "));
        return Err(ApiError::Bad(message));
    }
    let page = DeliveryPage {
        destination: which.destination,
        state: which.state,
        before: which.before,
        limit: which.limit.unwrap_or(ROWS).min(ROWS),
    };
    Ok(Json(shared.history.deliveries(page).await?))
}

/// `GET /v1/outbox/{id}`
pub(super) async fn show(
    State(shared): State<Shared>,
    Name(name): Name,
) -> Result<Json<DeliveryStory>, ApiError> {
    let id = id(&name)?;
    let story = shared.history.delivery(id).await?;
    story.map(Json).ok_or_else(|| unknown(id))
}

/// `POST /v1/outbox/{id}/retry`
pub(super) async fn retry(
    State(shared): State<Shared>,
    Name(name): Name,
) -> Result<Json<Obeyed>, ApiError> {
    let id = id(&name)?;
    let done = shared
        .ask(|reply| Order::RetryDelivery { id, reply })
        .await?;
    obeyed(&shared, id, done, "is tried again now", "tried again").await
}

/// `POST /v1/outbox/{id}/drop`
pub(super) async fn give_up(
    State(shared): State<Shared>,
    Name(name): Name,
    Body(asked): Body<Drop>,
) -> Result<Json<Obeyed>, ApiError> {
    let id = id(&name)?;
    let why = reason(&asked.why)?.to_string();
    let order = |reply| Order::DropDelivery { id, why, reply };
    let done = shared.ask(order).await?;
    obeyed(&shared, id, done, "is dropped", "dropped").await
}

/// The agent says only whether it did it; the history tells an unknown delivery from one that no longer waits.
async fn obeyed(
    shared: &Shared,
    id: i64,
    done: bool,
    now: &str,
    not: &str,
) -> Result<Json<Obeyed>, ApiError> {
    if done {
        let lines = vec![format!("delivery {id} {now}")];
        return Ok(Json(Obeyed { lines }));
    }
    match shared.history.delivery(id).await? {
        Some(story) => {
            let state = story.delivery.state;
            let text = format!("delivery {id} is {state} and cannot be {not}");
            Err(ApiError::Refused(text))
        }
        None => Err(unknown(id)),
    }
}

fn id(text: &str) -> Result<i64, ApiError> {
    let id = text.parse().ok().filter(|id| *id >= 0);
    id.ok_or_else(|| ApiError::Bad(format!("{text:?} is no delivery; they are numbered")))
}

fn unknown(id: i64) -> ApiError {
    let text = format!("there is no delivery {id}; `andon outbox list` lists them");
    ApiError::Unknown(text)
}
