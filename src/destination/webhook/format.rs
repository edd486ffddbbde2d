//! Which shape a webhook's requests have, and what each shape does where the configuration says nothing.

use std::time::Duration;

use super::{
    alertmanager, cloudevents,
    cloudevents::Mode,
    digest, haltless,
    haltless::Minutes,
    hasp, native, opsknight,
    own::Own,
    wire::{SetHeaders, write},
};
use crate::{
    alert::event::EventKind,
    config::section::Section,
    destination::{Digest, HttpRequest, RenderError, Retry, Terms, Told, Veiled},
};

const JSON: &str = "application/json";

/// The shape of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Format {
    /// andon's own.
    Native,
    /// That of Haltless, and nothing beside it.
    Haltless(Minutes),
    /// The raw webhook of HASP.
    Hasp,
    /// CloudEvents 1.0.
    CloudEvents(Mode),
    /// Alertmanager's webhook, with the name of its receiver.
    Alertmanager(String),
    /// What OpsKnight sends.
    OpsKnight,
    /// What the user wrote.
    Template(Box<Own>),
}

/// A format without what belongs to it.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::destination) enum Word {
    Native,
    Haltless,
    Hasp,
    CloudEvents,
    Alertmanager,
    OpsKnight,
    Template,
}

/// The formats: their word, and the keys that they alone have.
pub(in crate::destination) const WORDS: [(&str, Word, &[&str]); 7] = [
    ("native", Word::Native, &[]),
    ("haltless", Word::Haltless, &["minutes"]),
    ("hasp", Word::Hasp, &[]),
    ("cloudevents", Word::CloudEvents, &["mode"]),
    ("alertmanager", Word::Alertmanager, &["receiver"]),
    ("opsknight", Word::OpsKnight, &[]),
    (
        "template",
        Word::Template,
        &["body", "content_type", "method"],
    ),
];

impl Format {
    /// Reads `format` and the keys that belong to one. `headers` and `url` may have places to fill in.
    pub(super) fn read(
        section: &Section<'_>,
        headers: &[(String, Veiled)],
        url: Option<&str>,
    ) -> Option<Self> {
        let words = WORDS.map(|(name, word, _)| (name, word));
        let written = section.word("format", &words);
        let word = written.unwrap_or(Word::Native);
        let minutes = section.word(
            "minutes",
            &[("whole", Minutes::Whole), ("exact", Minutes::Exact)],
        );
        let modes = [("structured", Mode::Structured), ("binary", Mode::Binary)];
        let mode = section.word("mode", &modes);
        let receiver: Option<String> = section.optional("receiver");
        let own = Own::read(section, word == Word::Template, headers, url);
        // Where the word itself is wrong, what belongs to it cannot be judged.
        if written.is_some() || section.raw("format").is_none() {
            only_its_own_keys(section, word);
        }
        Some(match word {
            Word::Native => Self::Native,
            Word::Haltless => Self::Haltless(minutes.unwrap_or(Minutes::Whole)),
            Word::Hasp => Self::Hasp,
            Word::CloudEvents => Self::CloudEvents(mode.unwrap_or(Mode::Structured)),
            Word::Alertmanager => {
                Self::Alertmanager(receiver.unwrap_or_else(|| "andon".to_owned()))
            }
            Word::OpsKnight => Self::OpsKnight,
            Word::Template => Self::Template(Box::new(own?)),
        })
    }

    /// How patiently it is delivered to.
    pub(super) fn terms(&self) -> Terms {
        let seconds = |waits: &[u64]| {
            let waits = waits.iter().copied().map(Duration::from_secs);
            Retry::After(waits.collect())
        };
        match self {
            Self::Haltless(_) => Terms {
                retry: seconds(&[30, 120, 600]),
                ..Terms::default()
            },
            Self::Hasp => Terms {
                retry: seconds(&[10, 60, 300, 1800, 7200]),
                deactivate_after: Some(10),
                duplicate_window: Duration::from_secs(60),
                ..Terms::default()
            },
            _ => Terms::default(),
        }
    }

    /// The limit of one attempt.
    pub(super) fn timeout(&self) -> Duration {
        match self {
            Self::Haltless(_) => Duration::from_secs(5),
            _ => Duration::from_secs(10),
        }
    }

