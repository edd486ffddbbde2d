//! OpsKnight, by its Events API or by the webhook of an integration: an incident for each alert, which is acknowledged and resolved there
//! too.
//!
//! Its limits: 500 characters of summary, 200 of source and key, 120 requests a minute for one integration, by its webhook 100. Its
//! documentation wants no payload for what acknowledges and resolves, its program does, so all of it is always sent. A repeated trigger
//! changes the open incident and calls nobody; what is acknowledged where nothing is open is ignored, which its answer says.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::Value as Json;

use self::hook::Message;
use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Signing, Spelling, Terms, Told, Veiled, details::Details, events, incidents::Incidents,
    read_sign, shape, text,
};
use crate::{
    alert::event::EventKind,
    config::{secret::Secret, section::Section},
};

mod hook;

/// The longest summary and source, in characters.
const SUMMARY: usize = 500;
const SOURCE: usize = 200;

#[derive(Debug)]
struct OpsKnight {
    access: Access,
    via: Via,
    key: Key,
    sign: Option<Signing>,
    events: Vec<EventKind>,
}

/// What it is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Via {
    /// Its Events API.
    Events,
    /// The webhook of one integration.
    Webhook,
}

/// Who we are there.
#[derive(Debug)]
enum Key {
    /// The key of one integration, which belongs to a service.
    Integration(Secret),
    /// A key of the API with the scope `events:write`, and the service, where no integration says which.
    Api {
        key: Secret,
        service: Option<String>,
    },
}

/// Reads `type = "opsknight"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read(section, Duration::from_secs(10));
    let words = [("events", Via::Events), ("webhook", Via::Webhook)];
    let written = section.word("via", &words);
    let via = written.unwrap_or(Via::Events);
    let rate = Rate::per_minute(if via == Via::Events { 120 } else { 100 });
    let terms = Terms::read(section, Terms::of_people(rate));
    let events = events::read(section, &events::LIFE);
    // Where the word itself is wrong, what belongs to it cannot be judged.
    if let Some(url) = shape::Url::of(section, access.as_ref())
        && (written.is_some() || section.raw("via").is_none())
    {
        check_url(&url, via);
    }
    let key = read_key(section, via);
    let sign = read_sign(section);
    if !matches!(sign, None | Some(Signing::Body { .. })) {
        section.error(
            "sign",
            "must be of `scheme = \"x-signature\"`: OpsKnight verifies no other",
        );
    }
    let kind = OpsKnight {
        access: access?,
        via,
        key: key?,
        sign,
        events,
    };
    Some((Arc::new(kind), terms))
}

fn check_url(url: &shape::Url<'_>, via: Via) {
    let is_of_an_integration = url.text().contains("/api/integrations/");
    match via {
        Via::Events if is_of_an_integration => url.is_odd(
            "is that of the webhook of an integration, which `via = \"webhook\"` speaks to; that of the Events API ends with /api/events",
        ),
        Via::Webhook if !url.text().contains("integrationId=") => url.is_odd(
            "names no integration, as the url of a webhook does, which ends with /api/integrations/webhook?integrationId=..",
        ),
        _ => {}
    }
}

fn read_key(section: &Section<'_>, via: Via) -> Option<Key> {
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
    if has("service_id") && (via == Via::Webhook || has("integration_key")) {
        section.error(
            "service_id",
            "is for `api_key` at the Events API only: an integration has its service",
        );
        return None;
    }
    // What is written and cannot be read was reported.
    if has("integration_key") {
        let key = integration?;
        let odd = "is not 32 hexadecimal digits, as the key of an integration is";
        let fine = |key: &str| shape::hexadecimal(key, 32);
        shape::should(section, "integration_key", &key, fine, odd);
        return Some(Key::Integration(key));
    }
    if via == Via::Events && !has("service_id") {
        section.error(
            "service_id",
            "is missing: with `api_key` it says whose incidents they are",
        );
        return None;
    }
    let service = match via {
        Via::Events => Some(service?),
        Via::Webhook => None,
    };
    Some(Key::Api { key: api?, service })
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
        let (action, keys) = Incidents::of(told).action(told)?;
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
                    404 if self.via == Via::Webhook => "; does `url` name the integration?",
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
            Key::Api { service, .. } => service.as_deref(),
        };
        let event = || Event {
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
        let body = match self.via {
            Via::Events => told.json(&event())?,
            Via::Webhook => told.json(&Message::of(told, key)?)?,
        };
        let request = HttpRequest::json(self.access.url.clone(), body);
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
mod tests;
