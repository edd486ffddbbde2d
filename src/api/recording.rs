//! A recording as it happens: the lines of every input from now on, until the caller has enough. The caller keeps them.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use futures_core::Stream;
use tokio::time::{Sleep, sleep};

use super::{Shared, error::ApiError, input::Caller, order::Order};
use crate::recording::reel::Reel;

/// An empty line at least this often, so that a quiet plant is not taken for a dead connection.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// `POST /v1/recording`: lines of JSON; empty ones mean nothing.
pub(super) async fn begin(
    State(shared): State<Shared>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let by = caller.name();
    let reel = shared.ask(|reply| Order::Record { by, reply }).await?;
    let lines = Lines {
        reel: reel.map_err(ApiError::Refused)?,
        quiet: Box::pin(sleep(SIGN_OF_LIFE)),
    };
    let kind = [(CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::from_stream(lines)).into_response())
}

struct Lines {
    reel: Reel,
    quiet: Pin<Box<Sleep>>,
}

impl Stream for Lines {
    type Item = Result<String, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let text = match self.reel.poll_text(context) {
            Poll::Ready(text) => text,
            Poll::Pending => match self.quiet.as_mut().poll(context) {
                Poll::Ready(()) => Some("\n".to_owned()),
                Poll::Pending => return Poll::Pending,
            },
        };
        self.quiet.set(sleep(SIGN_OF_LIFE));
        Poll::Ready(text.map(Ok))
    }
}
