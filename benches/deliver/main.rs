//! From a value to a receiver, through the real agent in this process: how fast, how many, what it costs the disk and memory.
//!
//! Run with `cargo bench --bench deliver`, or one part of it with `cargo bench --bench deliver -- latency` (or `rate`, `bytes`, `outage`).
//! `TMPDIR` says on which disk. The broker and the receivers are threads that do nothing else; values come over MQTT with QoS 1.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints and measures time"
)]

mod arrivals;
mod bare;
mod broker;
mod commit;
mod disk;
mod plant;
mod receiver;

use std::time::{Duration, Instant};

use crate::{bare::Bare, commit::Commits, plant::Plant, receiver::Receiver};

/// Latency is measured in pairs of rounds, one of the agent and one of the bare parts.
const PAIRS: usize = 9;
const ROUND: usize = 40;
/// A pause in which the agent records what was accepted, so that the next value meets an idle disk.
const PAUSE: Duration = Duration::from_millis(25);
/// Alerts of a burst.
const BURST: usize = 1000;
/// Alerts whose bytes are counted one by one.
const ALONE: usize = 50;

fn main() {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let wants = |part: &str| wanted.as_deref().is_none_or(|word| word == part);
    let dir = tempfile::tempdir().expect("a folder");
    println!("{}", commit::describe(dir.path()));
    let parts: [(&str, fn()); 4] = [
        ("latency", latency),
        ("rate", rate),
        ("bytes", bytes),
        ("outage", outage),
    ];
    for (name, part) in parts {
        if wants(name) {
            part();
        }
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn to(receivers: &[&Receiver]) -> Vec<(String, u16)> {
    let names = (1..).map(|n| format!("ops-{n}"));
    names.zip(receivers.iter().map(|to| to.port())).collect()
}

fn quantile(times: &mut [f64], at: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * at) as usize]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// From the moment a value leaves the broker, and from the moment it is in the agent, to the moment the whole request is at the receiver.
fn latency() {
    arrivals::note();
    let (dir, receiver) = (folder(), Receiver::start(0).expect("a port"));
    let plant = Plant::start(dir.path(), ROUND, &to(&[&receiver]));
    let (bare, mut commits) = (Bare::new(), Commits::new(dir.path(), 11));
    let sample = |machine, high| {
        std::thread::sleep(PAUSE);
        let began = Instant::now();
        plant.set(machine, high);
        let (there, body) = receiver.next();
        let arrived = arrivals::latest();
        let since = |begin| millis(there.duration_since(begin));
        (since(began), since(arrived), body)
    };
    let (_, _, body) = sample(0, true);
    sample(0, false);
    let (mut all, mut all_inside, mut all_bare) = (vec![], vec![], vec![]);
    let (mut over, mut over_inside) = (vec![], vec![]);
    for pair in 0..PAIRS {
        let (mut ours, mut inside): (Vec<f64>, Vec<f64>) = (0..ROUND)
            .map(|machine| sample(machine, pair % 2 == 0))
            .map(|(whole, inside, _)| (whole, inside))
            .unzip();
        let mut to_there: Vec<f64> = (0..ROUND)
            .map(|_| {
                std::thread::sleep(PAUSE);
                let commit = commits.commit();
                millis(commit + bare.exchange(&receiver, body))
            })
            .collect();
        all.extend(ours.iter().copied());
        all_inside.extend(inside.iter().copied());
        all_bare.extend(to_there.iter().copied());
        let bare = quantile(&mut to_there, 0.5);
        over.push(quantile(&mut ours, 0.5) - bare);
        over_inside.push(quantile(&mut inside, 0.5) - bare);
    }
    let line = |what: &str, times: &mut [f64]| {
        let (p50, p99) = (quantile(times, 0.5), quantile(times, 0.99));
        println!("latency, {what}: p50 {p50:.2} ms, p99 {p99:.2} ms");
    };
    line("value at the broker to request at the receiver", &mut all);
    line(
        "value in the agent to request at the receiver",
        &mut all_inside,
    );
    line(
        "a bare commit of as many bytes and a bare request",
        &mut all_bare,
    );
    println!(
        "latency, what the agent adds to the bare ones, median of {PAIRS} pairs: {:.2} ms from the value in the agent, {:.2} ms from the broker",
        quantile(&mut over_inside, 0.5),
        quantile(&mut over, 0.5)
    );
    plant.stop();
}

/// A burst of a thousand alerts, one destination: until all are on disk, and until all are at the receiver.
fn rate() {
    let (dir, receiver) = (folder(), Receiver::start(0).expect("a port"));
    let plant = Plant::start(dir.path(), BURST, &to(&[&receiver]));
    let (mut on_disk, mut there) = (vec![], vec![]);
    for round in 0..10 {
        let began = Instant::now();
        for machine in 0..BURST {
            plant.set(machine, round % 2 == 0);
        }
        plant.broker.wait_for_acks();
        on_disk.push(BURST as f64 / began.elapsed().as_secs_f64());
        let last = (0..BURST).map(|_| receiver.next().0).max();
        let took = last.map_or(0.0, |last| last.duration_since(began).as_secs_f64());
        there.push(BURST as f64 / took);
        std::thread::sleep(PAUSE * 20);
    }
    println!(
        "rate, bursts of {BURST}: {:.0} events/s from value to disk, {:.0} events/s from value to receiver",
        quantile(&mut on_disk, 0.5),
        quantile(&mut there, 0.5)
    );
    plant.stop();
}

/// What the disk is asked to write for alerts with two destinations, and for nothing.
fn bytes() {
    let dir = folder();
    let (first, second) = (
        Receiver::start(0).expect("a port"),
        Receiver::start(0).expect("a port"),
    );
    let plant = Plant::start(dir.path(), BURST, &to(&[&first, &second]));
    let change = |machines: usize, high: bool, pause: bool| {
        let hear = |alerts: usize| {
            for receiver in [&first, &second] {
                (0..alerts).for_each(|_| {
                    receiver.next();
                });
            }
        };
        for machine in 0..machines {
            plant.set(machine, high);
            if pause {
                hear(1);
                std::thread::sleep(PAUSE);
            }
        }
        if !pause {
            hear(machines);
        }
        plant.broker.wait_for_acks();
        std::thread::sleep(PAUSE * 20);
    };
    // The first life of a watch adds its rows; what follows is what every day costs.
    for high in [true, false] {
        change(BURST, high, false);
    }
    let kib = |from: u64, lives: usize| (disk::written() - from) as f64 / 1024.0 / lives as f64;
    let from = disk::written();
    for high in [true, false] {
        change(ALONE, high, true);
    }
    let alone = kib(from, ALONE);
    let (from, rounds) = (disk::written(), 5);
    for _ in 0..rounds {
        for high in [true, false] {
            change(BURST, high, false);
        }
    }
    let grouped = kib(from, rounds * BURST);
    let from = disk::written();
    std::thread::sleep(Duration::from_secs(10));
    println!(
        "bytes, life of an alert with two destinations, as the kernel counts them with the file: alone {alone:.1} KiB, in bursts of {BURST} {grouped:.1} KiB; \
         ten seconds in which nothing happens: {} bytes",
        disk::written() - from
    );
    plant.stop();
}

/// A minute without any receiver, with a thousand alerts and ten thousand deliveries that wait.
fn outage() {
    let dir = folder();
    let free: Vec<(String, u16)> = (1..=10)
        .map(|n| (format!("ops-{n}"), free_port()))
        .collect();
    let plant = Plant::start(dir.path(), BURST, &free);
    let idle = disk::resident();
    for machine in 0..BURST {
        plant.set(machine, true);
    }
    plant.broker.wait_for_acks();
    std::thread::sleep(Duration::from_secs(2));
    let (before, from) = (disk::resident(), disk::written());
    std::thread::sleep(Duration::from_secs(60));
    let (after, wrote) = (disk::resident(), disk::written() - from);
    let receivers: Vec<Receiver> = free
        .iter()
        .map(|(_, port)| Receiver::start(*port).expect("the port is free"))
        .collect();
    let began = Instant::now();
    for receiver in &receivers {
        for _ in 0..BURST {
            receiver.next();
        }
    }
    let drained = began.elapsed().as_secs_f64();
    println!(
        "outage, {BURST} alerts and {} deliveries that wait: {idle} KiB resident without them, {before} KiB at the begin, {after} KiB a minute later, \
         {} KiB when all were delivered {drained:.1} s after the receivers came back; the minute wrote {} KiB",
        BURST * free.len(),
        disk::resident(),
        wrote / 1024
    );
    plant.stop();
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
