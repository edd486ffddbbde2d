//! Which deliveries may still be taken back when their alert is acknowledged or ends: calls of a policy that nobody can have
//! heard, and what follows them to the same destination.
//!
//! Pure, and volatile: after a restart it is filled again from the pending rows, which say less. A row that was in flight
//! when the agent died has no attempt on record, but only the first row of a lane can have been, so that one stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::schedule::{Kind, LaneKey, Row, Schedule};
use crate::clock::Mono;

/// Deliveries that may be withdrawn, by lane.
#[derive(Clone, Debug, Default)]
pub struct Withdrawable {
    lanes: BTreeMap<LaneKey, BTreeMap<i64, Entry>>,
    /// Lanes of which a pending row of an earlier run was seen.
    begun: BTreeSet<(Arc<str>, LaneKey)>,
    undecided: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    destination: Arc<str>,
    kind: Kind,
}

impl Withdrawable {
    /// A new row may be withdrawn.
    pub fn add(&mut self, row: &Row) {
        let entry = Entry {
            destination: Arc::clone(&row.destination),
            kind: row.kind,
        };
        self.lanes
            .entry(row.lane)
            .or_default()
            .insert(row.id, entry);
    }

    /// A pending row of an earlier run, in the order of rows; `withdrawable` as it was stored. All pending rows must be shown.
    pub fn restore(&mut self, row: &Row, withdrawable: bool) {
        let first = self.begun.insert((Arc::clone(&row.destination), row.lane));
        if withdrawable && !first && row.attempts == 0 {
            self.add(row);
        }
    }

    /// All pending rows of earlier runs were shown.
    pub fn restored(&mut self) {
        self.begun.clear();
    }

    /// An attempt of this row has used one: it may have been heard.
    pub fn heard(&mut self, lane: LaneKey, row: i64) {
        if let Some(rows) = self.lanes.get_mut(&lane) {
            rows.remove(&row);
            if rows.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }

    /// A person wants this row to be sent, whatever becomes of its alert.
    pub fn keep(&mut self, row: i64) {
        for rows in self.lanes.values_mut() {
            rows.remove(&row);
        }
        self.lanes.retain(|_, rows| !rows.is_empty());
    }

    /// Takes out of the schedule what nobody can have heard: every escalation, and where the trigger for a late joiner is
    /// among it everything after that. From now on nothing may start until [`Withdrawable::decided`], because what
    /// stands behind these rows must not overtake them if the withdrawal does not reach the disk.
    pub fn take(
        &mut self,
        lane: LaneKey,
        schedule: &mut Schedule,
        now: Mono,
    ) -> Vec<(i64, Arc<str>)> {
        self.undecided = true;
        let rows = self.lanes.remove(&lane).unwrap_or_default();
        let mut joined = BTreeSet::new();
        let mut taken = Vec::new();
        for (row, Entry { destination, kind }) in rows {
            let superfluous = match kind {
                Kind::Call | Kind::Escalation => true,
                Kind::End | Kind::Other => joined.contains(&destination),
            };
            if superfluous && !schedule.withdraw(&[row], now).is_empty() {
                if kind == Kind::Call {
                    joined.insert(Arc::clone(&destination));
                }
                taken.push((row, destination));
            }
        }
        taken
    }

    /// What was withdrawn is on disk.
    pub fn decided(&mut self) {
        self.undecided = false;
    }

    /// Whether attempts may start.
    pub fn may_start(&self) -> bool {
        !self.undecided
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alert::plant::Severity,
        delivery::schedule::{DestinationPlan, Outcome},
    };

    const LANE: LaneKey = LaneKey([1; 32]);
    const NOW: Mono = Mono::from_nanos(0);

    fn row(id: i64, kind: Kind) -> Row {
        Row {
            id,
            destination: "boss".into(),
            lane: LANE,
            severity: Severity::Error,
            decided: NOW,
            kind,
            not_before: None,
            attempts: 0,
            alert: 1,
            likeness: None,
            may_fall_back: true,
            from_before: false,
        }
    }

    fn taken(withdrawable: &mut Withdrawable, schedule: &mut Schedule) -> Vec<i64> {
        let taken = withdrawable.take(LANE, schedule, NOW);
        taken.into_iter().map(|(row, _)| row).collect()
    }

    fn joined() -> (Withdrawable, Schedule) {
        let mut withdrawable = Withdrawable::default();
        let mut schedule = Schedule::new(vec![DestinationPlan::new("boss")]);
        for (id, kind) in [(1, Kind::Call), (2, Kind::Escalation), (3, Kind::Other)] {
            withdrawable.add(&row(id, kind));
            schedule.add(&row(id, kind), NOW);
        }
        (withdrawable, schedule)
    }

    #[test]
    fn who_did_not_hear_the_trigger_does_not_hear_what_followed_it() {
        let (mut withdrawable, mut schedule) = joined();
        assert_eq!(taken(&mut withdrawable, &mut schedule), [1, 2, 3]);
    }

    #[test]
    fn who_may_have_heard_the_trigger_hears_what_followed_it() {
        let (mut withdrawable, mut schedule) = joined();
        assert_eq!(schedule.next(NOW).attempts.len(), 1);
        assert_eq!(taken(&mut withdrawable, &mut schedule), [2]);
        let (mut withdrawable, mut schedule) = joined();
        schedule.next(NOW);
        schedule.done(1, Outcome::Accepted, NOW, &mut || 0.5);
        withdrawable.heard(LANE, 1);
        assert_eq!(taken(&mut withdrawable, &mut schedule), [2]);
    }

    #[test]
    fn the_first_of_a_lane_may_have_been_heard_before_a_crash_and_stays() {
        let (_, mut schedule) = joined();
        let mut withdrawable = Withdrawable::default();
        for (id, kind) in [(1, Kind::Call), (2, Kind::Escalation), (3, Kind::Other)] {
            withdrawable.restore(&row(id, kind), true);
        }
        withdrawable.restored();
        assert_eq!(taken(&mut withdrawable, &mut schedule), [2]);
    }

    #[test]
    fn what_a_person_wants_sent_is_not_taken_back() {
        let (mut withdrawable, mut schedule) = joined();
        withdrawable.keep(1);
        assert_eq!(taken(&mut withdrawable, &mut schedule), [2]);
    }

    #[test]
    fn nothing_starts_while_a_withdrawal_is_not_on_disk() {
        let (mut withdrawable, mut schedule) = joined();
        assert!(withdrawable.may_start());
        taken(&mut withdrawable, &mut schedule);
        assert!(!withdrawable.may_start());
        withdrawable.decided();
        assert!(withdrawable.may_start());
    }
}
