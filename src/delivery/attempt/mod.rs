//! One attempt of one delivery: read, render, seal, send, interpret. When it is made and what follows from it is decided elsewhere.

mod key;
mod reach;
mod shown;
mod way;

use std::error::Error as StdError;

pub use self::{
    key::idempotency_key,
    reach::{client_of, guard_of, mistakes, settings_of, unusable},
    way::{Tested, Tried, Way},
};
use super::signature::seal;
use crate::{
    clock::Now,
    destination::{
        Answer, Destination, Outcome, Request,
        notice::{Attempt, Notice},
    },
    link::http::{CallError, HttpClient},
};

/// What came of trying once.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// What it means.
    pub outcome: Outcome,
    /// What is kept for follow-ups.
    pub thread: Option<String>,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What the receiver calls it.
    pub provider_id: Option<String>,
    /// The beginning of what was answered.
    pub body: String,
}

impl Heard {
    /// Without an answer.
    fn nothing(outcome: Outcome) -> Self {
        Self {
            outcome,
            thread: None,
            status: None,
            provider_id: None,
            body: String::new(),
        }
    }
}

/// Tries once. `now` is the instant of this attempt.
pub async fn over_http(
    destination: &Destination,
    client: &HttpClient,
    notice: &Notice,
    attempt: &Attempt,
    thread: Option<&str>,
    now: Now,
) -> Heard {
    let Request::Http(request) = match destination.render(notice, attempt, thread) {
        Ok(request) => request,
        // It would fail in the same way for ever, and the lane must go on.
        Err(error) => return Heard::nothing(refused(&error)),
    };
    let call = match seal(&request, &notice.id, now.wall.as_seconds()) {
        Ok(call) => call,
        // A person can mend a secret, so this waits like a dead line does.
        Err(error) => return Heard::nothing(Outcome::Unreachable { why: chain(&error) }),
    };
    match client.send(&call, now.wall).await {
        Ok(reply) => {
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
            Heard {
                outcome,
                thread,
                status: Some(answer.status),
                provider_id,
                body: answer.body,
            }
        }
        Err(CallError::Unreachable(why)) => Heard::nothing(Outcome::Unreachable { why }),
        Err(CallError::Failed(why)) => Heard::nothing(Outcome::Failed {
            why,
            retry_after: None,
        }),
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
