//! OpShift, by the signed trigger of a webhook: an alert for each of ours, found again by its `group_key`.
//!
//! Its limits: 200 characters of title, 2,000 of description, 100 KB of metadata. It knows no acknowledgement and no end: what is
//! open there is closed there by a person. What is sent twice is counted there as another occurrence; an escalation calls again only as an
//! alert of its own (`new_incident`). The answers to a bad signature and an unknown webhook can be mended, so they wait.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::Value as Json;

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Signing, Terms, Told,
    details::Details,
    events,
    incidents::Incidents,
    levels::Levels,
    text::{self, harmless, shorten},
};
use crate::{
    alert::event::EventKind,
    config::{secret::Secret, section::Section},
};

/// The longest title and description, in characters.
const TITLE: usize = 200;
const DESCRIPTION: usize = 2000;
/// Its severities.
const THEIRS: [&str; 5] = ["sev0", "sev1", "sev2", "sev3", "sev4"];

/// All that it can be told.
const EVENTS: [EventKind; 4] = [
    EventKind::Triggered,
    EventKind::Updated,
    EventKind::Escalated,
    EventKind::Reopened,
];

#[derive(Debug)]
struct OpShift {
    access: Access,
    sign: Signing,
    levels: Levels,
    events: Vec<EventKind>,
}

/// Reads `type = "opshift"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read(section, Duration::from_secs(10));
    let terms = Terms::read(section, Terms::of_people(Rate::per_minute(60)));
    let events = events::read(section, &EVENTS);
    if events.iter().any(|event| !EVENTS.contains(event)) {
        section.error(
            "events",
            "must be some of triggered, updated, escalated, reopened: OpShift knows no other, and no end",
        );
    }
    let levels = Levels::read(
        section,
        &THEIRS,
        ["sev0", "sev1", "sev2", "sev3"],
        Some("default"),
    );
    let secret: Option<Secret> = section.required("secret");
    let kind = OpShift {
        access: access?,
        sign: Signing::Body {
            header: "X-Webhook-Signature".to_owned(),
            prefix: "",
            secret: secret?,
        },
        levels,
        events,
    };
    Some((Arc::new(kind), terms))
}

impl Kind for OpShift {
    fn word(&self) -> &'static str {
        "opshift"
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            ends_tests: false,
            ..Abilities::INCIDENT
        }
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Http(&self.access)
    }

    fn sign(&self) -> Option<&Signing> {
        Some(&self.sign)
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        told.kind()?;
        let (notice, alert) = (told.notice, &told.notice.alert);
        let title = format!("{}: {}", alert.machine_name, alert.message);
        let key = Incidents::of(told).current();
        let body = Trigger {
            title: shorten(&text::marked(&title, notice, told.attempt), TITLE),
            description: shorten(&text::for_attempt(notice, told.attempt), DESCRIPTION),
            severity: self.levels.of(&alert.severity),
            metadata: Details::of(told),
            group_key: &key,
        };
        let request = HttpRequest::json(self.access.url.clone(), told.json(&body)?);
        Ok(request.signed(Some(&self.sign)).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let mut outcome = Outcome::of_status(answer, &[400, 413, 422]);
        match &mut outcome {
            Outcome::Accepted {
                detail,
                provider_id,
            } => {
                let said = serde_json::from_str::<Json>(&answer.body).unwrap_or_default();
                *detail = became(&said, answer.status);
                let id = said.get("alertId").and_then(Json::as_str);
                *provider_id = id.map(|id| harmless(id, 200)).or(provider_id.take());
            }
            Outcome::Refused { why, .. } => {
                *why += match answer.status {
                    401 => "; is `secret` that of the team's webhooks?",
                    403 => "; the subscription of the team has ended",
                    404 => {
                        "; the webhook is unknown or disabled: make a new one and put its url into `url`"
                    }
                    _ => "",
                };
            }
            _ => {}
        }
        (outcome, None)
    }
}

/// What became of it there.
fn became(said: &Json, status: u16) -> String {
    let field = |name| {
        let text = said.get(name).and_then(Json::as_str);
        text.map(|text| harmless(text, 200))
    };
    let count = said.get("occurrenceCount").and_then(Json::as_u64);
    match (field("status").as_deref(), count) {
        (Some("created"), _) => "OpShift has made an alert".to_owned(),
        (Some("occurrence_added"), Some(count)) => {
            format!("OpShift has added it to an open alert, {count} occurrences")
        }
        (Some("occurrence_added"), None) => "OpShift has added it to an open alert".to_owned(),
        (Some("reopened"), _) => "OpShift has opened an alert again".to_owned(),
        (Some("filtered"), _) => {
            let why = field("reason").or_else(|| field("message"));
            let why = why.unwrap_or_else(|| "it does not say why".to_owned());
            format!("OpShift took it and shows it to nobody, as its filters say: {why}")
        }
        (Some(other), _) => format!("OpShift: {other}"),
        (None, _) => format!("HTTP {status}"),
    }
}

#[derive(Serialize)]
struct Trigger<'t> {
    title: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    metadata: Details<'t>,
    group_key: &'t str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::testbed::{meant, read};

    #[test]
    fn what_became_of_it_there_is_said_in_the_record() {
        let url = "https://www.opshift.io/api/alerts/trigger/plant-7";
        let ops = read(&format!(
            "type = \"opshift\"\nurl = \"{url}\"\nsecret = \"canary\""
        ));
        let ops = ops.expect("a destination");
        for (body, said, id) in [
            (
                r#"{"status":"created","alertId":"a-1","occurrenceCount":1}"#,
                "OpShift has made an alert",
                Some("a-1"),
            ),
            (
                r#"{"status":"occurrence_added","alertId":"a-1","occurrenceCount":3}"#,
                "OpShift has added it to an open alert, 3 occurrences",
                Some("a-1"),
            ),
            (
                r#"{"status":"reopened","alertId":"a-1"}"#,
                "OpShift has opened an alert again",
                Some("a-1"),
            ),
            (
                r#"{"status":"filtered","message":"no","reason":"quiet hours"}"#,
                "OpShift took it and shows it to nobody, as its filters say: quiet hours",
                None,
            ),
            ("", "HTTP 200", None),
        ] {
            let answer = Answer {
                status: 200,
                body: body.to_owned(),
                synchronised: true,
                ..Answer::default()
            };
            let (outcome, _) = meant(&ops, EventKind::Triggered, &answer);
            let expected = Outcome::Accepted {
                detail: said.to_owned(),
                provider_id: id.map(str::to_owned),
            };
            assert_eq!(outcome, expected);
        }
    }

    #[test]
    fn a_severity_may_be_left_to_the_webhook() {
        let toml = "type = \"opshift\"\nurl = \"https://www.opshift.io/x\"\nsecret = \"canary\"\nseverities = { critical = \"default\" }";
        let ops = read(toml).expect("a destination");
        let (notice, attempt) = (
            crate::destination::testbed::notice(EventKind::Triggered),
            crate::destination::testbed::attempt(),
        );
        let sent = crate::destination::testbed::sent(&ops, &notice, &attempt, None);
        assert!(!sent[0].body.contains("severity"), "{}", sent[0].body);
    }
}
