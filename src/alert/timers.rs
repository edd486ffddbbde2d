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

/// Later than any deadline.
pub(super) const NEVER: Mono = Mono::from_nanos(i64::MAX);

/// The deadlines of all timers.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    by_due: BTreeSet<(Mono, Timer)>,
    /// When each tag may be stale, by its index, or [`NEVER`]: nearly every tag has this timer, and a map of them would take four
    /// times as much.
    stale: Vec<Mono>,
    /// When the others are due.
    others: HashMap<Timer, Mono>,
}

impl Timers {
    /// None is set; there is room for those of so many tags.
    pub(super) fn for_tags(count: usize) -> Self {
        Self {
            stale: Vec::with_capacity(count),
            ..Self::default()
        }
    }

    /// Sets a timer, moves it, or takes it away.
    pub(super) fn set(&mut self, timer: Timer, due: Option<Mono>) {
        let old = self.note(timer, due);
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
        match timer {
            Timer::Stale(tag) => {
                let due = self.stale.get(tag.0 as usize).copied();
                due.filter(|due| *due != NEVER)
            }
            _ => self.others.get(&timer).copied(),
        }
    }

    /// Writes down when a timer is due, and says when it was before.
    fn note(&mut self, timer: Timer, due: Option<Mono>) -> Option<Mono> {
        let old = self.due(timer);
        match (timer, due) {
            (Timer::Stale(tag), due) => {
                let at = tag.0 as usize;
                if self.stale.len() <= at {
                    self.stale.resize(at + 1, NEVER);
                }
                self.stale[at] = due.unwrap_or(NEVER);
            }
            (timer, Some(due)) => {
                self.others.insert(timer, due);
            }
            (timer, None) => {
                self.others.remove(&timer);
            }
        }
        old
    }

    /// The earliest deadline of all.
    pub(super) fn next(&self) -> Option<Mono> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// Takes the first timer that is due at `now`.
    pub(super) fn pop(&mut self, now: Mono) -> Option<(Mono, Timer)> {
        let &(due, timer) = self.by_due.first().filter(|(due, _)| *due <= now)?;
        self.by_due.pop_first();
        self.note(timer, None);
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
