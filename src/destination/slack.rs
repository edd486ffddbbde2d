//! Slack, by an incoming webhook: a message for each event. The URL is the credential, and Slack says nothing by which the message could
//! be found again.
//!
//! Its limits: 150 characters of header, 3,000 of a section's text, 2,000 of a field and ten of those, about one message a second. Only
//! `&`, `<` and `>` mean anything in its texts, and are escaped; without `<` nobody is mentioned.

use std::{sync::Arc, time::Duration};

use serde_json::{Value as Json, json};

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Terms, Told, card::Card, events, text::shorten,
};
use crate::{alert::event::EventKind, config::section::Section};

const HEADER: usize = 150;
const TEXT: usize = 3000;
const FIELDS: usize = 10;
const FIELD: usize = 2000;

#[derive(Debug)]
struct Slack {
    access: Access,
    events: Vec<EventKind>,
}

/// Reads `type = "slack"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read(section, Duration::from_secs(10));
    let terms = Terms::read(
        section,
        Terms {
            duplicate_window: Duration::from_secs(60),
            ..Terms::of_people(Rate::per_minute(60))
        },
    );
    let events = events::read(section, &EventKind::ALL);
    let slack = Slack {
        access: access?,
        events,
    };
    Some((Arc::new(slack), terms))
}

impl Kind for Slack {
    fn word(&self) -> &'static str {
        "slack"
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
        let body = told.json(&message(&Card::of(told)?))?;
        Ok(HttpRequest::json(self.access.url.clone(), body).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        (Outcome::of_status(answer, &[400, 413]), None)
    }
}

fn message(card: &Card) -> Json {
    let fields = card.facts.iter().take(FIELDS).map(|(name, value)| {
        let field = format!("*{name}*\n{}", shorten(&escaped(value), FIELD - 50));
        json!({ "type": "mrkdwn", "text": field })
    });
    let fields: Vec<Json> = fields.collect();
    json!({
        "text": escaped(&card.text),
        "attachments": [{
            "color": card.tone.hex(),
            "blocks": [
                { "type": "header", "text": { "type": "plain_text", "text": shorten(&card.title, HEADER) } },
                { "type": "section", "text": { "type": "mrkdwn", "text": shorten(&escaped(&card.text), TEXT) } },
                { "type": "section", "fields": fields },
            ],
        }],
    })
}

/// A text in which Slack finds no markup of its own.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
