//! What is owed, as rows of the store and as rows of the schedule: from the one to the other and back.
//!
//! It only translates; nothing here decides when a row is tried or reads the store.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use ulid::Ulid;

use super::schedule::{Kind, LaneKey, Outcome, Row, State};
use crate::{
    alert::{
        event::{DedupKey, Event, EventKind},
        plant::Severity,
    },
    clock::{BootId, Now, Wall},
    destination,
    store::rows::{Delivery, DeliveryRow, DeliveryState, Mark},
};

/// The most that a stored wait is honoured after a restart: that of a `Retry-After`.
const MAX_WAIT: Duration = Duration::from_secs(2 * 60 * 60);

/// A row that is on disk and to be delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Owed {
    /// For the schedule.
    pub row: Row,
    /// It may be withdrawn before its first attempt.
    pub withdrawable: bool,
    /// What its first attempt needs, if that starts at once; else it is read from the store.
    pub ready: Option<Box<Delivery>>,
}

impl Owed {
    /// A stored row for the schedule; none for a kind that this version does not know, which waits for one that does.
    pub fn read(row: &DeliveryRow, boot: &BootId, now: Now) -> Option<Self> {
        let kind = EventKind::from_word(&row.kind)?;
        let age = age(&row.decided, boot, now);
        // The wall clock may have jumped, a gateway without a clock battery wakes long ago: nothing waits longer than was asked for, and
        // both of those times are of one clock.
        let asked = |at: Wall| row.last_attempt.map_or(MAX_WAIT, |last| at.since(last));
        let not_before = row
            .not_before
            .map(|at| now.mono + at.since(now.wall).min(asked(at)).min(MAX_WAIT));
        let severity = Severity::ALL.get(usize::from(row.severity)).copied();
        Some(Self {
            row: Row {
                id: row.id,
                destination: row.destination.as_str().into(),
                lane: lane_key(&row.lane)?,
                severity: severity.unwrap_or(Severity::Critical),
                decided: now.mono - age,
                kind: Kind::of(kind, row.as_trigger),
                not_before,
                attempts: row.attempts,
                alert: row.alert.parse::<Ulid>().map_or(0, |id| id.0),
                // What it says is in its body; after a restart nothing is left out because of it.
                likeness: None,
                may_fall_back: row.fallback_to.is_none(),
                from_before: true,
            },
            withdrawable: row.withdrawable && row.attempts == 0,
            ready: None,
        })
    }
}

/// What a delivery says without its values, in short: kind, step, level and the state that results. Two that are alike tell
/// people the same.
pub fn likeness(event: &Event, as_trigger: bool) -> u64 {
    let alert = &event.alert;
    let mut hasher = DefaultHasher::new();
    let step = event.escalation.as_ref().map(|step| step.step);
    (event.kind.word(), as_trigger, step).hash(&mut hasher);
    (
        &alert.level,
        alert.severity,
        alert.state.word(),
        alert.shelved,
    )
        .hash(&mut hasher);
    hasher.finish()
}

/// How long ago something was decided, as far as that is known: within one boot, or between two times that can be trusted.
pub(super) fn age(decided: &Mark, boot: &BootId, now: Now) -> Duration {
    if decided.boot == boot.0 {
        now.mono.since(decided.mono)
    } else if decided.synchronised && now.synchronised {
        now.wall.since(decided.wall)
    } else {
        Duration::ZERO
    }
}

/// The key of a lane from a `dedup_key` in hexadecimal digits.
fn lane_key(hex: &str) -> Option<LaneKey> {
    DedupKey::from_hex(hex).map(|key| LaneKey(key.bytes()))
}

/// An outcome without its words, for the schedule.
pub(super) fn told(outcome: &destination::Outcome) -> Outcome {
    match outcome {
        destination::Outcome::Accepted { .. } => Outcome::Accepted,
        destination::Outcome::Unreachable { .. } => Outcome::Unreachable,
        destination::Outcome::Failed { retry_after, .. } => Outcome::Failed {
            retry_after: *retry_after,
        },
        destination::Outcome::Refused { give_up, .. } => Outcome::Refused { give_up: *give_up },
    }
}

/// The word of the store for an end that the schedule decided.
pub fn stored(state: State) -> DeliveryState {
    match state {
        State::Accepted => DeliveryState::Accepted,
        State::Failed => DeliveryState::Failed,
        State::Expired => DeliveryState::Expired,
        State::GivenUp => DeliveryState::Refused,
        State::Deduplicated => DeliveryState::Deduplicated,
        State::Superseded => DeliveryState::Superseded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Mono;

    fn stored(not_before: Option<Wall>, last_attempt: Option<Wall>) -> DeliveryRow {
        DeliveryRow {
            id: 1001,
            event_seq: 1,
            alert: Ulid::from_parts(1, 1).to_string(),
            kind: "triggered".to_owned(),
            at: Wall::from_millis(0),
            destination: "pager".to_owned(),
            lane: "ab".repeat(32),
            sequence: 1,
            as_trigger: false,
            severity: 3,
            withdrawable: false,
            state: DeliveryState::Pending,
            attempts: 1,
            not_before,
            decided: Mark::default(),
            first_attempt: last_attempt,
            last_attempt,
            settled: None,
            result: None,
            fallback_of: None,
            fallback_to: None,
        }
    }

    #[test]
    fn a_wrong_clock_after_a_restart_makes_nothing_wait_longer_than_was_asked_for() {
        let wall = |seconds: i64| Wall::from_millis(seconds * 1000);
        let (failed, second) = (1_800_000_000, Duration::from_secs(1));
        let table = [
            // The clock has gone on, stands, or was lost.
            (failed, Some(failed), second * 2),
            (failed + 1, Some(failed), second),
            (failed + 60, Some(failed), Duration::ZERO),
            (0, Some(failed), second * 2),
            // What was never tried waits for a time that somebody named.
            (0, None, MAX_WAIT),
        ];
        for (now, last, expected) in table {
            let row = stored(Some(wall(failed + 2)), last.map(wall));
            let now = Now {
                mono: Mono::from_nanos(5),
                wall: wall(now),
                synchronised: false,
            };
            let owed = Owed::read(&row, &BootId("b".to_owned()), now).expect("a known kind");
            assert_eq!(owed.row.not_before, Some(now.mono + expected), "{now:?}");
        }
    }
}
