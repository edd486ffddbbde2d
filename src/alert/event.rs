//! One fact about an alert, as the core decided it.
//!
//! An event carries everything about its alert that anybody outside may need, so that nothing behind the core has to
//! look back into it. It is not a wire shape: what the store keeps and destinations render is
//! [`crate::destination::notice::Notice`], made from it once.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use ulid::Ulid;

use super::plant::Severity;
use crate::{
    clock::Wall,
    sample::{Labels, Value},
};

/// One fact about an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Names this event for ever; the idempotency key of receivers.
    pub id: Ulid,
    /// What happened.
    pub kind: EventKind,
    /// When it was due or happened, which is not when it was computed.
    pub at: Wall,
    /// Whether the wall clock was synchronised then.
    pub synchronised: bool,
    /// The alert as it is after this event.
    pub alert: Alert,
    /// The severity before, if this event changed it.
    pub previous_severity: Option<Severity>,
    /// The person who did it, if one did.
    pub by: Option<By>,
    /// Why, in words: a person's note, the reason of a shelf or of an end that was not measured.
    pub why: Option<Arc<str>>,
    /// Which step of which policy; only on [`EventKind::Escalated`].
    pub escalation: Option<Escalation>,
    /// Until when it is silenced; only on [`EventKind::Shelved`].
    pub until: Option<Wall>,
    /// The downtime before this event was not known, so its time is a guess that went on from the last mark.
    pub after_unknown_downtime: bool,
}

/// What happened to the alert. New kinds may come: receivers ignore what they do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A new alert.
    Triggered,
    /// Its worst level changed.
    Updated,
    /// A person has taken it.
    Acknowledged,
    /// Nobody acknowledged in time: a step of its policy is due.
    Escalated,
    /// Its condition is gone.
    Resolved,
    /// Its condition came back soon after it had resolved.
    Reopened,
    /// A person silenced it for a time.
    Shelved,
    /// That time is over, or a person ended it.
    Unshelved,
    /// A person ended it, or its rule is gone: not measured as normal.
    Closed,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Triggered,
        Self::Updated,
        Self::Acknowledged,
        Self::Escalated,
        Self::Resolved,
        Self::Reopened,
        Self::Shelved,
        Self::Unshelved,
        Self::Closed,
    ];

    /// The word of the wire, without its `alert.` prefix.
    pub fn word(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Updated => "updated",
            Self::Acknowledged => "acknowledged",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
            Self::Shelved => "shelved",
            Self::Unshelved => "unshelved",
            Self::Closed => "closed",
        }
    }

    /// The kind with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether the alert is over with it.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Resolved | Self::Closed)
    }

    /// Whether it calls for people: such events do not go to anybody new while the alert is shelved.
    pub fn is_call(self) -> bool {
        matches!(self, Self::Triggered | Self::Reopened | Self::Escalated)
    }
}

/// An episode of a watch, seen from outside at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Names the episode for ever.
    pub id: Ulid,
    /// `A-1042`, for the phone.
    pub number: u64,
    /// Names the watch to the outside.
    pub dedup_key: DedupKey,
    /// Its rule.
    pub rule: Arc<str>,
    /// What it is about; `andon` for alerts about the agent itself.
    pub machine: Arc<str>,
    /// The name that people know.
    pub machine_name: Arc<str>,
    /// The machine's class.
    pub class: Option<Arc<str>>,
    /// The machine's labels.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// How bad it is now, or was when it ended.
    pub severity: Severity,
    /// Active, acknowledged or resolved.
    pub state: State,
    /// Silenced for a time: an axis of its own.
    pub shelved: bool,
    /// The level that sets the severity.
    pub level: Option<Arc<str>>,
    /// What was measured; none for alerts that no value causes.
    pub measured: Option<Measured>,
    /// How often the condition came, the first time included.
    pub occurrences: u32,
    /// When it triggered.
    pub created: Wall,
    /// When it ended, if it did.
    pub ended: Option<Wall>,
    /// How long it has lasted, or lasted.
    pub lasted: Duration,
    /// The rule's text, with its `{..}` not yet filled.
    pub message: Arc<str>,
    /// What to do; may be empty.
    pub action: Arc<str>,
    /// Link to more.
    pub runbook: Option<Arc<str>>,
}

/// The value behind an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The tag.
    pub tag: Arc<str>,
    /// Engineering unit, may be empty.
    pub unit: Arc<str>,
    /// Decimals to show.
    pub decimals: u8,
    /// Names of its numbers, if they have any.
    pub labels: Labels,
    /// The last good value, unknown after a restart until the first one.
    pub value: Option<Value>,
    /// The limit it was compared with.
    pub limit: Option<f64>,
    /// The value that was furthest beyond the limit in this episode.
    pub peak: Option<f64>,
    /// Whether `peak` is the lowest value rather than the highest.
    pub peak_is_low: bool,
}

/// Where an alert stands between active and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Active, and nobody has taken it.
    Active,
    /// Active, and somebody has taken it.
    Acknowledged,
    /// Over.
    Resolved,
}

impl State {
    /// The word of the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// Who acted, and how we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// A user name, a token's name, or what was typed.
    pub name: Arc<str>,
    /// The name was typed by somebody and not proven.
    pub claimed: bool,
    /// How: `cli`, `api`, `page`, `mqtt`.
    pub via: Arc<str>,
}

/// A due step of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Escalation {
    /// The policy's id.
    pub policy: Arc<str>,
    /// The policy's name.
    pub policy_name: Arc<str>,
    /// Which step, the first is 1.
    pub step: u32,
    /// How often this step has run before: 0, or more for repeats of the last.
    pub repeat: u32,
    /// How long nobody had acknowledged.
    pub waited: Duration,
    /// Names of destinations.
    pub to: Vec<Arc<str>>,
    /// It is told as an incident of its own where that rings again.
    pub new_incident: bool,
}

/// SHA-256 of `site:rule:machine`, the name of a watch to the outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DedupKey([u8; 32]);

impl DedupKey {
    /// The key of a watch.
    pub fn new(site: &str, rule: &str, machine: &str) -> Self {
        Self(Sha256::digest(format!("{site}:{rule}:{machine}")).into())
    }

    /// The hash itself.
    pub fn bytes(self) -> [u8; 32] {
        self.0
    }

    /// The key with these 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for DedupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written with every row of the outbox: the formatter would be asked for each byte.
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for DedupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dedup_key_is_the_sha_256_of_site_rule_and_machine() {
        // From an independent implementation: printf '%s' SITE:RULE:MACHINE | sha256sum
        let key = DedupKey::new(
            "01JQORG0000000000000000",
            "spend.threshold_breached",
            "01JQORG0000000000000000",
        );
        assert_eq!(
            key.to_string(),
            "60919a7606ef40846e808053002d1a35a0e76b94c028465b11fda62090a78bbb"
        );
        assert_eq!(DedupKey::from_hex(&key.to_string()), Some(key));
        assert_eq!(DedupKey::from_hex("60919A"), None);
    }

    #[test]
    fn every_kind_has_its_own_word() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_word(kind.word()), Some(kind));
        }
    }
}
