//! How many samples a second one core takes through the engine: 10,000 tags, 10,000 rules with deadband and on-delay, beside
//! a bare loop that does the same comparisons on plain arrays.
//!
//! Run with `cargo bench --bench engine`. Both are run nine times in turns on the same samples, and the medians are shown. A second
//! figure has one sample in a hundred crossing its limit, so that delays start and stop.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints and measures time"
)]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use andon::{
    alert::{
        engine::{Engine, Input},
        plant::{
            Condition, Level, Machine, MachineIx, Plant, Rule, Severity, Source, SourceIx, Tag,
            TagKind, Watch,
        },
        state::Durable,
    },
    clock::{BootId, Mono, Now, Wall},
    sample::{Reading, Sample, TagId, Value},
};

const TAGS: u32 = 10_000;
const SAMPLES: usize = 4_000_000;
const ROUNDS: usize = 9;

fn plant() -> Plant {
    let tag = |index: u32| Tag {
        kind: Arc::new(TagKind {
            name: format!("t{index}").into(),
            decimals: 1,
            stale_after: Duration::from_secs(3600),
            ..TagKind::default()
        }),
        machine: MachineIx(0),
        source: SourceIx(0),
        modbus_unit: None,
    };
    let watch = |index: u32| Watch {
        rule: Arc::new(Rule {
            id: format!("r{index}").into(),
            levels: vec![Level {
                name: "hi".into(),
                condition: Condition::Above(85.0),
                on_delay: Duration::from_secs(30),
                severity: Severity::Warning,
            }],
            deadband: 2.0,
            off_delay: Duration::from_secs(30),
            latched: false,
            message: "".into(),
            action: "".into(),
            runbook: None,
        }),
        machine: MachineIx(0),
        tag: TagId(index),
    };
    Plant {
        site: "bench".into(),
        machines: vec![Machine {
            id: "m".into(),
            name: "m".into(),
            ..Machine::default()
        }],
        sources: vec![Source {
            name: "s".into(),
            address: "none".into(),
        }],
        units: vec![],
        tags: (0..TAGS).map(tag).collect(),
        watches: (0..TAGS).map(watch).collect(),
        ..Plant::default()
    }
}

/// Values in order of tags; every `crossing`th is beyond its limit (0: none).
fn samples(crossing: usize) -> Vec<(u32, f64)> {
    (0..SAMPLES)
        .map(|index| {
            let tag = index as u32 % TAGS;
            let noise = (index as u32).wrapping_mul(2_654_435_761) as f64 / f64::from(u32::MAX);
            let high = crossing != 0 && index % crossing == 0;
            (tag, if high { 90.0 } else { 40.0 + 40.0 * noise })
        })
        .collect()
}

/// The engine, given one input a sample, all at instants a microsecond apart.
fn engine(samples: &[(u32, f64)]) -> f64 {
    let start = Now {
        mono: Mono::from_nanos(0),
        wall: Wall::from_millis(0),
        synchronised: true,
    };
    let (mut engine, _) = Engine::restore(
        Arc::new(plant()),
        &Durable::default(),
        start,
        &BootId("b".into()),
        [1; 16],
    );
    let began = Instant::now();
    let mut events = 0;
    for (index, &(tag, value)) in samples.iter().enumerate() {
        let now = Now {
            mono: Mono::from_nanos(index as i64 * 1000),
            ..start
        };
        let sample = Sample::new(TagId(tag), Reading::Good(Value::Number(value)));
        events += engine.step(now, Input::Sample(sample)).events.len();
    }
    black_box(events);
    samples.len() as f64 / began.elapsed().as_secs_f64()
}

/// The same comparisons by a loop that keeps nothing but a counter of what is beyond the limit and since when.
fn bare(samples: &[(u32, f64)]) -> f64 {
    let limits = vec![85.0_f64; TAGS as usize];
    let mut since = vec![-1_i64; TAGS as usize];
    let mut raised = 0_u64;
    let began = Instant::now();
    for (index, &(tag, value)) in samples.iter().enumerate() {
        let now = index as i64 * 1000;
        let tag = tag as usize;
        if value > limits[tag] {
            if since[tag] < 0 {
                since[tag] = now;
            } else if now - since[tag] > 30_000_000_000 {
                raised += 1;
            }
        } else if value <= limits[tag] - 2.0 {
            since[tag] = -1;
        }
    }
    black_box(raised);
    samples.len() as f64 / began.elapsed().as_secs_f64()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() {
    for (name, crossing) in [("all normal", 0), ("1 in 100 crosses", 100)] {
        let samples = samples(crossing);
        let (mut ours, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(engine(&samples));
            plain.push(bare(&samples));
        }
        let (ours, plain) = (median(ours), median(plain));
        println!(
            "{name}: engine {:.1} million samples/s, bare loop {:.1}, ratio 1:{:.1}",
            ours / 1e6,
            plain / 1e6,
            plain / ours
        );
    }
}
