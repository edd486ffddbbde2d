//! Ends on their way to the record: in the background, together with what else ends within a few milliseconds.
//!
//! To the schedule a delivery that was accepted is in flight until that is on disk. So its lane waits, and at a destination no more are
//! under way or not on record at once than its concurrency: that is how many a crash can repeat. It decides nothing about
//! deliveries.

use std::{
    collections::{HashSet, VecDeque},
    future::Future,
    pin::Pin,
    time::Duration,
};

use super::landed::Landed;
use crate::{
    clock::Mono,
    delivery::schedule::{Attempt, LaneKey, Schedule},
    store::{Store, StoreError, rows::Settlement},
};

/// How long an acceptance waits for others, if nothing waits for it. A flush writes whole blocks of the disk, however little is new.
const WINDOW: Duration = Duration::from_millis(10);
/// How many ends are recorded in one transaction; a digest at its end may add as many again.
pub(super) const GROUP: usize = 100;

type Write = Pin<Box<dyn Future<Output = Result<Vec<Landed>, StoreError>> + Send>>;

/// Ends that stand on record together or not at all, and the attempt that was accepted with them.
type Unit = (Vec<Settlement>, Landed);

/// Ends that are not on record yet.
#[derive(Default)]
pub(super) struct Recording {
    /// What was accepted, with its lanes, which wait for it.
    accepted: VecDeque<(Unit, Vec<LaneKey>)>,
    /// What is only over, with its lane.
    over: VecDeque<(Settlement, LaneKey)>,
    /// When the first of them is due.
    due: Option<Mono>,
    /// The one write that is under way, if one is.
    write: Option<Write>,
}

impl Recording {
    /// It was accepted. At most as many of these wait as attempts may be in flight.
    pub(super) fn accepted(
        &mut self,
        ends: Vec<Settlement>,
        landed: Landed,
        lanes: Vec<LaneKey>,
        now: Mono,
    ) {
        self.accepted.push_back(((ends, landed), lanes));
        self.is_due_at(now + WINDOW);
    }

    /// It is over without an attempt: its lane goes on already, so it is due at once.
    pub(super) fn over(&mut self, settlement: Settlement, lane: LaneKey, now: Mono) {
        self.over.push_back((settlement, lane));
        self.is_due_at(now);
    }

