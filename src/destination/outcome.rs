//! What a receiver answered, and what that means for the delivery. What follows from it is decided by the schedule.

use std::time::Duration;

use super::text;

/// How long a destination rests after "too many requests" that does not say how long.
const UNSAID_WAIT: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code: of HTTP, or what says the same where something else carries.
    pub status: u16,
    /// Which request of the errand is answered; the first is 0.
    pub step: usize,
    /// How long the receiver asks us to wait.
    pub retry_after: Option<Duration>,
    /// What the receiver calls this exchange, by a header.
    pub request_id: Option<String>,
    /// The beginning of the body.
    pub body: String,
    /// Whether the gateway's clock was synchronised: with a wrong one, receivers take good signatures for old ones.
    pub synchronised: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is theirs now.
    Accepted {
        /// What they said, for the record; may be empty.
        detail: String,
        /// What they call it, so that it is found again there: at most 200 characters, harmless.
        provider_id: Option<String>,
    },
    /// Nobody was reached: no attempt is used.
    Unreachable {
        /// What happened and what to look at.
        why: String,
    },
    /// It may work later: an attempt is used.
    Failed {
        /// What happened.
        why: String,
        /// How long the receiver asks us to wait.
        retry_after: Option<Duration>,
    },
    /// They do not want it.
    Refused {
        /// What they answered.
        why: String,
        /// It will never work: the delivery ends.
        give_up: bool,
    },
}

/// Most characters of what a receiver calls something.
const PROVIDER_ID: usize = 200;

impl Answer {
    /// What the receiver calls what it was sent: by an id in its answer, or by a header.
    pub fn provider_id(&self) -> Option<String> {
        /// Fields that name it, the surest first.
        const FIELDS: [&str; 5] = ["message_id", "messageId", "sid", "id", "request_id"];
        let body: Option<serde_json::Value> = match self.body.trim_start().starts_with('{') {
            true => serde_json::from_str(&self.body).ok(),
            false => None,
        };
        let field = |name: &&str| match body.as_ref()?.get(*name)? {
            serde_json::Value::String(id) => Some(id.clone()),
            serde_json::Value::Number(id) => Some(id.to_string()),
            _ => None,
        };
        let found = FIELDS.iter().find_map(field);
        found.and_then(|id| known(&id)).or_else(|| self.named())
    }

    /// What the receiver calls the exchange, whatever came of it.
    pub fn named(&self) -> Option<String> {
        self.request_id.as_deref().and_then(known)
    }
}

fn known(id: &str) -> Option<String> {
    let id = text::harmless(id, PROVIDER_ID);
    (!id.is_empty()).then_some(id)
}

impl Outcome {
    /// What an answer means where whoever carried the request has judged it: accepted, with its own words for the record.
    pub fn said(answer: &Answer) -> Self {
        Self::Accepted {
            detail: answer.body.clone(),
            provider_id: None,
        }
    }

    /// What an HTTP answer means by its status alone, as far as all kinds agree.
    pub fn of_status(answer: &Answer, give_up_on: &[u16]) -> Self {
        let why = || format!("HTTP {}{}", answer.status, quoted(&answer.body));
        match answer.status {
            200..=299 => Self::Accepted {
                detail: format!("HTTP {}", answer.status),
                provider_id: answer.provider_id(),
            },
            400 | 401 | 403 if !answer.synchronised => Self::Unreachable {
                why: format!(
                    "{}, which may be the gateway's clock: it is not synchronised",
                    why()
                ),
            },
            // Some receivers forget to say how long; without a pause the other lanes would run into the same wall.
            429 => Self::Failed {
                why: why(),
                retry_after: Some(answer.retry_after.unwrap_or(UNSAID_WAIT)),
            },
            408 | 425 | 500..=599 => Self::Failed {
                why: why(),
                retry_after: answer.retry_after,
            },
            300..=399 => Self::Refused {
                why: format!(
                    "{}: a redirect, which is not followed; set `url` to where it leads",
                    why()
                ),
                give_up: give_up_on.contains(&answer.status),
            },
            _ => Self::Refused {
                why: why(),
                give_up: give_up_on.contains(&answer.status),
            },
        }
    }
}

/// The beginning of a body for a message, or nothing.
fn quoted(body: &str) -> String {
    let said = text::harmless(body, 200);
    if said.is_empty() {
        said
    } else {
        format!(": {said}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_receiver_calls_it_is_kept_short_and_harmless() {
        let long = "x".repeat(500);
        let table = [
            (
                "{\"id\":\"evt\\u001b[2J 7\"}",
                Some("r-1"),
                Some("evt [2J 7".to_owned()),
            ),
            (
                "{\"id\":4711,\"message_id\":\"m-1\"}",
                Some("r-1"),
                Some("m-1".to_owned()),
            ),
            ("{\"id\":{}}", Some("r-1"), Some("r-1".to_owned())),
            ("id: 7", Some("r-1"), Some("r-1".to_owned())),
            ("ok", None, None),
        ];
        for (body, header, expected) in table {
            let answer = Answer {
                status: 202,
                request_id: header.map(str::to_owned),
                body: body.to_owned(),
                ..Answer::default()
            };
            let Outcome::Accepted { provider_id, .. } = Outcome::of_status(&answer, &[]) else {
                panic!("{answer:?}");
            };
            assert_eq!(provider_id, expected);
        }
        let answer = Answer {
            request_id: Some(long),
            ..Answer::default()
        };
        let kept = answer.provider_id().expect("an id");
        assert!(kept.chars().count() <= 200, "{kept}");
    }
}
