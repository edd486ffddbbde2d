//! Whose turn it is on a link: which unit is asked next over each of its connections, and when.
//!
//! Pure: time and randomness are arguments. Which unit belongs to which connection is decided in [`super::spread`]; connections do not
//! wait for each other, so what follows is about one of them. A unit that answers is due on a grid of its own, shifted against its neighbours'. One that
//! does not answer is left alone for longer and longer, and tried again only while nobody else is due. Between two such tries every
//! unit with the shortest period is asked once, so that silent units, however many, make a round late by one try at most.

use std::time::Duration;

use crate::clock::Mono;

use super::backoff::Backoff;

/// How long a silent unit is left alone. It also keeps away from a gateway that would take a late answer of the unit for the answer
/// to the next request.
const SILENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask this unit.
    Ask(usize),
    /// Nobody is due before this instant.
    Wait(Mono),
    /// There are no units.
    Nothing,
}

/// The turns of all units behind a link.
#[derive(Debug)]
pub(super) struct Schedule(Vec<Turn>);

#[derive(Debug)]
struct Turn {
    /// The connection that it is asked over.
    over: usize,
    poll: Duration,
    /// A point of its grid.
    origin: Mono,
    due: Mono,
    standing: Standing,
    backoff: Backoff,
    /// To be asked before another silent unit is tried.
    owed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Not asked since the connection was made, or over this one.
    New,
    Answers,
    Silent,
}

impl Schedule {
    /// Everybody is due at once, and then on grids that are shifted against each other; all over the first connection.
    pub(super) fn new(polls: &[Duration], now: Mono) -> Self {
        let count = u32::try_from(polls.len()).unwrap_or(u32::MAX).max(1);
        let turn = |(at, poll): (u32, &Duration)| Turn {
            over: 0,
            poll: *poll,
            origin: now + *poll / count * at,
            due: now,
            standing: Standing::New,
            backoff: Backoff::new(SILENCE.0, SILENCE.1),
            owed: false,
        };
        Self((0..).zip(polls).map(turn).collect())
    }

    /// A unit is asked over another connection from now on, and is due if it changes.
    pub(super) fn assign(&mut self, at: usize, over: usize, now: Mono) {
        let turn = &mut self.0[at];
        if turn.over != over {
            (turn.over, turn.due) = (over, now);
            (turn.standing, turn.owed) = (Standing::New, false);
        }
    }

    /// A connection was made again: nothing is known of anybody behind it, and everybody is due.
    pub(super) fn restart(&mut self, over: usize, now: Mono) {
        for turn in self.0.iter_mut().filter(|turn| turn.over == over) {
            (turn.due, turn.standing, turn.owed) = (now, Standing::New, false);
            turn.backoff.reset();
        }
    }

    /// What to do now over a connection that is free.
    pub(super) fn next(&self, over: usize, now: Mono) -> Next {
        let of_it = |turn: &Turn| turn.over == over;
        let may_try = !self.0.iter().any(|turn| of_it(turn) && turn.owed);
        let first = |wanted: Standing| {
            let turns = self.0.iter().enumerate();
            let turns = turns.filter(|(_, turn)| of_it(turn) && turn.standing == wanted);
            turns.min_by_key(|(_, turn)| turn.due)
        };
        let in_turn = [Standing::Answers, Standing::New, Standing::Silent]
            .into_iter()
            .filter(|standing| *standing != Standing::Silent || may_try)
            .filter_map(first);
        let mut soonest = None;
        for (at, turn) in in_turn {
            if turn.due <= now {
                return Next::Ask(at);
            }
            soonest = Some(soonest.map_or(turn.due, |soonest: Mono| soonest.min(turn.due)));
        }
        soonest.map_or(Next::Nothing, Next::Wait)
    }

    /// A unit answered. How many polls were left out since it was due: they are never made up for.
    pub(super) fn heard(&mut self, at: usize, now: Mono) -> u64 {
        let turn = &mut self.0[at];
        let was_due = (turn.standing == Standing::Answers).then_some(turn.due);
        turn.due = turn.after(now);
        turn.standing = Standing::Answers;
        turn.owed = false;
        turn.backoff.reset();
        was_due.map_or(0, |due| turn.periods(turn.due.since(due)).saturating_sub(1))
    }

