//! Telegram, by a bot: a message for each event, those of an alert as replies to its first one. What calls for nobody makes no sound.
//!
//! The token is a part of the url. Its limits are those of [`message`], and about 20 messages a minute in a group. It knows no repeats.
//! A group that becomes a supergroup gets another id: the agent goes on there and says what to put into the configuration. What is kept is
//! where the message is: the chat, and the number in it, or `-` where only the chat is known.

use std::{sync::Arc, time::Duration};

use serde_json::{Value as Json, json};

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Spelling, Terms, Told,
    card::Card,
    chat::{self, Mentions, partial},
    events, shape,
    text::harmless,
};
use crate::{
    alert::event::EventKind,
    config::{
        secret::Secret,
        section::{Read, Section},
        tree::{Node, Value},
    },
};

mod mention;
mod message;

use self::mention::Mention;

const API: &str = "https://api.telegram.org";

#[derive(Debug)]
struct Telegram {
    access: Access,
    token: Secret,
    chat: ChatId,
    topic: Option<i64>,
    mentions: Mentions<Mention>,
    events: Vec<EventKind>,
}

/// Reads `type = "telegram"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read_known(section, Duration::from_secs(10), API);
    let terms = chat::terms(section, Rate::per_minute(20));
    let token = read_token(section);
    let chat = section.required("chat_id");
    let topic = section.raw("topic").is_some();
    let topic = topic.then(|| section.ranged("topic", 1, 1..=i64::from(i32::MAX)));
    let mentions = Mentions::read(section);
    let events = events::read(section, &EventKind::ALL);
    let telegram = Telegram {
        access: access?,
        token: token?,
        chat: chat?,
        topic,
        mentions,
        events,
    };
    Some((Arc::new(telegram), terms))
}

fn read_token(section: &Section<'_>) -> Option<Secret> {
    let token: Secret = section.required("token")?;
    let fine = |token: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        token.split_once(':').is_some_and(|(bot, key)| {
            let number = !bot.is_empty() && bot.bytes().all(|byte| byte.is_ascii_digit());
            number && key.len() >= 20 && key.bytes().all(allowed)
        })
    };
    shape::must(
        section,
        "token",
        &token,
        fine,
        "is no token of a bot, which BotFather writes like 123456789:AAE.., digits, a colon and at least 20 characters",
    );
    Some(token)
}

/// A chat: its number, negative for groups, or `@channel`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ChatId(Json);

impl Read for ChatId {
    const EXPECTED: &'static str =
        "the number of a chat, -1001234567890, or the name of a public channel, \"@plant_7\"";
    fn read(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Int(0) => Err(format!("must be {}, not 0", Self::EXPECTED)),
            Value::Int(id) => Ok(Self(Json::from(*id))),
            Value::Text(text) => Self::written(text)
                .ok_or_else(|| format!("is \"{text}\", must be {}", Self::EXPECTED)),
            _ => Err(Self::mismatch(node)),
        }
    }
}

impl ChatId {
    fn written(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix('@') {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            let fine = (4..=32).contains(&name.len()) && name.bytes().all(allowed);
            return fine.then(|| Self(text.into()));
        }
        let id = text.parse::<i64>().ok().filter(|id| *id != 0)?;
        Some(Self(id.into()))
    }

    /// As it is kept, and as people write it.
    fn text(&self) -> String {
        self.0
            .as_str()
            .map_or_else(|| self.0.to_string(), str::to_owned)
    }
}

/// Where the message of an alert is.
struct Thread {
    chat: ChatId,
    message: Option<i64>,
}

impl Thread {
    fn of(told: &Told<'_>) -> Option<Self> {
        let (chat, message) = told.thread?.split_once(' ')?;
        Some(Self {
            chat: ChatId::written(chat)?,
            message: message.parse().ok(),
        })
    }
}

impl Kind for Telegram {
    fn word(&self) -> &'static str {
        "telegram"
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
        let thread = Thread::of(told);
        let chat = thread.as_ref().map_or(&self.chat, |thread| &thread.chat);
        let mut body = json!({
            "chat_id": chat.0,
            "text": message::shown(&Card::of(told)?, &self.mentions.of(told)),
            "parse_mode": "HTML",
            "disable_notification": !chat::calls(told),
            "link_preview_options": { "is_disabled": true },
        });
        if let Some(topic) = self.topic {
            body["message_thread_id"] = topic.into();
        }
        if let Some(first) = thread.and_then(|thread| thread.message) {
            body["reply_parameters"] =
                json!({ "message_id": first, "allow_sending_without_reply": true });
        }
        let url = self.access.url.clone().and("/bot");
        let url = url
            .and_secret(self.token.clone(), Spelling::Percent)
            .and("/sendMessage");
        Ok(HttpRequest::json(url, told.json(&body)?).into())
    }

    fn interpret(&self, told: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let thread = Thread::of(told);
        let body = partial(&answer.body);
        match body["ok"].as_bool() {
            Some(true) if matches!(answer.status, 200..=299) => {
                let id = body["result"]["message_id"].as_i64();
                let chat = thread.as_ref().map_or(&self.chat, |thread| &thread.chat);
                let is_first = thread
                    .as_ref()
                    .is_none_or(|thread| thread.message.is_none());
                let kept = id.filter(|_| is_first);
                let kept = kept.map(|id| format!("{} {id}", chat.text()));
                let outcome = Outcome::Accepted {
                    detail: "accepted by Telegram".to_owned(),
                    provider_id: id.map(|id| id.to_string()),
                };
                (outcome, kept)
            }
            Some(false) => refused(answer, &body),
            _ => match Outcome::of_status(answer, &[]) {
                Outcome::Accepted { .. } => {
                    let why = format!(
                        "HTTP {}, and no answer of Telegram: {}",
                        answer.status,
                        harmless(&answer.body, 200)
                    );
                    (
                        Outcome::Failed {
                            why,
                            retry_after: None,
                        },
                        None,
                    )
                }
                other => (other, None),
            },
        }
    }
}

/// What an error means, and where the chat has gone.
fn refused(answer: &Answer, body: &Json) -> (Outcome, Option<String>) {
    let said = body["description"].as_str().unwrap_or_default();
    let why = |hint: &str| format!("Telegram says {}; {hint}", harmless(said, 200));
    if let Some(id) = body["parameters"]["migrate_to_chat_id"].as_i64() {
        let hint =
            format!("the group has become a supergroup and is told there: set chat_id = {id}");
        let moved = Outcome::Failed {
            why: why(&hint),
            retry_after: None,
        };
        return (moved, Some(format!("{id} -")));
    }
    let blames = ["parse entities", "too long", "text is empty"];
    let mend = |hint: &str| Outcome::Refused {
        why: why(hint),
        give_up: false,
    };
    let outcome = match answer.status {
        400 if blames.iter().any(|blame| said.contains(blame)) => Outcome::Refused {
            why: why("it does not take what it was sent"),
            give_up: true,
        },
        400 => mend(
            "look at `chat_id` and `topic`; the bot has to be in the chat and may have to write there",
        ),
        401 | 404 => mend("ask BotFather for the token, or for a new one, and put it into `token`"),
        403 => mend("let the bot into the chat, and let it write there"),
        429 => {
            let wait = body["parameters"]["retry_after"].as_u64();
            let answer = Answer {
                retry_after: wait.map(Duration::from_secs).or(answer.retry_after),
                ..answer.clone()
            };
            Outcome::of_status(&answer, &[])
        }
        _ => Outcome::of_status(answer, &[]),
    };
    (outcome, None)
}

#[cfg(test)]
mod tests;
