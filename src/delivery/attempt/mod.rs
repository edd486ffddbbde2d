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

/// Tries once. `now` is the instant of this attempt; what is kept for follow-ups comes beside the outcome.
pub async fn over_http(
    destination: &Destination,
    client: &HttpClient,
    notice: &Notice,
    attempt: &Attempt,
    thread: Option<&str>,
    now: Now,
) -> (Outcome, Option<String>) {
    let (outcome, thread, _) = exchange(destination, client, notice, attempt, thread, now).await;
    (outcome, thread)
}

/// The same, with the beginning of what was answered.
async fn exchange(
    destination: &Destination,
    client: &HttpClient,
    notice: &Notice,
    attempt: &Attempt,
    thread: Option<&str>,
    now: Now,
) -> (Outcome, Option<String>, String) {
    let nothing = String::new;
    let Request::Http(request) = match destination.render(notice, attempt, thread) {
        Ok(request) => request,
        // It would fail in the same way for ever, and the lane must go on.
        Err(error) => return (refused(&error), None, nothing()),
    };
    let call = match seal(&request, &notice.id, now.wall.as_seconds()) {
        Ok(call) => call,
        // A person can mend a secret, so this waits like a dead line does.
        Err(error) => {
            let why = chain(&error);
            return (Outcome::Unreachable { why }, None, nothing());
        }
    };
    match client.send(&call, now.wall).await {
        Ok(reply) => {
            let answer = Answer {
                status: reply.status,
                retry_after: reply.retry_after,
                body: reply.body,
                synchronised: now.synchronised,
            };
            let (outcome, thread) = destination.interpret(&answer);
            (outcome, thread, answer.body)
        }
        Err(CallError::Unreachable(why)) => (Outcome::Unreachable { why }, None, nothing()),
        Err(CallError::Failed(why)) => {
            let failed = Outcome::Failed {
                why,
                retry_after: None,
            };
            (failed, None, nothing())
        }
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
