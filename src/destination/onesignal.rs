//! Push messages by OneSignal, to the apps of a team. A later event of an alert takes the place of the message before it.
//!
//! OneSignal drops repeats by their key. It says 200 also where nobody was reached, which is told as what it is.

use std::{sync::Arc, time::Duration};

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Terms, Told, Veiled,
    card::Card,
    chat::{NOTHING, fit},
    events, mail, shape,
    text::{harmless, shorten},
};
use crate::{
    alert::event::EventKind,
    config::{secret::Secret, section::Section},
};

const URL: &str = "https://api.onesignal.com/notifications";
/// What a lock screen shows of a message, and more.
const TEXT: usize = 500;
const TITLE: usize = 100;
/// How long OneSignal keeps trying, in seconds.
const MOST_TTL: u64 = 2_419_200;

#[derive(Debug)]
struct OneSignal {
    name: String,
    access: Access,
    app_id: String,
    authorization: Authorization,
    to: (&'static str, Json),
    ttl: Option<Duration>,
    events: Vec<EventKind>,
}

#[derive(Debug)]
struct Authorization {
    word: &'static str,
    key: Secret,
}

/// Reads `type = "onesignal"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read_known(section, Duration::from_secs(10), URL);
    let terms = Terms::read(section, Terms::of_people(Rate::per_minute(60)));
    let events = events::read(section, &events::UNTAKEN);
    let app_id = section.required::<String>("app_id");
    let app_id = app_id.filter(|id| is_uuid(section, id));
    let words = [("key", "Key"), ("basic", "Basic"), ("bearer", "Bearer")];
    let word = section.word("auth", &words).unwrap_or("Key");
    let key = section.required("api_key");
    let to = target(section);
    let ttl = Duration::from_secs(1)..=Duration::from_secs(MOST_TTL);
    let ttl = section
        .raw("ttl")
        .map(|_| section.ranged("ttl", Duration::from_secs(259_200), ttl));
    let kind = OneSignal {
        name: mail::name_of(section),
        access: access?,
        app_id: app_id?,
        authorization: Authorization { word, key: key? },
        to: to?,
        ttl,
        events,
    };
    Some((Arc::new(kind), terms))
}

fn is_uuid(section: &Section<'_>, id: &str) -> bool {
    let fine = shape::is_uuid(id);
    if !fine {
        section.error(
            "app_id",
            format!(
                "is \"{id}\", must be the id of an app, like 01234567-89ab-cdef-0123-456789abcdef"
            ),
        );
    }
    fine
}

/// One of the ways to say who gets it.
fn target(section: &Section<'_>) -> Option<(&'static str, Json)> {
    let lists = ["segments", "external_ids", "subscription_ids"]
        .map(|key| (key, section.optional::<Vec<String>>(key)));
    let given: Vec<_> = lists
        .into_iter()
        .filter(|(key, _)| section.raw(key).is_some())
        .collect();
    match &given[..] {
        // What is written and cannot be read was reported.
        [(_, None)] => None,
        [(key, Some(ids))]
            if (1..=1000).contains(&ids.len()) && ids.iter().all(|id| !id.is_empty()) =>
        {
            Some(match *key {
                "segments" => ("included_segments", json!(ids)),
                "external_ids" => ("include_aliases", json!({ "external_id": ids })),
                _ => ("include_subscription_ids", json!(ids)),
            })
        }
        [(key, _)] => {
            section.error(key, "must name 1 to 1000");
            None
        }
        _ => {
            section.error(
                "segments",
                "must be there, or `external_ids` or `subscription_ids`, and only one of them",
            );
            None
        }
    }
}

