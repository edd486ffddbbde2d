//! The campaign: many kills and power cuts in one run, with one table of figures at the end.
//!
//! A few of each in `tests/run`, a thousand kills and two hundred cuts in `tests/run --long`; `ANDON_KILLS` and `ANDON_CUTS` say
//! otherwise.

use std::{env, fs::OpenOptions, io::Write as _, time::Duration};

use fastrand::Rng;

use super::{
    account::Account,
    bench::{say, seed},
    kills::{self, Moment},
    needs::Need,
    power::{self, Cut},
};
use crate::support::{long, wait};

/// After so many kills the agent heals, drains and is accounted for, and a new one begins.
const BLOCK: usize = 100;

#[test]
fn kills_lose_nothing_and_invent_nothing() {
    let kills = knob("ANDON_KILLS", 24, 1000);
    let traced = Need::Strace.is_met("kills inside system calls");
    let mut random = Rng::with_seed(seed());
    let begin = wait::now();
    let mut sum = Account::default();
    let mut done = 0;
    while done < kills {
        let mut bench = kills::moody(random.u64(..));
        for round in 0..BLOCK.min(kills - done) {
            let moment = Moment::pick(round, &mut random, traced);
            kills::round(&mut bench, moment);
        }
        bench.run();
        sum.add(&bench.settle());
        done += BLOCK.min(kills - done);
    }
    assert_eq!(sum.restarts, kills as u64);
    assert_eq!(sum.not_durable, 0, "no disk was in trouble");
    table("kills", &sum, begin.elapsed());
}

#[test]
fn power_cuts_lose_nothing_and_invent_nothing() {
    if !Need::Loop.is_met("power cuts") {
        return;
    }
    let cuts = knob("ANDON_CUTS", 8, 200);
    let traced = Need::Strace.is_met("power cuts inside system calls");
    let mut random = Rng::with_seed(seed());
    let begin = wait::now();
    let mut sum = Account::default();
    let mut done = 0;
    while done < cuts {
        let mut bench = power::on_an_image(random.u64(..));
        for round in 0..BLOCK.min(cuts - done) {
            let cut = Cut::pick(round, &mut random, traced);
            power::round(&mut bench, cut);
        }
        bench.run();
        sum.add(&bench.settle());
        done += BLOCK.min(cuts - done);
    }
    assert_eq!(sum.restarts, cuts as u64);
    assert_eq!(sum.not_durable, 0, "no disk was in trouble");
    table("power cuts", &sum, begin.elapsed());
}

/// A number of this run.
pub(super) fn knob(name: &str, short: usize, long_run: usize) -> usize {
    env::var(name).map_or(if long() { long_run } else { short }, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number"))
    })
}

/// Adds a line to the table, which tests/run prints.
pub(super) fn table(what: &str, sum: &Account, took: Duration) {
    let line = format!(
        "{what:<28} {:>5} restarts {:>7} inputs {:>7} deliveries {:>7} requests {:>5} repeats, at most {} after one restart ({} at concurrency 1); lost {}, phantom {}, out of order {}, wrong repeats {}, gaps {}; {:.1} s",
        sum.restarts,
        sum.acknowledged,
        sum.deliveries,
        sum.requests,
        sum.repeats,
        sum.most_per_restart,
        sum.most_alone,
        sum.lost,
        sum.phantom,
        sum.disorder,
        sum.wrong_repeats,
        sum.gaps,
        took.as_secs_f64(),
    );
    figure(&line);
}

/// The same for a line of its own.
pub(super) fn figure(line: &str) {
    say(line);
    if let Some(path) = env::var_os("ANDON_FIGURES") {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| writeln!(file, "{line}"));
        written.expect("the table of figures");
    }
}
