//! What is kept of a receiver between attempts, by what carries its requests. Each carrier has a file of its own.

use thiserror::Error;

pub use self::http::HttpContact;
use super::{mask::Hidden, token::TokenError};
use crate::{
    clock::Now,
    delivery::signature::SealError,
    destination::{Answer, Carrier, Destination, Request},
    link::{
        certificate::Witness,
        http::{BuildError, CallError},
    },
};

mod http;

/// A receiver as it is reached now. Made from files and secrets as they were then; see [`Contact::is_current`].
#[derive(Debug)]
pub enum Contact {
    /// Over HTTP.
    Http(HttpContact),
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum SendError {
    /// A secret cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// There is no token to show.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The receiver was not reached, or did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Contact {
    /// Opens nothing yet. The witness notes what certificate the receiver shows.
    ///
    /// # Errors
    /// When an address is refused, or a certificate or secret cannot be used.
    pub fn new(destination: &Destination, witness: Option<Witness>) -> Result<Self, BuildError> {
        match destination.carrier() {
            Carrier::Http(access) => {
                HttpContact::new(access, destination.sign(), witness).map(Self::Http)
            }
        }
    }

    /// Whether the files and secrets that it was made from are still the same.
    pub fn is_current(&self, destination: &Destination) -> bool {
        match (self, destination.carrier()) {
            (Self::Http(contact), Carrier::Http(access)) => contact.is_current(access),
        }
    }

    /// Sends one request; `id` is the receiver's idempotency key. What of it must not be repeated to anybody comes beside the answer.
    ///
    /// # Errors
    /// [`SendError`] when there is no answer.
    pub async fn send(
        &self,
        request: &Request,
        id: &str,
        now: Now,
    ) -> Result<(Answer, Hidden), SendError> {
        match (self, request) {
            (Self::Http(contact), Request::Http(request)) => {
                let (reply, hidden) = contact.send(request, id, now).await?;
                let answer = Answer {
                    status: reply.status,
                    retry_after: reply.retry_after,
                    request_id: reply.request_id,
                    body: reply.body,
                    synchronised: now.synchronised,
                    step: 0,
                };
                Ok((answer, hidden))
            }
        }
    }
}
