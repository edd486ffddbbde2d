//! Attempts as the agent makes and records them, and the receivers that answer: in time, late, or not at all.

use std::{sync::Arc, time::Duration};

use andon::{
    clock::Mono,
    delivery::{
        owed,
        schedule::{Attempt, Outcome, Verdict},
    },
};

use super::{
    act::{Mode, Point},
    scene::{DESTINATIONS, secs},
    shell::{Crashed, World},
};

/// What a receiver has got.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) row: i64,
    /// How many events were committed by then.
    pub(super) events: usize,
}

#[derive(Debug)]
pub(super) struct Flight {
    pub(super) attempt: Attempt,
    outcome: Outcome,
    pub(super) lands: Mono,
    /// The receiver has it, or gets it before the answer.
    pub(super) heard: Option<bool>,
}

impl World<'_> {
    pub(super) fn start(&mut self, attempt: Attempt) {
        let same = |other: &Flight| {
            other.attempt.lane == attempt.lane && other.attempt.destination == attempt.destination
        };
        assert!(
            !self.run.flights.iter().any(same),
            "two attempts of one lane at once: {attempt:?}"
        );
        let at = DESTINATIONS
            .iter()
            .position(|name| **name == *attempt.destination);
        let at = at.expect("all destinations exist");
        let starts = self.starts.entry(DESTINATIONS[at]).or_default();
        starts.push((self.restarts, self.now.mono));
        let mode = match self.modes[at] {
            Mode::Fickle => Mode::STEADY[self.luck.usize(..Mode::STEADY.len())],
            steady => steady,
        };
        let (outcome, may_hear, long) = match mode {
            Mode::Accept | Mode::Fickle => (Outcome::Accepted, true, 0),
            Mode::Unreachable => (Outcome::Unreachable, false, 1),
            Mode::Fail => (Outcome::Failed { retry_after: None }, self.luck.bool(), 1),
            Mode::Refuse => (Outcome::Refused { give_up: false }, false, 1),
            Mode::RefuseForGood => (Outcome::Refused { give_up: true }, false, 1),
            Mode::Hang => (Outcome::Failed { retry_after: None }, self.luck.bool(), 10),
            Mode::Busy => {
                // Without the header, and with one of either form, a date being at most a day off.
                let asked = [30, self.luck.u64(1..300), self.luck.u64(1..86_400)];
                let retry_after = Some(secs(asked[self.luck.usize(..3)]));
                (Outcome::Failed { retry_after }, false, 1)
            }
        };
        let lands = self.now.mono + Duration::from_millis(long * 1000 + self.luck.u64(1..500));
        let at_once = self.luck.bool();
        if may_hear && at_once {
            self.hear(&attempt);
        }
        self.run.flights.push(Flight {
            attempt,
            outcome,
            lands,
            heard: may_hear.then_some(at_once),
        });
    }

    /// Takes back the attempts that have ended.
    pub(super) fn land(&mut self) -> Result<(), Crashed> {
        let now = self.now;
        while let Some(index) = self
            .run
            .flights
            .iter()
            .position(|flight| flight.lands <= now.mono)
        {
            let Flight {
                attempt,
                outcome,
                heard,
                ..
            } = self.run.flights.remove(index);
            if heard == Some(false) {
                self.hear(&attempt);
            }
            self.crash(Point::BeforeSettle)?;
            let luck = self.luck.f64();
            for row in attempt.rows() {
                self.report(*row, &attempt, outcome, luck);
            }
            self.keep(&attempt.destination);
            self.crash(Point::AfterSettle)?;
        }
        Ok(())
    }

    fn report(&mut self, row: i64, attempt: &Attempt, outcome: Outcome, luck: f64) {
        let now = self.now;
        let used = u32::from(outcome != Outcome::Unreachable);
        let lane = self.disk.lane(row);
        if used > 0 {
            self.run.withdrawable.heard(lane, row);
        }
        let schedule = &mut self.run.schedule;
        let verdict = match attempt.digest.is_empty() {
            true => schedule.done(row, outcome, now.mono, &mut || luck),
            false => schedule.done_in_digest(row, outcome, outcome, now.mono, &mut || luck),
        };
        match verdict {
            Verdict::Settled(settled) => {
                self.disk.settle(row, owed::stored(settled.state), used);
            }
            Verdict::Waiting { until } if attempt.record => {
                let stored = self.disk.row_mut(row);
                stored.attempts += used;
                stored.not_before = Some(now.wall + until.since(now.mono));
            }
            Verdict::Waiting { .. } => {}
            Verdict::Unknown => panic!("an attempt that nobody knows: {row}"),
        }
    }

    /// How a destination stands is on disk, too.
    fn keep(&mut self, destination: &Arc<str>) {
        let status = self.run.schedule.status(destination);
        let status = status.expect("all destinations exist");
        let now = self.now;
        let deactivated = status
            .deactivated
            .map(|off| now.wall - now.mono.since(off.since));
        self.disk
            .standings
            .insert(Arc::clone(destination), (status.failures, deactivated));
    }

    pub(super) fn hear(&mut self, attempt: &Attempt) {
        let events = self.disk.events.len();
        let heard = self.heard.get_mut(&*attempt.destination);
        let heard = heard.expect("all destinations exist");
        heard.extend(attempt.rows().iter().map(|row| Heard { row: *row, events }));
    }
}
