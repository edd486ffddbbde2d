//! The session as a whole, against nodes that are played here.

use std::{sync::Arc, time::Duration};

use prost::Message as _;

use super::{
    super::{payload::MqttTag, topic::Template},
    config::Settings,
    letter::{Came, Letter},
    plan::{Naming, Piece, Plan},
    session::Session,
    wire::{Metric, Payload, Value},
};
use crate::{
    clock::{Mono, Now, Wall},
    sample::{Bad, Reading, Sample, TagId, Value as Good},
};

mod any;
mod golden;
mod lives;
mod losses;
mod meaning;

/// The tags of `mill-1`: 0, 1, 2; of `mill-2`: 3, 4, 5; of the node `gw-7` as a machine: 6.
const LOAD: u32 = 0;
const RUNNING: u32 = 1;
const TEMPERATURE: u32 = 2;
const UPTIME: u32 = 6;

fn tag(path: &str) -> Arc<MqttTag> {
    Arc::new(MqttTag {
        path: path.into(),
        valid: Some((-1e6, 1e6)),
        ..MqttTag::plain("t".into())
    })
}

fn machine(name: &str, first: u32, metrics: &[&str]) -> (Arc<str>, Vec<(TagId, Arc<MqttTag>)>) {
    let tags = metrics.iter().zip(first..);
    let tags = tags.map(|(metric, id)| (TagId(id), tag(metric)));
    (name.into(), tags.collect())
}

fn plan(stale_after: Option<Duration>) -> Plan {
    let mut plan = Plan::default();
    let metrics = ["Load", "Running", "Spindle/Temperature"];
    plan.listen(
        Template::parse("spBv1.0/hall/+/{node}/{device}").unwrap(),
        Naming::Pattern(vec![Piece::Capture("device".to_owned())]),
        stale_after,
        [
            machine("mill-1", 0, &metrics),
            machine("mill-2", 3, &metrics),
        ],
    );
    plan.listen(
        Template::parse("spBv1.0/hall/+/gw-7").unwrap(),
        Naming::Fixed("gw-7".into()),
        None,
        [machine("gw-7", UPTIME, &["Uptime"])],
    );
    plan
}

/// A session, its time, and the broker.
struct Bench {
    session: Session<u32>,
    now: Now,
    token: u32,
    /// Tokens that came back, in order.
    back: Vec<u32>,
    samples: Vec<Sample>,
    remarks: Vec<String>,
    strangers: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        Self::with(plan(None), true)
    }

    fn with(plan: Plan, rebirth: bool) -> Self {
        let settings = Settings {
            rebirth,
            ..Settings::default()
        };
        Self {
            session: Session::new(plan, settings),
            now: Now {
                mono: Mono::from_nanos(0),
                wall: Wall::from_millis(1_775_298_605_120),
                synchronised: true,
            },
            token: 0,
            back: Vec::new(),
            samples: Vec::new(),
            remarks: Vec::new(),
            strangers: Vec::new(),
        }
    }

    /// Time passes, with a look every second.
    fn wait(&mut self, seconds: u64) -> Vec<Sample> {
        let mut samples = Vec::new();
        for _ in 0..seconds {
            self.now.mono = self.now.mono + Duration::from_secs(1);
            self.now.wall = self.now.wall + Duration::from_secs(1);
            let came = self.session.tick(self.now);
            samples.extend(self.note(came));
        }
        samples
    }

    /// A message; its samples, and those of others that waited for it.
    fn hears(&mut self, topic: &str, payload: Vec<u8>) -> Vec<Sample> {
        self.hears_as(topic, Some(payload), false, false)
    }

    fn hears_as(
        &mut self,
        topic: &str,
        payload: Option<Vec<u8>>,
        kept: bool,
        again: bool,
    ) -> Vec<Sample> {
        self.token += 1;
        let letter = Letter {
            at: self.now,
            topic: format!("spBv1.0/hall/{topic}"),
            payload,
            kept,
            again,
            token: self.token,
        };
        let came = self.session.take(letter);
        self.note(came)
    }

    fn note(&mut self, came: Came<u32>) -> Vec<Sample> {
        let mut samples = Vec::new();
        for outcome in came.outcomes {
            self.back.extend(outcome.token);
            samples.extend(outcome.samples);
        }
        let remarks = came.remarks.into_iter();
        self.remarks
            .extend(remarks.map(|remark| format!("{}: {}", remark.of, remark.what)));
        self.strangers.extend(came.strangers);
        self.samples.extend(&samples);
        samples
    }

    /// The nodes that are asked now.
    fn asks(&mut self) -> Vec<String> {
        let (requests, remarks) = self.session.requests(self.now);
        self.remarks.extend(
            remarks
                .iter()
                .map(|remark| format!("{}: {}", remark.of, remark.what)),
        );
        let mut topics: Vec<String> = requests.into_iter().map(|request| request.topic).collect();
        topics.sort();
        topics
    }

    /// Births of `gw-7` and of its device, with values as they are.
    fn born(&mut self) {
        self.hears("NBIRTH/gw-7", node_birth(0, 7));
        self.hears("DBIRTH/gw-7/mill-1", device_birth(1, 20.0));
    }
}

