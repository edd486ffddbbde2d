//! What is kept of a receiver between attempts, by what carries its requests. Each carrier has a file of its own.

use thiserror::Error;

pub use self::http::HttpContact;
use self::{file::FileContact, mqtt::MqttContact, smtp::SmtpContact, syslog::SyslogContact};
use super::{mask::Hidden, token::TokenError};
use crate::{
    clock::Now,
    delivery::signature::SealError,
    destination::{Answer, Carrier, Destination, Program, Request},
    link::{
        certificate::Witness,
        http::{BuildError, CallError},
    },
};

mod command;
mod file;
mod http;
mod mqtt;
mod smtp;
mod syslog;

/// A receiver as it is reached now. Made from files and secrets as they were then; see [`Contact::is_current`].
#[derive(Debug)]
pub enum Contact {
    /// Over HTTP.
    Http(HttpContact),
    /// A mail relay.
    Smtp(SmtpContact),
    /// A file.
    File(FileContact),
    /// An MQTT broker.
    Mqtt(Box<MqttContact>),
    /// A program on this host.
    Command(Program),
    /// A syslog server.
    Syslog(SyslogContact),
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
    /// Nobody was reached on another way than HTTP.
    #[error("{0}")]
    Unreachable(String),
    /// It may or may not have been heard there.
    #[error("{0}")]
    Failed(String),
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
            Carrier::Smtp(relay) => SmtpContact::new(relay, witness).map(Self::Smtp),
            Carrier::File(file) => Ok(Self::File(FileContact::new(file))),
            Carrier::Mqtt(broker) => {
                let contact = MqttContact::new(broker, witness)?;
                Ok(Self::Mqtt(Box::new(contact)))
            }
            Carrier::Command(program) => Ok(Self::Command(program.clone())),
            Carrier::Syslog(server, framing) => {
                SyslogContact::new(server, framing, witness).map(Self::Syslog)
            }
        }
    }

    /// Whether the files and secrets that it was made from are still the same.
    pub fn is_current(&self, destination: &Destination) -> bool {
        match (self, destination.carrier()) {
            (Self::Http(contact), Carrier::Http(access)) => contact.is_current(access),
            (Self::Smtp(contact), Carrier::Smtp(relay)) => contact.is_current(relay),
            (Self::Syslog(contact), Carrier::Syslog(server, _)) => contact.is_current(server),
            (Self::Mqtt(contact), Carrier::Mqtt(broker)) => contact.is_current(broker),
            // A destination that has changed gets another way.
            (Self::File(_), Carrier::File(_)) | (Self::Command(_), Carrier::Command(_)) => true,
            _ => false,
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
            (Self::Smtp(contact), Request::Mail(mail)) => {
                let (reply, hidden) = contact.send(mail, now).await?;
                let answer = Answer {
                    status: reply.code,
                    body: format!("{}: {}", reply.to, reply.text),
                    synchronised: now.synchronised,
                    ..Answer::default()
                };
                Ok((answer, hidden))
            }
            (Self::File(contact), Request::Line(line)) => said(contact.send(line).await?, now),
            (Self::Mqtt(contact), Request::Publish(publish)) => {
                said(contact.send(publish).await?, now)
            }
            (Self::Command(program), Request::Run(run)) => {
                let answer = command::send(program, run).await?;
                Ok((answer, Hidden::default()))
            }
            (Self::Syslog(contact), Request::Line(line)) => {
                said(contact.send(line, now).await?, now)
            }
            _ => Err(SendError::Unreachable(
                "this is no request for what carries it; report that as a mistake of andon"
                    .to_owned(),
            )),
        }
    }
}

/// An answer in the words of whoever carried the request, where the receiver has none.
fn said(detail: String, now: Now) -> Result<(Answer, Hidden), SendError> {
    let answer = Answer {
        status: 200,
        body: detail,
        synchronised: now.synchronised,
        ..Answer::default()
    };
    Ok((answer, Hidden::default()))
}
