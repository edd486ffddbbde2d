//! WhatsApp by Meta's Cloud API, to one number. Who has not written within 24 hours gets nothing but templates, so an alert is the one
//! parameter of a template that Meta has approved.
//!
//! It knows no key against repeats, and says only later whether a message arrived.

use std::{sync::Arc, time::Duration};

use serde_json::{Value as Json, json};

use self::sentence::sentence;
use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Signing, Terms, Told, events, phone::Phone, text::harmless,
};
use crate::{alert::event::EventKind, config::section::Section};

pub(super) mod sentence;

/// One user takes about this much.
const RATE: Rate = Rate {
    count: 1,
    per: Duration::from_secs(6),
};
/// How long a number or an account rests that got too much.
const TOO_MUCH: Duration = Duration::from_secs(30);
/// Codes that say: later.
const LATER: [u64; 4] = [1, 2, 131_000, 131_016];
/// Codes that say: too much.
const TOO_FAST: [u64; 4] = [4, 80_007, 130_429, 131_056];
/// Codes that blame the text.
const BAD_TEXT: [u64; 2] = [131_009, 132_005];

#[derive(Debug)]
struct WhatsApp {
    access: Access,
    sign: Signing,
    to: Phone,
    mode: Mode,
    most: usize,
    events: Vec<EventKind>,
}

#[derive(Debug)]
enum Mode {
    Template { name: String, language: String },
    Text,
}

/// Reads `type = "whatsapp"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let version = section.get("version", "v22.0".to_owned());
    let number = section.required::<String>("phone_number_id");
    let digits = |text: &str| {
        !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let number = number.filter(|number| {
        checked(
            section,
            "phone_number_id",
            number,
            digits,
            "an id of digits, as Meta's console shows it beside the number",
        )
    });
    let is_version = |text: &str| {
        text.strip_prefix('v')
            .and_then(|text| text.split_once('.'))
            .is_some_and(|(a, b)| digits(a) && digits(b))
    };
    let fine = checked(
        section,
        "version",
        &version,
        is_version,
        "a version like \"v22.0\"",
    );
    let url = format!(
        "https://graph.facebook.com/{version}/{}/messages",
        number.as_deref().unwrap_or_default()
    );
    let access = Access::read_known(section, Duration::from_secs(10), &url);
    let terms = Terms::read(section, Terms::of_people(RATE));
    let events = events::read(section, &events::UNTAKEN);
    let (token, to) = (section.required("token"), section.required("to"));
    let mode = mode(section);
    let most =
        usize::try_from(section.ranged("max_characters", 900, 100..=4096_i64)).unwrap_or(900);
    number.filter(|_| fine)?;
    let kind = WhatsApp {
        access: access?,
        sign: Signing::Bearer(token?),
        to: to?,
        mode: mode?,
        most,
        events,
    };
    Some((Arc::new(kind), terms))
}

fn checked(
    section: &Section<'_>,
    key: &str,
    text: &str,
    fine: impl Fn(&str) -> bool,
    what: &str,
) -> bool {
    let fine = fine(text);
    if !fine {
        section.error(key, format!("is \"{text}\", must be {what}"));
    }
    fine
}

/// Reads `mode`, and for templates which one.
fn mode(section: &Section<'_>) -> Option<Mode> {
    let template = section
        .word("mode", &[("template", true), ("text", false)])
        .unwrap_or(true);
    let name = section.optional::<String>("template");
    let language = section.get("template_language", "en_US".to_owned());
    let word = |text: &str| {
        !text.is_empty()
            && text.len() <= 512
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let locale = |text: &str| {
        (2..=10).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    };
    if !template {
        if name.is_some() {
            section.error("template", "is not for `mode = \"text\"`");
        }
        section.warn(
            "mode",
            "is \"text\": who has not written to this number within 24 hours gets nothing",
        );
        return name.is_none().then_some(Mode::Text);
    }
    if section.raw("template").is_none() {
        section.error("template", "is missing: the name of a template that Meta has approved, with one parameter in its body");
    }
    let name = name.filter(|name| {
        checked(
            section,
            "template",
            name,
            word,
            "a name of small letters, digits and _",
        )
    });
    let fine = checked(
        section,
        "template_language",
        &language,
        locale,
        "a language like \"en_US\"",
    );
    name.filter(|_| fine)
        .map(|name| Mode::Template { name, language })
}

impl Kind for WhatsApp {
    fn word(&self) -> &'static str {
        "whatsapp"
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
        let sentence = sentence(told, self.most);
        let mut body = json!({ "messaging_product": "whatsapp", "recipient_type": "individual", "to": self.to.digits() });
        match &self.mode {
            Mode::Text => {
                body["type"] = "text".into();
                body["text"] = json!({ "preview_url": false, "body": sentence });
            }
            Mode::Template { name, language } => {
                body["type"] = "template".into();
                body["template"] = json!({
                    "name": name,
                    "language": { "code": language },
                    "components": [{ "type": "body", "parameters": [{ "type": "text", "text": sentence }] }],
                });
            }
        }
        let request = HttpRequest::json(self.access.url.clone(), told.json(&body)?);
        Ok(request.signed(Some(&self.sign)).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let body: Json = serde_json::from_str(&answer.body).unwrap_or_default();
        let code = body["error"]["code"].as_u64();
        let give_up: &[u16] = match code {
            Some(code) if BAD_TEXT.contains(&code) => &[400],
            _ => &[],
        };
        let mut outcome = Outcome::of_status(answer, give_up);
        // The code in the body decides, whatever the status.
        match (&mut outcome, code) {
            (
                Outcome::Accepted {
                    detail,
                    provider_id,
                },
                None,
            ) => {
                *detail = format!("accepted by WhatsApp ({})", answer.status);
                let id = body["messages"][0]["id"].as_str();
                *provider_id = id.map(|id| harmless(id, 200)).or(provider_id.take());
            }
            (_, Some(code)) if TOO_FAST.contains(&code) || LATER.contains(&code) => {
                let pause = TOO_FAST.contains(&code).then_some(TOO_MUCH);
                outcome = Outcome::Failed {
                    why: why(answer, &body, code),
                    retry_after: answer.retry_after.or(pause),
                };
            }
            (Outcome::Refused { give_up, .. }, Some(code)) => {
                outcome = Outcome::Refused {
                    why: why(answer, &body, code) + advice(code),
                    give_up: *give_up,
                };
            }
            (Outcome::Accepted { .. }, Some(code)) => {
                outcome = Outcome::Refused {
                    why: why(answer, &body, code) + advice(code),
                    give_up: false,
                };
            }
            _ => {}
        }
        (outcome, None)
    }
}

fn why(answer: &Answer, body: &Json, code: u64) -> String {
    let said = body["error"]["message"].as_str().unwrap_or_default();
    format!("HTTP {}: {code}: {}", answer.status, harmless(said, 200))
}

fn advice(code: u64) -> &'static str {
    match code {
        0 | 190 => "; make a new token and put it into `token`",
        3 | 10 | 200..=299 => {
            "; the token must be allowed to send messages (whatsapp_business_messaging)"
        }
        100 | 133_000..=133_999 => "; look at `phone_number_id` and `version`",
        131_026 => "; look at `to`: this number has no WhatsApp, or takes no messages of companies",
        131_047 => "; use `mode = \"template\"`: this person has not written within 24 hours",
        132_000..=132_999 => {
            "; look at `template` and `template_language`, and whether it has one parameter"
        }
        368 | 131_031 => "; Meta has locked the account",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
