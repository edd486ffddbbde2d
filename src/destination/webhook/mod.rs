//! A webhook: a request to a URL, in one of several shapes. Each has a file of its own.
//!
//! The payloads are types of their own, apart from [`Notice`], so that neither the store's shape nor the core's leaks onto the
//! wire: their field order and names are a contract. Signing and sending are not done here.

use std::sync::Arc;

use self::format::Format;
use super::{
    Access, Answer, Connection, HeaderText, HttpRequest, Kind, Outcome, RenderError, Request,
    Signing, Terms, headers,
    notice::{Attempt, Notice},
    read_sign,
};
use crate::{
    alert::event::EventKind,
    config::{section::Section, tree::Value},
};

mod alertmanager;
mod cloudevents;
mod format;
mod haltless;
mod hasp;
mod native;
mod own;
mod template;
mod wire;

/// A webhook as configured.
#[derive(Clone, Debug, PartialEq)]
struct Webhook {
    access: Access,
    format: Format,
    events: Vec<EventKind>,
    headers: Vec<(String, HeaderText)>,
    sign: Option<Signing>,
    give_up_on: Vec<u16>,
}

/// Reads `type = "webhook"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let (headers, sign) = (headers::read(section), read_sign(section));
    // What is no text is reported where the way to it is read.
    let url = match section.raw("url").map(|node| &node.value) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let format = Format::read(section, &headers, url);
    // Where the format cannot be read, the rest still has to be judged.
    let of_native = Format::Native;
    let like = format.as_ref().unwrap_or(&of_native);
    no_header_twice(section, &headers, sign.as_ref(), like);
    let terms = Terms::read(section, like.terms());
    let access = Access::read(section, like.timeout());
    let events = read_events(section, like);
    let give_up_on = read_give_up_on(section);
    let webhook = Webhook {
        format: format?,
        events,
        headers,
        sign,
        give_up_on,
        access: access?,
    };
    Some((Arc::new(webhook), terms))
}

impl Kind for Webhook {
    fn word(&self) -> &'static str {
        "webhook"
    }

    fn render(
        &self,
        notice: &Notice,
        attempt: &Attempt,
        _thread: Option<&str>,
    ) -> Result<Request, RenderError> {
        let (url, headers) = (&self.access.url, &self.headers);
        let request = self.format.request(notice, attempt, url, headers)?;
        Ok(Request::Http(HttpRequest {
            sign: self.sign.clone(),
            ..request
        }))
    }

    fn interpret(&self, answer: &Answer) -> (Outcome, Option<String>) {
        (Outcome::of_status(answer, &self.give_up_on), None)
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn notifies_again(&self) -> bool {
        self.events.contains(&EventKind::Escalated)
    }

    fn takes_acknowledgements(&self) -> bool {
        false
    }

    fn stays_open(&self) -> bool {
        // Haltless does not say what becomes of an alert that is never resolved, and by default is told no end.
        matches!(
            self.format,
            Format::Native | Format::CloudEvents(_) | Format::Alertmanager(_)
        )
    }

    fn ends_tests(&self) -> bool {
        // HASP's test is one event of a type of its own.
        self.format != Format::Hasp
    }

    fn access(&self) -> Option<&Access> {
        Some(&self.access)
    }

    fn connections(&self) -> Vec<Connection> {
        Connection::over_http(&self.access, self.sign.as_ref())
    }

    fn sign(&self) -> Option<&Signing> {
        self.sign.as_ref()
    }
}

/// A header that stands twice in a request is read in one way by some receivers and in another by others.
fn no_header_twice(
    section: &Section<'_>,
    headers: &[(String, HeaderText)],
    sign: Option<&Signing>,
    format: &Format,
) {
    let signed = sign.map(Signing::headers).unwrap_or_default();
    for (name, _) in headers {
        if signed.iter().any(|have| have.eq_ignore_ascii_case(name)) {
            section.error("headers", format!("holds `{name}`, which `sign` sets"));
        } else if format.sets(name) {
            section.error("headers", format!("holds `{name}`, which `format` sets"));
        }
    }
}

fn read_events(section: &Section<'_>, format: &Format) -> Vec<EventKind> {
    let default = format.events();
    let Some(words) = section.optional::<Vec<String>>("events") else {
        return default;
    };
    let all: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
    let known = words
        .iter()
        .map(|word| EventKind::from_word(word))
        .collect::<Option<Vec<_>>>();
    match known {
        Some(kinds) if !kinds.is_empty() => kinds,
        _ => {
            section.error(
                "events",
                format!("must be a list of some of {}", all.join(", ")),
            );
            default
        }
    }
}

fn read_give_up_on(section: &Section<'_>) -> Vec<u16> {
    let statuses: Vec<i64> = section.get("give_up_on", Vec::new());
    let refusals = |status: &i64| (300..500).contains(status) && ![408, 425, 429].contains(status);
    if !statuses.iter().all(refusals) {
        section.error(
            "give_up_on",
            "must list answers that refuse: 300 to 499, without 408, 425 and 429, which mean later",
        );
    }
    statuses
        .into_iter()
        .filter_map(|status| u16::try_from(status).ok())
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
