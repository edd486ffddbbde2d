//! Where events go: one file per kind.
//!
//! A kind is pure. It turns what is [`Told`] into an [`Errand`] and an [`Answer`] into an [`Outcome`]; it opens no connection, reads no
//! clock and no secret, and does not sign: a request names its secrets, and `delivery` reads them at each attempt.
//!
//! To add a kind, write one file, `src/destination/siren.rs`, and add one line to `KINDS` below (and `mod siren;`):
//!
//! ```text
//! //! A siren with a web service: what it is, where its contract stands, what it cannot do.
//! struct Siren { access: Access, events: Vec<EventKind> }
//!
//! pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
//!     let terms = Terms::read(section, Terms { concurrency: 1, ..Terms::default() });   // what it does by default
//!     let access = Access::read(section, Duration::from_secs(10));                      // url, ca, proxy, ..
//!     let events = events::read(section, &[Triggered, Reopened, Resolved, Closed]);     // what it takes
//!     Some((Arc::new(Siren { access: access?, events }), terms))
//! }
//!
//! impl Kind for Siren {
//!     fn word(&self) -> &'static str { "siren" }
//!     fn events(&self) -> &[EventKind] { &self.events }
//!     fn abilities(&self) -> Abilities { Abilities::MESSAGE }                           // what check has to know
//!     fn carrier(&self) -> Carrier<'_> { Carrier::Http(&self.access) }
//!     fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
//!         Ok(HttpRequest::json(self.access.url.clone(), json!({ "on": !told.is_over() }).to_string()).into())
//!     }
//!     fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
//!         (Outcome::of_status(answer, &[400]), None)
//!     }
//! }
//! ```
//!
//! Then put an example into `config/destinations.toml`, its keys into `config/andon.toml`, and a pair of files into `tests/formats`; tests
//! find them there, and ask for one line on how much its service takes, one on where it leads, and one on what a hostile text would be
//! there. A case in `tests/it/kinds` says what it sends and what its service answers.

use std::{borrow::Cow, fmt, sync::Arc};

pub use self::{
    abilities::Abilities,
    access::{Access, Allowed, Relay, Server},
    address::Mailbox,
    carrier::Carrier,
    command::{Program, Run},
    connection::{Connection, Peer, Role},
    digest::Digest,
    file::LogFile,
    headers::may_be_secret,
    key::{NO_KEY, signing_key},
    mqtt::Broker,
    oauth2::{ClientAuth, OAuth2},
    outcome::{Answer, Outcome},
    request::{Errand, HttpRequest, MailRequest, Need, Publish, RenderError, Request},
    sign::{Aws, Signing, read_sign},
    syslog::Framing,
    terms::{Late, Rate, Retry, Terms},
    told::{Reader, Told},
    veiled::{Spelling, Veiled},
    wants::Wants,
};
use self::{
    notice::{Attempt, Notice},
    texts::Texts,
};
use crate::{alert::event::EventKind, config::section::Section};

mod abilities;
pub mod access;
mod address;
mod alertmanager;
mod card;
mod carrier;
mod chat;
mod command;
mod connection;
mod details;
mod digest;
mod discord;
mod events;
mod file;
mod google_chat;
mod harp;
mod headers;
mod incidents;
mod key;
mod letter;
mod levels;
mod mail;
mod mqtt;
pub mod notice;
mod oauth2;
mod onesignal;
mod opsgenie;
mod opshift;
mod opsknight;
mod outcome;
mod pagerduty;
mod phone;
mod request;
mod resend;
mod responders;
mod sendgrid;
mod shape;
mod sign;
mod slack;
mod sms;
mod sns;
mod syslog;
mod teams;
mod telegram;
mod template;
mod terms;
pub mod text;
mod texts;
mod told;
mod twilio;
mod veiled;
mod wants;
mod webhook;
mod whatsapp;

#[cfg(test)]
pub(crate) mod testbed;
#[cfg(test)]
mod tests;

/// A kind's name in the configuration and what reads it.
type ReadKind = fn(&Section<'_>) -> Option<(Arc<dyn Kind>, Terms)>;

/// All kinds there are, by their words.
const KINDS: &[(&str, ReadKind)] = &[
    ("alertmanager", alertmanager::read),
    ("command", command::read),
    ("discord", discord::read),
    ("file", file::read),
    ("google-chat", google_chat::read),
    ("harp", harp::read),
    ("jsm", opsgenie::read_jira),
    ("mail", mail::read),
    ("mqtt", mqtt::read),
    ("onesignal", onesignal::read),
    ("opsgenie", opsgenie::read),
    ("opshift", opshift::read),
    ("opsknight", opsknight::read),
    ("pagerduty", pagerduty::read),
    ("resend", resend::read),
    ("sendgrid", sendgrid::read),
    ("slack", slack::read),
    ("slack-bot", slack::bot::read),
    ("sns", sns::read),
    ("syslog", syslog::read),
    ("teams", teams::read),
    ("teams-connector", teams::connector::read),
    ("telegram", telegram::read),
    ("twilio", twilio::read),
    ("webhook", webhook::read),
    ("whatsapp", whatsapp::read),
];

/// The words for all kinds there are.
pub fn kind_words() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(word, _)| *word)
}

