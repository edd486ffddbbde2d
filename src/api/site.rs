//! The site as a whole: its state, its configuration, and what of it is silenced.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{
    Shared,
    error::ApiError,
    input::{Body, Caller, reason},
    names,
    order::Order,
    view::{Obeyed, Reloaded, SiteView, View},
    wire::{Shelve, Unshelve},
};
use crate::{
    alert::{
        command::{Action, Command},
        event::By,
    },
    config::section::parse_duration,
};

/// `GET /v1/status`
pub(super) async fn status(State(shared): State<Shared>) -> Result<Json<Arc<View>>, ApiError> {
    Ok(Json(shared.ask(Order::Look).await?))
}

/// `GET /v1/site`
pub(super) async fn site(State(shared): State<Shared>) -> Result<Json<SiteView>, ApiError> {
    let view = shared.ask(Order::Look).await?;
    Ok(Json(SiteView {
        site: view.site.clone(),
        site_name: view.site_name.clone(),
        timezone: view.timezone.clone(),
        now: view.now.clone(),
        synchronised: view.synchronised,
    }))
}

/// `POST /v1/reload`
pub(super) async fn reload(State(shared): State<Shared>) -> Result<Json<Reloaded>, ApiError> {
    let reloaded = shared.ask(Order::Reload).await?;
    reloaded.map(Json).map_err(ApiError::Configuration)
}

/// `POST /v1/shelve`
pub(super) async fn shelve(
    State(shared): State<Shared>,
    caller: Caller,
    Body(asked): Body<Shelve>,
) -> Result<Json<Obeyed>, ApiError> {
    let duration = parse_duration(&asked.duration).ok_or_else(|| {
        let given = &asked.duration;
        ApiError::Bad(format!(
            "`for` must be like \"30m\" or \"2h\", not {given:?}"
        ))
    })?;
    let action = Action::Shelve {
        target: names::target(&asked.target).map_err(ApiError::Bad)?,
        duration,
        reason: reason(&asked.why)?,
    };
    obey(&shared, action, caller.by(asked.by.as_deref())?).await
}

/// `POST /v1/unshelve`
pub(super) async fn unshelve(
    State(shared): State<Shared>,
    caller: Caller,
    Body(asked): Body<Unshelve>,
) -> Result<Json<Obeyed>, ApiError> {
    let target = names::target(&asked.target).map_err(ApiError::Bad)?;
    let by = caller.by(asked.by.as_deref())?;
    obey(&shared, Action::Unshelve { target }, by).await
}

/// Gives a command to the loop and says what came of it.
pub(super) async fn obey(
    shared: &Shared,
    action: Action,
    by: By,
) -> Result<Json<Obeyed>, ApiError> {
    let at = shared.clock.now();
    let command = Command { action, by };
    let answer = shared
        .ask(|reply| Order::Command { command, at, reply })
        .await?;
    Ok(Json(answer?))
}
