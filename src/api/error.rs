//! What a caller is told when there is no answer: a status and one sentence, as JSON.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{history::HistoryError, order::NoAnswer, wire::Fault};
use crate::alert::command::Refusal;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum ApiError {
    /// There is no such thing.
    Unknown(String),
    /// The request makes no sense.
    Bad(String),
    /// The request is too long.
    TooLong,
    /// Not with this method.
    Method,
    /// It is understood and cannot be done as things stand.
    Refused(String),
    /// The new configuration is refused, for these reasons.
    Configuration(Vec<String>),
    /// The agent or its store does not answer.
    Silent(String),
}

impl From<NoAnswer> for ApiError {
    fn from(error: NoAnswer) -> Self {
        Self::Silent(error.to_string())
    }
}

impl From<HistoryError> for ApiError {
    fn from(error: HistoryError) -> Self {
        Self::Silent(error.to_string())
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::UnknownAlert(_) | Refusal::UnknownTarget(_) | Refusal::UnknownMachine(_) => {
                Self::Unknown(text)
            }
            Refusal::NoReason | Refusal::BadDuration { .. } => Self::Bad(text),
            Refusal::Over(_)
            | Refusal::AlreadyAcknowledged { .. }
            | Refusal::Newer(_)
            | Refusal::Configured(_)
            | Refusal::NotShelved(_) => Self::Refused(text),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut problems = Vec::new();
        let (status, error) = match self {
            Self::Unknown(text) => (StatusCode::NOT_FOUND, text),
            Self::Bad(text) => (StatusCode::BAD_REQUEST, text),
            Self::TooLong => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request is longer than 64 KiB".to_owned(),
            ),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "this path takes another method".to_owned(),
            ),
            Self::Refused(text) => (StatusCode::CONFLICT, text),
            Self::Configuration(found) => {
                problems = found;
                (
                    StatusCode::CONFLICT,
                    "the new configuration is refused; the one that ran keeps running".to_owned(),
                )
            }
            Self::Silent(text) => (StatusCode::SERVICE_UNAVAILABLE, text),
        };
        (status, Json(Fault { error, problems })).into_response()
    }
}
