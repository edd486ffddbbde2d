//! Everything that becomes due by itself, in one ordered set.
//!
//! Each timer has at most one deadline; setting it again moves it. Timers with the same deadline run in the order of
//! their kind and index, so that a replay runs them in the same order.

use std::collections::{BTreeSet, HashMap};

use super::plant::WatchIx;
use crate::{clock::Mono, sample::TagId};

/// What becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// A tag may be stale by now.
    Stale(TagId),
    /// An on-delay or off-delay of a watch is over.
    Delay(WatchIx),
    /// What is blind is to be looked at again.
    Blind,
    /// A shelf is over.
    Shelves,
    /// A step of a policy is due.
    Escalation(WatchIx),
}

/// The deadlines of all timers.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    by_due: BTreeSet<(Mono, Timer)>,
    due_of: HashMap<Timer, Mono>,
}

impl Timers {
    /// Sets a timer, moves it, or takes it away.
    pub(super) fn set(&mut self, timer: Timer, due: Option<Mono>) {
        let old = match due {
            Some(due) => self.due_of.insert(timer, due),
            None => self.due_of.remove(&timer),
        };
        if old == due {
            return;
        }
        if let Some(old) = old {
            self.by_due.remove(&(old, timer));
        }
        if let Some(due) = due {
            self.by_due.insert((due, timer));
        }
    }

    /// When this timer is due.
    pub(super) fn due(&self, timer: Timer) -> Option<Mono> {
        self.due_of.get(&timer).copied()
    }

    /// The earliest deadline of all.
    pub(super) fn next(&self) -> Option<Mono> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// Takes the first timer that is due at `now`.
    pub(super) fn pop(&mut self, now: Mono) -> Option<(Mono, Timer)> {
        let &(due, timer) = self.by_due.first().filter(|(due, _)| *due <= now)?;
        self.by_due.pop_first();
        self.due_of.remove(&timer);
        Some((due, timer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_has_one_deadline_and_they_run_in_due_order() {
        let at = Mono::from_nanos;
        let (a, b) = (Timer::Delay(WatchIx(1)), Timer::Delay(WatchIx(2)));
        let mut timers = Timers::default();
        timers.set(a, Some(at(30)));
        timers.set(b, Some(at(20)));
        timers.set(a, Some(at(10)));
        timers.set(Timer::Blind, Some(at(5)));
        timers.set(Timer::Blind, None);
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop(at(9)), None);
        assert_eq!(timers.pop(at(50)), Some((at(10), a)));
        assert_eq!(timers.pop(at(50)), Some((at(20), b)));
        assert_eq!(timers.pop(at(50)), None);
        assert_eq!(timers.due(a), None);
    }
}
