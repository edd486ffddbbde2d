//! `format = "native"`: andon's own payload, which says all there is to say about an event.
//!
//! The order of fields is part of the contract, so these are structs and no maps. Fields are only ever added.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    haltless::{Minutes, minutes},
    wire::{escalation, event_name, stamp, told_as},
};
use crate::destination::{
    RenderError,
    notice::{Attempt, GivenUp, Notice, NoticeBy},
    text,
};

/// The payload of an event.
pub(in crate::destination) fn payload<'n>(
    notice: &'n Notice,
    attempt: &'n Attempt,
) -> Result<Native<'n>, RenderError> {
    let kind = told_as(notice, attempt, false)?;
    let alert = &notice.alert;
    Ok(Native {
        event: event_name(kind),
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
            metric_label: alert.label.as_deref(),
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
    })
}

/// See the module. Other formats carry it whole, or take fields from it by name.
#[derive(Serialize)]
pub(in crate::destination) struct Native<'n> {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    metric_label: Option<&'n str>,
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
