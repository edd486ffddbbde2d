//! Both pure cores together, over a disk that survives and a world that misbehaves: random histories of samples, people,
//! receivers and crashes, each followed by peace. Whatever happened, the promises of the design hold then.
//!
//! The decisions are the product's own; only its IO is played ([`shell`], [`attempts`], [`disk`]). A history follows from a seed,
//! and a failure prints it, made as short as it goes, in the form in which it becomes a test for ever in [`found`].
//! `ANDON_SEED=N` begins with that seed, and `cargo bench --bench simulate` plays 200,000 histories and says how fast.

mod act;
mod attempts;
mod check;
mod disk;
#[cfg(test)]
mod found;
mod history;
#[cfg(test)]
mod outage;
mod scene;
mod shell;

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;

use self::{act::Act, scene::Scene, shell::World};

/// How much was played.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Played {
    /// Whole histories, each until nothing was owed any more.
    pub(crate) histories: u64,
    /// Turns of the agent's loop in them: each at another time, or with something that came in.
    pub(crate) turns: u64,
    /// Events that were decided in them.
    pub(crate) events: u64,
    /// Attempts that reached a receiver.
    pub(crate) heard: u64,
}

impl std::ops::Add for Played {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            histories: self.histories + other.histories,
            turns: self.turns + other.turns,
            events: self.events + other.events,
            heard: self.heard + other.heard,
        }
    }
}

/// Plays the histories of these seeds, and panics with the shortest form of the first that breaks a promise.
pub(crate) fn play(seeds: impl Iterator<Item = u64>) -> Played {
    let scene = Scene::new();
    let mut played = Played::default();
    for seed in seeds {
        let history = history::history(&mut Rng::with_seed(seed));
        if let Err(why) = outcome(&scene, seed, &history, &mut played) {
            let fails = |part: &[Act]| outcome(&scene, seed, part, &mut Played::default()).is_err();
            let short = history::shortened(&history, 5_000, fails);
            panic!(
                "seed {seed} breaks a promise: {why}\nFor the table in found.rs:\n(\"..\", {seed}, &{short:?}),"
            );
        }
    }
    played
}

/// Plays one history, and says which promise it broke.
fn outcome(scene: &Scene, luck: u64, history: &[Act], played: &mut Played) -> Result<(), String> {
    let run = || {
        let mut world = World::new(scene, luck);
        world.play(history);
        world.heal();
        played.histories += 1;
        played.turns += world.turns;
        played.events += world.disk.events.len() as u64;
        played.heard += world
            .heard
            .values()
            .map(|heard| heard.len() as u64)
            .sum::<u64>();
        check::promises(&world)
    };
    // A rule of the world that is broken on the way fails like a promise.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err("it panicked, as said above".into()))
}

#[test]
fn whatever_happens_the_promises_hold() {
    const HISTORIES: u64 = 1_000;
    let given = std::env::var("ANDON_SEED").ok();
    let first = match given.and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed,
        None => fastrand::u64(..u64::MAX - HISTORIES),
    };
    play(first..first + HISTORIES);
}
