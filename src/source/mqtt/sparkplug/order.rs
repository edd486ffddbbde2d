//! The order of a node's messages (5.18): which comes next, which came before, and which must wait for one that is missing. Pure.
//!
//! Messages are held while one before them is missing, as brokers may let messages of different topics overtake each other. What is
//! held is bounded in number here and in bytes by the session; what goes beyond either ends the waiting.

use std::{collections::BTreeMap, time::Duration};

use crate::clock::Mono;

/// How many messages wait at most for one that is missing. Far fewer than sequence numbers, so that a number that comes again
/// is not taken for the one that is missing.
const MOST_HELD: usize = 100;

/// The order of one node's messages, each with what its caller wants to keep of it.
#[derive(Debug)]
pub(super) struct Order<M> {
    next: u8,
    /// The last one that was taken.
    last: Option<Print>,
    held: BTreeMap<u8, (Print, M)>,
    /// Since when something is held.
    since: Option<Mono>,
}

/// What tells two messages apart: a hash of all that is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print(pub(super) u64);

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is the next one.
    Take,
    /// It was taken, or is held, already.
    Again,
    /// Hold it.
    Hold,
    /// Too many wait, or two different ones have the same number: what is missing will not come.
    Lost,
}

impl<M> Default for Order<M> {
    fn default() -> Self {
        Self {
            next: 0,
            last: None,
            held: BTreeMap::new(),
            since: None,
        }
    }
}

