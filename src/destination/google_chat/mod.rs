//! Google Chat, by a webhook of a space: the sentence and a card for each event, all of one watch in one thread.
//!
//! The url is the credential. A message may have 32,000 bytes, a space takes one a second from all its webhooks together, and threads
//! are only in spaces with a name. A repeat of a request has the id of the first one, for which Google makes one message. Nothing can be
//! changed later.

use std::{sync::Arc, time::Duration};

use sha2::{Digest as _, Sha256};

use super::{
    Abilities, Access, Answer, Carrier, Digest, Errand, HttpRequest, Kind, Outcome, Rate,
    RenderError, Terms, Told,
    card::Card,
    chat::{self, Mentions, partial, roomy},
    events, shape,
    text::harmless,
};
use crate::{alert::event::EventKind, config::section::Section};

mod mention;
mod message;

use self::mention::Mention;

/// The largest message, in bytes.
const MESSAGE: usize = 32_000;
/// For all webhooks of a space together.
const RATE: Rate = Rate {
    count: 1,
    per: Duration::from_secs(1),
};

#[derive(Debug)]
struct GoogleChat {
    access: Access,
    mentions: Mentions<Mention>,
    events: Vec<EventKind>,
}

/// Reads `type = "google-chat"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    let access = Access::read(section, Duration::from_secs(10));
    if let Some(url) = shape::Url::of(section, access.as_ref()) {
        let text = url.text();
        if !text.contains("?key=") || !text.contains("&token=") {
            url.is_wrong(
                "is not the whole url of a webhook, which ends with ?key=..&token=..; copy it as it is",
            );
        } else if !text.starts_with("https://chat.googleapis.com/v1/spaces/") {
            url.is_odd(
                "is no webhook of Google Chat, whose urls begin with https://chat.googleapis.com/v1/spaces/",
            );
        }
    }
    let terms = chat::terms(section, RATE);
    let mentions = Mentions::read(section);
    let events = events::read(section, &EventKind::ALL);
    let chat = GoogleChat {
        access: access?,
        mentions,
        events,
    };
    Some((Arc::new(chat), terms))
}

impl GoogleChat {
    /// `key` names the thread, and `id` what is told.
    fn request(&self, card: &Card, mentions: &[&Mention], key: &str, id: &str) -> Errand {
        let body = roomy(
            |room| message::shown(card, mentions, key, room).to_string(),
            |body| body.len() <= MESSAGE,
        );
        let url = self.access.url.clone().and(format!(
            "&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD&requestId={}",
            uuid(id)
        ));
        HttpRequest::post(url, "application/json; charset=UTF-8", body).into()
    }
}

impl Kind for GoogleChat {
    fn word(&self) -> &'static str {
        "google-chat"
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
        let (notice, mentions) = (told.notice, self.mentions.of(told));
        let (key, id) = (&notice.dedup_key, &notice.id);
        Ok(self.request(&Card::of(told)?, &mentions, key, id))
    }

    /// In a thread of its own.
    fn render_digest(&self, digest: &Digest<'_>) -> Result<Errand, RenderError> {
        let id = &digest.id;
        Ok(self.request(&Card::of_digest(digest), &[], id, id))
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        let body = partial(&answer.body);
        // It blames a key that it does not know in the same way as a message.
        let give_up_on: &[u16] = match answer.body.contains("API key") {
            true => &[],
            false => &[400, 413],
        };
        let outcome = match Outcome::of_status(answer, give_up_on) {
            Outcome::Accepted { .. } => Outcome::Accepted {
                detail: "accepted by Google Chat".to_owned(),
                provider_id: body["name"].as_str().map(|name| harmless(name, 200)),
            },
            Outcome::Refused {
                why,
                give_up: false,
            } => Outcome::Refused {
                why: format!("{why}; make a new webhook in the space and put its url into `url`"),
                give_up: false,
            },
            other => other,
        };
        (outcome, None)
    }
}

/// An id that is the same for every repeat of an event, in the form of a random UUID, as some look at that.
fn uuid(id: &str) -> String {
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(id)[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
    let hex = hex.collect::<String>();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

#[cfg(test)]
mod tests;
