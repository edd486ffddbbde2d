//! Opsgenie, and Jira Service Management, which has taken over its API for alerts: one alert for each of ours, found again by its alias,
//! which is acknowledged and closed there too.
//!
//! Their limits: 130 characters of message, 15,000 of description, 512 of entity, 100 of source and user, 25,000 of note, 8,000 of all
//! details together, 20 tags of 50. Both answer before they have looked: what they cannot do later shows in their own logs only. A repeated alias
//! raises a counter and calls nobody, so an escalation is a note there, or an alert of its own (`new_incident`). Jira documents no change of the
//! priority, so a changed severity is a note there too.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Map, Value as Json, json};

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Spelling, Terms, Told, Veiled,
    details::Details,
    events,
    incidents::Incidents,
    levels::Levels,
    responders, shape,
    text::{self, harmless, shorten},
};
use crate::{
    alert::event::EventKind,
    config::{secret::Secret, section::Section},
};

const US: &str = "https://api.opsgenie.com";
const EU: &str = "https://api.eu.opsgenie.com";
const JIRA: &str = "https://api.atlassian.com/jsm/ops/integration";

const MESSAGE: usize = 130;
const DESCRIPTION: usize = 15_000;
const ENTITY: usize = 512;
const SOURCE: usize = 100;
const NOTE: usize = 25_000;
const DETAILS: usize = 8_000;
const TAGS: usize = 20;
const TAG: usize = 50;

#[derive(Debug)]
struct Opsgenie {
    of: Maker,
    access: Access,
    api_key: Secret,
    levels: Levels,
    responders: Vec<Json>,
    tags: Vec<String>,
    events: Vec<EventKind>,
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    Opsgenie,
    Jira,
}

/// Reads `type = "opsgenie"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    section.warn(
        "type",
        "ends: Opsgenie is supported until 5 April 2027, and off 120 days after an account was moved; `type = \"jsm\"` is its successor",
    );
    let region = section.word("region", &[("us", US), ("eu", EU)]);
    read_as(section, Maker::Opsgenie, region.unwrap_or(US))
}

/// Reads `type = "jsm"`.
pub(super) fn read_jira(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    read_as(section, Maker::Jira, JIRA)
}

fn read_as(section: &Section<'_>, of: Maker, url: &str) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read_known(section, Duration::from_secs(10), url);
    let terms = Terms::read(section, Terms::of_people(Rate::per_minute(60)));
    let events = events::read(section, &events::LIFE);
    let levels = Levels::read(
        section,
        &["P1", "P2", "P3", "P4", "P5"],
        ["P1", "P2", "P3", "P5"],
        None,
    );
    let by_id = of == Maker::Jira;
    let api_key: Secret = section.required("api_key")?;
    // What speaks as they do elsewhere has keys of its own.
    if section.raw("url").is_none() {
        let odd =
            "is not like 01234567-89ab-cdef-0123-456789abcdef, as the key of an API integration is";
        shape::should(section, "api_key", &api_key, shape::is_uuid, odd);
    }
    let kind = Opsgenie {
        of,
        responders: responders::read(section, by_id),
        tags: read_tags(section),
        api_key,
        access: access?,
        levels,
        events,
    };
    Some((Arc::new(kind), terms))
}

fn read_tags(section: &Section<'_>) -> Vec<String> {
    let tags: Vec<String> = section.get("tags", Vec::new());
    let fine = |tag: &String| (1..=TAG).contains(&tag.chars().count());
    if tags.len() > TAGS || !tags.iter().all(fine) {
        section.error("tags", "must be at most 20 texts of 1 to 50 characters");
    }
    tags
}

impl Kind for Opsgenie {
    fn word(&self) -> &'static str {
        match self.of {
            Maker::Opsgenie => "opsgenie",
            Maker::Jira => "jsm",
        }
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn abilities(&self) -> Abilities {
        Abilities::INCIDENT
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Http(&self.access)
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        let incidents = Incidents::of(told);
        let sentence = text::for_attempt(told.notice, told.attempt);
        let on_all = |what: &str| -> Result<Vec<HttpRequest>, RenderError> {
            let body = self.act(told, &sentence);
            let keys = incidents.all().into_iter();
            keys.map(|key| self.request(told, "POST", &key, what, &body))
                .collect()
        };
        let requests = match told.kind()? {
            EventKind::Acknowledged => on_all("acknowledge")?,
            EventKind::Resolved | EventKind::Closed => on_all("close")?,
            EventKind::Escalated if !incidents.opens() => {
                vec![self.note(told, &incidents.current(), &sentence)?]
            }
            EventKind::Updated => self.update(told, &incidents.current(), &sentence)?,
            _ => vec![self.create(told, &incidents.current(), &sentence)?],
        };
        Ok(Errand::each(requests))
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let mut outcome = Outcome::of_status(answer, &[400, 413, 422]);
        match &mut outcome {
            Outcome::Accepted {
                detail,
                provider_id,
            } => {
                let said = serde_json::from_str::<Json>(&answer.body).unwrap_or_default();
                let id = said.get("requestId").and_then(Json::as_str);
                *provider_id = id.map(|id| harmless(id, 200)).or(provider_id.take());
                *detail = format!(
                    "taken by {}, which looks at it later ({})",
                    self.name(),
                    answer.status
                );
            }
            Outcome::Refused { why, .. } => {
                *why += match answer.status {
                    401 | 403 => {
                        "; is `api_key` that of an API integration, enabled, and of this region?"
                    }
                    402 => "; the plan of the account does not allow it",
                    404 => "; is `url` right?",
                    _ => "",
                };
            }
            _ => {}
        }
        (outcome, None)
    }