    /// A unit did not answer. `random` is from 0 up to 1.
    pub(super) fn silent(&mut self, at: usize, now: Mono, random: f64) {
        let turn = &mut self.0[at];
        turn.due = now + turn.backoff.failed(random);
        turn.standing = Standing::Silent;
        turn.owed = false;
        let over = turn.over;
        let answers = |turn: &&mut Turn| turn.over == over && turn.standing == Standing::Answers;
        let polls = self.0.iter_mut().filter(answers).map(|turn| turn.poll);
        let shortest = polls.min();
        for turn in self.0.iter_mut().filter(answers) {
            turn.owed = Some(turn.poll) == shortest;
        }
    }
}

impl Turn {
    /// The next point of the grid.
    fn after(&self, now: Mono) -> Mono {
        if now < self.origin {
            return self.origin;
        }
        let steps = self.periods(now.since(self.origin)) + 1;
        let nanos = self.poll.as_nanos().saturating_mul(steps.into());
        self.origin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn periods(&self, time: Duration) -> u64 {
        let periods = time.as_nanos() / self.poll.as_nanos().max(1);
        u64::try_from(periods).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: i64) -> Mono {
        Mono::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn everybody_is_asked_at_once_and_then_staggered() {
        let mut schedule = Schedule::new(&[SECOND; 4], at(0));
        for unit in 0..4 {
            assert_eq!(schedule.next(0, at(1)), Next::Ask(unit));
            schedule.heard(unit, at(1));
        }
        for (now, expected) in [
            (2, Next::Wait(at(250))),
            (250, Next::Ask(1)),
            (251, Next::Wait(at(500))),
            (500, Next::Ask(2)),
            (750, Next::Ask(3)),
            (1000, Next::Ask(0)),
            (1250, Next::Ask(1)),
        ] {
            let next = schedule.next(0, at(now));
            assert_eq!(next, expected, "{now}");
            if let Next::Ask(unit) = next {
                assert_eq!(schedule.heard(unit, at(now)), 0);
            }
        }
        assert_eq!(Schedule::new(&[], at(0)).next(0, at(0)), Next::Nothing);
    }

    #[test]
    fn what_was_missed_is_counted_and_not_made_up_for() {
        let mut schedule = Schedule::new(&[SECOND], at(0));
        schedule.heard(0, at(10));
        assert_eq!(schedule.next(0, at(10)), Next::Wait(at(1000)));
        assert_eq!(schedule.heard(0, at(3500)), 2, "those of 2 and 3 s");
        assert_eq!(schedule.next(0, at(3500)), Next::Wait(at(4000)));
        assert_eq!(schedule.heard(0, at(4999)), 0);
    }

    #[test]
    fn connections_do_not_wait_for_each_other() {
        let mut schedule = Schedule::new(&[SECOND; 4], at(0));
        schedule.assign(1, 1, at(0));
        schedule.assign(3, 1, at(0));
        assert_eq!(schedule.next(0, at(0)), Next::Ask(0));
        assert_eq!(schedule.next(1, at(0)), Next::Ask(1));
        assert_eq!(schedule.next(2, at(0)), Next::Nothing);
        for unit in 0..4 {
            schedule.heard(unit, at(1));
        }
        schedule.silent(1, at(250), 0.0);
        assert_eq!(schedule.next(1, at(750)), Next::Ask(3), "it is owed a turn");
        assert_eq!(
            schedule.next(0, at(750)),
            Next::Ask(2),
            "nobody is owed one here"
        );
        schedule.heard(2, at(750));
        schedule.assign(3, 0, at(760));
        assert_eq!(
            schedule.next(0, at(760)),
            Next::Ask(3),
            "due at once where it is new"
        );
        assert_eq!(
            schedule.next(1, at(760)),
            Next::Wait(at(1250)),
            "its pause goes on"
        );
        schedule.restart(1, at(770));
        assert_eq!(schedule.next(1, at(770)), Next::Ask(1));
    }

    /// One link as a pure model: how long an answer and a silence take.
    #[derive(Debug)]
    struct Line {
        polls: Vec<Duration>,
        answer: Duration,
        silence: Duration,
        /// From when on each is silent.
        dies: Vec<Option<Mono>>,
    }

    #[derive(Clone, Copy, Debug)]
    struct Asked {
        unit: usize,
        due: Mono,
        at: Mono,
        alive: bool,
        was_silent: bool,
    }

    impl Line {
        fn run(&self, until: Mono, seed: u64) -> Vec<Asked> {
            let mut random = fastrand::Rng::with_seed(seed);
            let (mut schedule, mut now) = (Schedule::new(&self.polls, at(0)), at(0));
            let mut asked = Vec::new();
            while now < until {
                match schedule.next(0, now) {
                    Next::Nothing => break,
                    Next::Wait(until) => {
                        assert!(until > now, "a wait that is none");
                        now = until;
                    }
                    Next::Ask(unit) => {
                        let alive = self.dies[unit].is_none_or(|dies| now < dies);
                        let turn = &schedule.0[unit];
                        asked.push(Asked {
                            unit,
                            due: turn.due,
                            at: now,
                            alive,
                            was_silent: turn.standing == Standing::Silent,
                        });
                        if alive {
                            now = now + self.answer;
                            schedule.heard(unit, now);
                        } else {
                            now = now + self.silence;
                            schedule.silent(unit, now, random.f64());
                        }
                    }
                }
            }
            asked
        }
    }

    fn any_line() -> impl Strategy<Value = Line> {
        let unit = (0_usize..4, proptest::option::of(0_i64..60_000));
        (
            proptest::collection::vec(unit, 1..=10),
            1_u64..=8,
            prop_oneof![Just(300_u64), Just(1_000), Just(2_050)],
        )
            .prop_map(|(units, answer, silence)| Line {
                // All of a plant's usual periods; ten answers are well within a tenth of each.
                polls: units
                    .iter()
                    .map(|(poll, _)| SECOND * [1, 1, 2, 10][*poll])
                    .collect(),
                answer: Duration::from_millis(answer),
                silence: Duration::from_millis(silence),
                dies: units.iter().map(|(_, dies)| dies.map(at)).collect(),
            })
    }

    proptest! {
        #[test]
        fn any_silent_units_make_a_round_late_by_one_try_and_no_other(line in any_line(), seed: u64) {
            let asked = line.run(at(300_000), seed);
            // When the last one has died and was noticed.
            let known = at(60_000) + SECOND * 10 + line.silence * 10;
            let shortest = (0..line.polls.len()).filter(|unit| line.dies[*unit].is_none()).map(|unit| line.polls[unit]).min();
            let round = line.answer * u32::try_from(line.polls.len()).unwrap();
            let mut since_try: Vec<usize> = Vec::new();
            let mut last_try: Option<Asked> = None;
            for one in &asked {
                if one.was_silent {
                    prop_assert!(!one.alive);
                    if last_try.is_some_and(|last| last.at > known) {
                        for unit in (0..line.polls.len()).filter(|unit| line.dies[*unit].is_none() && Some(line.polls[*unit]) == shortest) {
                            prop_assert!(since_try.contains(&unit), "{one:?} and {last_try:?} without {unit} between");
                        }
                    }
                    since_try.clear();
                    last_try = Some(*one);
                    continue;
                }
                since_try.push(one.unit);
                if one.at <= known {
                    continue;
                }
                let late = one.at.since(one.due);
                let tried = last_try.is_some_and(|last| last.at + line.silence + round >= one.due);
                let most = round + if tried { line.silence } else { Duration::ZERO };
                prop_assert!(late <= most, "{one:?} is {late:?} late");
                prop_assert!(tried || late <= line.polls[one.unit] / 10, "{one:?}");
            }
        }

        #[test]
        fn a_silent_unit_is_left_alone_and_never_forgotten(line in any_line(), seed: u64) {
            let asked = line.run(at(300_000), seed);
            let living = line.dies.iter().any(Option::is_none);
            for unit in (0..line.polls.len()).filter(|unit| line.dies[*unit].is_some()) {
                let tries: Vec<Mono> = asked.iter().filter(|one| one.unit == unit && !one.alive).map(|one| one.at).collect();
                prop_assert!(!tries.is_empty());
                let dead = u32::try_from(line.dies.iter().flatten().count()).unwrap();
                // Where somebody answers, each of the others waits for a round of it and for the tries before its own.
                let turn = line.silence + if living { SECOND * 10 + line.silence } else { line.silence };
                for pair in tries.windows(2) {
                    let pause = pair[1].since(pair[0]);
                    prop_assert!(pause >= SECOND + line.silence, "{pause:?}");
                    prop_assert!(pause <= SILENCE.1 + turn * (dead + 1), "{pause:?}");
                }
            }
        }
    }
}
