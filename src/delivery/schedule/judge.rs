//! What an outcome means: for its delivery, and for the destination as a whole.

use std::time::Duration;

use super::{
    LaneKey,
    desk::{DROPPED, Desk},
    lane::{Flight, Pending},
    outcome::{Outcome, Settled, State, Verdict},
    queues::EXPIRED,
};
use crate::clock::Mono;

/// The most that a `Retry-After` is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(2 * 60 * 60);

impl Desk {
    /// `outcome` is that of the delivery, `said` that of the digest that told it, if one did.
    pub(super) fn done(
        &mut self,
        row: i64,
        key: LaneKey,
        (outcome, said): (Outcome, Option<Outcome>),
        random: f64,
        now: Mono,
        settled: &mut Vec<Settled>,
    ) -> Verdict {
        let lane = self.queues.lane(key);
        let Some(pending) = lane
            .and_then(|lane| lane.get(row).copied())
            .filter(|row| row.flight != Flight::None)
        else {
            return Verdict::Unknown;
        };
        // What is told in a digest says nothing that its carrier has not said.
        if pending.flight == Flight::Carrier {
            self.in_flight = self.in_flight.saturating_sub(1);
            self.note(row, key, said.unwrap_or(outcome), random, now);
        }
        if outcome == Outcome::Accepted {
            self.heard(key, &pending, now);
            self.tell_again(row, key, pending.kind, now);
        }
        let used = u32::from(matches!(
            outcome,
            Outcome::Accepted | Outcome::Failed { .. } | Outcome::Refused { .. }
        ));
        let attempts = pending.attempts.saturating_add(used);
        // Whether the digest or one event in it is to blame is not known, and the others must not suffer for that one.
        let alone = matches!(outcome, Outcome::Refused { .. }) && said == Some(outcome);
        let wait = match outcome {
            _ if alone => Ok(Duration::ZERO),
            Outcome::Accepted => Err((State::Accepted, "the receiver has it")),
            Outcome::Void => Err((State::GivenUp, "it is not owed any more")),
            Outcome::Unreachable => Ok(Duration::ZERO),
            Outcome::OutOfReach(wait) => Ok(wait),
            Outcome::Failed { .. } => {
                let wait = self.plan.retry.after_failed(attempts, random);
                wait.ok_or((State::Failed, "all attempts failed"))
            }
            Outcome::Refused { give_up: true } => Err((
                State::GivenUp,
                "the receiver refused it; trying again is useless",
            )),
            Outcome::Refused { give_up: false } => {
                let wait = self.plan.retry.after_refused(attempts);
                wait.ok_or((State::Failed, "the receiver refused every attempt"))
            }
        };
        let wait = wait.and_then(|wait| {
            let expired = pending.decided + self.plan.expire_after <= now;
            match (pending.dropped, expired) {
                (true, _) => Err(DROPPED),
                (_, true) => Err(EXPIRED),
                _ => Ok(now + wait),
            }
        });
        match wait {
            Ok(until) => {
                self.queues.change(key, now, settled, |lane| {
                    lane.in_flight.take_if(|last| *last == row);
                    if let Some(pending) = lane.get_mut(row) {
                        pending.flight = Flight::None;
                        pending.attempts = attempts;
                        pending.alone |= alone;
                        pending.not_before = pending.not_before.max(Some(until));
                    }
                });
                Verdict::Waiting {
                    until: self.gate().map_or(until, |gate| gate.max(until)),
                }
            }
            Err((state, why)) => {
                self.queues.take(row, key, now, settled);
                let lost = matches!(state, State::Failed | State::Expired | State::GivenUp);
                let owed = !pending.dropped && outcome != Outcome::Void;
                if lost && owed && pending.falls_back.is_some() {
                    self.fallbacks.push(row);
                }
                Verdict::Settled(Settled::new(row, key, (state, why)))
            }
        }
    }

    /// What an outcome says about the destination, as opposed to the delivery.
    pub(super) fn note(
        &mut self,
        row: i64,
        key: LaneKey,
        outcome: Outcome,
        random: f64,
        now: Mono,
    ) {
        let answered = matches!(outcome, Outcome::Accepted | Outcome::Refused { .. });
        let was_active = self.activity.off().is_none();
        let back = match outcome {
            Outcome::Accepted => self.activity.accepted(),
            _ => None,
        };
        let counts = self.plan.deactivate_after.is_some();
        match outcome {
            Outcome::Failed { .. } | Outcome::Refused { .. } if counts => self.activity.failed(),
            _ => {}
        }
        // A probe of a deactivated destination that was not made is made again at once.
        let wait = match outcome {
            Outcome::Void | Outcome::OutOfReach(_) => Duration::ZERO,
            _ => self.plan.reactivate_every,
        };
        self.activity.probed(row, now, wait);
        if let Some(since) = back {
            self.breaker.answered();
            self.is_back(since, now);
        } else if answered && was_active {
            match self.breaker.answered() {
                Some(since) => self.is_back(since, now),
                None => {
                    let more = self.allowance.saturating_add(1);
                    self.allowance = more.min(self.plan.concurrency);
                }
            }
        }
        // While it is deactivated, only that counts. One that has left the configuration may return.
        if self.activity.off().is_some() {
            return;
        }
        match outcome {
            Outcome::Accepted | Outcome::Refused { .. } => {}
            Outcome::Unreachable => self.breaker.unreachable(row, key, now, random),
            Outcome::Void | Outcome::OutOfReach(_) => self.breaker.not_tried(row),
            Outcome::Failed { retry_after } => {
                self.breaker.failed(row, key, now, random);
                if let Some(pause) = retry_after {
                    self.allowance = 1;
                    let until = now + pause.min(MAX_RETRY_AFTER);
                    self.paused_until = self.paused_until.max(Some(until));
                }
            }
        }
    }

    /// The destination has it: what it has been told since is no news for a while.
    fn heard(&mut self, key: LaneKey, row: &Pending, now: Mono) {
        let queues = &mut self.queues;
        let every = self.plan.call_every;
        queues
            .heard
            .accepted(key, row.kind, row.severity, row.decided, every);
        queues
            .repeats
            .accepted(key, row.likeness, now, self.plan.duplicate_window);
    }
}
