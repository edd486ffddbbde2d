//! Mail by Resend: what `mail` sends through a relay, over HTTPS. Resend drops repeats by their `Idempotency-Key`.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Mailbox, Outcome, Rate,
    RenderError, Signing, Terms, Told, events, letter::Letter, mail,
};
use crate::{alert::event::EventKind, config::section::Section};

const URL: &str = "https://api.resend.com/emails";
/// How long an account rests whose quota is used up.
const QUOTA: Duration = Duration::from_secs(60 * 60);

#[derive(Debug)]
struct Resend {
    name: String,
    access: Access,
    sign: Signing,
    from: Mailbox,
    to: Vec<Mailbox>,
    reply_to: Option<Mailbox>,
    events: Vec<EventKind>,
}

/// Reads `type = "resend"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read_known(section, Duration::from_secs(10), URL);
    let rate = Rate {
        count: 2,
        per: Duration::from_secs(1),
    };
    let terms = Terms::read(section, mail::terms(rate));
    let events = events::read(section, &events::LIFE);
    let key = mail::api_key(section, "re_");
    let (from, to) = (section.required("from"), mail::recipients(section));
    let reply_to = section.optional("reply_to");
    let kind = Resend {
        name: mail::name_of(section),
        access: access?,
        sign: Signing::Bearer(key?),
        from: from?,
        to: to?,
        reply_to,
        events,
    };
    Some((Arc::new(kind), terms))
}

impl Kind for Resend {
    fn word(&self) -> &'static str {
        "resend"
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
        let letter = Letter::of(told)?;
        let to: Vec<String> = self.to.iter().map(written).collect();
        let headers = mail::all_headers(told, &self.from).into_iter();
        let headers: Map<String, Json> = headers
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let mut body = json!({
            "from": written(&self.from),
            "to": to,
            "subject": letter.subject,
            "text": letter.text,
            "html": letter.html,
            "headers": headers,
        });
        if let Some(mailbox) = &self.reply_to {
            body["reply_to"] = written(mailbox).into();
        }
        let body = told.json(&body)?;
        let key = self.key(told, &body);
        let request = HttpRequest::json(self.access.url.clone(), body).with("Idempotency-Key", key);
        Ok(request.signed(Some(&self.sign)).into())
    }

    fn interpret(&self, told: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let body: Json = serde_json::from_str(&answer.body).unwrap_or_default();
        let name = body["name"].as_str().unwrap_or_default();
        let give_up: &[u16] = match name {
            "invalid_idempotent_request" => &[409],
            "missing_required_field" | "missing_required_parameter" | "invalid_parameter" => {
                &[400, 422]
            }
            _ => &[413],
        };
        let mut outcome = Outcome::of_status(answer, give_up);
        match (&mut outcome, name) {
            (Outcome::Accepted { detail, .. }, _) => {
                *detail = format!("accepted by Resend ({})", answer.status);
            }
            (
                Outcome::Failed { retry_after, .. },
                "daily_quota_exceeded" | "monthly_quota_exceeded",
            ) => {
                *retry_after = Some(answer.retry_after.unwrap_or(QUOTA));
            }
            // The same mail is being taken right now.
            (
                Outcome::Refused { why, .. },
                "concurrent_idempotent_requests" | "resource_locked",
            ) => {
                outcome = Outcome::Failed {
                    why: std::mem::take(why),
                    retry_after: answer.retry_after,
                };
            }
            (Outcome::Refused { why, .. }, name) => {
                *why += match (answer.status, name) {
                    (401, _) | (_, "invalid_api_key" | "restricted_api_key") => {
                        "; look at `api_key`"
                    }
                    (403, "validation_error") | (_, "invalid_from_address") => {
                        "; look at `from`, whose domain has to be verified at Resend"
                    }
                    _ => "",
                };
            }
            _ => {}
        }
        let thread = mail::thread(told, &self.from, &outcome);
        (outcome, thread)
    }
}

impl Resend {
    /// One key for one event at one destination. An attempt that says how late it is says something new, which Resend refuses under the
    /// key of what it had before: it has a key of its own.
    fn key(&self, told: &Told<'_>, body: &str) -> String {
        let key = format!("{}/{}", told.notice.id, self.name);
        let attempt = told.attempt;
        if attempt.late_seconds < 60 && !attempt.already_resolved {
            return key;
        }
        let digest = Sha256::digest(body);
        let digits: String = digest[..4]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{key}/{digits}")
    }
}

/// `Maintenance <ops@example.com>`; a name is quoted, so that a comma in it begins no further address.
fn written(mailbox: &Mailbox) -> String {
    match mailbox.name.as_str() {
        "" => mailbox.email.clone(),
        name => format!("\"{}\" <{}>", name.replace(['"', '\\'], "'"), mailbox.email),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::testbed::{self, attempt, notice, read, sent};

    const CONFIG: &str = include_str!("../../tests/formats/resend.toml");

    fn verdict(status: u16, body: &str) -> &'static str {
        testbed::verdict(CONFIG, status, body)
    }

    #[test]
    fn the_name_of_an_error_says_what_becomes_of_it() {
        for (status, name, expected) in [
            (400, "validation_error", "mended"),
            (401, "missing_api_key", "mended"),
            (403, "validation_error", "mended"),
            (409, "concurrent_idempotent_requests", "retry"),
            (409, "invalid_idempotent_request", "given up"),
            (422, "invalid_parameter", "given up"),
            (422, "invalid_from_address", "mended"),
            (429, "rate_limit_exceeded", "pause"),
            (429, "daily_quota_exceeded", "pause"),
            (500, "internal_server_error", "retry"),
            (200, "", "accepted"),
        ] {
            let body =
                format!("{{\"statusCode\": {status}, \"name\": \"{name}\", \"message\": \"no\"}}");
            assert_eq!(verdict(status, &body), expected, "{status} {name}");
        }
    }

    #[test]
    fn a_repeat_has_the_same_key_and_what_says_something_new_has_another() {
        let (resend, notice) = (
            read(CONFIG).expect("a destination"),
            notice(EventKind::Triggered),
        );
        let key = |late_seconds| {
            let attempt = crate::destination::notice::Attempt {
                late_seconds,
                ..attempt()
            };
            let request = sent(&resend, &notice, &attempt, None).remove(0);
            let mut headers = request.headers.into_iter();
            headers
                .find(|(name, _)| name == "Idempotency-Key")
                .expect("a key")
                .1
        };
        assert_eq!(key(0), key(59));
        assert!(key(0).starts_with(&format!("{}/", notice.id)), "{}", key(0));
        assert_eq!(key(7200), key(7201));
        assert_ne!(key(0), key(7200));
        assert_ne!(key(7200), key(10_800));
    }

    #[test]
    fn a_comma_in_a_name_begins_no_further_address() {
        let mailbox = Mailbox {
            name: "Hall 2, \\ \"A\"".to_owned(),
            email: "a@b.c".to_owned(),
        };
        assert_eq!(written(&mailbox), "\"Hall 2, ' 'A'\" <a@b.c>");
    }
}
