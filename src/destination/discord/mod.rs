//! Discord, by a webhook: a message for each alert that always shows how things are, and a new one for what calls people or ends it.
//!
//! The url is the credential. What calls for somebody (an alert begins, comes back, becomes worse, is escalated) is a new message;
//! acknowledging and shelving only change the first one; an end changes it and is told in a silent message as well, because nobody sees a
//! change of what has scrolled away. Its limits are those of [`message`], about 30 messages a minute, and changes of what is older than
//! an hour are few: then it is told anew. It knows no repeats. What is kept is where the message is: `123456789012345678`, and behind it
//! the post of a forum.

use std::{sync::Arc, time::Duration};

use serde_json::{Value as Json, json};

use super::{
    Abilities, Access, Answer, Carrier, Errand, HttpRequest, Kind, Outcome, Rate, RenderError,
    Terms, Told, Veiled,
    card::Card,
    chat::{self, Mentions, partial},
    events, shape,
    text::{harmless, shorten},
};
use crate::{alert::event::EventKind, config::section::Section};

mod mention;
mod message;

use self::mention::{Mention, is_snowflake};

/// The longest name of a forum's post.
const POST: usize = 100;

#[derive(Debug)]
struct Discord {
    access: Access,
    /// Messages go into this thread of the channel.
    thread_id: Option<String>,
    /// The channel is a forum: each alert is a post.
    forum: bool,
    mentions: Mentions<Mention>,
    events: Vec<EventKind>,
}

/// Reads `type = "discord"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read(section, Duration::from_secs(10));
    if let Some(url) = shape::Url::of(section, access.as_ref()) {
        check(&url);
    }
    let terms = chat::terms(section, Rate::per_minute(30));
    let thread_id: Option<String> = section.optional("thread_id");
    if let Some(id) = thread_id.as_ref().filter(|id| !is_snowflake(id)) {
        section.error(
            "thread_id",
            format!("is \"{id}\", must be the id of a thread, 15 to 20 digits in quotation marks"),
        );
    }
    let forum = section.get("forum", false);
    if forum && thread_id.is_some() {
        section.error(
            "forum",
            "makes a post of each alert, and `thread_id` puts all into one; say one or the other",
        );
    }
    let mentions = Mentions::read(section);
    let events = events::read(section, &EventKind::ALL);
    let discord = Discord {
        access: access?,
        thread_id,
        forum,
        mentions,
        events,
    };
    Some((Arc::new(discord), terms))
}

fn check(url: &shape::Url<'_>) {
    if url.text().contains(['?', '#']) {
        url.is_wrong(
            "has a part behind `?` or `#`; write the url of the webhook alone, and a thread into `thread_id`",
        );
    }
    let parsed = url::Url::parse(url.text()).ok();
    let is_webhook = parsed.is_some_and(|url| {
        let host = url.host_str().unwrap_or_default();
        let host = host
            .trim_start_matches("ptb.")
            .trim_start_matches("canary.");
        let parts: Vec<&str> = url.path().split('/').skip(1).collect();
        let token = match parts.as_slice() {
            ["api", "webhooks", id, token] => is_snowflake(id) && !token.is_empty(),
            ["api", version, "webhooks", id, token] => {
                version.starts_with('v') && is_snowflake(id) && !token.is_empty()
            }
            _ => false,
        };
        matches!(host, "discord.com" | "discordapp.com") && token
    });
    if !is_webhook {
        url.is_odd(
            "is no webhook of Discord, whose urls look like https://discord.com/api/webhooks/ID/TOKEN and end there",
        );
    }
}

/// Where the message of an alert is.
struct Thread<'t> {
    message: &'t str,
    post: Option<&'t str>,
}

impl<'t> Thread<'t> {
    fn of(told: &Told<'t>) -> Option<Self> {
        let mut parts = told.thread?.split(' ');
        let message = parts.next().filter(|id| is_snowflake(id))?;
        let post = parts.next().filter(|id| is_snowflake(id));
        Some(Self { message, post })
    }
}