    /// The kinds of events that it tells, unless the configuration says which.
    pub(super) fn events(&self) -> Vec<EventKind> {
        use EventKind::{
            Acknowledged, Closed, Escalated, Reopened, Resolved, Shelved, Triggered, Updated,
        };
        match self {
            // It documents these two, and a return is a trigger to it.
            Self::Haltless(_) => vec![Triggered, Escalated, Reopened],
            // It knows firing and resolved only.
            Self::Alertmanager(_) => {
                let mut kinds = EventKind::ALL.to_vec();
                kinds.retain(|kind| !matches!(kind, Acknowledged | Shelved));
                kinds
            }
            // It knows triggered, acknowledged and resolved.
            Self::OpsKnight => vec![
                Triggered,
                Updated,
                Acknowledged,
                Escalated,
                Resolved,
                Reopened,
                Closed,
            ],
            _ => EventKind::ALL.to_vec(),
        }
    }

    /// Whether it sets this header itself.
    pub(super) fn sets(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        match self {
            Self::Hasp => name == "user-agent" || name.starts_with("x-hasp-alert-"),
            Self::CloudEvents(_) => name.starts_with("ce-"),
            _ => false,
        }
    }

    /// What is sent, before it is signed. `url` and `headers` are those of the configuration.
    pub(super) fn request(
        &self,
        told: &Told<'_>,
        url: &Veiled,
        headers: &[(String, Veiled)],
    ) -> Result<HttpRequest, RenderError> {
        let (notice, attempt) = (told.notice, told.attempt);
        let (content_type, set, body) = match self {
            Self::Template(own) => return own.request(told, url),
            Self::Native => {
                let payload = native::payload(notice, attempt)?;
                (JSON, Vec::new(), write(notice, &payload)?)
            }
            Self::Haltless(minutes) => {
                (JSON, Vec::new(), haltless::body(notice, attempt, *minutes)?)
            }
            Self::Hasp => {
                let (set, body) = hasp::told(notice, attempt)?;
                (JSON, set, body)
            }
            Self::CloudEvents(mode) => {
                let (set, body) = cloudevents::told(notice, attempt, *mode)?;
                (mode.content_type(), set, body)
            }
            Self::OpsKnight => (JSON, Vec::new(), opsknight::body(notice, attempt)?),
            Self::Alertmanager(receiver) => {
                let body = alertmanager::body(notice, attempt, receiver)?;
                (JSON, Vec::new(), body)
            }
        };
        Ok(post(url, content_type, set, headers, body))
    }

    /// What tells several events at once, before it is signed.
    pub(super) fn digest(
        &self,
        digest: &Digest<'_>,
        url: &Veiled,
        headers: &[(String, Veiled)],
    ) -> Result<HttpRequest, RenderError> {
        let (content_type, set, body) = match self {
            Self::Native => {
                let payload = digest::payload(digest)?;
                let body = write(digest.first.notice, &payload)?;
                (JSON, Vec::new(), body)
            }
            Self::CloudEvents(mode) => {
                let (set, body) = cloudevents::digest(digest, *mode)?;
                (mode.content_type(), set, body)
            }
            Self::Haltless(_)
            | Self::Hasp
            | Self::OpsKnight
            | Self::Alertmanager(_)
            | Self::Template(_) => {
                return Err(RenderError::NoDigest);
            }
        };
        Ok(post(url, content_type, set, headers, body))
    }
}

fn post(
    url: &Veiled,
    content_type: &str,
    set: SetHeaders,
    headers: &[(String, Veiled)],
    body: String,
) -> HttpRequest {
    let mut request = HttpRequest::post(url.clone(), content_type, body);
    for (name, value) in set {
        request = request.with(name, value);
    }
    request.headers.extend(headers.iter().cloned());
    request
}

/// A key of another format would be believed to do something.
fn only_its_own_keys(section: &Section<'_>, word: Word) {
    for (name, of, keys) in WORDS {
        for key in keys.iter().filter(|_| of != word) {
            if section.raw(key).is_some() {
                section.error(key, format!("is for `format = \"{name}\"` only"));
            }
        }
    }
}