/// A place where events go, as configured.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Its name: deliveries belong to it across every change of its settings.
    pub name: Arc<str>,
    /// How patiently it is delivered to.
    pub terms: Terms,
    /// What of all that routes send it takes.
    pub wants: Wants,
    /// How its people read times and numbers.
    pub reader: Reader,
    texts: Texts,
    kind: Arc<dyn Kind>,
}

impl Destination {
    /// Reads `[[destination]]`; none where something essential is missing, which is reported.
    pub fn read(name: &str, section: Section<'_>) -> Option<Self> {
        let read = section.required_word("type", KINDS)?;
        let read = read(&section);
        let wants = Wants::read(&section, read.as_ref().map(|(kind, _)| kind.as_ref()));
        let read = read.map(|(kind, terms)| {
            let digests = kind.abilities().digests;
            (kind, terms.without_digests_if(!digests, &section))
        });
        let (reader, texts) = (Reader::read(&section), Texts::read(&section));
        section.finish();
        let (kind, terms) = read?;
        Some(Self {
            name: name.into(),
            terms,
            wants,
            reader,
            texts,
            kind,
        })
    }

    /// The word of its kind: `webhook`.
    pub fn kind_word(&self) -> &'static str {
        self.kind.word()
    }

    /// The notice with the sentence that its people want for what is told, if that is another than the site's.
    pub fn worded<'n>(&self, notice: &'n Notice, attempt: &Attempt) -> Cow<'n, Notice> {
        match self.texts.sentence(notice, attempt, &self.reader) {
            Some(text) => Cow::Owned(Notice {
                text,
                ..notice.clone()
            }),
            None => Cow::Borrowed(notice),
        }
    }

    /// What an attempt is about; `thread` is what the last answer in this lane left for follow-ups.
    pub fn told<'t>(
        &'t self,
        notice: &'t Notice,
        attempt: &'t Attempt,
        thread: Option<&'t str>,
    ) -> Told<'t> {
        Told {
            notice,
            attempt,
            thread: thread.filter(|thread| !thread.is_empty()),
            reader: &self.reader,
        }
    }

    /// What an attempt sends.
    ///
    /// # Errors
    /// [`RenderError`] when this notice can never be told here.
    pub fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        self.kind.render(told)
    }

    /// What is to be kept before an attempt is made, whatever comes of it: what its end cannot be told without.
    pub fn beforehand(&self, told: &Told<'_>) -> Option<String> {
        self.kind.beforehand(told)
    }

    /// What an answer means, and what to keep for follow-ups (at most 4 KiB): nothing new, or this, or, where that is empty, no more.
    pub fn interpret(&self, told: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        self.kind.interpret(told, answer)
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

    /// What its kind can do. An escalation calls nobody where it is not taken.
    pub fn abilities(&self) -> Abilities {
        let abilities = self.kind.abilities();
        let escalates = self.kind.events().contains(&EventKind::Escalated);
        Abilities {
            notifies_again: abilities.notifies_again && escalates,
            new_incident: abilities.new_incident && escalates,
            ends_tests: abilities.ends_tests && self.can_end(),
            ..abilities
        }
    }

    /// Whether it hears that somebody has taken an alert.
    pub fn can_acknowledge(&self) -> bool {
        self.wants(EventKind::Acknowledged)
    }

    /// Whether it hears that an alert is over.
    pub fn can_end(&self) -> bool {
        self.wants(EventKind::Resolved)
    }

    /// What carries its requests.
    pub fn carrier(&self) -> Carrier<'_> {
        self.kind.carrier()
    }

    /// Every connection that it needs, for people who look after a firewall.
    pub fn connections(&self) -> Vec<Connection> {
        self.carrier().connections(self.sign())
    }

    /// How it is reached, if over HTTP.
    pub fn access(&self) -> Option<&Access> {
        match self.carrier() {
            Carrier::Http(access) => Some(access),
            _ => None,
        }
    }

    /// How it is reached, if it is a server that is spoken to in a protocol of its own.
    pub fn server(&self) -> Option<&Server> {
        match self.carrier() {
            Carrier::Smtp(relay) => Some(&relay.server),
            Carrier::Syslog(server, _) => Some(server),
            Carrier::Mqtt(broker) => Some(&broker.server),
            _ => None,
        }
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
    /// The kinds of events that it takes.
    fn events(&self) -> &[EventKind];
    /// What it can do.
    fn abilities(&self) -> Abilities;
    /// What carries its requests.
    fn carrier(&self) -> Carrier<'_>;
    /// How its requests prove who sent them, where the delivery has to know it before it makes a connection.
    fn sign(&self) -> Option<&Signing> {
        None
    }
    /// See [`Destination::render`].
    ///
    /// # Errors
    /// [`RenderError`] when this notice can never be told here.
    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError>;
    /// See [`Destination::render_digest`]; a kind that can says so in its abilities.
    ///
    /// # Errors
    /// [`RenderError`] when these events can never be told together here.
    fn render_digest(&self, _: &Digest<'_>) -> Result<Errand, RenderError> {
        Err(RenderError::NoDigest)
    }
    /// See [`Destination::beforehand`].
    fn beforehand(&self, _: &Told<'_>) -> Option<String> {
        None
    }
    /// See [`Destination::interpret`].
    fn interpret(&self, told: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>);
}
