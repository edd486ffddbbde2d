//! Microsoft Teams, by an incoming webhook of an Office 365 connector: what came before flows, and what Microsoft has retired. It is here
//! for those who still have one; `type = "teams"` is what lasts.
//!
//! It answers 200 also when Teams has refused, and says so in words; only `1` is a success. A message may have 28 KB, and a text in it
//! 2,048 characters.

use std::{sync::Arc, time::Duration};

use serde_json::{Value as Json, json};

use super::{
    super::{
        Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, RenderError, Terms,
        Told,
        card::Card,
        chat::{Room, beside, fit, roomy},
        events, shape,
        text::harmless,
    },
    NEW,
    card::markdown,
    terms,
};
use crate::{alert::event::EventKind, config::section::Section};

/// The largest request, in bytes.
const BODY: usize = 28 * 1024;
/// The longest text.
const TEXT: usize = 2048;
const TITLE: usize = 400;

#[derive(Debug)]
struct Connector {
    access: Access,
    events: Vec<EventKind>,
}

/// Whether a url is that of a connector.
pub(super) fn is_connector(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    host.ends_with(".webhook.office.com")
        || host == "outlook.office.com"
        || host == "outlook.office365.com"
}

/// Reads `type = "teams-connector"`.
pub(in crate::destination) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    section.warn(
        "type",
        "is retired: Microsoft switches the connectors of Teams off; make a flow in the app Workflows and use type = \"teams\"",
    );
    let access = Access::read(section, Duration::from_secs(10));
    let url = shape::Url::of(section, access.as_ref());
    if let Some(url) = url.filter(|url| !is_connector(url.text())) {
        url.is_odd(
            "is not that of an Office 365 connector, which is at a host below .webhook.office.com; that of a flow is for type = \"teams\"",
        );
    }
    let terms = terms(section);
    let events = events::read(section, &EventKind::ALL);
    let connector = Connector {
        access: access?,
        events,
    };
    Some((Arc::new(connector), terms))
}

impl Kind for Connector {
    fn word(&self) -> &'static str {
        "teams-connector"
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn abilities(&self) -> Abilities {
        Abilities::MESSAGE
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Http(&self.access)
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        let card = Card::of(told)?;
        let body = roomy(
            |room| message(&card, room).to_string(),
            |body| body.len() <= BODY,
        );
        Ok(HttpRequest::json(self.access.url.clone(), body).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        (said(answer), None)
    }
}

fn message(card: &Card, room: Room) -> Json {
    let facts = beside(card).take(room.facts);
    let facts = facts.map(
        |(name, value)| json!({ "name": name, "value": fit(value, room.fact.min(TEXT), markdown) }),
    );
    let links = card.links.iter();
    let links = links.map(|(name, url)| {
        let targets = json!([{ "os": "default", "uri": url }]);
        json!({ "@type": "OpenUri", "name": name, "targets": targets })
    });
    json!({
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": card.tone.hex().trim_start_matches('#'),
        "summary": fit(&card.title, TITLE, markdown),
        "title": fit(&card.title, TITLE, markdown),
        "text": fit(&card.text, room.text.min(TEXT), markdown),
        "sections": [{ "facts": facts.collect::<Vec<_>>(), "markdown": true }],
        "potentialAction": links.collect::<Vec<_>>(),
    })
}

/// What an answer means: only `1` in a 200 is a success.
fn said(answer: &Answer) -> Outcome {
    let body = answer.body.trim();
    // Teams behind the connector answers with a status of its own, inside a 200.
    let inner = body
        .split_once("HTTP error ")
        .and_then(|(_, rest)| rest.get(..3)?.parse().ok());
    let status = if answer.status == 200 { inner } else { None };
    let answer = Answer {
        status: status.unwrap_or(answer.status),
        ..answer.clone()
    };
    match Outcome::of_status(&answer, &[400, 413]) {
        Outcome::Accepted { provider_id, .. } if body == "1" && answer.status == 200 => {
            Outcome::Accepted {
                detail: "accepted by the connector".to_owned(),
                provider_id,
            }
        }
        Outcome::Accepted { .. } => Outcome::Failed {
            why: format!(
                "HTTP {}: \"{}\", where a connector says \"1\"",
                answer.status,
                harmless(body, 200)
            ),
            retry_after: answer.retry_after,
        },
        Outcome::Refused {
            why,
            give_up: false,
        } => Outcome::Refused {
            why: format!(
                "{why}; connectors are retired: make a flow in the app Workflows, {NEW}, and set type = \"teams\""
            ),
            give_up: false,
        },
        other => other,
    }
}
