//! What goes to the webhook of an integration: one flat table with the names that OpsKnight reads there unless somebody has set up others.
//!
//! It has no action of its own; `status` is what `actionField` has to name, `triggered` what stands in `triggerValues` and `resolved` what stands
//! in `resolveValues`. What is beside these fields is shown with the incident.

use serde::Serialize;

use super::{SOURCE, SUMMARY};
use crate::{
    alert::event::EventKind,
    destination::{
        RenderError, Told,
        details::Details,
        text::{for_attempt, shorten},
    },
};

#[derive(Serialize)]
pub(super) struct Message<'t> {
    status: &'static str,
    dedup_key: &'t str,
    summary: String,
    source: String,
    severity: &'t str,
    details: Details<'t>,
}

impl<'t> Message<'t> {
    pub(super) fn of(told: &Told<'t>, key: &'t str) -> Result<Self, RenderError> {
        let alert = &told.notice.alert;
        Ok(Self {
            status: match told.kind()? {
                EventKind::Acknowledged => "acknowledged",
                EventKind::Resolved | EventKind::Closed => "resolved",
                _ => "triggered",
            },
            dedup_key: key,
            summary: shorten(&for_attempt(told.notice, told.attempt), SUMMARY),
            source: shorten(&alert.machine, SOURCE),
            severity: &alert.severity,
            details: Details::of(told),
        })
    }
}
