//! The record, row by row, for `andon verify`: what it says of itself, and its entries. The proof is made by who asks.

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{Shared, error::ApiError, input::Query};
use crate::verify::rows::{Account, Page};

/// `GET /v1/record/account`
pub(super) async fn account(State(shared): State<Shared>) -> Result<Json<Account>, ApiError> {
    Ok(Json(shared.history.account().await?))
}

/// Where to go on.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Which {
    after: i64,
}

/// `GET /v1/record?after=`: the events after this one, oldest first, with to whom each was owed.
pub(super) async fn list(
    State(shared): State<Shared>,
    Query(which): Query<Which>,
) -> Result<Json<Page>, ApiError> {
    Ok(Json(shared.history.record(which.after).await?))
}
