//! One attempt of one delivery: read, render, seal, send, interpret. When it is made and what follows from it is decided elsewhere.

mod contact;
mod digest;
mod key;
mod mask;
mod reach;
mod shown;
mod token;
mod way;

use std::error::Error as StdError;

pub use self::{
    contact::{Contact, HttpContact, SendError},
    digest::{Apart, Together},
    key::idempotency_key,
    reach::{
        guard_of, mistakes, mistakes_of_server, settings_of, settings_of_server, token_settings,
        unusable, unusable_request, unusable_secret, unusable_server, urls_of,
    },
    way::{Tested, Tried, Way},
};
use crate::{
    clock::Now,
    destination::{Answer, Destination, Errand, Need, Outcome, Request, Told},
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
    fn is_accepted(&self) -> bool {
        matches!(self.outcome, Outcome::Accepted { .. })
    }

    /// What came of this and a later one that both have to be accepted.
    fn then(self, later: Self) -> Self {
        Self {
            thread: later.thread.or(self.thread),
            provider_id: later.provider_id.or(self.provider_id),
            denied: self.denied || later.denied,
            ..later
        }
    }

    /// What came of two of which one has to be accepted; where none is, that which says most.
    fn or(self, other: Self) -> Self {
        let says = |outcome: &Outcome| match outcome {
            // What one blames another may take yet.
            Outcome::Refused { give_up: true, .. } => 0,
            Outcome::Refused { .. } => 1,
            Outcome::Unreachable { .. } => 2,
            Outcome::Failed { .. } => 3,
            Outcome::Accepted { .. } => 4,
        };
        let denied = self.denied || other.denied;
        let best = if says(&other.outcome) > says(&self.outcome) {
            other
        } else {
            self
        };
        Self { denied, ..best }
    }

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

/// Tries once: one request after the other, as far as the errand goes. `now` is the instant of this attempt.
pub async fn carry(
    destination: &Destination,
    contact: &Contact,
    told: &Told<'_>,
    now: Now,
) -> Exchange {
    match destination.render(told) {
        Ok(errand) => send(destination, contact, told, &told.notice.id, &errand, now).await,
        // It would fail in the same way for ever, and the lane must go on.
        Err(error) => Exchange::of(refused(&error)),
    }
}

/// Sends what was rendered; `id` is what the receiver recognises a repeat by.
async fn send(
    destination: &Destination,
    contact: &Contact,
    told: &Told<'_>,
    id: &str,
    errand: &Errand,
    now: Now,
) -> Exchange {
    let mut ended: Option<Exchange> = None;
    for (step, request) in errand.requests.iter().enumerate() {
        let exchange = one(destination, contact, (told, id), (step, request), now).await;
        let went = exchange.is_accepted();
        ended = Some(match ended {
            Some(before) if errand.need == Need::Any => before.or(exchange),
            Some(before) => before.then(exchange),
            None => exchange,
        });
        if errand.need == Need::Each && !went {
            break;
        }
    }
    ended.unwrap_or_else(|| {
        Exchange::of(Outcome::Refused {
            why: "there is nothing to send".to_owned(),
            give_up: true,
        })
    })
}

async fn one(
    destination: &Destination,
    contact: &Contact,
    (told, id): (&Told<'_>, &str),
    (step, request): (usize, &Request),
    now: Now,
) -> Exchange {
    let (answer, hidden) = match contact.send(request, id, now).await {
        Ok(answered) => answered,
        Err(SendError::Call(CallError::Failed(why)) | SendError::Failed(why)) => {
            return Exchange::of(Outcome::Failed {
                why,
                retry_after: None,
            });
        }
        // A person can mend a secret, so that waits like a dead line does.
        Err(error) => return Exchange::of(Outcome::Unreachable { why: chain(&error) }),
    };
    let answer = Answer { step, ..answer };
    let denied = matches!(answer.status, 401 | 403);
    let (outcome, thread) = destination.interpret(told, &answer);
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
