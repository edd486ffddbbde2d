//! What is told to the outside about one event: complete, in plain types, with its text rendered.
//!
//! A notice is made once, between decision and commit, and stored with its event; every destination renders its requests
//! from it, also after a restart and under a later version of the agent. So it is a shape of its own, apart from
//! the core's types, and only ever grows: a field that is new has a default.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::text::{self, harmless};
use crate::{
    alert::event::{Alert, By, Event, Measured},
    sample::Value,
};

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
    #[serde(skip_serializing_if = "is_empty")]
    pub test: bool,
    /// A drill: nothing is wrong, people are to act.
    #[serde(skip_serializing_if = "is_empty")]
    pub drill: bool,
    /// It was on disk before it was told; false only in memory mode.
    pub durable: bool,
    /// The alert as it is after the event.
    pub alert: NoticeAlert,
    /// The person who acted.
    #[serde(skip_serializing_if = "is_empty")]
    pub by: Option<NoticeBy>,
    /// The step that is due.
    #[serde(skip_serializing_if = "is_empty")]
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
    #[serde(skip_serializing_if = "is_empty")]
    pub class: Option<String>,
    /// The machine's labels.
    #[serde(skip_serializing_if = "is_empty")]
    pub labels: BTreeMap<String, String>,
    /// `critical`, `error`, `warning`, `info`.
    pub severity: String,
    /// The severity before, if this event changed it.
    #[serde(skip_serializing_if = "is_empty")]
    pub previous_severity: Option<String>,
    /// `active`, `acknowledged`, `resolved`.
    pub state: String,
    /// Silenced for a time.
    #[serde(skip_serializing_if = "is_empty")]
    pub shelved: bool,
    /// `hihi`
    #[serde(skip_serializing_if = "is_empty")]
    pub level: Option<String>,
    /// What is wrong, with its values filled in: `spindle 97.3 °C, limit 95.0 °C`.
    pub message: String,
    /// What to do; may be empty.
    #[serde(skip_serializing_if = "is_empty")]
    pub action: String,
    /// The tag, as a metric's name.
    #[serde(skip_serializing_if = "is_empty")]
    pub tag: Option<String>,
    /// The value, a number or a boolean.
    #[serde(skip_serializing_if = "is_empty")]
    pub value: Option<serde_json::Value>,
    /// The name of that value, if it has one: `stopped`.
    #[serde(skip_serializing_if = "is_empty")]
    pub label: Option<String>,
    /// Engineering unit.
    #[serde(skip_serializing_if = "is_empty")]
    pub unit: String,
    /// The limit.
    #[serde(skip_serializing_if = "is_empty")]
    pub limit: Option<f64>,
    /// The rule's id.
    pub rule: String,
    /// How often the condition came.
    pub occurrences: u32,
    /// Milliseconds since the Unix epoch.
    pub created: i64,
    /// Milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "is_empty")]
    pub ended: Option<i64>,
    /// Link to more.
    #[serde(skip_serializing_if = "is_empty")]
    pub runbook: Option<String>,
    /// Link to the agent's own page.
    #[serde(skip_serializing_if = "is_empty")]
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
    #[serde(skip_serializing_if = "is_empty")]
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
    /// How often this step has run before: 0, or more for repeats of the last.
    #[serde(skip_serializing_if = "is_empty")]
    pub repeat: u32,
    /// It is told as an incident of its own where that rings again.
    #[serde(skip_serializing_if = "is_empty")]
    pub new_incident: bool,
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

/// What every notice says about where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The site's id.
    pub id: String,
    /// The site's name.
    pub name: String,
    /// The ULID of this agent.
    pub agent: String,
    /// For times that people read.
    pub timezone: TimeZone,
    /// Where the agent's own page is seen, without a slash at its end; links are made only with it.
    pub page_url: Option<String>,
}

/// The most characters of a name.
const NAME: usize = 200;

/// What is as it would be read without it is not written: a notice is on flash for a year.
fn is_empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Notice {
    /// The notice of an event: all that will ever be told about it. `durable` says whether it was on disk first.
    pub fn of(event: &Event, site: &Site, durable: bool) -> Self {
        let alert = NoticeAlert::of(event, site);
        Self {
            id: event.id.to_string(),
            kind: event.kind.word().to_owned(),
            at: event.at.as_millis(),
            synchronised: event.synchronised,
            site: site.id.clone(),
            site_name: harmless(&site.name, NAME),
            agent: site.agent.clone(),
            dedup_key: event.alert.dedup_key.to_string(),
            text: text::of(event, site, &alert.message),
            test: false,
            drill: false,
            durable,
            alert,
            by: event.by.as_ref().map(|by| NoticeBy::of(by, event)),
            escalation: event.escalation.as_ref().map(|step| NoticeEscalation {
                policy: step.policy.to_string(),
                policy_name: harmless(&step.policy_name, NAME),
                waited_ms: u64::try_from(step.waited.as_millis()).unwrap_or(u64::MAX),
                step: step.step,
                repeat: step.repeat,
                new_incident: step.new_incident,
            }),
        }
    }
}

impl NoticeAlert {
    fn of(event: &Event, site: &Site) -> Self {
        let alert: &Alert = &event.alert;
        let measured = alert.measured.as_ref();
        let value = |measured: &Measured| match measured.value? {
            Value::Number(number) => serde_json::Number::from_f64(number).map(Into::into),
            Value::Bool(bit) => Some(bit.into()),
        };
        let label = |measured: &Measured| {
            let label = measured.labels.of(measured.value?.as_number())?;
            Some(harmless(label, NAME))
        };
        let labels = alert.labels.iter();
        Self {
            id: alert.id.to_string(),
            number: alert.number,
            machine: alert.machine.to_string(),
            machine_name: harmless(&alert.machine_name, NAME),
            class: alert.class.as_deref().map(str::to_owned),
            labels: labels
                .map(|(name, value)| (harmless(name, NAME), harmless(value, NAME)))
                .collect(),
            severity: alert.severity.word().to_owned(),
            previous_severity: event
                .previous_severity
                .map(|severity| severity.word().to_owned()),
            state: alert.state.word().to_owned(),
            shelved: alert.shelved,
            level: alert.level.as_deref().map(str::to_owned),
            message: text::message(event, site),
            action: harmless(&alert.action, text::LIMIT),
            tag: measured.map(|measured| measured.tag.to_string()),
            value: measured.and_then(value),
            label: measured.and_then(label),
            unit: measured.map_or_else(String::new, |measured| measured.unit.to_string()),
            limit: measured.and_then(|measured| measured.limit),
            rule: alert.rule.to_string(),
            occurrences: alert.occurrences,
            created: alert.created.as_millis(),
            ended: alert.ended.map(|ended| ended.as_millis()),
            runbook: alert.runbook.as_deref().map(str::to_owned),
            url: site
                .page_url
                .as_ref()
                .map(|page| format!("{page}/alerts/A-{}", alert.number)),
        }
    }
}

impl NoticeBy {
    fn of(by: &By, event: &Event) -> Self {
        Self {
            name: harmless(&by.name, NAME),
            claimed: by.claimed,
            via: by.via.to_string(),
            note: event.why.as_deref().map(|why| harmless(why, text::LIMIT)),
        }
    }
}
