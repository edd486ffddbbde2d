//! AWS SNS: an event is published to a topic, or sent to a telephone number as a short message.
//!
//! What a topic's subscribers make of it is theirs; attributes tell them severity, state and machine to filter by. In a FIFO topic the
//! events of one alert stay in order (its `dedup_key` is their group), and a repeat is dropped.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use url::form_urlencoded::Serializer;

use self::target::{Target, region, target};
use super::{
    Abilities, Access, Answer, Aws, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Signing, Terms, Told, card::Card, events, letter::Letter, phone, text::harmless,
};
use crate::{alert::event::EventKind, config::section::Section};

mod target;

/// A subject has to have fewer than 100 characters.
const SUBJECT: usize = 99;
/// How long a throttled account is left alone.
const THROTTLED: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Sns {
    access: Access,
    sign: Signing,
    to: Target,
    events: Vec<EventKind>,
}

/// Reads `type = "sns"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let target = target(section);
    let region = region(section, target.as_ref());
    let suffix = match region.as_deref() {
        Some(region) if region.starts_with("cn-") => ".cn",
        _ => "",
    };
    let host = region.as_deref().unwrap_or("region");
    let url = format!("https://sns.{host}.amazonaws.com{suffix}/");
    let access = Access::read_known(section, Duration::from_secs(10), &url);
    let (rate, takes) = match &target {
        Some(Target::Phone(..)) => (phone::ONE_A_SECOND, &events::UNTAKEN[..]),
        _ => (Rate::per_minute(600), &EventKind::ALL[..]),
    };
    let terms = Terms::read(section, Terms::of_people(rate));
    let events = events::read(section, takes);
    let key_id = section.required::<String>("access_key_id");
    let key_id = key_id.filter(|id| is_key_id(section, id));
    let secret = section.required("secret_access_key");
    let token = section.optional("session_token");
    let sns = Sns {
        access: access?,
        sign: Signing::Aws(Box::new(Aws {
            region: region?,
            service: "sns",
            key_id: key_id?,
            secret: secret?,
            token,
        })),
        to: target?,
        events,
    };
    Some((Arc::new(sns), terms))
}

fn is_key_id(section: &Section<'_>, id: &str) -> bool {
    let fine =
        (16..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !fine {
        section.error(
            "access_key_id",
            "must be the id of an access key, like AKIA and 16 letters and digits",
        );
    }
    fine
}

impl Kind for Sns {
    fn word(&self) -> &'static str {
        "sns"
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
        let mut form = Serializer::new(String::new());
        form.append_pair("Action", "Publish");
        form.append_pair("Version", "2010-03-31");
        let attributes = match &self.to {
            Target::Topic(arn) => {
                form.append_pair("TopicArn", arn);
                form.append_pair("Subject", &harmless(&Card::of(told)?.title, SUBJECT));
                form.append_pair("Message", &Letter::of(told)?.text);
                if arn.ends_with(".fifo") {
                    let key = &told.notice.dedup_key;
                    form.append_pair("MessageGroupId", key);
                    // Another for each event: with equal ones a quick follow-up would be dropped.
                    let digest = Sha256::digest(format!("{key}{}", told.notice.id));
                    let id: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                    form.append_pair("MessageDeduplicationId", &id);
                }
                attributes(told)?
            }
            Target::Phone(phone, sms) => {
                told.kind()?;
                form.append_pair("PhoneNumber", &phone.0);
                form.append_pair("Message", &sms.text(told));
                // Not by the cheapest way, but by the surest.
                vec![("AWS.SNS.SMS.SMSType", "Transactional".to_owned())]
            }
        };
        for (number, (name, value)) in (1..).zip(attributes) {
            let mut entry = |key: &str, value: &str| {
                form.append_pair(&format!("MessageAttributes.entry.{number}.{key}"), value);
            };
            entry("Name", name);
            entry("Value.DataType", "String");
            entry("Value.StringValue", &value);
        }
        let form_type = "application/x-www-form-urlencoded; charset=utf-8";
        let request = HttpRequest::post(self.access.url.clone(), form_type, form.finish());
        Ok(request.signed(Some(&self.sign)).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let code = inside(&answer.body, "Code").unwrap_or_default();
        if code.contains("Throttl") || code == "RequestLimitExceeded" {
            let outcome = Outcome::Failed {
                why: format!("HTTP {}: {code}", answer.status),
                retry_after: Some(answer.retry_after.unwrap_or(THROTTLED)),
            };
            return (outcome, None);
        }
        let names_target = ["TopicArn", "PhoneNumber"]
            .iter()
            .any(|word| answer.body.contains(word));
        let blames_text = matches!(
            code,
            "InvalidParameter" | "ParameterValueInvalid" | "InvalidParameterValue"
        );
        let give_up: &[u16] = if blames_text && !names_target {
            &[400, 413]
        } else {
            &[413]
        };
        let mut outcome = Outcome::of_status(answer, give_up);
        match &mut outcome {
            Outcome::Accepted {
                detail,
                provider_id,
            } => {
                *detail = format!("published by SNS ({})", answer.status);
                let id = inside(&answer.body, "MessageId").map(|id| harmless(id, 200));
                *provider_id = id.or(provider_id.take());
            }
            Outcome::Refused { why, .. } => *why += advice(code),
            _ => {}
        }
        (outcome, None)
    }
}

fn attributes(told: &Told<'_>) -> Result<Vec<(&'static str, String)>, RenderError> {
    let alert = &told.notice.alert;
    let all = [
        ("event", told.kind()?.word().to_owned()),
        ("severity", alert.severity.clone()),
        ("state", alert.state.clone()),
        ("site", told.notice.site.clone()),
        ("machine", alert.machine.clone()),
        ("rule", alert.rule.clone()),
        ("alert", format!("A-{}", alert.number)),
        ("dedup_key", told.notice.dedup_key.clone()),
        ("test", told.notice.test.to_string()),
    ];
    // SNS refuses empty ones.
    Ok(all
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect())
}

fn advice(code: &str) -> &'static str {
    match code {
        "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "InvalidSecurity"
        | "IncompleteSignature" => "; look at `access_key_id` and `secret_access_key`",
        "ExpiredToken" | "ExpiredTokenException" => {
            "; `session_token` has ended, and the key with it"
        }
        "AuthorizationError" | "AuthorizationErrorException" | "AccessDenied" => {
            "; allow sns:Publish to this key"
        }
        "RequestExpired" => "; is the gateway's clock right?",
        "NotFound" | "NotFoundException" => "; look at `topic`",
        _ => "",
    }
}

/// What stands in the first element of this name. SNS answers in XML with nothing nested in these.
fn inside<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    after.split_once("</").map(|(text, _)| text.trim())
}

#[cfg(test)]
mod tests;
