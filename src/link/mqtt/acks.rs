//! Which messages wait for their acknowledgement, and in which order they get it. Pure.

use std::collections::VecDeque;

use super::wire::Ack;

/// Messages in the order in which they arrived.
#[derive(Debug, Default)]
pub(super) struct Acks {
    waiting: VecDeque<Waiting>,
    /// The number of the first in `waiting`.
    first: u64,
}

#[derive(Debug)]
struct Waiting {
    ack: Ack,
    done: bool,
}

impl Acks {
    /// Notes a message, with what acknowledges it, and gives it its number: one more than that of the message before.
    pub(super) fn arrived(&mut self, ack: Ack) -> u64 {
        self.waiting.push_back(Waiting { ack, done: false });
        self.first + (self.waiting.len() as u64 - 1)
    }

    /// How many messages wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Notes that the messages from `first` to `last` are dealt with; those that do not wait are ignored.
    pub(super) fn done(&mut self, first: u64, last: u64) {
        let index = |number: u64| usize::try_from(number.saturating_sub(self.first));
        let (Ok(from), Ok(end)) = (index(first), index(last.saturating_add(1))) else {
            return;
        };
        let end = end.min(self.waiting.len());
        if from < end {
            for waiting in self.waiting.range_mut(from..end) {
                waiting.done = true;
            }
        }
    }

    /// The next acknowledgement that may leave: its message and all before it are dealt with.
    pub(super) fn next(&mut self) -> Option<Ack> {
        if !self.waiting.front()?.done {
            return None;
        }
        let waiting = self.waiting.pop_front()?;
        self.first += 1;
        Some(waiting.ack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_leave_in_order_of_arrival() {
        let mut acks = Acks::default();
        let numbers = [7, 8, 9].map(|pkid| acks.arrived(Ack::Received(pkid)));
        acks.done(numbers[1], numbers[1]);
        assert_eq!(acks.next(), None);
        acks.done(numbers[0], numbers[0]);
        let left: Vec<Ack> = std::iter::from_fn(|| acks.next()).collect();
        assert_eq!(left, [Ack::Received(7), Ack::Received(8)]);
        // What is not waiting, and never was, changes nothing.
        acks.done(numbers[0], numbers[0]);
        acks.done(99, 99);
        acks.done(u64::MAX, u64::MAX);
        assert_eq!((acks.next(), acks.len()), (None, 1));
        acks.done(numbers[2], numbers[2]);
        assert_eq!(acks.next(), Some(Ack::Received(9)));
    }

    #[test]
    fn many_are_dealt_with_at_once() {
        let mut acks = Acks::default();
        for pkid in 1..=5 {
            acks.arrived(Ack::Received(pkid));
        }
        acks.done(2, 3);
        assert_eq!(acks.next(), None);
        acks.done(0, 1);
        assert_eq!(std::iter::from_fn(|| acks.next()).count(), 4);
        // A range that began before what still waits.
        acks.done(0, 100);
        assert_eq!(acks.next(), Some(Ack::Received(5)));
        assert_eq!(acks.len(), 0);
    }
}