impl Kind for OneSignal {
    fn word(&self) -> &'static str {
        "onesignal"
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
        let (card, alert) = (Card::of(told)?, &told.notice.alert);
        let mut body = json!({
            "app_id": self.app_id,
            "target_channel": "push",
            // This language is the one that has to be there; it is shown to everybody.
            "contents": { "en": shown(&card.text, TEXT) },
            "headings": { "en": shown(&card.title, TITLE) },
            "data": {
                "event": told.kind()?.word(), "alert": format!("A-{}", alert.number), "severity": alert.severity,
                "machine": shorten(&alert.machine, 100), "event_id": told.notice.id,
            },
            "collapse_id": told.notice.dedup_key,
            "idempotency_key": self.key(told),
        });
        let (key, ids) = &self.to;
        body[*key] = ids.clone();
        let urgent = matches!(alert.severity.as_str(), "critical" | "error");
        if urgent && !told.is_over() {
            body["priority"] = 10.into();
        }
        if let Some(ttl) = self.ttl {
            body["ttl"] = ttl.as_secs().into();
        }
        if let Some((_, url)) = card.links.iter().find(|(name, _)| *name == "Open") {
            body["url"] = url.as_str().into();
        }
        let Authorization { word, key } = &self.authorization;
        let authorization = Veiled::from(format!("{word} "));
        let authorization = authorization.and_secret(key.clone(), super::Spelling::Plain);
        let request = HttpRequest::json(self.access.url.clone(), told.json(&body)?);
        Ok(request.with("authorization", authorization).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let body: Json = serde_json::from_str(&answer.body).unwrap_or_default();
        let errors = match &body["errors"] {
            Json::Null => String::new(),
            errors => harmless(&errors.to_string(), 300),
        };
        // The app and who is meant are a matter of the configuration.
        let configured = ["app_id", "segment", "subscription", "alias", "player"]
            .iter()
            .any(|word| errors.contains(word));
        let mut outcome = Outcome::of_status(answer, if configured { &[] } else { &[400] });
        let reached = body["id"].as_str().is_some_and(|id| !id.is_empty());
        match &mut outcome {
            Outcome::Accepted { .. } if !reached => {
                outcome = Outcome::Refused {
                    why: format!(
                        "OneSignal has sent it to nobody: {errors}; has somebody subscribed whom the destination names?"
                    ),
                    give_up: true,
                };
            }
            Outcome::Accepted { detail, .. } => {
                *detail = match errors.as_str() {
                    "" => format!("accepted by OneSignal ({})", answer.status),
                    some => format!(
                        "accepted by OneSignal ({}), not for all: {some}",
                        answer.status
                    ),
                };
            }
            Outcome::Refused { why, .. } if matches!(answer.status, 401 | 403) => {
                *why += "; look at `api_key` and `auth`"
            }
            _ => {}
        }
        (outcome, None)
    }
}

impl OneSignal {
    /// One for each event at each destination, in the form of a UUID: nothing of it is random.
    fn key(&self, told: &Told<'_>) -> String {
        let digest = Sha256::digest(format!("{}/{}", told.notice.id, self.name));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        (bytes[6], bytes[8]) = (bytes[6] & 0x0f | 0x50, bytes[8] & 0x3f | 0x80);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ]
        .join("-")
    }
}

/// A text in which nothing is a place that OneSignal fills in, as `{{ .. }}` and `{% .. %}` are.
fn shown(text: &str, most: usize) -> String {
    fit(&harmless(text, usize::MAX), most, |spot, text| {
        if spot.follows('{') && matches!(spot.is, '{' | '%') {
            text.push(NOTHING);
        }
        text.push(spot.is);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{
        testbed::{self, attempt, notice, read, sent},
        tests::golden::HOSTILE,
    };

    const CONFIG: &str = include_str!("../../tests/formats/onesignal.toml");

    fn verdict(status: u16, body: &str) -> &'static str {
        testbed::verdict(CONFIG, status, body)
    }

    #[test]
    fn a_success_that_reached_nobody_is_none() {
        for (status, body, expected) in [
            (200, r#"{"id": "n-1"}"#, "accepted"),
            (
                200,
                r#"{"id": "n-1", "errors": {"invalid_aliases": {"external_id": ["x"]}}}"#,
                "accepted",
            ),
            (
                200,
                r#"{"id": "", "errors": ["All included players are not subscribed"]}"#,
                "given up",
            ),
            (
                400,
                r#"{"errors": ["Notification content must not be null"]}"#,
                "given up",
            ),
            (400, r#"{"errors": ["app_id not found"]}"#, "mended"),
            (403, r#"{"errors": ["Access denied"]}"#, "mended"),
            (429, "", "pause"),
            (503, "", "retry"),
        ] {
            assert_eq!(verdict(status, body), expected, "{body}");
        }
    }

    #[test]
    fn a_push_is_short_and_its_key_is_a_uuid_of_this_event() {
        let mut notice = notice(EventKind::Triggered);
        notice.text = HOSTILE.repeat(50);
        let destination = read(CONFIG).expect("a destination");
        let push = || {
            let request = sent(&destination, &notice, &attempt(), None).remove(0);
            serde_json::from_str::<Json>(&request.body).expect("JSON")
        };
        let (first, again) = (push(), push());
        assert_eq!(first, again);
        let text = first["contents"]["en"].as_str().expect("a text");
        assert!(text.chars().count() <= TEXT && !text.chars().any(char::is_control));
        assert!(first["data"].to_string().len() <= 2048);
        let key = first["idempotency_key"].as_str().expect("a key");
        let lengths: Vec<usize> = key.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{key}");
        assert_eq!(first["collapse_id"], notice.dedup_key);
        assert_eq!(first["priority"], 10);
    }
}
