//! Short messages by Twilio (Programmable Messaging), to one number; WhatsApp through Twilio is the same with `whatsapp:` before it.
//!
//! Twilio takes messages and delivers them later; whether one arrived it does not say in its answer. It knows no key against
//! repeats: a message whose answer was lost may come twice.

use std::{sync::Arc, time::Duration};

use serde_json::Value as Json;
use url::form_urlencoded::Serializer;

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, RenderError, Signing,
    Terms, Told, events,
    phone::{self, Phone},
    shape,
    sms::Sms,
    whatsapp::sentence::sentence,
};
use crate::{
    alert::event::EventKind,
    config::{secret::Secret, section::Section},
};

/// Hosts by region.
const REGIONS: [(&str, &str); 3] = [
    ("us1", "api.twilio.com"),
    ("ie1", "api.dublin.ie1.twilio.com"),
    ("au1", "api.sydney.au1.twilio.com"),
];
/// The longest that Twilio keeps a message in its queue, in seconds.
const LONGEST_QUEUE: u64 = 36_000;
/// How long a full queue is left alone.
const QUEUE_FULL: Duration = Duration::from_secs(10 * 60);

#[derive(Debug)]
struct Twilio {
    access: Access,
    sign: Signing,
    from: From,
    to: String,
    valid_for: Option<Duration>,
    sms: Sms,
    events: Vec<EventKind>,
}

#[derive(Debug)]
enum From {
    Number(String),
    Service(String),
}

/// Reads `type = "twilio"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let account = section.required::<String>("account");
    let account = account.filter(|account| is_sid(section, "account", "AC", account));
    let host = section.word("region", &REGIONS).unwrap_or(REGIONS[0].1);
    let url = format!(
        "https://{host}/2010-04-01/Accounts/{}/Messages.json",
        account.as_deref().unwrap_or_default()
    );
    let access = Access::read_known(section, Duration::from_secs(10), &url);
    let terms = Terms::read(section, Terms::of_people(phone::ONE_A_SECOND));
    let events = events::read(section, &events::UNTAKEN);
    let api_key = section.optional::<String>("api_key");
    let api_key = api_key.filter(|key| is_sid(section, "api_key", "SK", key));
    let secret = section.required::<Secret>("auth_token");
    let from = from(section);
    let to = section.required::<String>("to");
    let to = to.filter(|to| is_number(section, "to", to));
    let queue = Duration::from_secs(1)..=Duration::from_secs(LONGEST_QUEUE);
    let valid_for = section
        .raw("valid_for")
        .map(|_| section.ranged("valid_for", *queue.end(), queue));
    let sms = Sms::read(section);
    let twilio = Twilio {
        access: access?,
        sign: Signing::Basic {
            user: api_key.or(account)?,
            secret: secret?,
        },
        from: from?,
        to: to?,
        valid_for,
        sms,
        events,
    };
    Some((Arc::new(twilio), terms))
}

/// Ids of Twilio are two letters and 32 hexadecimal digits.
fn is_sid(section: &Section<'_>, key: &str, begin: &str, sid: &str) -> bool {
    let digits = sid.strip_prefix(begin).unwrap_or_default();
    let fine = shape::hexadecimal(digits, 32);
    if !fine {
        let message = format!(
            "is \"{sid}\", must be {begin} and 32 hexadecimal digits, as Twilio's console shows it"
        );
        section.error(key, message);
    }
    fine
}

fn is_number(section: &Section<'_>, key: &str, number: &str) -> bool {
    let fine = Phone::parse(number.trim_start_matches("whatsapp:")).is_some();
    if !fine {
        let message = format!(
            "is \"{number}\", must be a telephone number like \"+491701234567\" or \"whatsapp:+491701234567\""
        );
        section.error(key, message);
    }
    fine
}

/// Either `from` or `messaging_service`.
fn from(section: &Section<'_>) -> Option<From> {
    let number = section.optional::<String>("from");
    let service = section.optional::<String>("messaging_service");
    match (number, service) {
        (Some(number), None) => {
            // A number, a short code, or a name of up to eleven letters and digits.
            let bare = number.trim_start_matches("whatsapp:");
            let code = bare.len() <= 11
                && bare
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b' ')
                && !bare.trim().is_empty();
            if Phone::parse(bare).is_some() || code {
                return Some(From::Number(number));
            }
            section.error("from", format!("is \"{number}\", must be a number like \"+491701234567\", a short code, or a name of up to 11 letters"));
        }
        (None, Some(service)) => {
            return is_sid(section, "messaging_service", "MG", &service)
                .then_some(From::Service(service));
        }
        // What is written and cannot be read was reported.
        _ if section.raw("from").is_some() != section.raw("messaging_service").is_some() => {}
        _ => section.error(
            "from",
            "must be there, or `messaging_service`, and not both",
        ),
    }
    None
}

