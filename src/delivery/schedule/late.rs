//! What is late, and what becomes of it: with `collapse` only the latest state of each alert is told, of what grew old while a destination
//! was away; a digest tells what is late in all lanes at once.

use super::{
    Due, LaneKey,
    desk::Desk,
    lane::Pending,
    outcome::{Settled, State},
    queues::Queues,
    throttle::Kind,
};
use crate::clock::Mono;

const COLLAPSED: (State, &str) = (State::Superseded, "a later event tells the latest state");

impl Queues {
    /// Leaves of the first alert of a lane only its last delivery, which tells the latest state: as a call, if a call is among
    /// what it stands for and it is no end. True if that changed anything.
    pub(super) fn collapse(&mut self, key: LaneKey, now: Mono, due: &mut Due) -> bool {
        let Some(lane) = self.lanes.get(&key) else {
            return false;
        };
        let alert = lane.head().map(|(_, head)| head.alert);
        let rows = lane.rows().take_while(|(_, row)| Some(row.alert) == alert);
        let rows: Vec<(i64, Pending)> = rows.map(|(id, row)| (id, *row)).collect();
        let Some(((last, survivor), before)) =
            rows.split_last().filter(|(_, before)| !before.is_empty())
        else {
            return false;
        };
        // A reopening is a call itself: whether what began it was ever told is not known after a restart.
        let called = rows.iter().any(|(_, row)| row.kind == Kind::Call);
        let retold = called && survivor.kind != Kind::End;
        let falls_back = rows.iter().filter_map(|(_, row)| row.falls_back).min();
        for (row, pending) in before {
            self.forget(*row, pending);
            due.settled.push(Settled::new(*row, key, COLLAPSED));
        }
        if survivor.kind != Kind::End
            && let Some(at) = falls_back
        {
            self.forget_fallback(*last, survivor);
            self.fallbacks.insert((at, *last), key);
        }
        if retold {
            due.retold.push(*last);
        }
        self.change(key, now, &mut due.settled, |lane| {
            for (row, _) in before {
                lane.remove(*row);
            }
            if let Some(mut pending) = lane.remove(*last) {
                pending.stands = true;
                if retold {
                    pending.kind = Kind::Call;
                    // It is told otherwise than it was decided.
                    pending.likeness = None;
                }
                if survivor.kind != Kind::End {
                    pending.falls_back = falls_back;
                }
                lane.insert(*last, pending);
            }
        });
        true
    }
}

impl Desk {
    /// Whether the first of a lane had to wait for trouble until it was old.
    pub(super) fn is_late(&self, key: LaneKey, now: Mono) -> bool {
        let head = self.queues.lane(key).and_then(|lane| lane.head());
        head.is_some_and(|(_, head)| Some(head.decided) <= self.late_line(now))
    }

    /// What was decided up to this time is late; none if nothing is.
    pub(super) fn late_line(&self, now: Mono) -> Option<Mono> {
        let troubled = self.activity.off().is_some() || self.breaker.open().is_some();
        match troubled {
            true => Some(now - self.plan.late_after),
            false => self.late_before,
        }
    }

    /// Trouble is over, or the agent was down: what has waited too long is late.
    pub(super) fn trouble_over(&mut self, now: Mono) {
        self.late_before = self.late_before.max(Some(now - self.plan.late_after));
    }
}
