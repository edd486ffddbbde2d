//! Which connection of a link asks which unit, and what becomes of a device that serves fewer connections than it may be asked for.
//!
//! Pure. Units are dealt out to the connections in turn, and each stays with its own. A connection that the device does not serve is
//! refused, hung up on, or never answered, and a dead unit looks just like that. So what failed there is asked once more over a
//! connection that is known to carry answers; if it is answered, the other is given up for a while and the rest take over its units.
//! Who asks and waits is the poller.

use std::{collections::BTreeSet, time::Duration};

use crate::clock::Mono;

use super::backoff::Backoff;

/// After so long a connection that was given up is tried again: a client that held it may be gone.
const AGAIN: (Duration, Duration) = (Duration::from_secs(150), Duration::from_secs(3600));
/// A unit is asked elsewhere at most so often, so that a dead one does not cost the units there their turns.
const ELSEWHERE: Duration = Duration::from_secs(600);

/// How a connection is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Since this instant.
    InUse(Mono),
    /// Not served, until it is tried again.
    GivenUp(Mono),
    /// Tried again, and nothing was answered over it so far.
    OnTrial,
}

/// All connections of a link and who is asked over them.
#[derive(Debug)]
pub(super) struct Spread {
    connections: Vec<(Standing, Backoff)>,
    units: Vec<Dealt>,
    /// For each poll the index of its unit.
    polls: Vec<usize>,
}

/// A unit, with all of its polls.
#[derive(Clone, Copy, Debug)]
struct Dealt {
    home: usize,
    over: usize,
    asked_elsewhere: Option<Mono>,
}

impl Spread {
    /// Deals out units, of which those with one id go together, to at most so many connections.
    pub(super) fn new(ids: &[u8], most: usize, now: Mono) -> Self {
        let units: BTreeSet<u8> = ids.iter().copied().collect();
        let count = most.min(units.len()).max(1);
        let dealt = |at| Dealt {
            home: at % count,
            over: at % count,
            asked_elsewhere: None,
        };
        let position = |id: &u8| units.iter().position(|unit| unit == id);
        Self {
            connections: vec![(Standing::InUse(now), Backoff::new(AGAIN.0, AGAIN.1)); count],
            units: (0..units.len()).map(dealt).collect(),
            polls: ids.iter().filter_map(position).collect(),
        }
    }

    /// How many connections there may be.
    pub(super) fn count(&self) -> usize {
        self.connections.len()
    }

    /// How many of them are used.
    pub(super) fn in_use(&self) -> usize {
        let used = |connection: &usize| self.is_in_use(*connection);
        (0..self.count()).filter(used).count()
    }

    /// Whether a connection is used, and not given up or on trial.
    pub(super) fn is_in_use(&self, connection: usize) -> bool {
        matches!(self.connections[connection].0, Standing::InUse(_))
    }

    /// The connection over which a poll is made.
    pub(super) fn over(&self, poll: usize) -> usize {
        self.units[self.polls[poll]].over
    }

    /// All polls that are made over a connection.
    pub(super) fn polls(&self, connection: usize) -> impl Iterator<Item = usize> {
        (0..self.polls.len()).filter(move |poll| self.over(*poll) == connection)
    }

    /// When a connection that was given up is tried again.
    pub(super) fn given_up(&self, connection: usize) -> Option<Mono> {
        match self.connections[connection].0 {
            Standing::GivenUp(until) => Some(until),
            Standing::InUse(_) | Standing::OnTrial => None,
        }
    }

    /// What to ask elsewhere before a failure of this connection is believed: one poll of it, that which failed if it is known.
    /// `None` where that was done lately.
    pub(super) fn doubts(
        &self,
        connection: usize,
        failed: Option<usize>,
        now: Mono,
    ) -> Option<usize> {
        let lately = |poll: &usize| {
            let asked = self.units[self.polls[*poll]].asked_elsewhere;
            asked.is_some_and(|at| now.since(at) < ELSEWHERE)
        };
        match failed {
            Some(poll) => Some(poll).filter(|poll| !lately(poll)),
            None => self.polls(connection).find(|poll| !lately(poll)),
        }
    }

