//! What an attempt that ended means for the record: the schedule judges it, the store keeps it.

use std::{collections::BTreeMap, time::Duration};

use super::{Desk, Ended, landed::Landed, recording::GROUP};
use crate::{
    clock::{Mono, Now},
    delivery::{
        attempt::Tried,
        owed::stored,
        schedule::{Outcome, Settled, State, Verdict},
    },
    store::{
        StoreError,
        rows::{AttemptRecord, DeliveryState, Settlement},
    },
};

/// How long lanes wait for a disk that is away.
const HOLD: Duration = Duration::from_secs(15 * 60);

/// What cannot be read until the disk is back.
#[derive(Debug, Default)]
pub(super) struct Beyond {
    /// When this was noticed first.
    since: Option<Mono>,
    rows: Vec<i64>,
}

/// Tries that ended nothing, to be recorded.
type Tries = Vec<(i64, AttemptRecord)>;

impl Desk {
    /// The disk is back: what was out of reach is not any more.
    pub(super) fn reach_again(&mut self, now: Mono) {
        for row in std::mem::take(&mut self.beyond).rows {
            self.schedule.resume(row, now);
        }
    }

    /// Records what came of attempts: the one that ended, and all others that have ended since.
    pub(super) async fn land(&mut self, first: Ended) -> Result<(), StoreError> {
        let mut ends = Vec::new();
        let mut next = Some(first);
        while let Some(ended) = next {
            ends.extend(self.judge(ended).await?);
            next = if ends.len() < GROUP {
                self.flights.try_join_next_with_id()
            } else {
                None
            };
        }
        if !ends.is_empty() {
            self.store.settle_many(ends).await?;
        }
        Ok(())
    }

    /// Tells the schedule what is on record as accepted now.
    pub(super) async fn recorded(&mut self, accepted: Vec<Landed>) -> Result<(), StoreError> {
        let now = self.clock.now();
        for landed in accepted {
            // What was left out of a digest may be over all the same.
            let (ends, _) = self.report(&landed, now);
            for end in ends {
                self.recording.over(end, landed.attempt.lane, now.mono);
            }
            let may_wait = !landed.attempt.record;
            self.keep(&landed.attempt.destination, now, may_wait)
                .await?;
        }
        Ok(())
    }

    /// Waits until everything that is over is on record.
    pub(super) async fn record_all(&mut self) -> Result<(), StoreError> {
        let settled = self.schedule.take_settled();
        self.note_ends(settled, self.clock.now());
        while !self.recording.is_empty() {
            self.recording.begin(&self.store);
            let recorded = self.recording.done().await?;
            self.recorded(recorded).await?;
        }
        Ok(())
    }

    /// How long a delivery holds its lane that only the disk knows, while there is none to be had: none if it is over. What follows it in
    /// memory must not overtake it, and must not wait for ever for a disk that stays away.
    async fn is_out_of_reach(
        &mut self,
        row: i64,
        now: Mono,
    ) -> Result<Option<Duration>, StoreError> {
        if self.store.is_durable() || self.store.delivery(row).await?.is_some() {
            return Ok(None);
        }
        let since = *self.beyond.since.get_or_insert(now);
        let left = (since + HOLD).since(now);
        if left == Duration::ZERO {
            return Ok(None);
        }
        self.beyond.rows.push(row);
        Ok(Some(left))
    }

    /// What of a digest was not told because it is out of reach, and for how long that holds its lane.
    async fn beyond(
        &mut self,
        landed: &Landed,
        now: Mono,
    ) -> Result<BTreeMap<i64, Duration>, StoreError> {
        let mut beyond = BTreeMap::new();
        for &row in landed.attempt.rows() {
            if landed.own(row) == Outcome::Void
                && let Some(wait) = self.is_out_of_reach(row, now).await?
            {
                beyond.insert(row, wait);
            }
        }
        Ok(beyond)
    }