fn payload(seq: Option<u64>, metrics: Vec<Metric>) -> Vec<u8> {
    let payload = Payload {
        timestamp: Some(1_000),
        metrics,
        seq,
    };
    payload.encode_to_vec()
}

fn metric(name: Option<&str>, alias: Option<u64>, datatype: Option<u32>, value: Value) -> Metric {
    Metric {
        name: name.map(str::to_owned),
        alias,
        datatype,
        value: Some(value),
        ..Metric::default()
    }
}

fn node_birth(seq: u64, bd_seq: u64) -> Vec<u8> {
    let metrics = vec![
        metric(Some("bdSeq"), None, Some(8), Value::Long(bd_seq)),
        metric(
            Some("Node Control/Rebirth"),
            None,
            Some(11),
            Value::Boolean(false),
        ),
        metric(Some("Uptime"), Some(1), Some(7), Value::Int(100)),
    ];
    payload(Some(seq), metrics)
}

fn device_birth(seq: u64, temperature: f64) -> Vec<u8> {
    let metrics = vec![
        metric(
            Some("Spindle/Temperature"),
            Some(10),
            Some(10),
            Value::Double(temperature),
        ),
        metric(Some("Running"), Some(11), Some(11), Value::Boolean(true)),
        metric(Some("Load"), Some(12), Some(3), Value::Int(5)),
        metric(
            Some("Not watched"),
            Some(13),
            Some(12),
            Value::Text("x".to_owned()),
        ),
    ];
    payload(Some(seq), metrics)
}

/// A value by its alias alone.
fn data(seq: u64, alias: u64, value: Value) -> Vec<u8> {
    payload(Some(seq), vec![metric(None, Some(alias), None, value)])
}

fn temperature(seq: u64, value: f64) -> Vec<u8> {
    data(seq, 10, Value::Double(value))
}

fn node_death(bd_seq: u64) -> Vec<u8> {
    payload(
        None,
        vec![metric(Some("bdSeq"), None, Some(8), Value::Long(bd_seq))],
    )
}

/// Tags and readings, without their stamps.
fn readings(samples: &[Sample]) -> Vec<(u32, Reading)> {
    samples
        .iter()
        .map(|sample| (sample.tag.0, sample.reading))
        .collect()
}

fn number(tag: u32, number: f64) -> (u32, Reading) {
    (tag, Reading::Good(Good::Number(number)))
}

fn bad(tags: impl IntoIterator<Item = u32>, why: Bad) -> Vec<(u32, Reading)> {
    tags.into_iter()
        .map(|tag| (tag, Reading::Bad(why)))
        .collect()
}
