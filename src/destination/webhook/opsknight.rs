//! `format = "opsknight"`: what OpsKnight sends to webhooks of the generic kind, so that its receivers can be used.
//!
//! The service is the machine, and who acknowledged is the assignee. It knows three events; an escalation, a return and a change are the
//! incident triggered once more. `sign = { scheme = "opsknight" }` signs as OpsKnight does.

use serde::Serialize;

use super::wire::{stamp, told_as, write};
use crate::{
    alert::event::EventKind,
    destination::{
        RenderError,
        notice::{Attempt, Notice},
        text,
    },
};

/// The body.
pub(super) fn body(notice: &Notice, attempt: &Attempt) -> Result<String, RenderError> {
    let kind = told_as(notice, attempt, true)?;
    let alert = &notice.alert;
    let (event, status) = match kind {
        EventKind::Resolved | EventKind::Closed => ("incident.resolved", "RESOLVED"),
        EventKind::Acknowledged => ("incident.acknowledged", "ACKNOWLEDGED"),
        _ => ("incident.triggered", "OPEN"),
    };
    let by = notice.by.as_ref();
    let assignee = by.filter(|_| kind == EventKind::Acknowledged);
    let message = Message {
        event,
        timestamp: stamp(notice.at),
        incident: Incident {
            id: &alert.id,
            title: text::for_attempt(notice, attempt),
            status,
            urgency: match alert.severity.as_str() {
                "critical" | "error" => "HIGH",
                "info" => "LOW",
                _ => "MEDIUM",
            },
            service: Named {
                id: &alert.machine,
                name: &alert.machine_name,
            },
            assignee: assignee.map(|by| Named {
                id: &by.name,
                name: &by.name,
            }),
            url: alert.url.as_deref(),
        },
    };
    write(notice, &message)
}

#[derive(Serialize)]
struct Message<'n> {
    event: &'static str,
    timestamp: String,
    incident: Incident<'n>,
}

#[derive(Serialize)]
struct Incident<'n> {
    id: &'n str,
    title: String,
    status: &'static str,
    urgency: &'static str,
    service: Named<'n>,
    assignee: Option<Named<'n>>,
    url: Option<&'n str>,
}

#[derive(Serialize)]
struct Named<'n> {
    id: &'n str,
    name: &'n str,
}
