//! Microsoft Teams, by a flow of its app Workflows ("when a Teams webhook request is received"): an Adaptive Card for each event. The url
//! is the credential, and is used as it is.
//!
//! The flow takes a request before it makes a message of it: whether the card appeared cannot be known. What is larger than 28 KB as the
//! flow counts would vanish there, so a request has at most 20,000 bytes: the sentence is cut first, then the facts. It may be called 4
//! times a second and 100 times an hour. Nothing ties its messages together.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::{
    Abilities, Access, Answer, Carrier, Digest, Errand, HttpRequest, Kind, Outcome, Rate,
    RenderError, Terms, Told,
    card::Card as Shown,
    chat::{self, Mentions, roomy},
    events, shape,
};
use crate::{alert::event::EventKind, config::section::Section};

mod card;
pub(super) mod connector;
mod mention;

use self::mention::Mention;

/// The largest request, in bytes.
const BODY: usize = 20_000;
/// How often it may be called.
const RATE: Rate = Rate {
    count: 100,
    per: Duration::from_secs(60 * 60),
};
/// What to do about a url that is not known there any more.
const NEW: &str = "make a new webhook and put its url into `url`";

#[derive(Debug)]
struct Teams {
    access: Access,
    mentions: Mentions<Mention>,
    events: Vec<EventKind>,
}

/// Reads `type = "teams"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read(section, Duration::from_secs(10));
    if let Some(url) = shape::Url::of(section, access.as_ref()) {
        if connector::is_connector(url.text()) {
            url.is_odd(
                "is that of an Office 365 connector, which Microsoft has retired; make a flow in the app Workflows of Teams and put its url here",
            );
        } else if !url.text().contains("sig=") {
            url.is_odd(
                "has no signature (`sig=`) in it, as the url of a flow has that anyone may call; copy it whole",
            );
        }
    }
    let terms = terms(section);
    let mentions = Mentions::read(section);
    let events = events::read(section, &EventKind::ALL);
    let teams = Teams {
        access: access?,
        mentions,
        events,
    };
    Some((Arc::new(teams), terms))
}

/// One at a time, so that there are not more than 4 in a second.
fn terms(section: &Section<'_>) -> Terms {
    let terms = chat::terms(section, RATE);
    let given = section.node().get("concurrency").is_some();
    Terms {
        concurrency: if given { terms.concurrency } else { 1 },
        ..terms
    }
}

impl Teams {
    fn request(&self, shown: &Shown, mentions: &[&Mention]) -> Errand {
        let body = roomy(
            |room| {
                let card = card::adaptive(shown, mentions, room);
                let attachment = json!({
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": null,
                    "content": card,
                });
                json!({ "type": "message", "attachments": [attachment] }).to_string()
            },
            |body| body.len() <= BODY,
        );
        HttpRequest::json(self.access.url.clone(), body).into()
    }
}

impl Kind for Teams {
    fn word(&self) -> &'static str {
        "teams"
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            digests: true,
            ..Abilities::MESSAGE
        }
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Http(&self.access)
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        Ok(self.request(&Shown::of(told)?, &self.mentions.of(told)))
    }

    fn render_digest(&self, digest: &Digest<'_>) -> Result<Errand, RenderError> {
        Ok(self.request(&Shown::of_digest(digest), &[]))
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let outcome = match Outcome::of_status(answer, &[413]) {
            Outcome::Accepted { provider_id, .. } => Outcome::Accepted {
                detail: format!(
                    "accepted by the flow ({}), whether the card appeared is not known",
                    answer.status
                ),
                provider_id,
            },
            Outcome::Refused {
                why,
                give_up: false,
            } => Outcome::Refused {
                why: format!("{why}; {}", hint(answer.status)),
                give_up: false,
            },
            other => other,
        };
        (outcome, None)
    }
}

/// What a person can do about it.
fn hint(status: u16) -> String {
    match status {
        400 => "look at the trigger of the flow: anyone may call it, and it is for Teams webhooks"
            .to_owned(),
        _ => format!("turn the flow on again, or {NEW}"),
    }
}

#[cfg(test)]
mod tests;
