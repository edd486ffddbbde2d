//! What the formats share: how an event is called, how times are written.

use serde::Serialize;

use crate::{
    alert::event::EventKind,
    clock::Wall,
    destination::{
        RenderError,
        notice::{Attempt, Notice, NoticeEscalation},
    },
};

/// Headers that a format sets itself.
pub(super) type SetHeaders = Vec<(&'static str, String)>;

/// The kind as this receiver hears it. Haltless has no word for a return, which is a trigger to it.
pub(super) fn told_as(
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

/// The name of an event in payloads of our own: `alert.triggered`.
pub(super) fn event_name(kind: EventKind) -> String {
    format!("alert.{}", kind.word())
}

/// The step that is due, if this is what is told.
pub(super) fn escalation(notice: &Notice, kind: EventKind) -> Option<&NoticeEscalation> {
    notice
        .escalation
        .as_ref()
        .filter(|_| kind == EventKind::Escalated)
}

/// RFC 3339 with milliseconds.
pub(super) fn stamp(millis: i64) -> String {
    Wall::from_millis(millis).to_string()
}

/// Whole seconds, as Haltless shows them.
pub(super) fn stamp_in_seconds(millis: i64) -> String {
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(stamp) => format!("{stamp:.0}"),
        Err(_) => stamp(millis),
    }
}

/// As JSON.
pub(super) fn write(notice: &Notice, payload: &impl Serialize) -> Result<String, RenderError> {
    serde_json::to_string(payload).map_err(|source| RenderError::Payload {
        id: notice.id.clone(),
        source,
    })
}
