//! kill -9: at random moments, at moments that a peer of the agent knows, and in the middle of a system call.

use std::time::Duration;

use fastrand::Rng;

use super::{
    bench::{Assassin, Bench, moods},
    trace::{self, Point},
};
use crate::support::{Answer, wait};

/// When the agent is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// After so many milliseconds.
    Random(u64),
    /// When the broker has this acknowledgement, counted from 0.
    Acknowledged(u64),
    /// When a receiver has read this request and has not answered.
    Read(usize),
    /// When a receiver has just answered this request.
    Answered(usize),
    /// When it enters a system call.
    Call(Point),
}

impl Moment {
    /// How long a moment is waited for that may not come, because the process had less to do than it would have taken.
    pub(super) const PATIENCE: Duration = Duration::from_millis(1500);

    /// One for each round, all kinds in turn; those in system calls only where they can be had.
    pub(super) fn pick(round: usize, random: &mut Rng, traced: bool) -> Self {
        match round % 8 {
            1 => Self::Acknowledged(random.u64(..4)),
            3 => Self::Read(random.usize(..6)),
            5 => Self::Answered(random.usize(..6)),
            2 | 7 if traced => Self::Call(Point::pick(random)),
            _ => Self::Random(random.u64(5..500)),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Random(_) => "a kill at a random moment",
            Self::Acknowledged(_) => "a kill after an acknowledgement",
            Self::Read(_) => "a kill after a request was read",
            Self::Answered(_) => "a kill after a request was answered",
            Self::Call(point) => point.word(),
        }
    }
}

/// Starts the agent, lets machines cross their limits, and kills it at this moment.
pub(super) fn round(bench: &mut Bench, moment: Moment) {
    arm(bench, moment);
    bench.spawn();
    let crossings = bench.random.usize(1..8);
    bench.cross(crossings);
    if let Moment::Random(milliseconds) = moment {
        wait::pause(Duration::from_millis(milliseconds));
        assert!(bench.agent.is_running(), "it ended on its own");
    } else {
        bench.ends_within(Moment::PATIENCE);
    }
    bench.kill(moment.word());
    disarm(bench, moment);
}

/// Prepares the end of the process that is started next.
pub(super) fn arm(bench: &mut Bench, moment: Moment) {
    match moment {
        Moment::Random(_) => {}
        Moment::Acknowledged(at) => {
            let assassin = bench.assassin();
            let mut count = 0;
            bench.broker.on_ack(move |_| {
                if count == at {
                    assassin.strike();
                }
                count += 1;
            });
        }
        Moment::Read(at) => {
            // The destination that accepts everything otherwise.
            let assassin = bench.assassin();
            let mut count = 0;
            bench.destinations[0].receiver.answer_each(move |_| {
                count += 1;
                if count == at + 1 {
                    assassin.strike();
                    return Answer::Cut;
                }
                Answer::Accept
            });
        }
        Moment::Answered(at) => {
            let index = at % bench.destinations.len();
            let assassin = bench.assassin();
            bench.destinations[index]
                .receiver
                .when_answered(strike_at(assassin, at));
        }
        Moment::Call(point) => bench.agent.wrap(trace::kill_at(point)),
    }
}

fn strike_at(assassin: Assassin, at: usize) -> impl FnMut(&crate::support::Received) + Send {
    let mut count = 0;
    move |_| {
        if count == at {
            assassin.strike();
        }
        count += 1;
    }
}

/// Undoes [`arm`].
pub(super) fn disarm(bench: &mut Bench, moment: Moment) {
    match moment {
        Moment::Random(_) => {}
        Moment::Acknowledged(_) => bench.broker.on_ack(|_| {}),
        Moment::Read(_) => bench.destinations[0].receiver.answer(Answer::Accept),
        Moment::Answered(_) => {
            for one in &bench.destinations {
                one.receiver.when_answered(|_| {});
            }
        }
        Moment::Call(_) => bench.agent.wrap(Vec::new()),
    }
}

/// A bench whose second receiver has moods.
pub(super) fn moody(seed: u64) -> Bench {
    let plan = super::bench::Plan {
        seed,
        ..super::bench::Plan::default()
    };
    let bench = Bench::new(plan);
    moods(&bench.destinations[1].receiver, seed);
    bench
}
