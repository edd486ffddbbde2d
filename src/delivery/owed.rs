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
    clock::{BootId, Now},
    destination,
    store::rows::{Delivery, DeliveryRow, DeliveryState, Mark},
};

/// The most that a stored wait is honoured after a restart: that of a `Retry-After`. The wall clock may have jumped.
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
        let not_before = row
            .not_before
            .map(|at| now.mono + at.since(now.wall).min(MAX_WAIT));
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
