//! The deliveries of one watch to one destination, strictly in the order of their rows. It knows nothing of other lanes.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use super::{LaneKey, Row, throttle::Kind};
use crate::{alert::plant::Severity, clock::Mono};

/// One delivery that waits or is in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) severity: Severity,
    pub(super) decided: Mono,
    pub(super) kind: Kind,
    pub(super) not_before: Option<Mono>,
    /// Attempts used.
    pub(super) attempts: u32,
    /// A person dropped it while it was in flight.
    pub(super) dropped: bool,
    /// The alert that it is about.
    pub(super) alert: u128,
    pub(super) likeness: Option<u64>,
    /// Whether it is in flight, and how.
    pub(super) flight: Flight,
    /// It tells what earlier deliveries would have told, which are gone: it is not withdrawn any more.
    pub(super) stands: bool,
    /// The receiver refused a digest with it, and might take the rest: it is told alone from now on.
    pub(super) alone: bool,
    pub(super) from_before: bool,
    /// When others are told, if it is not accepted by then.
    pub(super) falls_back: Option<Mono>,
    may_fall_back: bool,
}

impl Pending {
    /// When others are told of it, if it is not accepted by then and they are told of such; keeps it in mind.
    pub(super) fn may_fall_back(&mut self, after: Option<Duration>) -> Option<Mono> {
        let calls = matches!(self.kind, Kind::Call | Kind::Escalation) && self.may_fall_back;
        self.falls_back = after.filter(|_| calls).map(|after| self.decided + after);
        self.falls_back
    }

    /// Others are told: once is enough.
    pub(super) fn has_fallen_back(&mut self) {
        self.falls_back = None;
        self.may_fall_back = false;
    }
}

/// How a delivery is in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Flight {
    /// It is not.
    #[default]
    None,
    /// The attempt is known by it.
    Carrier,
    /// It is told with another one.
    Carried,
}

impl Pending {
    pub(super) fn new(row: &Row) -> Self {
        Self {
            severity: row.severity,
            decided: row.decided,
            kind: row.kind,
            not_before: row.not_before,
            attempts: row.attempts,
            dropped: false,
            alert: row.alert,
            likeness: row.likeness,
            flight: Flight::None,
            stands: false,
            alone: false,
            falls_back: None,
            may_fall_back: row.may_fall_back,
            from_before: row.from_before,
        }
    }
}

/// Whose turn it is between lanes: the worst first, then the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    severity: Reverse<Severity>,
    decided: Mono,
    row: i64,
    pub(super) lane: LaneKey,
}

/// Where a lane stands in the queues of its destination, so that it can be taken out of them again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) ready: Option<Turn>,
    pub(super) wakes: Option<Mono>,
    pub(super) expires: Option<Mono>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    rows: BTreeMap<i64, Pending>,
    /// How many rows wait, by severity, and how many of them are escalations: both let what is behind pull the lane forward.
    severities: [u32; Severity::ALL.len()],
    escalations: u32,
    /// The last of its deliveries in flight; more than one are only in a digest.
    pub(super) in_flight: Option<i64>,
    pub(super) place: Place,
}

impl Lane {
    pub(super) fn insert(&mut self, id: i64, pending: Pending) {
        self.severities[pending.severity as usize] += 1;
        self.escalations += u32::from(pending.kind == Kind::Escalation);
        self.rows.insert(id, pending);
    }

    pub(super) fn remove(&mut self, id: i64) -> Option<Pending> {
        let pending = self.rows.remove(&id)?;
        self.in_flight = self.in_flight.filter(|flying| *flying != id);
        self.severities[pending.severity as usize] -= 1;
        self.escalations -= u32::from(pending.kind == Kind::Escalation);
        Some(pending)
    }

    pub(super) fn get(&self, id: i64) -> Option<&Pending> {
        self.rows.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: i64) -> Option<&mut Pending> {
        self.rows.get_mut(&id)
    }

    pub(super) fn head(&self) -> Option<(i64, &Pending)> {
        self.rows.first_key_value().map(|(id, row)| (*id, row))
    }

    pub(super) fn head_mut(&mut self) -> Option<&mut Pending> {
        self.rows.first_entry().map(|entry| entry.into_mut())
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (i64, &Pending)> {
        self.rows.iter().map(|(id, row)| (*id, row))
    }

    pub(super) fn rows_mut(&mut self) -> impl Iterator<Item = (i64, &mut Pending)> {
        self.rows.iter_mut().map(|(id, row)| (*id, row))
    }

    pub(super) fn has_escalation(&self) -> bool {
        self.escalations > 0
    }

    /// The worst severity that waits here: a critical delivery must not stand behind other lanes because a mild one of
    /// its own lane goes first.
    pub(super) fn worst(&self) -> Severity {
        let worst = Severity::ALL
            .into_iter()
            .rev()
            .find(|severity| self.severities[*severity as usize] > 0);
        worst.unwrap_or(Severity::Info)
    }

    /// Whether a critical alert waits here that is not over as far as is known.
    pub(super) fn rings(&self) -> bool {
        let last = self.rows.values().next_back();
        self.worst() == Severity::Critical && last.is_some_and(|last| last.kind != Kind::End)
    }

    pub(super) fn turn(&self, key: LaneKey) -> Option<Turn> {
        let (row, head) = self.head()?;
        Some(Turn {
            severity: Reverse(self.worst()),
            decided: head.decided,
            row,
            lane: key,
        })
    }
}
