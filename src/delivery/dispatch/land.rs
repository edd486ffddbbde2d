//! What an attempt that ended means for the record: the schedule judges it, the store keeps it.

use std::time::Duration;

use super::{Desk, Ended, recording::GROUP};
use crate::{
    clock::Mono,
    delivery::{
        attempt::Tried,
        owed::{stored, told},
        schedule::{Attempt, Outcome, State, Verdict},
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

impl Desk {
    /// The disk is back: what was out of reach is not any more.
    pub(super) fn reach_again(&mut self, now: Mono) {
        for row in std::mem::take(&mut self.beyond).rows {
            self.schedule.release(row, now);
        }
    }

    /// Records what came of attempts: the one that ended, and all others that have ended since.
    pub(super) async fn land(&mut self, first: Ended) -> Result<(), StoreError> {
        let mut ends = Vec::new();
        let mut next = Some(first);
        while let Some(ended) = next {
            if let Some(end) = self.judge(ended).await? {
                ends.push(end);
            }
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
    pub(super) async fn recorded(&mut self, attempts: Vec<Attempt>) -> Result<(), StoreError> {
        let now = self.clock.now();
        for attempt in attempts {
            self.reasons.remove(&attempt.row);
            let (row, accepted) = (attempt.row, Outcome::Accepted);
            self.schedule
                .done(row, accepted, now.mono, &mut fastrand::f64);
            self.keep(&attempt.destination, now, !attempt.record)
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
        Ok((left > Duration::ZERO).then_some(left))
    }

    async fn judge(&mut self, ended: Ended) -> Result<Option<Settlement>, StoreError> {
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
        let Some(attempt) = self.rows.remove(&id) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let Some(tried) = tried else {
            if let Some(wait) = self.is_out_of_reach(attempt.row, now.mono).await? {
                self.beyond.rows.push(attempt.row);
                let outcome = Outcome::OutOfReach(wait);
                self.schedule
                    .done(attempt.row, outcome, now.mono, &mut || 0.0);
                return Ok(None);
            }
            // The store has its end on record already.
            self.reasons.remove(&attempt.row);
            self.schedule
                .done(attempt.row, Outcome::Void, now.mono, &mut || 0.0);
            return Ok(None);
        };
        if tried.used > 0 {
            self.withdrawable.heard(attempt.lane, attempt.row);
        }
        self.concerns
            .heard(&attempt.destination, &tried.outcome, now.mono);
        let record = AttemptRecord {
            at: tried.at,
            used: tried.used,
            result: tried.words(),
            took_ms: u64::try_from(tried.took.as_millis()).ok(),
            status: tried.status,
            provider_id: tried.provider_id.clone(),
            not_before: None,
        };
        let outcome = told(&tried.outcome);
        if outcome == Outcome::Accepted {
            let accepted = Settlement {
                attempt: Some(record.clone()),
                told: tried.told,
                thread: tried.thread,
                ..Settlement::new(
                    attempt.row,
                    DeliveryState::Accepted,
                    now.wall,
                    record.result,
                )
            };
            self.recording.accepted(accepted, attempt, now.mono);
            return Ok(None);
        }
        if self.recording.holds(&attempt.destination) {
            // The schedule hears of them in the order in which they came: failures count in a row.
            self.record_all().await?;
        }
        let mut random = fastrand::f64;
        let verdict = self
            .schedule
            .done(attempt.row, outcome, now.mono, &mut random);
        self.keep(&attempt.destination, now, !attempt.record)
            .await?;
        match verdict {
            Verdict::Settled(settled) => {
                let dropped = self
                    .reasons
                    .remove(&settled.row)
                    .filter(|_| settled.state == State::GivenUp);
                let state = match dropped {
                    Some(_) => DeliveryState::Dropped,
                    None => stored(settled.state),
                };
                tracing::warn!(
                    destination = &*attempt.destination,
                    delivery = settled.row,
                    state = state.word(),
                    "delivery is over: {}; {}",
                    settled.why,
                    record.result
                );
                Ok(Some(Settlement {
                    id: settled.row,
                    state,
                    at: now.wall,
                    result: dropped.unwrap_or_else(|| record.result.clone()),
                    attempt: Some(record),
                    told: tried.told,
                    thread: tried.thread,
                }))
            }
            Verdict::Waiting { until } => {
                // A part of it may have been accepted, or what it was to go on from is gone.
                if let Some(thread) = tried.thread {
                    self.store.remember(attempt.row, thread).await?;
                }
                if attempt.record {
                    // Both stamps of it are of one look at the wall clock, which may be set while it is under way.
                    let not_before = Some(tried.at + tried.took + until.since(now.mono));
                    let record = AttemptRecord {
                        not_before,
                        ..record
                    };
                    self.store.attempted(attempt.row, record).await?;
                }
                Ok(None)
            }
            Verdict::Unknown => Ok(None),
        }
    }
}
