//! What comes with a request, read strictly: bodies, queries, texts for the record, and who says so.

use axum::{
    body::Bytes,
    extract::{
        ConnectInfo, FromRequest, FromRequestParts, Path, Query as AxumQuery, Request,
        rejection::BytesRejection,
    },
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;
use std::sync::Arc;

use super::{error::ApiError, peer::Peer};
use crate::alert::event::By;

/// The longest note or reason, in characters.
const LONGEST_TEXT: usize = 500;
/// The longest name that somebody may type, in characters.
const LONGEST_NAME: usize = 64;

/// A body of JSON; none at all reads as `{}`.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|rejection: BytesRejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLong,
            _ => ApiError::Bad("the request broke off".to_owned()),
        })?;
        let json: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let body = serde_json::from_slice(json);
        body.map(Self)
            .map_err(|error| ApiError::Bad(format!("the body cannot be read: {error}")))
    }
}

/// What stands behind the `?`.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match AxumQuery::from_request_parts(parts, state).await {
            Ok(AxumQuery(query)) => Ok(Self(query)),
            Err(rejection) => Err(ApiError::Bad(rejection.body_text())),
        }
    }
}

/// The one name in the path, decoded.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => Err(ApiError::Bad(rejection.body_text())),
        }
    }
}

/// The user at the other end of the socket.
pub(super) struct Caller(Peer);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match ConnectInfo::from_request_parts(parts, state).await {
            Ok(ConnectInfo(peer)) => Ok(Self(peer)),
            Err(rejection) => Err(ApiError::Silent(rejection.body_text())),
        }
    }
}

impl Caller {
    /// The user.
    pub(super) fn name(&self) -> String {
        self.0.name()
    }

    /// Who acts: the user, or whoever that user says.
    pub(super) fn by(&self, typed: Option<&str>) -> Result<By, ApiError> {
        let typed = match typed {
            Some(name) => text(name, "by", LONGEST_NAME)?,
            None => None,
        };
        Ok(By {
            claimed: typed.is_some(),
            name: typed.unwrap_or_else(|| self.0.name().into()),
            via: "cli".into(),
        })
    }
}

/// A note, or none if it is empty.
pub(super) fn note(given: &str) -> Result<Option<Arc<str>>, ApiError> {
    text(given, "note", LONGEST_TEXT)
}

/// A reason, which may not be empty.
pub(super) fn reason(given: &str) -> Result<Arc<str>, ApiError> {
    let reason = text(given, "why", LONGEST_TEXT)?;
    reason.ok_or_else(|| {
        ApiError::Bad("`why` is empty; a reason is required, so that the next shift knows".into())
    })
}

/// A text of one line without anything that a terminal would obey.
fn text(given: &str, key: &str, longest: usize) -> Result<Option<Arc<str>>, ApiError> {
    let given = given.trim();
    if given.chars().count() > longest {
        let message = format!("`{key}` is longer than {longest} characters");
        return Err(ApiError::Bad(message));
    }
    if given.chars().any(char::is_control) {
        let message = format!("`{key}` has a line break or another control character");
        return Err(ApiError::Bad(message));
    }
    Ok((!given.is_empty()).then(|| given.into()))
}
