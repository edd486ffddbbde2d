//! OpsKnight, by its Events API: an incident for each alert, which is acknowledged and resolved there too.
//!
//! Its limits: 500 characters of summary, 200 of source and key, 120 requests a minute for one integration. Its documentation wants
//! no payload for what acknowledges and resolves, its program does, so all of it is always sent. A repeated trigger changes the open
//! incident and calls nobody; what is acknowledged where nothing is open is ignored, which its answer says.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::Value as Json;

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Signing, Spelling, Terms, Told, Veiled, details::Details, events, incidents::Incidents,
    read_sign, text,
};
use crate::{
    alert::event::EventKind,
    config::{secret::Secret, section::Section},
};

/// The longest summary and source, in characters.
const SUMMARY: usize = 500;
const SOURCE: usize = 200;

#[derive(Debug)]
struct OpsKnight {
    access: Access,
    key: Key,
    sign: Option<Signing>,
    events: Vec<EventKind>,
}

/// Who we are there.
#[derive(Debug)]
enum Key {
    /// The key of one integration, which belongs to a service.
    Integration(Secret),
    /// A key of the API with the scope `events:write`, and the service.
    Api { key: Secret, service: String },
}

/// Reads `type = "opsknight"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read(section, Duration::from_secs(10));
    let terms = Terms::read(section, Terms::of_people(Rate::per_minute(120)));
    let events = events::read(section, &events::LIFE);
    let key = read_key(section);
    let sign = read_sign(section);
    if !matches!(sign, None | Some(Signing::Body { .. })) {
        section.error(
            "sign",
            "must be of `scheme = \"x-signature\"`: OpsKnight verifies no other",
        );
    }
    let kind = OpsKnight {
        access: access?,
        key: key?,
        sign,
        events,
    };
    Some((Arc::new(kind), terms))
}

fn read_key(section: &Section<'_>) -> Option<Key> {
    let integration: Option<Secret> = section.optional("integration_key");
    let api: Option<Secret> = section.optional("api_key");
    let service: Option<String> = section.optional("service_id");
    let has = |key| section.raw(key).is_some();
    if has("integration_key") == has("api_key") {
        section.error(
            "integration_key",
            "is missing: give either `integration_key`, or `api_key` and `service_id`",
        );
        return None;
    }
    match (integration, api, service) {
        (Some(key), _, None) => Some(Key::Integration(key)),
        (Some(_), _, Some(_)) => {
            section.error(
                "service_id",
                "is for `api_key` only: an integration has its service",
            );
            None
        }
        (None, Some(key), Some(service)) => Some(Key::Api { key, service }),
        (None, Some(_), None) => {
            if !has("service_id") {
                section.error(
                    "service_id",
                    "is missing: with `api_key` it says whose incidents they are",
                );
            }
            None
        }
        // What is written and cannot be read was reported.
        (None, None, _) => None,
    }
}

impl Kind for OpsKnight {
    fn word(&self) -> &'static str {
        "opsknight"
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

    fn sign(&self) -> Option<&Signing> {
        self.sign.as_ref()
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        let incidents = Incidents::of(told);
        let (action, keys) = match told.kind()? {
            EventKind::Acknowledged => ("acknowledge", incidents.all()),
            EventKind::Resolved | EventKind::Closed => ("resolve", incidents.all()),
            _ => ("trigger", vec![incidents.current()]),
        };
        let requests = keys.iter().map(|key| self.request(told, action, key));
        Ok(Errand::each(requests.collect::<Result<_, _>>()?))
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let mut outcome = Outcome::of_status(answer, &[400, 413, 422]);
        match &mut outcome {
            Outcome::Accepted { detail, .. } => {
                let said = serde_json::from_str::<Json>(&answer.body).unwrap_or_default();
                let action = said.pointer("/result/action").and_then(Json::as_str);
                *detail = match action.map(|action| text::harmless(action, 40)) {
                    Some(action) if action == "ignored" => {
                        "taken by OpsKnight and ignored: nothing is open there".to_owned()
                    }
                    Some(action) => format!("accepted by OpsKnight: {action}"),
                    None => format!("accepted by OpsKnight ({})", answer.status),
                };
            }
            Outcome::Refused { why, .. } => {
                *why += match answer.status {
                    401 => "; is the key right, and the secret of `sign`?",
                    403 => "; the integration is disabled, or the key lacks events:write",
                    404 => "; is `url` that of the Events API, and `service_id` right?",
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

impl OpsKnight {
    fn request(
        &self,
        told: &Told<'_>,
        action: &'static str,
        key: &str,
    ) -> Result<HttpRequest, RenderError> {
        let (notice, alert) = (told.notice, &told.notice.alert);
        let service_id = match &self.key {
            Key::Integration(_) => None,
            Key::Api { service, .. } => Some(service.as_str()),
        };
        let body = Event {
            event_action: action,
            dedup_key: key,
            service_id,
            payload: Payload {
                summary: text::shorten(&text::for_attempt(notice, told.attempt), SUMMARY),
                source: text::shorten(&alert.machine, SOURCE),
                severity: &alert.severity,
                custom_details: Details::of(told),
            },
        };
        let (word, secret) = match &self.key {
            Key::Integration(key) => ("Token token=", key),
            Key::Api { key, .. } => ("Bearer ", key),
        };
        let shown = Veiled::from(word).and_secret(secret.clone(), Spelling::Plain);
        let request = HttpRequest::json(self.access.url.clone(), told.json(&body)?);
        Ok(request
            .with("authorization", shown)
            .signed(self.sign.as_ref()))
    }
}

#[derive(Serialize)]
struct Event<'t> {
    event_action: &'static str,
    dedup_key: &'t str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_id: Option<&'t str>,
    payload: Payload<'t>,
}

#[derive(Serialize)]
struct Payload<'t> {
    summary: String,
    source: String,
    severity: &'t str,
    custom_details: Details<'t>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::testbed::{meant, read};

    #[test]
    fn what_is_ignored_there_is_said_in_the_record() {
        let ops = read(
            "type = \"opsknight\"\nurl = \"https://opsknight.example.com/api/events\"\nintegration_key = \"canary\"",
        );
        let ops = ops.expect("a destination");
        for (body, said) in [
            (
                r#"{"status":"success","result":{"action":"ignored"}}"#,
                "taken by OpsKnight and ignored: nothing is open there",
            ),
            (
                r#"{"status":"success","result":{"action":"deduplicated"}}"#,
                "accepted by OpsKnight: deduplicated",
            ),
            ("ok", "accepted by OpsKnight (202)"),
        ] {
            let answer = Answer {
                status: 202,
                body: body.to_owned(),
                synchronised: true,
                ..Answer::default()
            };
            let (outcome, _) = meant(&ops, EventKind::Acknowledged, &answer);
            let Outcome::Accepted { detail, .. } = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(detail, said);
        }
    }
}
