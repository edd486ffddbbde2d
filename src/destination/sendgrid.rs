//! Mail by SendGrid (v3): what `mail` sends through a relay, over HTTPS.
//!
//! SendGrid takes mails and delivers them later. It knows no key against repeats: a mail whose answer was lost may come twice.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value as Json, json};

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Mailbox, Outcome, Rate,
    RenderError, Signing, Terms, Told, events, letter::Letter, mail,
};
use crate::{alert::event::EventKind, config::section::Section};

const GLOBAL: &str = "https://api.sendgrid.com/v3/mail/send";
const EU: &str = "https://api.eu.sendgrid.com/v3/mail/send";

#[derive(Debug)]
struct SendGrid {
    access: Access,
    sign: Signing,
    from: Mailbox,
    to: Vec<Mailbox>,
    reply_to: Option<Mailbox>,
    events: Vec<EventKind>,
}

/// Reads `type = "sendgrid"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let url = section.word("region", &[("global", GLOBAL), ("eu", EU)]);
    let access = Access::read_known(section, Duration::from_secs(10), url.unwrap_or(GLOBAL));
    let terms = Terms::read(section, mail::terms(Rate::per_minute(600)));
    let events = events::read(section, &events::LIFE);
    let key = mail::api_key(section, "SG.");
    let (from, to) = (section.required("from"), mail::recipients(section));
    let reply_to = section.optional("reply_to");
    let kind = SendGrid {
        access: access?,
        sign: Signing::Bearer(key?),
        from: from?,
        to: to?,
        reply_to,
        events,
    };
    Some((Arc::new(kind), terms))
}

impl Kind for SendGrid {
    fn word(&self) -> &'static str {
        "sendgrid"
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
        let to: Vec<Json> = self.to.iter().map(address).collect();
        let headers = mail::all_headers(told, &self.from).into_iter();
        let headers: Map<String, Json> = headers
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let mut body = json!({
            "personalizations": [{ "to": to }],
            "from": address(&self.from),
            "subject": letter.subject,
            // Text first, as SendGrid wants it.
            "content": [{ "type": "text/plain", "value": letter.text }, { "type": "text/html", "value": letter.html }],
            "headers": headers,
            "custom_args": { "dedup_key": told.notice.dedup_key, "event_id": told.notice.id },
        });
        if let Some(mailbox) = &self.reply_to {
            body["reply_to"] = address(mailbox);
        }
        let request = HttpRequest::json(self.access.url.clone(), told.json(&body)?);
        Ok(request.signed(Some(&self.sign)).into())
    }

    fn interpret(&self, told: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let body: Json = serde_json::from_str(&answer.body).unwrap_or_default();
        let field = body["errors"][0]["field"].as_str().unwrap_or_default();
        // What names an address or the key is a matter of the configuration.
        let configured = ["from", "personalizations", "reply_to", "authorization"];
        let blames_text =
            !field.is_empty() && !configured.iter().any(|word| field.starts_with(word));
        let mut outcome =
            Outcome::of_status(answer, if blames_text { &[400, 413] } else { &[413] });
        match &mut outcome {
            Outcome::Accepted { detail, .. } => {
                *detail = format!("accepted by SendGrid ({})", answer.status);
            }
            Outcome::Refused { why, .. } => {
                *why += match (answer.status, field) {
                    (401, _) => "; look at `api_key`",
                    (403, _) => {
                        "; does `api_key` allow to send, and is the sender of `from` verified?"
                    }
                    (_, field) if field.starts_with("from") => "; look at `from`",
                    (_, field) if field.starts_with("personalizations") => "; look at `to`",
                    _ => "",
                };
            }
            _ => {}
        }
        let thread = mail::thread(told, &self.from, &outcome);
        (outcome, thread)
    }
}

fn address(mailbox: &Mailbox) -> Json {
    match mailbox.name.as_str() {
        "" => json!({ "email": mailbox.email }),
        name => json!({ "email": mailbox.email, "name": name }),
    }
}

#[cfg(test)]
mod tests {

    use crate::destination::testbed::{self};

    const CONFIG: &str = include_str!("../../tests/formats/sendgrid.toml");

    fn verdict(status: u16, body: &str) -> &'static str {
        testbed::verdict(CONFIG, status, body)
    }

    #[test]
    fn what_is_blamed_says_whether_a_person_can_mend_it() {
        for (status, field, expected) in [
            (400, "from.email", "mended"),
            (400, "personalizations.0.to.0.email", "mended"),
            (400, "subject", "given up"),
            (401, "authorization", "mended"),
            (403, "from", "mended"),
            (413, "", "given up"),
            (429, "", "pause"),
            (500, "", "retry"),
            (202, "", "accepted"),
        ] {
            let body = format!("{{\"errors\": [{{\"message\": \"no\", \"field\": \"{field}\"}}]}}");
            assert_eq!(verdict(status, &body), expected, "{status} {field}");
        }
    }
}