impl Kind for Discord {
    fn word(&self) -> &'static str {
        "discord"
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
        let mut new = message::shown(told, &card, &self.mentions.of(told));
        let Some(thread) = Thread::of(told) else {
            if self.forum {
                new["thread_name"] = shorten(&card.title, POST - 1).into();
            }
            let url = self.url("", "?wait=true&", None);
            return Ok(HttpRequest::json(url, told.json(&new)?).into());
        };
        let state = message::shown(told, &card, &[]);
        let state = json!({ "content": state["content"], "embeds": state["embeds"], "allowed_mentions": { "parse": [] } });
        let place = format!("/messages/{}", thread.message);
        let change = HttpRequest {
            method: "PATCH",
            ..HttpRequest::json(self.url(&place, "?", thread.post), told.json(&state)?)
        };
        // The change first: it may be repeated.
        let mut requests = vec![change];
        if is_new(told) {
            let url = self.url("", "?wait=true&", thread.post);
            requests.push(HttpRequest::json(url, told.json(&new)?));
        }
        Ok(Errand::each(requests))
    }

    fn interpret(&self, told: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let thread = Thread::of(told);
        let change = thread.is_some() && answer.step == 0;
        let body = partial(&answer.body);
        if !matches!(answer.status, 200..=299) {
            return self.refused(told, answer, &body, change);
        }
        let id = |name: &str| body[name].as_str().filter(|id| is_snowflake(id));
        let message = id("id");
        let kept = match (thread, message) {
            (None, Some(message)) if self.forum => Some(format!(
                "{message} {}",
                id("channel_id").unwrap_or_default()
            )),
            (None, Some(message)) => Some(message.to_owned()),
            _ => None,
        };
        let detail = match change {
            true => "the first message was changed",
            false => "accepted by Discord",
        };
        (accepted(detail, message), kept)
    }
}

/// Whether it is told in a message of its own, where there is one already.
fn is_new(told: &Told<'_>) -> bool {
    chat::calls(told) || told.kind().is_ok_and(EventKind::is_end)
}

impl Discord {
    /// The url of the webhook with what comes behind it; `begin` opens the query.
    fn url(&self, path: &str, begin: &str, post: Option<&str>) -> Veiled {
        let query = match post.or(self.thread_id.as_deref()) {
            Some(id) => format!("{begin}thread_id={id}"),
            None => begin.to_owned(),
        };
        let query = query.trim_end_matches(['?', '&']);
        self.access.url.clone().and(format!("{path}{query}"))
    }

    fn refused(
        &self,
        told: &Told<'_>,
        answer: &Answer,
        body: &Json,
        change: bool,
    ) -> (Outcome, Option<String>) {
        let said = body["message"].as_str().unwrap_or(&answer.body);
        let why = |hint: &str| format!("HTTP {}: {}; {hint}", answer.status, harmless(said, 200));
        let mend = |hint: &str| Outcome::Refused {
            why: why(hint),
            give_up: false,
        };
        let anew = |hint: &str| {
            let failed = Outcome::Failed {
                why: why(hint),
                retry_after: None,
            };
            (failed, Some(String::new()))
        };
        let in_post = Thread::of(told).is_some_and(|thread| thread.post.is_some());
        match (answer.status, body["code"].as_u64().unwrap_or_default()) {
            (429, _) => {
                let seconds = body["retry_after"]
                    .as_f64()
                    .filter(|wait| (0.0..1e6).contains(wait));
                let wait = seconds.map(|wait| Duration::from_secs_f64(wait.ceil()));
                let answer = Answer {
                    retry_after: wait.or(answer.retry_after),
                    ..answer.clone()
                };
                (Outcome::of_status(&answer, &[]), None)
            }
            (_, 10008) if change => anew("its message is gone, so it is told anew"),
            (_, 10003) if in_post => anew("its post is gone, so it is told anew"),
            // Too many changes of what is older than an hour.
            (_, 30046) if change && !is_new(told) => anew("so it is told in a new message"),
            (_, 30046) if change => (
                accepted(&why("the first message stays as it is"), None),
                None,
            ),
            (_, 10003) => (mend("look at `thread_id`"), None),
            (_, 220_001) => (
                mend("the channel is a forum: set forum = true, or `thread_id`"),
                None,
            ),
            (_, 220_003) => (mend("the channel is no forum: take `forum` out"), None),
            (401 | 404, _) | (_, 10015 | 50027) => {
                (mend("make a new webhook and put its url into `url`"), None)
            }
            _ => (Outcome::of_status(answer, &[400, 413]), None),
        }
    }
}

fn accepted(detail: &str, id: Option<&str>) -> Outcome {
    Outcome::Accepted {
        detail: detail.to_owned(),
        provider_id: id.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
