//! Slack, by the token of an app: a message for each alert, and a thread below it with what became of it. The message itself always shows
//! how things are; escalations and reopenings in its thread are shown in the channel too.
//!
//! It answers 200 also when it refuses. Its limits are those of [`super::message`], one message a second in a channel, and about 50
//! changes of messages a minute. It knows no repeats: what was accepted while its answer was lost comes twice. What is kept is where the
//! message is: `C024BE91L 1503435956.000247`.

use std::{sync::Arc, time::Duration};

use serde_json::{Value as Json, json};

use super::{
    super::{
        Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
        Spelling, Terms, Told, Veiled,
        card::Card,
        chat::{self, Mentions, partial},
        events, shape,
        text::harmless,
    },
    mention::{self, Mention},
    message,
};
use crate::{
    alert::event::EventKind,
    config::{secret::Secret, section::Section},
};

const API: &str = "https://slack.com/api";
/// How long it is left alone where it does not say for how long.
const PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Bot {
    access: Access,
    token: Secret,
    channel: String,
    mentions: Mentions<Mention>,
    events: Vec<EventKind>,
}

/// Reads `type = "slack-bot"`.
pub(in crate::destination) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read_known(section, Duration::from_secs(10), API);
    let terms = chat::terms(section, Rate::per_minute(50));
    let mentions = Mentions::read(section);
    let events = events::read(section, &EventKind::ALL);
    let (token, channel) = (read_token(section), read_channel(section));
    let bot = Bot {
        access: access?,
        token: token?,
        channel: channel?,
        mentions,
        events,
    };
    Some((Arc::new(bot), terms))
}

fn read_token(section: &Section<'_>) -> Option<Secret> {
    let token: Secret = section.required("token")?;
    let fine = |token: &str| token.starts_with("xoxb-") || token.starts_with("xoxp-");
    shape::must(
        section,
        "token",
        &token,
        fine,
        "is no token of a bot; copy the \"Bot User OAuth Token\", which begins with xoxb-, from the app's page",
    );
    Some(token)
}

fn read_channel(section: &Section<'_>) -> Option<String> {
    let channel: String = section.required("channel")?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>@&".contains(c);
    if channel.is_empty() || channel.chars().count() > 80 || channel.contains(odd) {
        section.error(
            "channel",
            format!("is \"{channel}\", must be a channel's id like \"C024BE91L\" or its name like \"#line-2\""),
        );
    }
    Some(channel)
}

/// Where the message of an alert is.
struct Thread<'t> {
    channel: &'t str,
    ts: &'t str,
}

impl<'t> Thread<'t> {
    fn of(told: &Told<'t>) -> Option<Self> {
        let (channel, ts) = told.thread?.split_once(' ')?;
        (!ts.contains(' ')).then_some(Self { channel, ts })
    }
}

impl Kind for Bot {
    fn word(&self) -> &'static str {
        "slack-bot"
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
        let card = Card::of(told)?;
        let calls = mention::all(&self.mentions, told);
        let Some(thread) = Thread::of(told) else {
            let first = message(&card, &calls, json!({ "channel": self.channel }));
            return Ok(self.request("chat.postMessage", told.json(&first)?).into());
        };
        let here = json!({ "channel": thread.channel, "ts": thread.ts });
        let reply = json!({
            "channel": thread.channel,
            "thread_ts": thread.ts,
            "reply_broadcast": matches!(told.kind()?, EventKind::Escalated | EventKind::Reopened),
        });
        // The change first: it may be repeated. It calls nobody.
        Ok(Errand::each(vec![
            self.request("chat.update", told.json(&message(&card, "", here))?),
            self.request(
                "chat.postMessage",
                told.json(&message(&card, &calls, reply))?,
            ),
        ]))
    }

    fn interpret(&self, told: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let thread = Thread::of(told);
        let change = thread.is_some() && answer.step == 0;
        if answer.status != 200 {
            return (Outcome::of_status(answer, &[400, 413]), None);
        }
        let body = partial(&answer.body);
        match (body["ok"].as_bool(), body["error"].as_str()) {
            (Some(true), _) if change => (accepted("the first message was changed", None), None),
            (Some(true), _) => {
                let field = |name: &str| body[name].as_str().filter(|text| !text.contains(' '));
                let place = field("channel").zip(field("ts"));
                let kept = place.map(|(channel, ts)| format!("{channel} {ts}"));
                let id = field("ts").map(|ts| harmless(ts, 200));
                // What comes after belongs below the first message, not below this one.
                let kept = kept.filter(|_| thread.is_none());
                (accepted("accepted by Slack", id), kept)
            }
            (Some(false), Some(error)) => refused(error, answer, thread.is_some(), change),
            _ => (
                failed(
                    format!(
                        "HTTP 200, and no answer of Slack: {}",
                        harmless(&answer.body, 200)
                    ),
                    answer.retry_after,
                ),
                None,
            ),
        }
    }
}

