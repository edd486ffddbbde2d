//! What is known of an alert beside what a destination has fields for: a flat table that goes along.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::Told;
use crate::alert::event::EventKind;

/// What is known beside; what is not known is left out.
#[derive(Serialize)]
pub(super) struct Details<'t> {
    alert: String,
    event_id: &'t str,
    site: &'t str,
    machine: &'t str,
    state: &'t str,
    message: &'t str,
    #[serde(skip_serializing_if = "str::is_empty")]
    action: &'t str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'t Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'t str,
    occurrences: u32,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    escalation: Option<&'t str>,
    late_seconds: u64,
}

impl<'t> Details<'t> {
    /// Those of what is told.
    pub(super) fn of(told: &Told<'t>) -> Self {
        let (notice, alert) = (told.notice, &told.notice.alert);
        let by = notice.by.as_ref().filter(|_| !told.attempt.as_trigger);
        let step = notice.escalation.as_ref();
        let step = step.filter(|_| told.is(EventKind::Escalated));
        Self {
            alert: format!("A-{}", alert.number),
            event_id: &notice.id,
            site: &notice.site_name,
            machine: &alert.machine_name,
            state: &alert.state,
            message: &alert.message,
            action: &alert.action,
            value: alert.value.as_ref(),
            limit: alert.limit,
            unit: &alert.unit,
            occurrences: alert.occurrences,
            since: told.reader.time(alert.created),
            by: by.map(|by| by.name.as_str()),
            note: by.and_then(|by| by.note.as_deref()),
            escalation: step.map(|step| step.policy_name.as_str()),
            late_seconds: told.attempt.late_seconds,
        }
    }

    /// All as texts.
    pub(super) fn texts(&self) -> BTreeMap<String, String> {
        let Ok(Json::Object(fields)) = serde_json::to_value(self) else {
            return BTreeMap::new();
        };
        let text = |value: Json| match value {
            Json::String(text) => text,
            other => other.to_string(),
        };
        let texts = fields.into_iter().map(|(name, value)| (name, text(value)));
        texts.collect()
    }
}
