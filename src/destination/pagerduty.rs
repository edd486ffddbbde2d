//! PagerDuty, by its Events API v2: an incident for each alert, which is acknowledged and resolved there too.
//!
//! Its limits: 1,024 characters of summary, 255 of key, 512 KB in all, about 120 calls a minute for one integration key. A repeated trigger of
//! an open incident adds to its log and calls nobody, so an escalation rings only as an incident of its own; what comes for no open
//! incident is taken and dropped without a word.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Spelling, Terms, Told, Veiled, details::Details, events, incidents::Incidents, shape, text,
};
use crate::{
    alert::event::EventKind,
    clock::Wall,
    config::{secret::Secret, section::Section},
};

const US: &str = "https://events.pagerduty.com/v2/enqueue";
const EU: &str = "https://events.eu.pagerduty.com/v2/enqueue";
/// The longest summary, in characters.
const SUMMARY: usize = 1024;
/// How long a routing key is, in characters.
const KEY: usize = 32;
const ODD_KEY: &str =
    "is not 32 letters and digits, as the integration key of an \"Events API V2\" integration is";
/// Stands for the routing key until it is read.
const KEY_MARK: &str = "ROUTING-KEY";

#[derive(Debug)]
struct PagerDuty {
    access: Access,
    routing_key: Secret,
    events: Vec<EventKind>,
}

/// Reads `type = "pagerduty"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let url = section.word("region", &[("us", US), ("eu", EU)]);
    let access = Access::read_known(section, Duration::from_secs(10), url.unwrap_or(US));
    let terms = Terms::read(section, Terms::of_people(Rate::per_minute(120)));
    let events = events::read(section, &events::LIFE);
    let routing_key = section.required("routing_key");
    // Whoever takes the wrong key of several finds out now. Services that speak as PagerDuty does have keys of their own.
    if let (None, Some(key)) = (section.raw("url"), &routing_key) {
        let fine = |key: &str| shape::letters_and_digits(key, KEY);
        shape::should(section, "routing_key", key, fine, ODD_KEY);
    }
    let kind = PagerDuty {
        access: access?,
        routing_key: routing_key?,
        events,
    };
    Some((Arc::new(kind), terms))
}

impl Kind for PagerDuty {
    fn word(&self) -> &'static str {
        "pagerduty"
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
        let (action, keys) = Incidents::of(told).action(told)?;
        let requests = keys.iter().map(|key| self.request(told, action, key));
        Ok(Errand::each(requests.collect::<Result<_, _>>()?))
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        // It blames a key that it does not know in the same way as a payload; but the key can be mended.
        let give_up_on: &[u16] = match answer.body.contains("routing_key") {
            true => &[],
            false => &[400, 413],
        };
        let mut outcome = Outcome::of_status(answer, give_up_on);
        if let Outcome::Accepted { detail, .. } = &mut outcome {
            *detail = format!("accepted by PagerDuty ({})", answer.status);
        }
        (outcome, None)
    }

    fn beforehand(&self, told: &Told<'_>) -> Option<String> {
        Incidents::of(told).kept()
    }
}

impl PagerDuty {
    fn request(
        &self,
        told: &Told<'_>,
        action: &'static str,
        key: &str,
    ) -> Result<HttpRequest, RenderError> {
        let (notice, alert) = (told.notice, &told.notice.alert);
        let trigger = action == "trigger";
        let link = |text, href: &Option<String>| {
            href.as_ref().map(|href| Link {
                href: href.clone(),
                text,
            })
        };
        let body = Enqueue {
            routing_key: KEY_MARK,
            event_action: action,
            dedup_key: key,
            // Clones of PagerDuty's endpoint want it with every action, and it does not mind.
            payload: Payload {
                summary: text::shorten(&text::for_attempt(notice, told.attempt), SUMMARY),
                source: &alert.machine,
                severity: &alert.severity,
                timestamp: Wall::from_millis(notice.at).to_string(),
                component: alert.tag.as_deref(),
                group: &notice.site,
                class: &alert.rule,
                custom_details: Details::of(told),
            },
            client: trigger.then_some("andon"),
            client_url: alert.url.as_deref().filter(|_| trigger),
            links: link("Runbook", &alert.runbook)
                .filter(|_| trigger)
                .into_iter()
                .collect(),
        };
        let body = told.json(&body)?;
        let body = Veiled::at_mark(&body, KEY_MARK, self.routing_key.clone(), Spelling::Json);
        Ok(HttpRequest::json(self.access.url.clone(), body))
    }
}

#[derive(Serialize)]
struct Enqueue<'t> {
    routing_key: &'static str,
    event_action: &'static str,
    dedup_key: &'t str,
    payload: Payload<'t>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_url: Option<&'t str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
}

#[derive(Serialize)]
struct Payload<'t> {
    summary: String,
    source: &'t str,
    severity: &'t str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<&'t str>,
    group: &'t str,
    class: &'t str,
    custom_details: Details<'t>,
}

#[derive(Serialize)]
struct Link {
    href: String,
    text: &'static str,
}
