//! A webhook: JSON posted to a URL, in andon's own shape or in that of Haltless.
//!
//! The payloads are types of their own, apart from [`Notice`], so that neither the store's shape nor the core's leaks onto the
//! wire: their field order and names are a contract. Signing and sending are not done here.

use std::{sync::Arc, time::Duration};

use self::payload::Minutes;
use super::{
    Access, Answer, HeaderText, HttpRequest, Kind, Outcome, RenderError, Request, Retry, Signing,
    Terms, headers,
    notice::{Attempt, Notice},
    read_sign,
};
use crate::{alert::event::EventKind, config::section::Section};

mod payload;

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

/// What the payload looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// andon's own.
    Native,
    /// That of Haltless, and nothing beside it.
    Haltless(Minutes),
}

/// Reads `type = "webhook"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let format = read_format(section);
    let haltless = matches!(format, Format::Haltless(_));
    let timeout = Duration::from_secs(if haltless { 5 } else { 10 });
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let defaults = match format {
        Format::Native => Terms::default(),
        Format::Haltless(_) => Terms {
            retry: Retry::After(vec![Duration::from_secs(30), minutes(2), minutes(10)]),
            ..Terms::default()
        },
    };
    let terms = Terms::read(section, defaults);
    let access = Access::read(section, timeout);
    let (headers, sign) = (headers::read(section), read_sign(section));
    for name in sign.iter().flat_map(Signing::headers) {
        if let Some((twice, _)) = headers
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
        {
            section.error("headers", format!("holds `{twice}`, which `sign` sets"));
        }
    }
    let webhook = Webhook {
        format,
        events: read_events(section, format),
        headers,
        sign,
        give_up_on: read_give_up_on(section),
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
        let body = match self.format {
            Format::Native => payload::native(notice, attempt)?,
            Format::Haltless(minutes) => payload::haltless(notice, attempt, minutes)?,
        };
        let json = (
            "content-type".to_owned(),
            HeaderText::Plain("application/json".to_owned()),
        );
        Ok(Request::Http(HttpRequest {
            method: "POST",
            url: self.access.url.clone(),
            headers: std::iter::once(json)
                .chain(self.headers.iter().cloned())
                .collect(),
            body,
            sign: self.sign.clone(),
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
        self.format == Format::Native
    }

    fn access(&self) -> Option<&Access> {
        Some(&self.access)
    }
}

fn read_format(section: &Section<'_>) -> Format {
    const LATER: [&str; 4] = ["hasp", "cloudevents", "alertmanager", "template"];
    let asked: Option<String> = section.optional("format");
    let word = match asked.as_deref() {
        Some(later) if LATER.contains(&later) => {
            section.error(
                "format",
                format!("is \"{later}\", which is not in this version; native and haltless are"),
            );
            None
        }
        _ => section.word("format", &[("native", false), ("haltless", true)]),
    };
    let minutes = section.word(
        "minutes",
        &[("whole", Minutes::Whole), ("exact", Minutes::Exact)],
    );
    if word != Some(true) {
        if minutes.is_some() {
            section.error(
                "minutes",
                "is for `format = \"haltless\"` only; the native payload is always exact",
            );
        }
        return Format::Native;
    }
    Format::Haltless(minutes.unwrap_or(Minutes::Whole))
}

fn read_events(section: &Section<'_>, format: Format) -> Vec<EventKind> {
    let default = match format {
        Format::Native => EventKind::ALL.to_vec(),
        Format::Haltless(_) => vec![
            EventKind::Triggered,
            EventKind::Escalated,
            EventKind::Reopened,
        ],
    };
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
