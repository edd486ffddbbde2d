//! Which kinds of events a destination takes: `events`.

use crate::{alert::event::EventKind, config::section::Section};

/// What an on-call system or a mailbox is told: the whole life of an alert, without what is only silenced for a time.
pub(super) const LIFE: [EventKind; 7] = [
    EventKind::Triggered,
    EventKind::Updated,
    EventKind::Acknowledged,
    EventKind::Escalated,
    EventKind::Resolved,
    EventKind::Reopened,
    EventKind::Closed,
];
/// The same where nobody is to be told, or nothing can be, that somebody has taken an alert.
pub(super) const UNTAKEN: [EventKind; 6] = [
    EventKind::Triggered,
    EventKind::Updated,
    EventKind::Escalated,
    EventKind::Resolved,
    EventKind::Reopened,
    EventKind::Closed,
];

/// Reads `events`; `default` is what the kind takes without the key.
pub(super) fn read(section: &Section<'_>, default: &[EventKind]) -> Vec<EventKind> {
    let Some(words) = section.optional::<Vec<String>>("events") else {
        return default.to_vec();
    };
    let known = words
        .iter()
        .map(|word| EventKind::from_word(word))
        .collect::<Option<Vec<_>>>();
    match known {
        Some(kinds) if !kinds.is_empty() => kinds,
        _ => {
            let all: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
            section.error(
                "events",
                format!("must be a list of some of {}", all.join(", ")),
            );
            default.to_vec()
        }
    }
}