impl Bot {
    fn request(&self, method: &str, body: String) -> HttpRequest {
        let url = self.access.url.clone().and(format!("/{method}"));
        let token = Veiled::from("Bearer ").and_secret(self.token.clone(), Spelling::Plain);
        HttpRequest::post(url, "application/json; charset=utf-8", body).with("authorization", token)
    }
}

/// A card with what says where it goes; links in it are not looked at.
fn message(card: &Card, calls: &str, place: Json) -> Json {
    let mut message = message::shown(card, calls);
    if let (Some(message), Json::Object(place)) = (message.as_object_mut(), place) {
        message.extend(place);
        message.insert("unfurl_links".to_owned(), false.into());
        message.insert("unfurl_media".to_owned(), false.into());
    }
    message
}

/// What an error means, and what becomes of the thread.
fn refused(
    error: &str,
    answer: &Answer,
    in_thread: bool,
    change: bool,
) -> (Outcome, Option<String>) {
    let error = harmless(error, 100);
    let gone = in_thread.then(String::new);
    let why = |hint: &str| format!("Slack says {error}; {hint}");
    let mend = |hint: &str| Outcome::Refused {
        why: why(hint),
        give_up: false,
    };
    match error.as_str() {
        "thread_not_found" | "message_not_found" if in_thread => (
            failed(why("its message is gone, so it is told anew"), None),
            gone,
        ),
        "ratelimited" | "rate_limited" => {
            let wait = answer.retry_after.unwrap_or(PAUSE);
            (failed(why("it is called too often"), Some(wait)), None)
        }
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            (failed(why("that may pass"), answer.retry_after), None)
        }
        "invalid_auth" | "not_authed" | "account_inactive" | "token_revoked" | "token_expired" => {
            (mend("make a new token and put it into `token`"), None)
        }
        "missing_scope" | "no_permission" | "not_allowed_token_type" => (
            mend("give the app the scope chat:write and install it again"),
            None,
        ),
        // A channel of a thread may be another than the one that is configured by now.
        "not_in_channel" => (mend("invite the app into the channel"), gone),
        "channel_not_found" => (mend("look at `channel`, and invite the app into it"), gone),
        "is_archived" => (
            mend("open the channel again, or name another in `channel`"),
            gone,
        ),
        "restricted_action" => (mend("an administrator there does not allow it"), gone),
        // It says how things are only in the reply then.
        _ if change => (
            accepted(&why("the first message stays as it is"), None),
            None,
        ),
        "msg_too_long"
        | "no_text"
        | "invalid_blocks"
        | "invalid_attachments"
        | "invalid_arguments"
        | "too_many_attachments"
        | "msg_blocks_too_long" => {
            let outcome = Outcome::Refused {
                why: why("it does not take what it was sent"),
                give_up: true,
            };
            (outcome, None)
        }
        _ => (
            mend("look it up under chat.postMessage in its documentation"),
            None,
        ),
    }
}

fn accepted(detail: &str, provider_id: Option<String>) -> Outcome {
    Outcome::Accepted {
        detail: detail.to_owned(),
        provider_id,
    }
}

fn failed(why: String, retry_after: Option<Duration>) -> Outcome {
    Outcome::Failed { why, retry_after }
}
