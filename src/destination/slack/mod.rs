//! Slack, by an incoming webhook: a message for each event. The URL is the credential, and Slack says nothing by which the message could
//! be found again; [`bot`] can.
//!
//! Its limits are those of [`message`], and about one message a second. It says what is wrong by a word, whatever the status is.

use std::{sync::Arc, time::Duration};

use super::{
    Abilities, Access, Answer, Carrier, Digest, Errand, HttpRequest, Kind, Outcome, Rate,
    RenderError, Terms, Told,
    card::Card,
    chat::{self, Mentions},
    events, shape,
    text::harmless,
};
use crate::{alert::event::EventKind, config::section::Section};

pub(super) mod bot;
mod mention;
mod message;

use self::mention::Mention;

/// Where its webhooks are, and those of the cloud for governments.
const HOOKS: [&str; 2] = [
    "https://hooks.slack.com/services/",
    "https://hooks.slack-gov.com/services/",
];

#[derive(Debug)]
struct Slack {
    access: Access,
    mentions: Mentions<Mention>,
    events: Vec<EventKind>,
}

/// Reads `type = "slack"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read(section, Duration::from_secs(10));
    let url = shape::Url::of(section, access.as_ref());
    if let Some(url) = url.filter(|url| !HOOKS.iter().any(|hook| url.text().starts_with(hook))) {
        url.is_odd(
            "is no webhook of Slack, whose urls begin with https://hooks.slack.com/services/; what is there has to take the same and \
             answer \"ok\", as Mattermost does",
        );
    }
    let terms = chat::terms(section, Rate::per_minute(60));
    let mentions = Mentions::read(section);
    let events = events::read(section, &EventKind::ALL);
    let slack = Slack {
        access: access?,
        mentions,
        events,
    };
    Some((Arc::new(slack), terms))
}

impl Kind for Slack {
    fn word(&self) -> &'static str {
        "slack"
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            digests: true,
            ..Abilities::MESSAGE
        }
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::Http(&self.access)
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        let message = message::shown(&Card::of(told)?, &mention::all(&self.mentions, told));
        Ok(HttpRequest::json(self.access.url.clone(), told.json(&message)?).into())
    }

    fn render_digest(&self, digest: &Digest<'_>) -> Result<Errand, RenderError> {
        let message = message::shown(&Card::of_digest(digest), "");
        Ok(HttpRequest::json(self.access.url.clone(), digest.first.json(&message)?).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        (said(answer), None)
    }
}

/// What the word means that Slack answers.
fn said(answer: &Answer) -> Outcome {
    const NEW: &str =
        "the webhook does not work any more: make a new one and put its url into `url`";
    let refused = |hint: &str, give_up| Outcome::Refused {
        why: match hint {
            "" => quoted(answer),
            hint => format!("{}; {hint}", quoted(answer)),
        },
        give_up,
    };
    match answer.body.trim() {
        "ok" if answer.status == 200 => Outcome::Accepted {
            detail: "accepted by Slack".to_owned(),
            provider_id: answer.named(),
        },
        "invalid_payload" | "no_text" | "invalid_blocks" | "too_many_attachments" => {
            refused("it does not take what it was sent", true)
        }
        "no_service" | "no_service_id" | "no_active_hooks" | "no_team" | "invalid_token"
        | "team_disabled" | "user_not_found" | "channel_not_found" => refused(NEW, false),
        "channel_is_archived" => refused(
            "open the channel again there, or make a webhook for another and put its url into `url`",
            false,
        ),
        "action_prohibited" | "posting_to_general_channel_denied" => {
            refused("an administrator there does not allow it", false)
        }
        "rollup_error" => Outcome::Failed {
            why: quoted(answer),
            retry_after: answer.retry_after,
        },
        _ => match Outcome::of_status(answer, &[400, 413]) {
            // Whatever answered, it was not the webhook.
            Outcome::Accepted { .. } => Outcome::Failed {
                why: format!("{}, where a webhook of Slack says \"ok\"", quoted(answer)),
                retry_after: answer.retry_after,
            },
            other => other,
        },
    }
}

fn quoted(answer: &Answer) -> String {
    format!(
        "HTTP {}: \"{}\"",
        answer.status,
        harmless(&answer.body, 200)
    )
}

#[cfg(test)]
mod tests;
