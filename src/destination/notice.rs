//! What is told to the outside about one event: complete, in plain types, with its text rendered.
//!
//! A notice is made once, between decision and commit, and stored with its event; every destination renders its requests
//! from it, also after a restart and under a later version of the agent. So it is a shape of its own, apart from
//! the core's types, and only ever grows: a field that is new has a default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One event, ready to be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notice {
    /// The event's ULID.
    pub id: String,
    /// `triggered`, `resolved`, ..: [`crate::alert::event::EventKind::word`].
    pub kind: String,
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// Whether the wall clock was synchronised then.
    pub synchronised: bool,
    /// The site's id.
    pub site: String,
    /// The site's name.
    pub site_name: String,
    /// The ULID of this agent.
    pub agent: String,
    /// Names the watch, 64 hexadecimal digits.
    pub dedup_key: String,
    /// The sentence for people, without its marks for lateness, tests and drills.
    pub text: String,
    /// A test send: no alert is behind it.
    pub test: bool,
    /// A drill: nothing is wrong, people are to act.
    pub drill: bool,
    /// It was on disk before it was told; false only in memory mode.
    pub durable: bool,
    /// The alert as it is after the event.
    pub alert: NoticeAlert,
    /// The person who acted.
    pub by: Option<NoticeBy>,
    /// The step that is due.
    pub escalation: Option<NoticeEscalation>,
}

/// The alert of a notice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoticeAlert {
    /// The alert's ULID.
    pub id: String,
    /// 1042 of `A-1042`.
    pub number: u64,
    /// The machine's id.
    pub machine: String,
    /// The machine's name.
    pub machine_name: String,
    /// The machine's class.
    pub class: Option<String>,
    /// The machine's labels.
    pub labels: BTreeMap<String, String>,
    /// `critical`, `error`, `warning`, `info`.
    pub severity: String,
    /// The severity before, if this event changed it.
    pub previous_severity: Option<String>,
    /// `active`, `acknowledged`, `resolved`.
    pub state: String,
    /// Silenced for a time.
    pub shelved: bool,
    /// `hihi`
    pub level: Option<String>,
    /// What is wrong, with its values filled in: `spindle 97.3 °C, limit 95.0 °C`.
    pub message: String,
    /// What to do; may be empty.
    pub action: String,
    /// The tag, as a metric's name.
    pub tag: Option<String>,
    /// The value, a number or a boolean.
    pub value: Option<serde_json::Value>,
    /// Engineering unit.
    pub unit: String,
    /// The limit.
    pub limit: Option<f64>,
    /// The rule's id.
    pub rule: String,
    /// How often the condition came.
    pub occurrences: u32,
    /// Milliseconds since the Unix epoch.
    pub created: i64,
    /// Milliseconds since the Unix epoch.
    pub ended: Option<i64>,
    /// Link to more.
    pub runbook: Option<String>,
    /// Link to the agent's own page.
    pub url: Option<String>,
}

/// Who acted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoticeBy {
    /// A name.
    pub name: String,
    /// The name was typed and not proven.
    pub claimed: bool,
    /// `cli`, `api`, `page`, ..
    pub via: String,
    /// What they said.
    pub note: Option<String>,
}

/// The step that is due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoticeEscalation {
    /// The policy's id.
    pub policy: String,
    /// The policy's name.
    pub policy_name: String,
    /// How long nobody had acknowledged, in milliseconds.
    pub waited_ms: u64,
    /// Which step, the first is 1.
    pub step: u32,
}

/// What belongs to one attempt at one destination rather than to the event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attempt {
    /// Names the database that `sequence` counts in.
    pub stream: String,
    /// Counted per destination.
    pub sequence: u64,
    /// Numbers of this destination that will never come, oldest first, at most 100 ranges.
    pub given_up: Vec<GivenUp>,
    /// Tell it as a trigger: the destination joins late and hears the current state first.
    pub as_trigger: bool,
    /// Seconds between the event and this attempt.
    pub late_seconds: u64,
    /// The alert is over by now.
    pub already_resolved: bool,
    /// The time of this attempt, seconds since the Unix epoch, for signatures.
    pub now_seconds: i64,
}

/// A range of sequence numbers that will never come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// First number.
    pub from: u64,
    /// Last number.
    pub to: u64,
    /// Why.
    pub why: String,
}
