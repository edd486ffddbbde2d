//! What a receiver answered, and what that means for the delivery. What follows from it is decided by the schedule.

use std::time::Duration;

use super::text;

/// How long a destination rests after "too many requests" that does not say how long.
const UNSAID_WAIT: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// How long the receiver asks us to wait.
    pub retry_after: Option<Duration>,
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

impl Outcome {
    /// What an HTTP answer means by its status alone, as far as all kinds agree.
    pub fn of_status(answer: &Answer, give_up_on: &[u16]) -> Self {
        let why = || format!("HTTP {}{}", answer.status, quoted(&answer.body));
        match answer.status {
            200..=299 => Self::Accepted {
                detail: format!("HTTP {}", answer.status),
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
