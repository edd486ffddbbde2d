//! What a destination takes of all that routes and policies send there. Every kind has these keys.

use super::Kind;
use crate::{
    alert::{event::EventKind, plant::Severity},
    config::section::Section,
};

/// What a destination takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// It is not called to alerts that are milder; one that it knows it hears of to the end.
    pub min_severity: Severity,
    /// It is told how alerts end.
    pub ends: bool,
}

impl Wants {
    /// Reads `min_severity` and `send_resolved`; `kind` is none where it could not be read.
    pub(super) fn read(section: &Section<'_>, kind: Option<&dyn Kind>) -> Self {
        let ends = section.get("send_resolved", true);
        let said = section.node().get("send_resolved").is_some();
        if let (true, true, Some(kind)) = (said, ends, kind)
            && !kind.events().iter().any(|kind| kind.is_end())
        {
            section.warn(
                "send_resolved",
                "changes nothing: this takes neither resolved nor closed; name them in `events` if they can be told there",
            );
        }
        if let (false, Some(kind)) = (ends, kind) {
            let named = section.node().get("events").is_some();
            if named && kind.events().iter().any(|kind| kind.is_end()) {
                section.error(
                    "send_resolved",
                    "is false, but `events` names resolved or closed; say one or the other",
                );
            } else if kind.abilities().stays_open && kind.events().contains(&EventKind::Triggered) {
                section.warn(
                    "send_resolved",
                    "is false: what is open there stays open until somebody closes it there",
                );
            }
        }
        Self {
            min_severity: section.get("min_severity", Severity::Info),
            ends,
        }
    }
}
