//! Both pure cores together, over a disk that survives and a world that misbehaves: random histories of samples, people,
//! receivers and crashes, each followed by peace. Whatever happened, the promises of the design hold then.
//!
//! The decisions are the product's own; only its IO is played ([`shell`]). `ANDON_LONG=1` plays many more histories.

mod check;
mod disk;
mod history;
mod shell;

use andon::clock::{Clock, Synchronised};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use self::{history::history, shell::World};

/// How many histories are played.
const CASES: u32 = 150;
const LONG: u32 = 20_000;

#[test]
fn whatever_happens_the_promises_hold() {
    let long = std::env::var_os("ANDON_LONG").is_some();
    let cases = if long { LONG } else { CASES };
    let clock = Clock::system(Synchronised::Never);
    let start = clock.now().mono;
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let run = TestRunner::new(config).run(&(any::<u64>(), history()), |(seed, history)| {
        let mut world = World::new(seed);
        world.play(&history);
        world.heal();
        check::promises(&world).map_err(TestCaseError::fail)
    });
    if let Err(error) = run {
        panic!("{error}");
    }
    if long {
        let took = clock.now().mono.since(start).as_secs_f64();
        println!(
            "{cases} histories, {:.0} per second",
            f64::from(cases) / took
        );
    }
}
