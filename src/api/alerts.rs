//! Alerts: those that are open come from the view, those that were from the history.

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{
    ROWS, Shared,
    error::ApiError,
    history::{AlertPage, AlertStory},
    input::{Body, Caller, Name, Query, note, reason},
    names,
    order::Order,
    site::obey,
    view::{AlertView, Obeyed},
    wire::{Acknowledge, Close},
};
use crate::alert::command::{Action, AlertRef, Refusal};

/// Which alerts to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Which {
    state: Axis,
    limit: Option<usize>,
    before: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Axis {
    #[default]
    Open,
    All,
}

/// `GET /v1/alerts?state=open|all&limit=&before=A-1000`: open ones the worst first, all of them newest first.
pub(super) async fn list(
    State(shared): State<Shared>,
    Query(which): Query<Which>,
) -> Result<Json<Vec<AlertView>>, ApiError> {
    if which.state == Axis::Open {
        if which.before.is_some() {
            return Err(ApiError::Bad("`before` is for `state=all`".to_owned()));
        }
        let mut open = shared.ask(Order::Look).await?.alerts.clone();
        open.truncate(which.limit.unwrap_or(open.len()));
        return Ok(Json(open));
    }
    let before = which.before.map(|text| {
        names::number(&text)
            .ok_or_else(|| ApiError::Bad(format!("`before` must be like A-1042, not {text:?}")))
    });
    let page = AlertPage {
        before: before.transpose()?,
        limit: which.limit.unwrap_or(ROWS).min(ROWS),
    };
    Ok(Json(shared.history.alerts(page).await?))
}

/// `GET /v1/alerts/{alert}`
pub(super) async fn show(
    State(shared): State<Shared>,
    Name(name): Name,
) -> Result<Json<AlertStory>, ApiError> {
    let unknown = || ApiError::from(Refusal::UnknownAlert(name.clone()));
    let number = match names::alert(&name).map_err(ApiError::Bad)? {
        AlertRef::Number(number) => number,
        AlertRef::Watch { machine, rule } => {
            let view = shared.ask(Order::Look).await?;
            let is = |alert: &&AlertView| *alert.machine == *machine && *alert.rule == *rule;
            let open = view.alerts.iter().find(is);
            open.and_then(|alert| names::number(&alert.number))
                .ok_or_else(unknown)?
        }
        AlertRef::Key { .. } => return Err(unknown()),
    };
    let story = shared.history.alert(number).await?;
    story.map(Json).ok_or_else(unknown)
}

/// `POST /v1/alerts/{alert}/acknowledge`
pub(super) async fn acknowledge(
    State(shared): State<Shared>,
    Name(name): Name,
    caller: Caller,
    Body(asked): Body<Acknowledge>,
) -> Result<Json<Obeyed>, ApiError> {
    let action = Action::Acknowledge {
        alert: names::alert(&name).map_err(ApiError::Bad)?,
        note: note(asked.note.as_deref().unwrap_or_default())?,
    };
    obey(&shared, action, caller.by(asked.by.as_deref())?).await
}

/// `POST /v1/alerts/{alert}/close`
pub(super) async fn close(
    State(shared): State<Shared>,
    Name(name): Name,
    caller: Caller,
    Body(asked): Body<Close>,
) -> Result<Json<Obeyed>, ApiError> {
    let action = Action::Close {
        alert: names::alert(&name).map_err(ApiError::Bad)?,
        why: reason(&asked.why)?,
    };
    obey(&shared, action, caller.by(asked.by.as_deref())?).await
}
