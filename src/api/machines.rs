//! Machines: those that are watched, and the end of those that were discovered.

use axum::{Json, extract::State};

use super::{
    Shared,
    error::ApiError,
    input::{Body, Caller, Name},
    names,
    order::Order,
    site::obey,
    view::{MachineView, Obeyed},
    wire::Forget,
};
use crate::alert::command::Action;

/// `GET /v1/machines`
pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<Vec<MachineView>>, ApiError> {
    let view = shared.ask(Order::Look).await?;
    Ok(Json(view.machines.clone()))
}

/// `POST /v1/machines/{machine}/forget`
pub(super) async fn forget(
    State(shared): State<Shared>,
    Name(name): Name,
    caller: Caller,
    Body(asked): Body<Forget>,
) -> Result<Json<Obeyed>, ApiError> {
    let machine = names::machine(&name).map_err(ApiError::Bad)?;
    let by = caller.by(asked.by.as_deref())?;
    obey(&shared, Action::Forget { machine }, by).await
}