impl Kind for Twilio {
    fn word(&self) -> &'static str {
        "twilio"
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
        told.kind()?;
        let mut form = Serializer::new(String::new());
        form.append_pair("To", &self.to);
        match &self.from {
            From::Number(number) => form.append_pair("From", number),
            From::Service(sid) => form.append_pair("MessagingServiceSid", sid),
        };
        let text = match self.to.starts_with("whatsapp:") {
            true => sentence(told, self.sms.most()),
            false => self.sms.text(told),
        };
        form.append_pair("Body", &text);
        if let Some(valid) = self.valid_for {
            form.append_pair("ValidityPeriod", &valid.as_secs().to_string());
        }
        let request = HttpRequest::post(
            self.access.url.clone(),
            "application/x-www-form-urlencoded",
            form.finish(),
        );
        Ok(request.signed(Some(&self.sign)).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let body: Json = serde_json::from_str(&answer.body).unwrap_or_default();
        let code = body["code"].as_u64().unwrap_or_default();
        // The numbers of Twilio's own list of errors; only these two blame the text.
        let give_up: &[u16] = match code {
            21602 | 21617 => &[400],
            _ => &[],
        };
        let mut outcome = Outcome::of_status(answer, give_up);
        match (&mut outcome, code) {
            (Outcome::Accepted { detail, .. }, _) => {
                *detail = format!("accepted by Twilio ({})", answer.status);
            }
            (Outcome::Refused { why, .. }, 20429 | 21611) => {
                let pause = if code == 21611 {
                    Some(QUEUE_FULL)
                } else {
                    None
                };
                outcome = Outcome::Failed {
                    why: std::mem::take(why),
                    retry_after: pause.or(answer.retry_after),
                };
            }
            (Outcome::Refused { why, .. }, _) => *why += advice(code, answer.status),
            _ => {}
        }
        (outcome, None)
    }
}

fn advice(code: u64, status: u16) -> &'static str {
    match (code, status) {
        (20003, _) | (_, 401) => "; look at `account`, `api_key` and `auth_token`",
        (21211 | 21614, _) => "; look at `to`",
        (21610, _) => "; whoever has this number has to send START to get messages again",
        (21408, _) => "; allow the country of `to` in Twilio's console",
        (21606 | 21659 | 21212, _) => "; look at `from`",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{
        testbed::{self, attempt, notice, read, sent},
        tests::golden::HOSTILE,
    };

    const CONFIG: &str = include_str!("../../tests/formats/twilio.toml");

    fn verdict(status: u16, body: &str) -> &'static str {
        testbed::verdict(CONFIG, status, body)
    }

    #[test]
    fn what_goes_on_to_whatsapp_is_no_markup_there() {
        let config = CONFIG.replace("to = \"+", "to = \"whatsapp:+");
        let destination = read(&config).expect("a destination");
        let mut notice = notice(EventKind::Triggered);
        notice.text = "*b* °C".to_owned();
        let body = sent(&destination, &notice, &attempt(), None).remove(0).body;
        assert!(
            body.contains("Body=%E2%80%8B*%E2%80%8Bb%E2%80%8B*%E2%80%8B+%C2%B0C"),
            "{body}"
        );
    }

    #[test]
    fn the_code_in_the_answer_says_what_is_to_be_mended_and_what_is_not() {
        for (status, code, expected) in [
            (401, 20003, "mended"),
            (400, 21211, "mended"),
            (400, 21610, "mended"),
            (400, 21617, "given up"),
            (429, 20429, "pause"),
            (400, 21611, "pause"),
            (503, 0, "retry"),
        ] {
            let body = format!("{{\"code\": {code}, \"message\": \"no\", \"status\": {status}}}");
            assert_eq!(verdict(status, &body), expected, "{code}");
        }
        assert_eq!(
            verdict(201, r#"{"sid": "SM1", "status": "queued"}"#),
            "accepted"
        );
    }

    #[test]
    fn a_hostile_name_is_no_field_of_the_form() {
        let mut notice = notice(EventKind::Triggered);
        notice.text = format!("&To=%2B1900&From=x{} A-1042", HOSTILE.repeat(9));
        let destination = read(CONFIG).expect("a destination");
        let request = sent(&destination, &notice, &attempt(), None).remove(0);
        let form: Vec<(String, String)> = url::form_urlencoded::parse(request.body.as_bytes())
            .into_owned()
            .collect();
        let names: Vec<&str> = form.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["To", "From", "Body", "ValidityPeriod"]);
        assert_eq!(form[0].1, "+491701234567");
        assert!(
            form[2].1.chars().count() <= 300 && form[2].1.ends_with("... A-1042"),
            "{}",
            form[2].1
        );
    }
}