impl<M> Order<M> {
    /// Begins with the number of a birth. What is held stays.
    pub(super) fn begin(&mut self, seq: u8, print: Print) {
        self.next = seq.wrapping_add(1);
        self.last = Some(print);
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether this is what was taken last.
    pub(super) fn was_last(&self, print: Print) -> bool {
        self.last == Some(print)
    }

    /// Whose turn it is. `again` says that the broker may have sent the message before.
    pub(super) fn turn(&self, seq: u8, print: Print, again: bool) -> Turn {
        match self.held.get(&seq) {
            Some((held, _)) if *held == print => return Turn::Again,
            Some(_) => return Turn::Lost,
            None => {}
        }
        let ahead = seq.wrapping_sub(self.next);
        let before = ahead >= 128;
        if ahead == 0 {
            Turn::Take
        } else if before && (again || ahead == u8::MAX && self.was_last(print)) {
            Turn::Again
        } else if self.held.len() >= MOST_HELD {
            Turn::Lost
        } else {
            Turn::Hold
        }
    }

    /// The next one was taken.
    pub(super) fn took(&mut self, print: Print) {
        self.next = self.next.wrapping_add(1);
        self.last = Some(print);
    }

    /// Keeps a message until its turn.
    pub(super) fn hold(&mut self, seq: u8, print: Print, message: M, now: Mono) {
        self.held.insert(seq, (print, message));
        self.since.get_or_insert(now);
    }

    /// The held message whose turn it is. If others are left, another one is missing before them, and the waiting begins anew.
    pub(super) fn release(&mut self, now: Mono) -> Option<(Print, M)> {
        let released = self.held.remove(&self.next);
        if self.held.is_empty() {
            self.since = None;
        } else if released.is_some() {
            self.since = Some(now);
        }
        released
    }

    /// Whether what is held has waited for so long.
    pub(super) fn has_waited(&self, timeout: Duration, now: Mono) -> bool {
        self.since.is_some_and(|since| now.since(since) >= timeout)
    }

    /// Takes out what is held and not worth keeping.
    pub(super) fn drop_held(&mut self, keep: impl Fn(&M) -> bool) -> Vec<M> {
        let (kept, dropped) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(_, (_, message))| keep(message));
        self.held = kept;
        if self.held.is_empty() {
            self.since = None;
        }
        let dropped: BTreeMap<u8, (Print, M)> = dropped;
        dropped.into_values().map(|(_, message)| message).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Mono = Mono::from_nanos(0);

    fn order(next: u8) -> Order<u8> {
        let mut order = Order::default();
        order.begin(next.wrapping_sub(1), Print(1000));
        order
    }

    /// Feeds numbers and returns them as they are taken; each is its own print.
    fn feed(order: &mut Order<u8>, numbers: &[u8]) -> Vec<u8> {
        let mut taken = Vec::new();
        for &seq in numbers {
            let print = Print(u64::from(seq));
            match order.turn(seq, print, false) {
                Turn::Take => {
                    order.took(print);
                    taken.push(seq);
                }
                Turn::Hold => order.hold(seq, print, seq, NOW),
                Turn::Again => {}
                Turn::Lost => panic!("{seq} ends the waiting"),
            }
            while let Some((print, seq)) = order.release(NOW) {
                order.took(print);
                taken.push(seq);
            }
        }
        taken
    }

    #[test]
    fn messages_are_taken_in_order_round_the_clock() {
        for (next, arriving, taken) in [
            (1, &[1, 2, 3][..], &[1, 2, 3][..]),
            (254, &[254, 255, 0, 1], &[254, 255, 0, 1]),
            (1, &[2, 1, 3], &[1, 2, 3]),
            (255, &[1, 0, 255], &[255, 0, 1]),
            (1, &[3, 5, 1, 2, 4], &[1, 2, 3, 4, 5]),
            (1, &[1, 1, 2, 2, 2], &[1, 2]),
            (1, &[3, 3, 1, 2], &[1, 2, 3]),
            (1, &[2, 3], &[]),
        ] {
            assert_eq!(feed(&mut order(next), arriving), taken, "{arriving:?}");
        }
    }

    #[test]
    fn an_old_one_is_a_repetition_only_if_it_is_known_to_be_one() {
        let mut order = order(10);
        assert_eq!(feed(&mut order, &[10]), [10]);
        let print = |number| Print(number);
        assert_eq!(order.turn(10, print(10), false), Turn::Again);
        // Another message with the number of the last one: the node counts anew.
        assert_eq!(order.turn(10, print(77), false), Turn::Hold);
        assert_eq!(order.turn(7, print(7), false), Turn::Hold);
        assert_eq!(order.turn(7, print(7), true), Turn::Again);
        // What lies ahead was not taken, whatever the broker says.
        assert_eq!(order.turn(13, print(13), true), Turn::Hold);
    }

    #[test]
    fn a_number_that_comes_with_two_contents_or_too_many_that_wait_end_the_waiting() {
        let mut order = order(0);
        feed(&mut order, &[5]);
        assert_eq!(order.turn(5, Print(6), false), Turn::Lost);
        let numbers: Vec<u8> = (6..105).collect();
        feed(&mut order, &numbers);
        assert_eq!(order.turn(105, Print(0), false), Turn::Lost);
        assert_eq!(order.drop_held(|_| false).len(), MOST_HELD);
        assert_eq!(order.turn(105, Print(0), false), Turn::Hold);
    }

    #[test]
    fn the_waiting_is_for_the_first_that_is_missing() {
        let at = |seconds| NOW + Duration::from_secs(seconds);
        let timeout = Duration::from_secs(2);
        let mut order = order(1);
        assert!(!order.has_waited(timeout, at(9)));
        order.hold(2, Print(2), 2, at(10));
        order.hold(4, Print(4), 4, at(11));
        assert!(!order.has_waited(timeout, at(11)) && order.has_waited(timeout, at(12)));
        order.took(Print(1));
        assert_eq!(order.release(at(11)), Some((Print(2), 2)));
        order.took(Print(2));
        assert_eq!(order.release(at(11)), None);
        assert!(!order.has_waited(timeout, at(12)) && order.has_waited(timeout, at(13)));
        assert_eq!(order.drop_held(|_| false), [4]);
        assert!(!order.has_waited(timeout, at(99)));
    }
}
