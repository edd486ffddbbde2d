//! When a node is asked to be born again. Pure.
//!
//! A rebirth costs the node and everybody who listens to it, so a node that does not answer, or whose messages are lost again and
//! again, is asked less and less often.

use std::time::Duration;

use crate::clock::Mono;

/// Between the first question and the second (Tahu waits as long).
const FIRST: Duration = Duration::from_secs(5);
/// Between two questions at most.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// So many questions without an answer are worth a word.
const DEAF_AFTER: u32 = 3;
/// After so long without a question the next one is a first one.
const CALM: Duration = Duration::from_secs(15 * 60);

/// Whether a node's birth is wanted, and when it may be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asking {
    wanted: bool,
    /// Not before.
    from: Option<Mono>,
    asked: Option<Mono>,
    wait: Duration,
    /// How often it was asked since its last birth.
    unanswered: u32,
}

impl Asking {
    /// The node's birth is wanted.
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// The same, but not before this instant.
    pub(super) fn want_from(&mut self, from: Mono) {
        self.wanted = true;
        self.from = self.from.max(Some(from));
    }

    /// It was born, or it is known to be dead.
    pub(super) fn settled(&mut self) {
        self.wanted = false;
        self.unanswered = 0;
    }

    /// Whether the node is to be asked now.
    pub(super) fn is_due(&self, now: Mono) -> bool {
        self.wanted && self.from.is_none_or(|from| from <= now)
    }

    /// Whether it should have answered by now.
    pub(super) fn is_deaf(&self) -> bool {
        self.wanted && self.unanswered >= DEAF_AFTER
    }

    /// It was asked.
    pub(super) fn asked(&mut self, now: Mono) {
        let calm = self.asked.is_none_or(|asked| now.since(asked) >= CALM);
        self.wait = match calm {
            true => FIRST,
            false => (self.wait * 2).min(LONGEST),
        };
        self.asked = Some(now);
        self.unanswered = self.unanswered.saturating_add(1);
        self.from = Some(now + self.wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::from_nanos(0) + Duration::from_secs(seconds)
    }

    /// The seconds at which a node is asked that is wanted all the time.
    fn asked(asking: &mut Asking, seconds: std::ops::Range<u64>) -> Vec<u64> {
        let ask = |&second: &u64| {
            let due = asking.is_due(at(second));
            if due {
                asking.asked(at(second));
            }
            due
        };
        seconds.filter(ask).collect()
    }

    #[test]
    fn a_node_that_does_not_answer_is_asked_less_and_less_often() {
        let mut asking = Asking::default();
        assert_eq!(asked(&mut asking, 0..10), [0; 0]);
        asking.want();
        assert_eq!(
            asked(&mut asking, 10..1000),
            [10, 15, 25, 45, 85, 165, 325, 625, 925]
        );
    }

    #[test]
    fn one_that_is_born_and_lost_again_is_not_asked_sooner_for_it() {
        let mut asking = Asking::default();
        let mut all = Vec::new();
        for second in 0..100 {
            asking.want();
            let now = asked(&mut asking, second..second + 1);
            if !now.is_empty() {
                asking.settled();
            }
            all.extend(now);
        }
        assert_eq!(all, [0, 5, 15, 35, 75]);
        // A quarter of an hour without trouble, and it begins anew.
        asking.want();
        assert_eq!(asked(&mut asking, 2000..2020), [2000, 2005, 2015]);
    }

    #[test]
    fn a_question_may_wait_for_its_time() {
        let mut asking = Asking::default();
        asking.want_from(at(3));
        assert_eq!(asked(&mut asking, 0..9), [3, 8]);
        // An earlier time does not shorten the pause between two.
        asking.want_from(at(1));
        assert_eq!(asked(&mut asking, 9..30), [18]);
    }
}
