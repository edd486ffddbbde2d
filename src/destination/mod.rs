//! Where events go: one file per kind.
//!
//! A kind is pure. It turns a stored [`Notice`] into a [`Request`] and an [`Answer`] into an [`Outcome`]; it opens no connection, reads no
//! clock and no secret, and does not sign: a request names its secrets, and `delivery::signature` reads them at each attempt.
//!
//! To add a kind, write one file with a type that implements [`Kind`] and a `read` function, and add one line to `KINDS`. A
//! kind that does not speak HTTP also adds its variant to [`Request`] and the delivery's sender learns to send it.

use std::{fmt, sync::Arc};

use thiserror::Error;

use self::notice::{Attempt, Notice};
pub use self::{
    access::{Access, Allowed},
    connection::{Connection, Peer, Role},
    headers::{HeaderText, may_be_secret},
    key::{NO_KEY, signing_key},
    oauth2::{ClientAuth, OAuth2},
    outcome::{Answer, Outcome},
    sign::{Signing, read_sign},
    terms::{Late, Rate, Retry, Terms},
    wants::Wants,
};
use crate::{alert::event::EventKind, config::section::Section};

pub mod access;
mod connection;
mod headers;
mod key;
pub mod notice;
mod oauth2;
mod outcome;
mod sign;
mod terms;
pub mod text;
mod wants;
pub mod webhook;

/// A kind's name in the configuration and what reads it.
type ReadKind = fn(&Section<'_>) -> Option<(Arc<dyn Kind>, Terms)>;

/// All kinds there are.
const KINDS: &[(&str, ReadKind)] = &[("webhook", webhook::read)];

/// A place where events go, as configured.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its name: deliveries belong to it across every change of its settings.
    pub name: Arc<str>,
    /// How patiently it is delivered to.
    pub terms: Terms,
    /// What of all that routes send it takes.
    pub wants: Wants,
    kind: Arc<dyn Kind>,
}

impl Destination {
    /// Reads `[[destination]]`; none where something essential is missing, which is reported.
    pub fn read(name: &str, section: Section<'_>) -> Option<Self> {
        let read = section.required_word("type", KINDS)?;
        let read = read(&section);
        let wants = Wants::read(&section, read.as_ref().map(|(kind, _)| kind.as_ref()));
        section.finish();
        let (kind, terms) = read?;
        Some(Self {
            name: name.into(),
            terms,
            wants,
            kind,
        })
    }

    /// The word of its kind: `webhook`.
    pub fn kind_word(&self) -> &'static str {
        self.kind.word()
    }

    /// What an attempt sends. `thread` is what the last answer in this lane left for follow-ups.
    ///
    /// # Errors
    /// [`RenderError`] when this notice can never be told here.
    pub fn render(
        &self,
        notice: &Notice,
        attempt: &Attempt,
        thread: Option<&str>,
    ) -> Result<Request, RenderError> {
        self.kind.render(notice, attempt, thread)
    }

    /// What an answer means, and what to keep for follow-ups (at most 4 KiB).
    pub fn interpret(&self, answer: &Answer) -> (Outcome, Option<String>) {
        self.kind.interpret(answer)
    }

    /// Whether it takes events of this kind at all.
    pub fn wants(&self, kind: EventKind) -> bool {
        self.kind.events().contains(&kind) && (self.wants.ends || !kind.is_end())
    }

    /// The kinds of events that it takes.
    pub fn kinds(&self) -> Vec<EventKind> {
        let kinds = EventKind::ALL.into_iter();
        kinds.filter(|kind| self.wants(*kind)).collect()
    }

    /// Whether a second notice about the same alert would reach people, so that an escalation may go there.
    pub fn notifies_again(&self) -> bool {
        self.kind.notifies_again()
    }

    /// Whether it hears that somebody has taken an alert.
    pub fn can_acknowledge(&self) -> bool {
        self.wants(EventKind::Acknowledged)
    }

    /// Whether a test send is followed by its end, so that nothing of it stays open there.
    pub fn ends_tests(&self) -> bool {
        self.can_end() && self.kind.ends_tests()
    }

    /// Whether somebody can acknowledge an alert where it arrives, so that the agent hears of it.
    pub fn takes_acknowledgements(&self) -> bool {
        self.kind.takes_acknowledgements()
    }

    /// Whether it hears that an alert is over.
    pub fn can_end(&self) -> bool {
        self.wants(EventKind::Resolved)
    }

    /// How it is reached, if over HTTP.
    pub fn access(&self) -> Option<&Access> {
        self.kind.access()
    }

    /// Every connection that it needs, for people who look after a firewall.
    pub fn connections(&self) -> Vec<Connection> {
        self.kind.connections()
    }

    /// How its requests prove who sent them, where that is configured.
    pub fn sign(&self) -> Option<&Signing> {
        self.kind.sign()
    }
}

/// What a kind of destination knows.
pub trait Kind: fmt::Debug + Send + Sync {
    /// The word of the configuration.
    fn word(&self) -> &'static str;
    /// See [`Destination::render`].
    ///
    /// # Errors
    /// [`RenderError`] when this notice can never be told here.
    fn render(
        &self,
        notice: &Notice,
        attempt: &Attempt,
        thread: Option<&str>,
    ) -> Result<Request, RenderError>;
    /// See [`Destination::interpret`].
    fn interpret(&self, answer: &Answer) -> (Outcome, Option<String>);
    /// The kinds of events that it takes.
    fn events(&self) -> &[EventKind];
    /// See [`Destination::notifies_again`].
    fn notifies_again(&self) -> bool;
    /// See [`Destination::takes_acknowledgements`].
    fn takes_acknowledgements(&self) -> bool;
    /// Whether what is told there stays open until its end is told: an incident, say, and not a message.
    fn stays_open(&self) -> bool;
    /// See [`Destination::ends_tests`].
    fn ends_tests(&self) -> bool {
        true
    }
    /// See [`Destination::access`].
    fn access(&self) -> Option<&Access>;
    /// Every connection that it needs, its helpers' (who issues its tokens, say) too; `andon check --network` lists them, and nothing
    /// else has to be done for that. [`Connection::over_http`] answers for a kind over HTTP. One that speaks something else says where it
    /// leads and whether that is encrypted, by the defaults that it dials with; one that stays on this host has none. There is no
    /// default, so that no kind can forget to say.
    fn connections(&self) -> Vec<Connection>;
    /// See [`Destination::sign`].
    fn sign(&self) -> Option<&Signing> {
        None
    }
}

/// What an attempt sends. Mail, MQTT messages, lines and commands will be variants of their own.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Over HTTP.
    Http(HttpRequest),
}

/// An HTTP request whose secrets are named and not yet read.
#[derive(Clone, PartialEq)]
pub struct HttpRequest {
    /// `POST`
    pub method: &'static str,
    /// Where to; may hold tokens, so `Debug` leaves it out.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, HeaderText)>,
    /// The exact bytes that are sent and signed.
    pub body: String,
    /// How it is signed, if it is.
    pub sign: Option<Signing>,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("headers", &self.headers)
            .field("body", &self.body)
            .field("sign", &self.sign)
            .finish_non_exhaustive()
    }
}

/// Why a notice can never be told at this destination.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The notice names an event kind that this version does not know.
    #[error("event {id} is of the kind \"{kind}\", which this version does not know")]
    UnknownKind {
        /// The event.
        id: String,
        /// What it says.
        kind: String,
    },
    /// The payload cannot be written.
    #[error("the payload of event {id} cannot be written")]
    Payload {
        /// The event.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}
