//! An event as a recording has it: enough to see what happened, and to see that a replay decided the same.

use serde::{Deserialize, Serialize};

use crate::alert::{event::Event, state::SavedValue};

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// Its ULID.
    pub id: String,
    /// `triggered`, `resolved`, ..
    pub kind: String,
    /// When, RFC 3339.
    pub at: String,
    /// `A-1042`
    pub alert: String,
    /// The alert's ULID.
    pub alert_id: String,
    /// The machine's id.
    pub machine: String,
    /// The rule's id.
    pub rule: String,
    /// `critical`, ..
    pub severity: String,
    /// `active`, `acknowledged`, `resolved`
    pub state: String,
    /// It is silenced.
    #[serde(skip_serializing_if = "is_empty")]
    pub shelved: bool,
    /// `hihi`
    #[serde(skip_serializing_if = "is_empty")]
    pub level: Option<String>,
    /// The last good value.
    #[serde(skip_serializing_if = "is_empty")]
    pub value: Option<SavedValue>,
    /// The limit that it was compared with.
    #[serde(skip_serializing_if = "is_empty")]
    pub limit: Option<f64>,
    /// How often the condition came.
    pub occurrences: u32,
    /// Who did it.
    #[serde(skip_serializing_if = "is_empty")]
    pub by: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "is_empty")]
    pub why: Option<String>,
    /// Which policy and which of its steps.
    #[serde(skip_serializing_if = "is_empty")]
    pub step: Option<(String, u32)>,
    /// What the rule or the agent says, with its `{..}` not yet filled.
    pub message: String,
}

impl From<&Event> for Told {
    fn from(event: &Event) -> Self {
        let alert = &event.alert;
        let measured = alert.measured.as_ref();
        let step = event.escalation.as_ref();
        Self {
            id: event.id.to_string(),
            kind: event.kind.word().to_owned(),
            at: event.at.to_string(),
            alert: format!("A-{}", alert.number),
            alert_id: alert.id.to_string(),
            machine: alert.machine.to_string(),
            rule: alert.rule.to_string(),
            severity: alert.severity.word().to_owned(),
            state: alert.state.word().to_owned(),
            shelved: alert.shelved,
            level: alert.level.as_deref().map(str::to_owned),
            value: measured.and_then(|one| one.value).map(SavedValue::from),
            limit: measured.and_then(|one| one.limit),
            occurrences: alert.occurrences,
            by: event.by.as_ref().map(|by| by.name.to_string()),
            why: event.why.as_deref().map(str::to_owned),
            step: step.map(|step| (step.policy.to_string(), step.step)),
            message: alert.message.to_string(),
        }
    }
}

/// What is as it would be read without it is not written.
pub(super) fn is_empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