    /// A unit was asked elsewhere in vain.
    pub(super) fn asked_elsewhere(&mut self, poll: usize, now: Mono) {
        self.units[self.polls[poll]].asked_elsewhere = Some(now);
    }

    /// Something was answered over a connection. Whether every connection is in use now.
    pub(super) fn answered(&mut self, connection: usize, now: Mono) -> bool {
        let (standing, _) = &mut self.connections[connection];
        if *standing == Standing::OnTrial {
            *standing = Standing::InUse(now);
        }
        self.in_use() == self.count()
    }

    /// The device does not serve this connection: its units go to those of the others that serve, of which there must be one.
    /// `random` is from 0 up to 1.
    pub(super) fn give_up(&mut self, connection: usize, serves: &[bool], now: Mono, random: f64) {
        let (standing, backoff) = &mut self.connections[connection];
        if matches!(standing, Standing::InUse(since) if now.since(*since) > AGAIN.1) {
            backoff.reset();
        }
        *standing = Standing::GivenUp(now + backoff.failed(random));
        for at in 0..self.units.len() {
            if self.units[at].over != connection {
                continue;
            }
            let others =
                (0..self.count()).filter(|other| serves[*other] && self.given_up(*other).is_none());
            let asked =
                |other: &usize| self.units.iter().filter(|unit| unit.over == *other).count();
            if let Some(other) = others.min_by_key(asked) {
                self.units[at].over = other;
            }
        }
    }

    /// A connection that was given up could be made.
    pub(super) fn try_again(&mut self, connection: usize) {
        self.connections[connection].0 = Standing::OnTrial;
    }

