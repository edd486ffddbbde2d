//! How many random histories of both cores a second: of samples, people, receivers and crashes, each played until nothing is
//! owed any more, and each checked against the promises (`tests/it/simulation`).
//!
//! Run with `cargo bench --bench simulate`. It plays 200,000 histories on all processors, or as many as `ANDON_HISTORIES` says,
//! from another seed each time or from `ANDON_SEED`; one that breaks a promise ends it, with its seed.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints and measures time"
)]

#[allow(
    dead_code,
    unused_imports,
    reason = "the tests beside it are not run here"
)]
#[path = "../tests/it/simulation/mod.rs"]
mod simulation;

use std::{env, fs::OpenOptions, io::Write, thread, time::Instant};

fn main() {
    let number = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    let histories: u64 = number("ANDON_HISTORIES").unwrap_or(200_000);
    let first = number("ANDON_SEED").unwrap_or_else(|| fastrand::u64(..u64::MAX / 2));
    let width = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let begin = Instant::now();
    let played = thread::scope(|scope| {
        let share = |part| (first + part..first + histories).step_by(width as usize);
        let play = |part| scope.spawn(move || simulation::play(share(part)));
        let playing: Vec<_> = (0..width).map(play).collect();
        let done = playing.into_iter().map(|part| part.join());
        let done = done.map(|part| part.expect("a history broke a promise"));
        done.fold(simulation::Played::default(), |sum, part| sum + part)
    });
    let took = begin.elapsed().as_secs_f64();
    let per_second = |count: u64| count as f64 / took;
    let line = format!(
        "simulation: {} histories from seed {first} in {took:.1} s on {width} processors: {:.0} histories, {:.0} turns, {:.0} events, \
         {:.0} receipts per second; no promise was broken",
        played.histories,
        per_second(played.histories),
        per_second(played.turns),
        per_second(played.events),
        per_second(played.heard),
    );
    println!("{line}");
    if let Some(path) = env::var_os("ANDON_FIGURES") {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| writeln!(file, "{line}"));
        written.expect("the table of figures");
    }
}