    fn beforehand(&self, told: &Told<'_>) -> Option<String> {
        Incidents::of(told).kept()
    }
}

impl Opsgenie {
    fn name(&self) -> &'static str {
        match self.of {
            Maker::Opsgenie => "Opsgenie",
            Maker::Jira => "Jira Service Management",
        }
    }

    fn create(
        &self,
        told: &Told<'_>,
        alias: &str,
        sentence: &str,
    ) -> Result<HttpRequest, RenderError> {
        let (notice, alert) = (told.notice, &told.notice.alert);
        let title = format!("{}: {}", alert.machine_name, alert.message);
        let more = [
            alert.action.as_str(),
            alert.runbook.as_deref().unwrap_or_default(),
            alert.url.as_deref().unwrap_or_default(),
        ];
        let more = more.iter().filter(|line| !line.is_empty());
        let lines: Vec<&str> = std::iter::once(sentence).chain(more.copied()).collect();
        let body = json!({
            "message": shorten(&text::marked(&title, notice, told.attempt), MESSAGE),
            "alias": alias,
            "description": shorten(&lines.join("\n"), DESCRIPTION),
            "details": details(told),
            "entity": shorten(&alert.machine, ENTITY),
            "source": shorten(&notice.site_name, SOURCE),
            "priority": self.levels.of(&alert.severity),
        });
        let mut body = body;
        if let Json::Object(fields) = &mut body {
            self.routed(fields);
        }
        self.send(told, "POST", "/v2/alerts", &body)
    }

    fn routed(&self, fields: &mut Map<String, Json>) {
        if !self.responders.is_empty() {
            fields.insert("responders".to_owned(), json!(self.responders));
        }
        if !self.tags.is_empty() {
            fields.insert("tags".to_owned(), json!(self.tags));
        }
    }

    fn update(
        &self,
        told: &Told<'_>,
        alias: &str,
        sentence: &str,
    ) -> Result<Vec<HttpRequest>, RenderError> {
        let mut requests = Vec::new();
        if self.of == Maker::Opsgenie {
            let body = json!({ "priority": self.levels.of(&told.notice.alert.severity) });
            requests.push(self.request(told, "PUT", alias, "priority", &body)?);
        }
        requests.push(self.note(told, alias, sentence)?);
        Ok(requests)
    }

    fn note(
        &self,
        told: &Told<'_>,
        alias: &str,
        sentence: &str,
    ) -> Result<HttpRequest, RenderError> {
        let body = self.act(told, sentence);
        self.request(told, "POST", alias, "notes", &body)
    }

    /// Who did something to an alert, and what there is to say.
    fn act(&self, told: &Told<'_>, sentence: &str) -> Json {
        let by = told.notice.by.as_ref();
        let by = by.filter(|_| !told.attempt.as_trigger);
        let mut body = json!({
            "source": shorten(&told.notice.site_name, SOURCE),
            "note": shorten(sentence, NOTE),
        });
        if let (Some(by), Json::Object(fields)) = (by, &mut body) {
            fields.insert("user".to_owned(), shorten(&by.name, SOURCE).into());
        }
        body
    }

    /// Something about an alert that is there; our keys need no escaping in a path.
    fn request(
        &self,
        told: &Told<'_>,
        method: &'static str,
        alias: &str,
        what: &str,
        body: &Json,
    ) -> Result<HttpRequest, RenderError> {
        let path = format!("/v2/alerts/{alias}/{what}?identifierType=alias");
        self.send(told, method, &path, body)
    }

    fn send(
        &self,
        told: &Told<'_>,
        method: &'static str,
        path: &str,
        body: &Json,
    ) -> Result<HttpRequest, RenderError> {
        let key = Veiled::from("GenieKey ").and_secret(self.api_key.clone(), Spelling::Plain);
        let url = self.access.url.clone().below(path);
        let request = HttpRequest::json(url, told.json(body)?).with("authorization", key);
        Ok(HttpRequest { method, ..request })
    }
}

/// As texts, as they want them; where there is too much the longest go first.
fn details(told: &Told<'_>) -> BTreeMap<String, String> {
    let mut texts = Details::of(told).texts();
    let size = |(name, text): (&String, &String)| name.chars().count() + text.chars().count();
    while texts.iter().map(size).sum::<usize>() > DETAILS {
        let longest = texts.iter().max_by_key(|entry| size(*entry));
        match longest.map(|(name, _)| name.clone()) {
            Some(name) => texts.remove(&name),
            None => break,
        };
    }
    texts
}
