//! The real agent beside a bare loop of the same client crate, on the same real broker, in pairs of rounds: what a message costs, how fast
//! what has waited is taken, how long a value takes to a receiver, and how much memory 10,000 topics take.
//!
//! Run with `cargo bench --bench mqtt`, or one part of it with `cargo bench --bench mqtt -- cpu` (or `drain`, `latency`, `memory`). The agent
//! is the program itself with one rule of two levels for each machine; it and the bare loop are processes of their own, and only
//! their processor time counts. The broker is the mosquitto of this machine, its settings are printed. `TMPDIR` says on which disk
//! the agent's database lies.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints and measures time"
)]

mod bare;
mod broker;
#[path = "../deliver/commit.rs"]
mod commit;
mod cpu;
mod drain;
mod latency;
mod memory;
mod plant;
#[path = "../../tests/it/support/port.rs"]
mod port;
mod process;
mod receiver;
mod subject;
mod wire;

/// How many rounds of each, one after the other.
pub const PAIRS: usize = 9;
/// How the clients that are measured are called.
pub const CLIENT: &str = "measured";
/// Topics, of one machine each.
pub const TOPICS: usize = 1000;
/// Messages at QoS 1 that may wait for their acknowledgement: the agent's default of `max_unacked`.
pub const INFLIGHT: u16 = 100;

/// At which level messages are published and subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qos {
    Zero,
    One,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((bare::WORD, arguments)) = words.split_first().map(|(a, b)| (a.as_str(), b)) {
        return bare::run(arguments);
    }
    let wanted = words.iter().find(|word| !word.starts_with('-'));
    println!("{}", broker::describe());
    let dir = tempfile::tempdir().expect("a folder");
    println!("{}", commit::describe(dir.path()));
    let parts: [(&str, fn()); 4] = [
        ("cpu", cpu::cpu),
        ("drain", drain::drain),
        ("latency", latency::latency),
        ("memory", memory::memory),
    ];
    for (name, part) in parts {
        if wanted.is_none_or(|wanted| wanted == name) {
            part();
        }
    }
}

/// A runtime like the agent's.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// The value of a crossing has its number in it, far above or far below every limit.
pub fn crossing(number: u64) -> String {
    match number % 2 {
        1 => format!("{}", 1000 + number),
        _ => format!("-{}", 1000 + number),
    }
}

/// The number of a crossing, of a value that is one.
pub fn number_of(value: f64) -> Option<u64> {
    (value.abs() >= 1000.0).then(|| (value.abs() - 1000.0) as u64)
}

pub fn goal(what: &str, is: f64, met: bool, wanted: &str) {
    let met = if met { "met" } else { "MISSED" };
    println!("  goal: {what} {wanted}: {is:.3}, {met}");
}

pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    quantile(figures, 0.5)
}

pub fn quantile(figures: impl IntoIterator<Item = f64>, at: f64) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures[((figures.len() - 1) as f64 * at).round() as usize]
}
