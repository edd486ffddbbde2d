//! `format = "alertmanager"`: what Prometheus Alertmanager sends to webhooks, version 4, so that its receivers can be used.
//!
//! A request is a group of one alert. Alertmanager knows firing and resolved only, so by default nobody is told that somebody
//! acknowledged or shelved; an escalation is the alert once more. Labels name the alert and never change while it lasts, except
//! `severity`; what changes is in the annotations. The fingerprint is the beginning of the `dedup_key`: the same from the first to the last event,
//! also where the severity changed meanwhile.

use std::collections::BTreeMap;

use serde::Serialize;

use super::wire::{escalation, stamp, told_as, write};
use crate::{
    alert::event::EventKind,
    destination::{
        RenderError,
        notice::{Attempt, Notice, NoticeAlert},
        text,
    },
};

/// The time that says "not ended".
const NEVER: &str = "0001-01-01T00:00:00Z";
/// Labels that are the same for all alerts of a watch.
const GROUPED_BY: [&str; 3] = ["alertname", "machine", "site"];

/// The body. `receiver` is what the receiver is called.
pub(super) fn body(
    notice: &Notice,
    attempt: &Attempt,
    receiver: &str,
) -> Result<String, RenderError> {
    let kind = told_as(notice, attempt, false)?;
    let alert = &notice.alert;
    let status = if kind.is_end() { "resolved" } else { "firing" };
    let (labels, annotations) = (labels(notice), annotations(notice, attempt, kind));
    let group_labels: BTreeMap<&str, &str> = GROUPED_BY
        .iter()
        .filter_map(|name| Some((*name, labels.get(*name)?.as_str())))
        .collect();
    let page = alert.url.as_deref().unwrap_or_default();
    let message = Message {
        receiver,
        status,
        alerts: [Alert {
            status,
            labels: &labels,
            annotations: &annotations,
            starts_at: stamp(alert.created),
            ends_at: match alert.ended {
                Some(ended) if kind.is_end() => stamp(ended),
                _ if kind.is_end() => stamp(notice.at),
                _ => NEVER.to_owned(),
            },
            generator_url: page,
            fingerprint: notice.dedup_key.get(..16).unwrap_or(&notice.dedup_key),
        }],
        group_labels: &group_labels,
        common_labels: &labels,
        common_annotations: &annotations,
        external_url: page.split_once("/alerts/").map_or(page, |(base, _)| base),
        version: "4",
        group_key: group_key(&group_labels),
        truncated_alerts: 0,
    };
    write(notice, &message)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'n> {
    receiver: &'n str,
    status: &'static str,
    alerts: [Alert<'n>; 1],
    group_labels: &'n BTreeMap<&'n str, &'n str>,
    common_labels: &'n BTreeMap<String, String>,
    common_annotations: &'n BTreeMap<&'static str, String>,
    #[serde(rename = "externalURL")]
    external_url: &'n str,
    version: &'static str,
    group_key: String,
    truncated_alerts: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert<'n> {
    status: &'static str,
    labels: &'n BTreeMap<String, String>,
    annotations: &'n BTreeMap<&'static str, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'n str,
    fingerprint: &'n str,
}

/// Prometheus takes an empty label for one that is not there, and names of letters, digits and `_` only.
pub(in crate::destination) fn labels(notice: &Notice) -> BTreeMap<String, String> {
    let alert = &notice.alert;
    let mut labels: BTreeMap<String, String> = [
        ("alertname", alert.rule.as_str()),
        ("severity", &alert.severity),
        ("machine", &alert.machine),
        ("machine_name", &alert.machine_name),
        ("class", alert.class.as_deref().unwrap_or_default()),
        ("site", &notice.site),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for (name, value) in &alert.labels {
        let mut name = label_name(name);
        // Ours say what the alert is; a label of the machine with the same name gives way, as in Prometheus.
        while labels.contains_key(&name) {
            name.insert_str(0, "label_");
        }
        labels.insert(name, value.clone());
    }
    labels.retain(|_, value| !value.is_empty());
    labels
}

fn label_name(name: &str) -> String {
    let valid = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(valid).collect();
    match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{name}"),
        false if name.is_empty() => "_".to_owned(),
        false => name,
    }
}

pub(in crate::destination) fn annotations(
    notice: &Notice,
    attempt: &Attempt,
    kind: EventKind,
) -> BTreeMap<&'static str, String> {
    let alert: &NoticeAlert = &notice.alert;
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    let value = alert.value.as_ref().map(ToString::to_string);
    let step = escalation(notice, kind);
    let flag = |is: bool| if is { "true" } else { "" }.to_owned();
    let mut annotations: BTreeMap<&'static str, String> = [
        ("summary", text::for_attempt(notice, attempt)),
        ("description", alert.message.clone()),
        ("action", alert.action.clone()),
        ("event", format!("alert.{}", kind.word())),
        ("event_id", notice.id.clone()),
        ("dedup_key", notice.dedup_key.clone()),
        ("number", format!("A-{}", alert.number)),
        ("state", alert.state.clone()),
        ("level", some(&alert.level)),
        ("metric", some(&alert.tag)),
        ("value", value.unwrap_or_default()),
        (
            "limit",
            alert
                .limit
                .map(|limit| limit.to_string())
                .unwrap_or_default(),
        ),
        ("unit", alert.unit.clone()),
        (
            "policy",
            step.map(|step| step.policy_name.clone())
                .unwrap_or_default(),
        ),
        ("runbook_url", some(&alert.runbook)),
        ("test", flag(notice.test)),
        ("drill", flag(notice.drill)),
    ]
    .into();
    annotations.retain(|_, text| !text.is_empty());
    annotations
}

/// `{}:{alertname="..", machine=".."}`
fn group_key(labels: &BTreeMap<&str, &str>) -> String {
    let pairs = labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"));
    format!("{{}}:{{{}}}", pairs.collect::<Vec<_>>().join(", "))
}
