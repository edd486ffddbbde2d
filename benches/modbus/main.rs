//! 20 devices of 200 registers each, read by andon and by a bare tokio-modbus loop with the same plan, in pairs of rounds.
//!
//! Run with `cargo bench --bench modbus`, or one part of it with `cargo bench --bench modbus -- links` (or `line`, `second`): each device
//! on a link of its own, all 20 units behind one link, and the whole agent at polls of one second. The devices are another process, whose
//! processor time is not counted; each tag lies at every second register, so that gaps are read.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints and measures time"
)]

mod bare;
mod device;
mod ours;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::{
    bare::Bare,
    device::Devices,
    ours::{Agent, Pollers},
};

/// Devices, and the tags of each.
const UNITS: usize = 20;
pub const TAGS: usize = 200;
/// From one tag to the next, in registers.
pub const STRIDE: usize = 2;
/// The fewest requests for them: at most 125 registers each.
pub const PLAN: [(u16, u16); 4] = [(0, 125), (126, 125), (252, 125), (378, 21)];

const PAIRS: usize = 9;
const WARM_UP: Duration = Duration::from_millis(500);
const ROUND: Duration = Duration::from_secs(2);
/// How long the agent is watched at polls of one second.
const WATCHED: Duration = Duration::from_secs(30);

/// How the units are connected.
#[derive(Clone, Copy, PartialEq)]
pub enum Shape {
    /// Each by a link of its own.
    Links,
    /// All behind one.
    Line,
}

impl Shape {
    /// Each link with its port and the units behind it.
    pub fn links(self, ports: &[u16]) -> Vec<(u16, Vec<u8>)> {
        match self {
            Self::Links => ports.iter().map(|port| (*port, vec![1])).collect(),
            Self::Line => vec![(ports[0], (1..=UNITS as u8).collect())],
        }
    }

    fn ports(self) -> usize {
        match self {
            Self::Links => UNITS,
            Self::Line => 1,
        }
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [device, count, delay] = words.as_slice()
        && device == "device"
    {
        let (count, delay) = (count.parse().expect("a number"), delay.parse().expect("ms"));
        return device::serve(count, Duration::from_millis(delay));
    }
    let wanted = words.iter().find(|word| !word.starts_with('-'));
    let wants = |part: &str| wanted.is_none_or(|word| word == part);
    for (name, shape) in [("links", Shape::Links), ("line", Shape::Line)] {
        if wants(name) {
            for delay in [0, 10] {
                flat_out(name, shape, Duration::from_millis(delay));
            }
        }
    }
    if wants("second") {
        second();
    }
}

/// A runtime like the agent's.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// What a round came to.
#[derive(Clone, Copy)]
struct Round {
    /// For all units once.
    cycle: f64,
    /// Processor time of this process for each request, in seconds.
    cpu: f64,
    /// Requests for each poll of a unit.
    requests: f64,
}

fn flat_out(name: &str, shape: Shape, delay: Duration) {
    let mut devices = Devices::start(shape.ports(), delay);
    let dir = tempfile::tempdir().expect("a folder");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let mut poller = |devices: &mut Devices| {
            let pollers = Pollers::start(dir.path(), &devices.ports, shape);
            ours.push(round(&pollers.polls, devices));
        };
        let mut loops = |devices: &mut Devices| {
            let running = Bare::start(&devices.ports, shape, None);
            bare.push(round(&running.polls, devices));
        };
        // Whatever drifts on the machine drifts under both.
        if pair % 2 == 0 {
            poller(&mut devices);
            loops(&mut devices);
        } else {
            loops(&mut devices);
            poller(&mut devices);
        }
    }
    let of = |rounds: &[Round], figure: fn(&Round) -> f64| median(rounds.iter().map(figure));
    let ratio = |figure: fn(&Round) -> f64| {
        let pairs = ours.iter().zip(&bare);
        median(pairs.map(|(ours, bare)| figure(ours) / figure(bare)))
    };
    let cycle = |round: &Round| round.cycle * 1e3;
    let cpu = |round: &Round| round.cpu * 1e6;
    println!(
        "{name}, {UNITS} units x {TAGS} tags, {} ms in the device, median of {PAIRS} pairs: cycle {:.2} ms, bare {:.2} ms, ratio {:.3}; \
         processor time per request {:.1} us, bare {:.1} us, ratio {:.3}; requests per poll of a unit {:.2}, bare {:.2}",
        delay.as_millis(),
        of(&ours, cycle),
        of(&bare, cycle),
        ratio(cycle),
        of(&ours, cpu),
        of(&bare, cpu),
        ratio(cpu),
        of(&ours, |round| round.requests),
        of(&bare, |round| round.requests),
    );
    match delay.is_zero() {
        true => goal(
            "processor time per request beside the bare loop",
            ratio(cpu),
            1.5,
        ),
        false => goal("cycle time beside the bare loop", ratio(cycle), 1.15),
    }
}

fn round(polls: &AtomicU64, devices: &mut Devices) -> Round {
    std::thread::sleep(WARM_UP);
    let counts = |devices: &mut Devices| (polls.load(Ordering::Relaxed), devices.requests());
    let (before, began, worked) = (counts(devices), Instant::now(), cpu_time());
    std::thread::sleep(ROUND);
    let (worked, took, after) = (cpu_time() - worked, began.elapsed(), counts(devices));
    let polls = (after.0 - before.0) as f64;
    let requests = (after.1 - before.1) as f64;
    assert!(polls > 0.0, "nothing was read");
    Round {
        cycle: took.as_secs_f64() * UNITS as f64 / polls,
        cpu: worked.as_secs_f64() / requests,
        requests: requests / polls,
    }
}

/// The whole agent with all its devices, at the poll that is the default.
fn second() {
    let mut devices = Devices::start(UNITS, Duration::ZERO);
    let dir = tempfile::tempdir().expect("a folder");
    let mut watched = |running: &dyn Fn(&mut Devices) -> Box<dyn std::any::Any>| {
        let running = running(&mut devices);
        std::thread::sleep(Duration::from_secs(5));
        let (before, worked) = (devices.requests(), cpu_time());
        std::thread::sleep(WATCHED);
        let (worked, after) = (cpu_time() - worked, devices.requests());
        drop(running);
        let share = worked.as_secs_f64() / WATCHED.as_secs_f64() * 100.0;
        (share, (after - before) as f64 / WATCHED.as_secs_f64())
    };
    let bare = watched(&|devices| {
        let every = Some(Duration::from_secs(1));
        Box::new(Bare::start(&devices.ports, Shape::Links, every))
    });
    let ours = watched(&|devices| Box::new(Agent::start(dir.path(), &devices.ports, Shape::Links)));
    println!(
        "second, {UNITS} devices x {TAGS} tags at polls of 1 s: the whole agent {:.3} % of a core at {:.1} requests/s, the bare loop {:.3} % at {:.1} requests/s",
        ours.0, ours.1, bare.0, bare.1
    );
    goal("percent of a core", ours.0, 0.3);
}

fn goal(what: &str, is: f64, most: f64) {
    let met = if is <= most { "met" } else { "MISSED" };
    println!("  goal: {what} at most {most}: {is:.3}, {met}");
}

/// Of this process, all its threads.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