    /// Sends units back to their own connections where those are not given up. One of which a poll is under way stays for now.
    /// Whether any went.
    pub(super) fn go_home(&mut self, under_way: &[usize]) -> bool {
        let mut went = false;
        for at in 0..self.units.len() {
            let Dealt { home, over, .. } = self.units[at];
            let busy = under_way.iter().any(|poll| self.polls[*poll] == at);
            if over != home && !busy && self.given_up(home).is_none() {
                self.units[at].over = home;
                went = true;
            }
        }
        went
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Mono {
        Mono::from_nanos(seconds * 1_000_000_000)
    }

    fn dealt(spread: &Spread, polls: usize) -> Vec<usize> {
        (0..polls).map(|poll| spread.over(poll)).collect()
    }

    #[test]
    fn units_are_dealt_out_in_turn_and_those_with_one_id_go_together() {
        for (ids, most, expected) in [
            (&[1_u8, 2, 3, 4, 5][..], 2, &[0, 1, 0, 1, 0][..]),
            (&[1, 1, 2, 2, 9], 8, &[0, 0, 1, 1, 2]),
            (&[7, 7], 4, &[0, 0]),
            (&[3, 4], 1, &[0, 0]),
            (&[], 4, &[]),
        ] {
            let spread = Spread::new(ids, most, at(0));
            assert_eq!(dealt(&spread, ids.len()), expected, "{ids:?}");
            assert_eq!(spread.in_use(), spread.count());
        }
        assert_eq!(Spread::new(&[1, 1, 2, 2, 9], 8, at(0)).count(), 3);
    }

    #[test]
    fn what_is_not_served_is_taken_over_and_given_back() {
        let mut spread = Spread::new(&[1, 2, 3, 4, 4], 4, at(0));
        spread.give_up(3, &[true, false, true, false], at(0), 0.0);
        assert_eq!(dealt(&spread, 5), [0, 1, 2, 0, 0], "to one that serves");
        assert_eq!(spread.in_use(), 3);
        spread.give_up(2, &[true, true, false, false], at(1), 0.0);
        assert_eq!(dealt(&spread, 5), [0, 1, 1, 0, 0], "to who has least to do");
        assert!(!spread.go_home(&[]));
        let until = spread.given_up(3).unwrap();
        assert!(until >= at(150) && until <= at(300), "{until:?}");
        spread.try_again(3);
        assert_eq!(spread.in_use(), 2, "on trial");
        assert!(!spread.go_home(&[4]), "one that is being asked stays");
        assert!(spread.go_home(&[0, 1, 2]));
        assert_eq!(dealt(&spread, 5), [0, 1, 1, 3, 3]);
        spread.give_up(3, &[true; 4], at(400), 1.0);
        assert_eq!(spread.given_up(3), Some(at(1000)), "longer than before");
        spread.try_again(3);
        spread.try_again(2);
        spread.go_home(&[]);
        assert!(!spread.answered(3, at(1010)));
        assert!(spread.answered(2, at(1010)), "all are in use");
        spread.give_up(3, &[true; 4], at(2000), 0.0);
        assert_eq!(
            spread.given_up(3),
            Some(at(2600)),
            "as long as if it never was"
        );
        spread.try_again(3);
        spread.answered(3, at(2600));
        spread.give_up(3, &[true; 4], at(2600 + 3601), 0.0);
        assert_eq!(
            spread.given_up(3),
            Some(at(6201 + 150)),
            "it had been well for long"
        );
    }

    #[test]
    fn a_unit_is_asked_elsewhere_only_now_and_then() {
        let mut spread = Spread::new(&[1, 2, 3, 4], 2, at(0));
        assert_eq!(spread.doubts(1, Some(3), at(0)), Some(3));
        spread.asked_elsewhere(3, at(0));
        assert_eq!(spread.doubts(1, Some(3), at(599)), None);
        assert_eq!(
            spread.doubts(1, None, at(599)),
            Some(1),
            "another of its units"
        );
        spread.asked_elsewhere(1, at(1));
        assert_eq!(spread.doubts(1, None, at(599)), None);
        assert_eq!(spread.doubts(1, Some(3), at(600)), Some(3));
    }

    #[derive(Clone, Copy, Debug)]
    enum Happens {
        GiveUp(usize),
        TryAgain(usize),
        GoHome(usize),
    }

    proptest! {
        #[test]
        fn each_unit_is_always_asked_over_one_connection_that_is_not_given_up(
            ids in prop::collection::vec(0_u8..12, 1..16),
            most in 1_usize..=8,
            happens in prop::collection::vec(prop_oneof![
                (0_usize..8).prop_map(Happens::GiveUp),
                (0_usize..8).prop_map(Happens::TryAgain),
                (0_usize..16).prop_map(Happens::GoHome),
            ], 0..40),
        ) {
            let mut spread = Spread::new(&ids, most, at(0));
            prop_assert!(spread.count() <= most);
            for what in happens {
                match what {
                    Happens::GiveUp(one) if one < spread.count() => {
                        let serves: Vec<bool> = (0..spread.count()).map(|other| other != one).collect();
                        let others = (0..spread.count()).filter(|other| *other != one && spread.given_up(*other).is_none());
                        // The poller gives one up only when another has just answered.
                        if others.count() > 0 {
                            spread.give_up(one, &serves, at(0), 0.5);
                        }
                    }
                    Happens::TryAgain(one) if one < spread.count() => spread.try_again(one),
                    Happens::GoHome(busy) => {
                        spread.go_home(&[busy % ids.len()]);
                    }
                    _ => {}
                }
                for (poll, id) in ids.iter().enumerate() {
                    prop_assert!(spread.given_up(spread.over(poll)).is_none());
                    let same = ids.iter().position(|other| other == id).unwrap();
                    prop_assert_eq!(spread.over(poll), spread.over(same));
                }
            }
        }
    }
}
