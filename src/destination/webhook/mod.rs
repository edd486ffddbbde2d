//! A webhook: a request to a URL, in one of several shapes. Each has a file of its own.
//!
//! The payloads are types of their own, apart from [`Notice`](super::notice::Notice), so that neither the store's shape nor the core's leaks onto the
//! wire: their field order and names are a contract. Signing and sending are not done here.

use std::sync::Arc;

use self::format::Format;
use super::{
    Abilities, Access, Answer, Carrier, Digest, Errand, Kind, Outcome, RenderError, Signing, Terms,
    Told, Veiled, events, headers, read_sign,
};
use crate::{
    alert::event::EventKind,
    config::{section::Section, tree::Value},
};

pub(super) mod alertmanager;
mod cloudevents;
mod digest;
pub(super) mod format;
mod haltless;
mod hasp;
pub(super) mod native;
mod opsknight;
mod own;
mod wire;

/// A webhook as configured.
#[derive(Clone, Debug, PartialEq)]
struct Webhook {
    access: Access,
    format: Format,
    events: Vec<EventKind>,
    headers: Vec<(String, Veiled)>,
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
    let events = events::read(section, &like.events());
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

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            // Haltless does not say what becomes of an alert that is never resolved, and by default is told no end.
            stays_open: matches!(
                self.format,
                Format::Native
                    | Format::CloudEvents(_)
                    | Format::Alertmanager(_)
                    | Format::OpsKnight
            ),
            // HASP's test is one event of a type of its own.
            ends_tests: self.format != Format::Hasp,
            digests: matches!(self.format, Format::Native | Format::CloudEvents(_)),
            ..Abilities::MESSAGE
        }
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Http(&self.access)
    }

    fn sign(&self) -> Option<&Signing> {
        self.sign.as_ref()
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        let (url, headers) = (&self.access.url, &self.headers);
        let request = self.format.request(told, url, headers)?;
        Ok(request.signed(self.sign.as_ref()).into())
    }

    fn render_digest(&self, digest: &Digest<'_>) -> Result<Errand, RenderError> {
        let (url, headers) = (&self.access.url, &self.headers);
        let request = self.format.digest(digest, url, headers)?;
        Ok(request.signed(self.sign.as_ref()).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        (Outcome::of_status(answer, &self.give_up_on), None)
    }
}

/// A header that stands twice in a request is read in one way by some receivers and in another by others.
fn no_header_twice(
    section: &Section<'_>,
    headers: &[(String, Veiled)],
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
mod tests;
