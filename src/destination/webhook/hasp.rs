//! `format = "hasp"`: the raw webhook of HASP, which knows categories, event types and resources instead of alerts.
//!
//! Where its fields come from:
//!
//! | alert | `event_type` | `resource` |
//! |---|---|---|
//! | about a machine | rule and step: `spindle-overtemp.triggered` | `machine`, its id |
//! | the agent about itself | rule and step: `andon.disk.triggered` | `agent`, its ULID |
//! | a destination is in trouble | rule and step: `andon.destination.triggered` | `destination`, its name |
//! | a destination is deactivated, and active again | `alerting.destination_deactivated`, `alerting.destination_reactivated` | the same |
//! | a test send | `alerting.test_delivery` | `agent`, its ULID |
//!
//! `category` is the one of routes: `process`, `blind` or `agent`.
//!
//! The step is in the type because receivers of this format drop what repeats site, type and resource within a minute, and the
//! end of an alert is no repeat of its beginning. Everything else that is known goes into `metadata`, where what is not known is left out.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::wire::{SetHeaders, escalation, stamp, told_as, write};
use crate::{
    alert::{event::EventKind, plant::Category},
    destination::{
        RenderError,
        notice::{Attempt, Notice},
        text,
    },
};

/// The longest text in `metadata`, in characters.
const LONGEST: usize = 2048;
/// The rules of test sends, of destinations in trouble and of those that are deactivated.
const TEST: &str = "andon.test";
const DESTINATION: &str = "andon.destination";
const DEACTIVATED: &str = "andon.deactivated";
/// The label of an alert about a destination that names it.
const NAMED: &str = "subject";

/// The headers and the body.
pub(super) fn told(
    notice: &Notice,
    attempt: &Attempt,
) -> Result<(SetHeaders, String), RenderError> {
    let kind = told_as(notice, attempt, false)?;
    let about = About::of(notice, kind);
    let headers = vec![
        ("X-Hasp-Alert-Event-Id", notice.id.clone()),
        ("X-Hasp-Alert-Event-Type", about.event_type.clone()),
        ("User-Agent", "Hasp-Alert/1.0".to_owned()),
    ];
    let body = Hasp {
        event_id: &notice.id,
        event_type: &about.event_type,
        category: Category::of(&notice.alert.rule).word(),
        severity: &notice.alert.severity,
        summary: text::for_attempt(notice, attempt),
        occurred_at: in_utc(notice.at),
        org_id: &notice.site,
        resource: about.resource,
        metadata: Metadata::of(notice, attempt, kind),
    };
    Ok((headers, write(notice, &body)?))
}

struct About<'n> {
    event_type: String,
    resource: Resource<'n>,
}

impl<'n> About<'n> {
    fn of(notice: &'n Notice, kind: EventKind) -> Self {
        let alert = &notice.alert;
        let resource = |kind, id| Resource { kind, id };
        let agent = resource("agent", notice.agent.as_str());
        let destination = match alert.labels.get(NAMED) {
            Some(name) => resource("destination", name),
            None => resource("agent", &notice.agent),
        };
        let alerting = |what: &str| format!("alerting.{what}");
        let event_type = format!("{}.{}", alert.rule, kind.word());
        let (event_type, resource) = match (alert.rule.as_str(), kind) {
            (TEST, _) => (alerting("test_delivery"), agent),
            (DEACTIVATED, EventKind::Triggered) => {
                (alerting("destination_deactivated"), destination)
            }
            (DEACTIVATED, EventKind::Resolved) => {
                (alerting("destination_reactivated"), destination)
            }
            (DESTINATION | DEACTIVATED, _) => (event_type, destination),
            _ if alert.machine == "andon" => (event_type, agent),
            _ => (event_type, resource("machine", alert.machine.as_str())),
        };
        Self {
            event_type,
            resource,
        }
    }
}

#[derive(Serialize)]
struct Hasp<'n> {
    event_id: &'n str,
    event_type: &'n str,
    category: &'n str,
    severity: &'n str,
    summary: String,
    occurred_at: String,
    org_id: &'n str,
    resource: Resource<'n>,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Resource<'n> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'n str,
}

#[derive(Default, Serialize)]
struct Metadata(BTreeMap<&'static str, Json>);

impl Metadata {
    fn of(notice: &Notice, attempt: &Attempt, kind: EventKind) -> Self {
        let (alert, mut all) = (&notice.alert, Self::default());
        all.text("step", kind.word());
        all.text("dedup_key", &notice.dedup_key);
        all.text("site_name", &notice.site_name);
        all.text("agent_id", &notice.agent);
        all.text("alert_id", &alert.id);
        all.text("alert_number", &format!("A-{}", alert.number));
        all.text("alert_state", &alert.state);
        all.text("rule_id", &alert.rule);
        all.text("machine_name", &alert.machine_name);
        all.text("machine_class", alert.class.as_deref().unwrap_or_default());
        all.text("level", alert.level.as_deref().unwrap_or_default());
        let before = alert.previous_severity.as_deref();
        all.text("previous_severity", before.unwrap_or_default());
        all.text("message", &alert.message);
        all.text("action", &alert.action);
        all.text("metric_name", alert.tag.as_deref().unwrap_or_default());
        all.other("metric_value", alert.value.clone());
        all.text("unit", &alert.unit);
        all.other("threshold_value", alert.limit.map(Json::from));
        all.other("occurrences", Some(alert.occurrences.into()));
        all.text("created_at", &in_utc(alert.created));
        all.text("ended_at", &alert.ended.map(in_utc).unwrap_or_default());
        all.text("runbook", alert.runbook.as_deref().unwrap_or_default());
        all.text("url", alert.url.as_deref().unwrap_or_default());
        let labels = alert.labels.iter();
        let labels: BTreeMap<&str, &str> =
            labels.map(|(name, value)| (&**name, &**value)).collect();
        all.other(
            "labels",
            (!labels.is_empty()).then(|| serde_json::json!(labels)),
        );
        if let Some(by) = notice.by.as_ref().filter(|_| !attempt.as_trigger) {
            all.text("by", &by.name);
            all.other("by_is_verified", Some((!by.claimed).into()));
            all.text("note", by.note.as_deref().unwrap_or_default());
        }
        if let Some(step) = escalation(notice, kind) {
            all.text("policy_id", &step.policy);
            all.text("policy_name", &step.policy_name);
            all.other("policy_step", Some(step.step.into()));
        }
        all.other("late_seconds", Some(attempt.late_seconds.into()));
        for (name, is) in [
            ("already_resolved", attempt.already_resolved),
            ("shelved", alert.shelved),
            ("test", notice.test),
            ("drill", notice.drill),
            ("clock_unsynchronised", !notice.synchronised),
        ] {
            all.other(name, is.then(|| true.into()));
        }
        all
    }

    /// A text, unless it is empty.
    fn text(&mut self, name: &'static str, text: &str) {
        let text = text::shorten(text, LONGEST);
        self.other(name, (!text.is_empty()).then(|| text.into()));
    }

    fn other(&mut self, name: &'static str, value: Option<Json>) {
        if let Some(value) = value {
            self.0.insert(name, value);
        }
    }
}

/// As HASP writes times: whole seconds, and the offset in digits.
fn in_utc(millis: i64) -> String {
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
        Err(_) => stamp(millis),
    }
}
