//! `format = "haltless"`: the payload that Haltless documents, and no field beside it.

use serde::Serialize;

use super::wire::{escalation, event_name, stamp_in_seconds, told_as, write};
use crate::destination::{
    RenderError,
    notice::{Attempt, Notice},
    text,
};

/// How Haltless is told how long nobody acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Minutes {
    /// A whole number, at least 1.
    Whole,
    /// A fraction where it is one.
    Exact,
}

/// The payload that Haltless documents, and no field beside it. Its message is the only text that people see there, so
/// that carries the marks.
pub(super) fn body(
    notice: &Notice,
    attempt: &Attempt,
    exact: Minutes,
) -> Result<String, RenderError> {
    let kind = told_as(notice, attempt, true)?;
    let alert = &notice.alert;
    write(
        notice,
        &Haltless {
            event: event_name(kind),
            timestamp: stamp_in_seconds(notice.at),
            tenant_id: &notice.site,
            alert: HaltlessAlert {
                id: &alert.id,
                machine_id: &alert.machine,
                machine_name: &alert.machine_name,
                severity: &alert.severity,
                message: text::marked(&alert.message, notice, attempt),
                metric_name: alert.tag.as_deref(),
                metric_value: alert.value.as_ref(),
                threshold_value: alert.limit,
                rule_id: &alert.rule,
                created_at: stamp_in_seconds(alert.created),
            },
            escalation: escalation(notice, kind).map(|step| HaltlessEscalation {
                policy_id: &step.policy,
                policy_name: &step.policy_name,
                wait_minutes: minutes(step.waited_ms, exact),
            }),
        },
    )
}

#[derive(Serialize)]
struct Haltless<'n> {
    event: String,
    timestamp: String,
    tenant_id: &'n str,
    alert: HaltlessAlert<'n>,
    #[serde(skip_serializing_if = "Option::is_none")]
    escalation: Option<HaltlessEscalation<'n>>,
}

#[derive(Serialize)]
struct HaltlessAlert<'n> {
    id: &'n str,
    machine_id: &'n str,
    machine_name: &'n str,
    severity: &'n str,
    message: String,
    metric_name: Option<&'n str>,
    metric_value: Option<&'n serde_json::Value>,
    threshold_value: Option<f64>,
    rule_id: &'n str,
    created_at: String,
}

#[derive(Serialize)]
struct HaltlessEscalation<'n> {
    policy_id: &'n str,
    policy_name: &'n str,
    wait_minutes: serde_json::Number,
}

/// A wait in minutes.
pub(super) fn minutes(waited_ms: u64, minutes: Minutes) -> serde_json::Number {
    const MINUTE: u64 = 60_000;
    if minutes == Minutes::Exact && !waited_ms.is_multiple_of(MINUTE) {
        // Milliseconds of any wait that happens are far below 2^53.
        let fraction = waited_ms as f64 / MINUTE as f64;
        if let Some(number) = serde_json::Number::from_f64(fraction) {
            return number;
        }
    }
    let least = if minutes == Minutes::Whole { 1 } else { 0 };
    (waited_ms.saturating_add(MINUTE / 2) / MINUTE)
        .max(least)
        .into()
}
