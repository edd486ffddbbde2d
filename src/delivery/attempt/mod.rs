//! One attempt of one delivery: read, render, seal, send, interpret. When it is made and what follows from it is decided elsewhere.

mod key;
mod way;

use std::error::Error as StdError;

pub use self::{
    key::idempotency_key,
    way::{Tested, Tried, Way},
};
use super::signature::seal;
use crate::{
    clock::Now,
    destination::{
        Access, Answer, Destination, Outcome, Request,
        notice::{Attempt, Notice},
    },
    link::{
        guard::Guard,
        http::{BuildError, CallError, HttpClient, Settings},
    },
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
}

impl Heard {
    /// Without an answer.
    fn nothing(outcome: Outcome) -> Self {
        Self {
            outcome,
            thread: None,
            status: None,
            provider_id: None,
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
            }
        }
        Err(CallError::Unreachable(why)) => Heard::nothing(Outcome::Unreachable { why }),
        Err(CallError::Failed(why)) => Heard::nothing(Outcome::Failed {
            why,
            retry_after: None,
        }),
    }
}

/// What may be dialled on the way to a receiver.
pub fn guard_of(access: &Access) -> Guard {
    let allowed = access.allow_addresses.iter();
    Guard {
        allow_http: access.allow_http,
        allow: allowed.map(|allowed| (allowed.net, allowed.port)).collect(),
        // The agent listens on a Unix socket only, so there is no port of our own to keep out.
        own: Vec::new(),
    }
}

/// A client for a receiver; it opens nothing yet.
///
/// # Errors
/// When the address is refused, or its certificates cannot be used.
pub fn client_of(access: &Access) -> Result<HttpClient, BuildError> {
    let settings = Settings {
        guard: guard_of(access),
        timeout: access.timeout,
        ca: access.ca.clone(),
    };
    HttpClient::new(&access.url, settings)
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