    async fn judge(&mut self, ended: Ended) -> Result<Vec<Settlement>, StoreError> {
        let (id, tried) = match ended {
            Ok((id, tried)) => (id, tried),
            Err(error) => {
                // Where is said by the panic itself. Its words are not repeated: they may hold what was to be sent.
                tracing::error!("the sender of a delivery panicked");
                let why = "the sender itself failed; this is a defect of andon";
                let at = self.clock.now().wall;
                (error.id(), Some(Tried::failed(at, why)))
            }
        };
        if let Some(repost) = self.reposts.remove(&id) {
            self.told_again(&repost, tried);
            return Ok(Vec::new());
        }
        let Some(attempt) = self.rows.remove(&id) else {
            return Ok(Vec::new());
        };
        let now = self.clock.now();
        let Some(tried) = tried else {
            for row in attempt.rows() {
                let wait = self.is_out_of_reach(*row, now.mono).await?;
                // Else the store has its end on record already.
                let outcome = wait.map_or(Outcome::Void, Outcome::OutOfReach);
                if outcome == Outcome::Void {
                    self.reasons.remove(row);
                }
                self.schedule.done(*row, outcome, now.mono, &mut || 0.0);
            }
            return Ok(Vec::new());
        };
        let mut landed = Landed::new(attempt, &tried);
        landed.beyond = self.beyond(&landed, now.mono).await?;
        if tried.used > 0 {
            for row in landed.told() {
                let lane = self.schedule.lane(row).unwrap_or(landed.attempt.lane);
                self.withdrawable.heard(lane, row);
            }
        }
        let destination = &landed.attempt.destination;
        self.concerns.heard(destination, &tried.outcome, now.mono);
        if landed.said == Outcome::Accepted {
            let ends = landed.accepted(tried, now.wall);
            let lanes = landed.told().filter_map(|row| self.schedule.lane(row));
            let lanes = lanes.collect();
            self.recording.accepted(ends, landed, lanes, now.mono);
            return Ok(Vec::new());
        }
        if self.recording.holds(destination) {
            // The schedule hears of them in the order in which they came: failures count in a row.
            self.record_all().await?;
        }
        let (mut ends, tries) = self.report(&landed, now);
        let may_wait = !landed.attempt.record;
        self.keep(&landed.attempt.destination, now, may_wait)
            .await?;
        self.store.attempted_many(tries).await?;
        match (ends.as_mut_slice(), tried.thread) {
            ([end], thread) => end.thread = thread,
            // A part of it may have been accepted, or what it was to go on from is gone.
            ([], Some(thread)) => self.store.remember(landed.attempt.row, thread).await?,
            _ => {}
        }
        Ok(ends)
    }

    /// Reports to the schedule what came of an attempt: what is over with it and not on record, and the tries that are to be
    /// recorded.
    fn report(&mut self, landed: &Landed, now: Now) -> (Vec<Settlement>, Tries) {
        let (attempt, said) = (&landed.attempt, landed.said);
        let (mut ends, mut tries) = (Vec::new(), Vec::new());
        // What fails together waits equally long, so that it is tried again together.
        let luck = fastrand::f64();
        for &row in attempt.rows() {
            let own = landed.own(row);
            let verdict = match attempt.digest.is_empty() {
                true => self.schedule.done(row, own, now.mono, &mut || luck),
                false => self
                    .schedule
                    .done_in_digest(row, own, said, now.mono, &mut || luck),
            };
            match (verdict, landed.record(row)) {
                (Verdict::Settled(_), _) if matches!(own, Outcome::Accepted | Outcome::Void) => {
                    self.reasons.remove(&row);
                }
                (Verdict::Settled(settled), record) => {
                    ends.push(self.end_of(settled, record, now));
                }
                (Verdict::Waiting { until }, Some(record)) if attempt.record => {
                    // Both stamps of it are of one look at the wall clock, which may be set while it is under way.
                    let took = Duration::from_millis(record.took_ms.unwrap_or_default());
                    let not_before = Some(record.at + took + until.since(now.mono));
                    tries.push((
                        row,
                        AttemptRecord {
                            not_before,
                            ..record
                        },
                    ));
                }
                (Verdict::Waiting { .. } | Verdict::Unknown, _) => {}
            }
        }
        if let Some(first) = ends.first() {
            tracing::warn!(
                destination = &*attempt.destination,
                delivery = first.id,
                deliveries = ends.len(),
                state = first.state.word(),
                "delivery is over: {}",
                first.result
            );
        }
        (ends, tries)
    }

    /// The record of a delivery that is over with an attempt, or while one left it out.
    fn end_of(&mut self, settled: Settled, attempt: Option<AttemptRecord>, now: Now) -> Settlement {
        let dropped = self
            .reasons
            .remove(&settled.row)
            .filter(|_| settled.state == State::GivenUp);
        let state = match dropped {
            Some(_) => DeliveryState::Dropped,
            None => stored(settled.state),
        };
        let tried = attempt.as_ref().map(|record| record.result.clone());
        let result = dropped.or(tried);
        let result = result.unwrap_or_else(|| settled.why.to_owned());
        Settlement {
            attempt,
            ..Settlement::new(settled.row, state, now.wall, result)
        }
    }
}
