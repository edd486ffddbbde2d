//! One attempt of one delivery: read, render, seal, send, interpret. When it is made and what follows from it is decided elsewhere.

mod contact;
mod key;
mod mask;
mod reach;
mod shown;
mod token;
mod way;

use std::error::Error as StdError;

pub use self::{
    contact::{Contact, SendError},
    key::idempotency_key,
    reach::{
        guard_of, mistakes, settings_of, token_settings, unusable, unusable_request,
        unusable_secret,
    },
    way::{Tested, Tried, Way},
};
use crate::{
    clock::Now,
    destination::{
        Answer, Destination, Outcome, Request,
        notice::{Attempt, Notice},
    },
    link::http::CallError,
};

/// What came of one exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// How it ended.
    pub outcome: Outcome,
    /// What is kept for follow-ups.
    pub thread: Option<String>,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What the receiver calls it.
    pub provider_id: Option<String>,
    /// The beginning of what was answered, without what only we and the receiver know.
    pub body: String,
    /// The receiver does not know us or does not let us in: 401 or 403.
    pub denied: bool,
}

impl Exchange {
    fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            thread: None,
            status: None,
            provider_id: None,
            body: String::new(),
            denied: false,
        }
    }
}

/// Tries once. `now` is the instant of this attempt.
pub async fn over_http(
    destination: &Destination,
    contact: &Contact,
    notice: &Notice,
    attempt: &Attempt,
    thread: Option<&str>,
    now: Now,
) -> Exchange {
    let Request::Http(request) = match destination.render(notice, attempt, thread) {
        Ok(request) => request,
        // It would fail in the same way for ever, and the lane must go on.
        Err(error) => return Exchange::of(refused(&error)),
    };
    let (reply, hidden) = match contact.send(&request, &notice.id, now).await {
        Ok(answered) => answered,
        Err(SendError::Call(CallError::Failed(why))) => {
            return Exchange::of(Outcome::Failed {
                why,
                retry_after: None,
            });
        }
        // A person can mend a secret, so that waits like a dead line does.
        Err(error) => return Exchange::of(Outcome::Unreachable { why: chain(&error) }),
    };
    let denied = matches!(reply.status, 401 | 403);
    let answer = Answer {
        status: reply.status,
        retry_after: reply.retry_after,
        request_id: reply.request_id,
        body: reply.body,
        synchronised: now.synchronised,
    };
    let (outcome, thread) = destination.interpret(&answer);
    let provider_id = match &outcome {
        Outcome::Accepted { provider_id, .. } => provider_id.clone(),
        _ => answer.named(),
    };
    Exchange {
        outcome: hidden.mask(outcome),
        thread,
        status: Some(answer.status),
        provider_id: provider_id.map(|id| hidden.mask_text(id)),
        body: hidden.mask_text(answer.body),
        denied,
    }
}

fn refused(error: &dyn StdError) -> Outcome {
    Outcome::Refused {
        why: chain(error),
        give_up: true,
    }
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text += &format!(": {error}");
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