    fn is_due_at(&mut self, at: Mono) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// Whether nothing waits and nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting() == 0 && self.write.is_none()
    }

    fn waiting(&self) -> usize {
        self.accepted.len() + self.over.len()
    }

    fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.accepted.iter().map(|((_, landed), _)| &landed.attempt)
    }

    /// When [`Recording::begin`] is to be called; none while that would do nothing. At once, where something else waits for the same
    /// destination: it may be what there is no room for.
    pub(super) fn due(&self, schedule: &Schedule, now: Mono) -> Option<Mono> {
        let due = self.due.filter(|_| self.write.is_none())?;
        let hurry = self.waiting() >= GROUP || self.holds_up(schedule);
        Some(if hurry { now } else { due })
    }

    /// Whether something else waits at a destination of what is not on record.
    fn holds_up(&self, schedule: &Schedule) -> bool {
        let mut attempts = self.attempts();
        attempts.any(|one| {
            let status = schedule.status(&one.destination);
            status.is_some_and(|status| status.queued > status.in_flight as usize)
        })
    }

    /// Begins to write some of what waits.
    pub(super) fn begin(&mut self, store: &Store) {
        if self.write.is_some() || self.waiting() == 0 {
            return;
        }
        let (settlements, accepted) = self.take_group();
        // What is left has waited behind these.
        self.due = self.due.filter(|_| self.waiting() > 0);
        let store = store.clone();
        self.write = Some(Box::pin(async move {
            store.settle_many(settlements).await?;
            Ok(accepted)
        }));
    }

    /// What was accepted goes first, as a lane waits for it; but never before what ended earlier in its lane, which would be found as
    /// owed after a crash and sent after what follows it.
    fn take_group(&mut self) -> (Vec<Settlement>, Vec<Landed>) {
        let (mut ends, mut accepted) = (Vec::new(), Vec::new());
        let mut lanes = HashSet::new();
        while ends.len() < GROUP
            && let Some(((some, landed), its_lanes)) = self.accepted.pop_front()
        {
            ends.extend(some);
            accepted.push(landed);
            lanes.extend(its_lanes);
        }
        let mut group = Vec::with_capacity(GROUP);
        if !lanes.is_empty() {
            let over = std::mem::take(&mut self.over).into_iter();
            let (before, rest): (Vec<_>, _) = over.partition(|(_, lane)| lanes.contains(lane));
            self.over = VecDeque::from(rest);
            group.extend(before.into_iter().map(|(settlement, _)| settlement));
        }
        group.extend(ends);
        let room = GROUP.saturating_sub(group.len()).min(self.over.len());
        group.extend(self.over.drain(..room).map(|(settlement, _)| settlement));
        (group, accepted)
    }

    /// Waits for the write that is under way, for ever if there is none: the attempts whose acceptance is on record now. Cancelling
    /// loses nothing.
    pub(super) async fn done(&mut self) -> Result<Vec<Landed>, StoreError> {
        let Some(write) = &mut self.write else {
            return std::future::pending().await;
        };
        let done = write.as_mut().await;
        self.write = None;
        done
    }

    /// Whether an acceptance of this destination is not on record yet. One that is being written counts for all.
    pub(super) fn holds(&self, destination: &str) -> bool {
        let mut attempts = self.attempts();
        self.write.is_some() || attempts.any(|one| *one.destination == *destination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alert::plant::Severity,
        clock::Wall,
        delivery::{
            attempt::Tried,
            schedule::{DestinationPlan, Kind, Row},
        },
        store::rows::DeliveryState,
    };

    const NOW: Mono = Mono::from_nanos(1_000_000_000);

    fn end(row: i64) -> Settlement {
        Settlement::new(row, DeliveryState::Accepted, Wall::from_millis(0), "")
    }

    fn accept(recording: &mut Recording, row: i64, attempt: Attempt, now: Mono) {
        let landed = Landed::new(attempt, &Tried::failed(Wall::from_millis(0), ""));
        let lanes = vec![landed.attempt.lane];
        recording.accepted(vec![end(row)], landed, lanes, now);
    }

    /// So many deliveries of different watches, at most two in flight.
    fn scheduled(count: u8) -> (Schedule, Vec<Attempt>) {
        let plan = DestinationPlan {
            concurrency: 2,
            ..DestinationPlan::new("ops")
        };
        let mut schedule = Schedule::new(vec![plan]);
        for number in 1..=count {
            let row = Row {
                id: number.into(),
                destination: "ops".into(),
                lane: LaneKey([number; 32]),
                severity: Severity::Error,
                decided: NOW,
                kind: Kind::Call,
                not_before: None,
                attempts: 0,
                alert: 1,
                likeness: None,
                may_fall_back: true,
                from_before: false,
            };
            schedule.add(&row, NOW);
        }
        let attempts = schedule.next(NOW).attempts;
        (schedule, attempts)
    }

    #[test]
    fn what_holds_nothing_up_waits_for_others_and_not_for_long() {
        let (schedule, mut attempts) = scheduled(2);
        let mut recording = Recording::default();
        assert_eq!(recording.due(&schedule, NOW), None);
        accept(&mut recording, 1, attempts.remove(0), NOW);
        let later = NOW + WINDOW / 2;
        accept(&mut recording, 2, attempts.remove(0), later);
        assert_eq!(recording.due(&schedule, later), Some(NOW + WINDOW));
    }

    #[test]
    fn what_another_delivery_may_wait_for_is_due_at_once() {
        let (schedule, mut attempts) = scheduled(3);
        let mut recording = Recording::default();
        accept(&mut recording, 1, attempts.remove(0), NOW);
        assert_eq!(recording.due(&schedule, NOW), Some(NOW));
    }

    #[test]
    fn what_is_over_without_an_attempt_is_due_at_once() {
        let mut recording = Recording::default();
        recording.over(end(1), LaneKey([1; 32]), NOW);
        let schedule = Schedule::default();
        assert_eq!(recording.due(&schedule, NOW), Some(NOW));
    }

    #[test]
    fn what_ended_before_an_acceptance_in_its_lane_is_on_record_no_later() {
        let (_, mut attempts) = scheduled(1);
        let mut recording = Recording::default();
        for row in 100..400 {
            recording.over(end(row), LaneKey([9; 32]), NOW);
        }
        recording.over(end(0), LaneKey([1; 32]), NOW);
        accept(&mut recording, 1, attempts.remove(0), NOW);
        let (group, attempts) = recording.take_group();
        let rows: Vec<i64> = group.iter().map(|end| end.id).collect();
        assert_eq!((rows.len(), &rows[..3]), (GROUP, &[0, 1, 100][..]));
        assert_eq!(attempts.len(), 1);
        let (next, _) = recording.take_group();
        assert_eq!(next[0].id, 198);
    }
}
