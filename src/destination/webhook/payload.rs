//! The two JSON shapes of a webhook. The order of fields is part of the contract, so these are structs and no maps.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::alert::event::EventKind;
use crate::{
    clock::Wall,
    destination::{
        RenderError,
        notice::{Attempt, GivenUp, Notice, NoticeBy, NoticeEscalation},
        text,
    },
};

/// How Haltless is told how long nobody acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Minutes {
    /// A whole number, at least 1.
    Whole,
    /// A fraction where it is one.
    Exact,
}

/// andon's own payload.
pub(super) fn native(notice: &Notice, attempt: &Attempt) -> Result<String, RenderError> {
    let kind = told_as(notice, attempt, false)?;
    let alert = &notice.alert;
    write(
        notice,
        &Native {
            event: name(kind),
            id: &notice.id,
            stream: &attempt.stream,
            sequence: attempt.sequence,
            given_up: &attempt.given_up,
            timestamp: stamp(notice.at),
            late_seconds: attempt.late_seconds,
            clock: if notice.synchronised {
                "synchronised"
            } else {
                "unsynchronised"
            },
            test: notice.test,
            drill: notice.drill,
            durable: notice.durable,
            already_resolved: attempt.already_resolved,
            tenant_id: &notice.site,
            site_name: &notice.site_name,
            agent_id: &notice.agent,
            dedup_key: &notice.dedup_key,
            text: text::for_attempt(notice, attempt),
            alert: NativeAlert {
                id: &alert.id,
                number: format!("A-{}", alert.number),
                machine_id: &alert.machine,
                machine_name: &alert.machine_name,
                severity: &alert.severity,
                previous_severity: alert.previous_severity.as_deref(),
                state: &alert.state,
                shelved: alert.shelved,
                level: alert.level.as_deref(),
                message: &alert.message,
                action: &alert.action,
                metric_name: alert.tag.as_deref(),
                metric_value: alert.value.as_ref(),
                unit: &alert.unit,
                threshold_value: alert.limit,
                rule_id: &alert.rule,
                occurrences: alert.occurrences,
                created_at: stamp(alert.created),
                ended_at: alert.ended.map(stamp),
                labels: &alert.labels,
                runbook: alert.runbook.as_deref(),
                url: alert.url.as_deref(),
            },
            by: notice.by.as_ref().filter(|_| !attempt.as_trigger),
            escalation: escalation(notice, kind).map(|step| NativeEscalation {
                policy_id: &step.policy,
                policy_name: &step.policy_name,
                wait_minutes: minutes(step.waited_ms, Minutes::Exact),
                step: step.step,
            }),
        },
    )
}

/// The payload that Haltless documents, and no field beside it. Its message is the only text that people see there, so
/// that carries the marks.
pub(super) fn haltless(
    notice: &Notice,
    attempt: &Attempt,
    exact: Minutes,
) -> Result<String, RenderError> {
    let kind = told_as(notice, attempt, true)?;
    let alert = &notice.alert;
    write(
        notice,
        &Haltless {
            event: name(kind),
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
struct Native<'n> {
    event: String,
    id: &'n str,
    stream: &'n str,
    sequence: u64,
    given_up: &'n [GivenUp],
    timestamp: String,
    late_seconds: u64,
    clock: &'n str,
    test: bool,
    drill: bool,
    durable: bool,
    already_resolved: bool,
    tenant_id: &'n str,
    site_name: &'n str,
    agent_id: &'n str,
    dedup_key: &'n str,
    text: String,
    alert: NativeAlert<'n>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'n NoticeBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    escalation: Option<NativeEscalation<'n>>,
}

#[derive(Serialize)]
struct NativeAlert<'n> {
    id: &'n str,
    number: String,
    machine_id: &'n str,
    machine_name: &'n str,
    severity: &'n str,
    previous_severity: Option<&'n str>,
    state: &'n str,
    shelved: bool,
    level: Option<&'n str>,
    message: &'n str,
    action: &'n str,
    metric_name: Option<&'n str>,
    metric_value: Option<&'n serde_json::Value>,
    unit: &'n str,
    threshold_value: Option<f64>,
    rule_id: &'n str,
    occurrences: u32,
    created_at: String,
    ended_at: Option<String>,
    labels: &'n BTreeMap<String, String>,
    runbook: Option<&'n str>,
    url: Option<&'n str>,
}

#[derive(Serialize)]
struct NativeEscalation<'n> {
    policy_id: &'n str,
    policy_name: &'n str,
    wait_minutes: serde_json::Number,
    step: u32,
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

/// The kind as this receiver hears it. Haltless has no word for a return, which is a trigger to it.
fn told_as(
    notice: &Notice,
    attempt: &Attempt,
    reopened_as_trigger: bool,
) -> Result<EventKind, RenderError> {
    let kind = EventKind::from_word(&notice.kind).ok_or_else(|| RenderError::UnknownKind {
        id: notice.id.clone(),
        kind: notice.kind.clone(),
    })?;
    let trigger = attempt.as_trigger || reopened_as_trigger && kind == EventKind::Reopened;
    Ok(if trigger { EventKind::Triggered } else { kind })
}

fn name(kind: EventKind) -> String {
    format!("alert.{}", kind.word())
}

fn escalation(notice: &Notice, kind: EventKind) -> Option<&NoticeEscalation> {
    notice
        .escalation
        .as_ref()
        .filter(|_| kind == EventKind::Escalated)
}

fn minutes(waited_ms: u64, minutes: Minutes) -> serde_json::Number {
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

fn stamp(millis: i64) -> String {
    Wall::from_millis(millis).to_string()
}

/// Whole seconds, as Haltless shows them.
fn stamp_in_seconds(millis: i64) -> String {
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(stamp) => format!("{stamp:.0}"),
        Err(_) => stamp(millis),
    }
}

fn write(notice: &Notice, payload: &impl Serialize) -> Result<String, RenderError> {
    serde_json::to_string(payload).map_err(|source| RenderError::Payload {
        id: notice.id.clone(),
        source,
    })
}
