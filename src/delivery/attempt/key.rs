//! The idempotency key of a delivery: what a receiver recognises a repeat by.

use sha2::{Digest, Sha256};
use ulid::Ulid;

use crate::alert::event::EventKind;

/// Who joins by one of these is owed the same event twice, first as a trigger.
const TWICE: [EventKind; 3] = [
    EventKind::Escalated,
    EventKind::Acknowledged,
    EventKind::Shelved,
];

/// The id under which a receiver knows a delivery: the event's, so that it recognises a repeat. Who joins late by an escalation is
/// owed the same event twice, first as a trigger; that one has an id of its own, or else the escalation would be
/// taken for its repeat and dropped. So has what is told in place of another destination, whose own may come as well.
pub fn idempotency_key(kind: &str, as_trigger: bool, in_place: bool, event: &str) -> String {
    let joins = as_trigger && TWICE.iter().any(|one| one.word() == kind);
    let word = match (in_place, joins) {
        (true, _) => Some("fallback"),
        (false, true) => Some("triggered"),
        (false, false) => None,
    };
    match (event.parse::<Ulid>(), word) {
        (Ok(id), Some(word)) => {
            let digest = Sha256::digest(format!("{event}:{word}"));
            let mut tail = [0; 16];
            tail[6..].copy_from_slice(&digest[..10]);
            Ulid::from_parts(id.timestamp_ms(), u128::from_be_bytes(tail)).to_string()
        }
        _ => event.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trigger_that_goes_before_an_escalation_is_not_taken_for_it() {
        let event = "01KNC1BP60Z5WFM062EF07CYF6";
        let key = |kind, as_trigger| idempotency_key(kind, as_trigger, false, event);
        assert_eq!(key("escalated", false), event);
        assert_eq!(key("updated", true), event);
        let joined = key("escalated", true);
        assert_ne!(joined, event);
        assert_eq!(joined, key("escalated", true));
        assert_eq!((joined.len(), &joined[..10]), (26, &event[..10]));
        let in_place = idempotency_key("escalated", true, true, event);
        assert!(in_place != joined && in_place != event);
    }
}
