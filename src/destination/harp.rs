//! Harp, by its REST API: an alert by its name, source and object, which ends when the same is told as `ok`.
//!
//! It documents the fields and nothing else: not what it answers, not how much it takes, not whether its map of links stands beside
//! the other fields or inside them. So any 2xx is taken for yes, and `links` says where they stand. It knows no acknowledgement, and nothing
//! says that a repeated alert calls anybody again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Terms, Told, card::Card, details::Details, events, levels::Levels, text,
};
use crate::{
    alert::{event::EventKind, plant::Category},
    config::section::Section,
};

/// Its severities that are no end.
const THEIRS: [&str; 5] = ["information", "warning", "critical", "unknown", "urgent"];
/// The longest output, in characters; ours, as it says nothing.
const OUTPUT: usize = 1000;

#[derive(Debug)]
struct Harp {
    access: Access,
    source: Option<String>,
    levels: Levels,
    links: Links,
    events: Vec<EventKind>,
}

/// Where the map of links stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    Beside,
    Inside,
}

/// Reads `type = "harp"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read(section, Duration::from_secs(10));
    let terms = Terms::read(section, Terms::of_people(Rate::per_minute(60)));
    let events = events::read(section, &events::UNTAKEN);
    let levels = Levels::read(
        section,
        &THEIRS,
        ["critical", "critical", "warning", "information"],
        None,
    );
    let links = section.word(
        "links",
        &[("beside", Links::Beside), ("inside", Links::Inside)],
    );
    let source = section.optional("source");
    let kind = Harp {
        access: access?,
        source,
        levels,
        links: links.unwrap_or(Links::Beside),
        events,
    };
    Some((Arc::new(kind), terms))
}

impl Kind for Harp {
    fn word(&self) -> &'static str {
        "harp"
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            new_incident: false,
            ..Abilities::INCIDENT
        }
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Http(&self.access)
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        let (notice, alert) = (told.notice, &told.notice.alert);
        let kind = told.kind()?;
        let severity = match (kind.is_end(), Category::of(&alert.rule) == Category::Blind) {
            (true, _) => "ok",
            (false, true) => "unknown",
            (false, false) => self.levels.of(&alert.severity).unwrap_or("unknown"),
        };
        // The agent's own alerts are about something that is no machine.
        let subject = alert.labels.get("subject");
        let object = match subject.filter(|_| alert.rule.starts_with("andon.")) {
            Some(subject) => format!("{}/{subject}", alert.machine),
            None => alert.machine.clone(),
        };
        let links: BTreeMap<&str, String> = Card::of(told)?.links.into_iter().collect();
        let mut fields: BTreeMap<String, Json> = Details::of(told)
            .texts()
            .into_iter()
            .map(|(name, text)| (name, text.into()))
            .collect();
        let beside = match self.links {
            _ if links.is_empty() => None,
            Links::Beside => Some(links),
            Links::Inside => {
                fields.insert("additional_urls".to_owned(), json!(links));
                None
            }
        };
        let body = Alert {
            alert_name: &alert.rule,
            alert_severity: severity,
            source: self.source.as_deref().unwrap_or(&notice.site),
            object: &object,
            notification_output: text::shorten(&text::for_attempt(notice, told.attempt), OUTPUT),
            additional_fields: fields,
            additional_urls: beside,
        };
        Ok(HttpRequest::json(self.access.url.clone(), told.json(&body)?).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let mut outcome = Outcome::of_status(answer, &[400, 413, 422]);
        if let Outcome::Refused { why, .. } = &mut outcome
            && matches!(answer.status, 401 | 403 | 404 | 410)
        {
            *why += "; take the url of the integration anew and put it into `url`";
        }
        (outcome, None)
    }
}

/// What is found again is named by `alert_name`, `source` and `object`, which stay the same to the end.
#[derive(Serialize)]
struct Alert<'t> {
    alert_name: &'t str,
    alert_severity: &'static str,
    source: &'t str,
    object: &'t str,
    notification_output: String,
    additional_fields: BTreeMap<String, Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_urls: Option<BTreeMap<&'static str, String>>,
}
