//! What must hold for any input whatsoever: the bodies of the fuzz targets in `fuzz/`, which the tests below run with random input.
//!
//! Nothing of the agent uses this. A promise that does not hold is a panic.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use prost::Message as _;

use super::{
    super::{payload::MqttTag, topic::Template},
    config::Settings,
    letter::{Came, Letter},
    plan::{Naming, Piece, Plan},
    report::Report,
    session::{MOST_HELD, Session},
    value::{self, Told},
    wire::{Metric, Payload, Value},
};
use crate::{
    clock::{Mono, Now, Wall},
    sample::{Reading, TagId},
};

/// Reads bytes as a payload, and each of its metrics as every type.
///
/// # Panics
/// When something is read that the bytes cannot hold.
pub fn payloads(data: &[u8]) {
    let Ok(report) = Report::read(data) else {
        return;
    };
    let mut metrics = 0;
    for metric in report.metrics() {
        metrics += 1;
        let Ok(metric) = metric else { continue };
        for datatype in 0..40 {
            let told = value::read(&metric, Some(datatype));
            if let Ok(Told::Text(text)) = told {
                assert!(text.len() <= data.len(), "a text that is not there");
            }
        }
    }
    assert!(metrics * 2 <= data.len(), "a metric that is not there");
}

/// Plays messages of some nodes, time, and connections that come and go.
///
/// # Panics
/// When a message is never dealt with or twice, when more is held than may be, when a good value is not finite, or when nodes are
/// asked more often than they may be.
pub fn sessions(data: &[u8]) {
    let mut player = Player {
        session: Session::new(plan(), Settings::default()),
        now: Now {
            mono: Mono::from_nanos(0),
            wall: Wall::from_millis(1_775_298_605_120),
            synchronised: true,
        },
        next: 0,
        waiting: BTreeSet::new(),
        asked: 0,
    };
    let mut bytes = Bytes(data);
    while !bytes.0.is_empty() {
        player.step(&mut bytes);
    }
    // What waits does not wait for ever.
    for _ in 0..3 {
        player.pass(1);
    }
    assert!(player.waiting.is_empty(), "messages wait that never end");
    let seconds = player.now.mono.since(Mono::from_nanos(0)).as_secs();
    let allowed = NODES.len() as u64 * (seconds / 5 + 1);
    assert!(player.asked <= allowed, "{} questions", player.asked);
}

const NODES: [&str; 3] = ["hall/gw-1", "hall/gw-2", "hall/gw-3"];
const METRICS: [&str; 4] = ["a", "b", "c", "bdSeq"];

fn plan() -> Plan {
    let mut plan = Plan::default();
    let machine = |name: &str, first: u32| {
        let tags = METRICS.iter().zip(first..).map(|(metric, id)| {
            let tag = MqttTag {
                path: (*metric).to_owned(),
                ..MqttTag::plain("t".into())
            };
            (TagId(id), Arc::new(tag))
        });
        (Arc::from(name), tags.collect())
    };
    let topic = |text| Template::parse(text).expect("a topic");
    let device = vec![Piece::Capture("device".to_owned())];
    plan.listen(
        topic("spBv1.0/hall/+/{node}/{device}"),
        Naming::Pattern(device),
        Some(Duration::from_secs(30)),
        [machine("mill-1", 0), machine("mill-2", 10)],
    );
    plan.listen(
        topic("spBv1.0/hall/+/gw-1"),
        Naming::Fixed("gw-1".into()),
        None,
        [machine("gw-1", 20)],
    );
    plan
}

struct Player {
    session: Session<u32>,
    now: Now,
    next: u32,
    /// Tokens of messages that are not dealt with.
    waiting: BTreeSet<u32>,
    asked: u64,
}

impl Player {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 16 {
            0 => self.pass(bytes.byte() % 40),
            1 => {
                self.session.disconnected();
                // The broker sends again what was not acknowledged; the tokens are worth nothing.
                self.waiting.clear();
            }
            2 => self.session.connected(self.now),
            _ => self.message(bytes),
        }
    }

    fn pass(&mut self, seconds: u8) {
        for _ in 0..seconds {
            self.now.mono = self.now.mono + Duration::from_secs(1);
            self.now.wall = self.now.wall + Duration::from_secs(1);
            let came = self.session.tick(self.now);
            self.note(came);
            self.asked += self.session.requests(self.now).0.len() as u64;
        }
    }

    fn message(&mut self, bytes: &mut Bytes<'_>) {
        const VERBS: [&str; 8] = [
            "NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDATA", "NDEATH", "DDEATH", "NCMD",
        ];
        let verb = VERBS[usize::from(bytes.byte() % 8)];
        let node = usize::from(bytes.byte()) % NODES.len();
        let (group, node) = NODES[node].split_once('/').expect("group and node");
        let device = match verb.starts_with('D') {
            true => format!("/mill-{}", bytes.byte() % 3),
            false => String::new(),
        };
        self.next += 1;
        self.waiting.insert(self.next);
        let flags = bytes.byte();
        let letter = Letter {
            at: self.now,
            topic: format!("spBv1.0/{group}/{verb}/{node}{device}"),
            payload: (!flags.is_multiple_of(32)).then(|| bytes.payload()),
            kept: flags % 32 == 1,
            again: flags % 8 == 2,
            token: self.next,
        };
        let came = self.session.take(letter);
        self.note(came);
    }

    fn note(&mut self, came: Came<u32>) {
        for outcome in came.outcomes {
            if let Some(token) = outcome.token {
                assert!(self.waiting.remove(&token), "{token} is dealt with twice");
            }
            for sample in outcome.samples {
                if let Reading::Good(value) = sample.reading {
                    assert!(value.as_number().is_finite());
                }
            }
        }
        let held = MOST_HELD - self.session.room();
        assert_eq!(held == 0, self.waiting.is_empty(), "{held} bytes are held");
    }
}

/// Bytes that are used up; zeros where there are none left.
struct Bytes<'d>(&'d [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// Mostly a payload that could be one, so that not all end at the same first check.
    fn payload(&mut self) -> Vec<u8> {
        let kind = self.byte();
        if kind.is_multiple_of(16) {
            let length = usize::from(self.byte()).min(self.0.len());
            let (taken, rest) = self.0.split_at(length);
            self.0 = rest;
            return taken.to_vec();
        }
        let metrics = (0..kind % 5).map(|_| self.metric());
        let metrics: Vec<Metric> = metrics.collect();
        let payload = Payload {
            timestamp: (kind & 0x20 == 0).then(|| u64::from(self.byte() % 4)),
            metrics,
            // Near to each other, so that some are in order.
            seq: (kind & 0xc0 != 0xc0).then(|| u64::from(self.byte() % 6)),
        };
        payload.encode_to_vec()
    }

    fn metric(&mut self) -> Metric {
        let shape = self.byte();
        let name = METRICS[usize::from(self.byte()) % METRICS.len()];
        let raw = self.byte();
        Metric {
            name: (shape & 1 == 0).then(|| name.to_owned()),
            alias: (shape & 2 == 0).then(|| u64::from(raw % 4)),
            datatype: (shape & 4 == 0).then(|| u32::from(raw % 40)),
            is_historical: (shape & 0x30 == 0x30).then_some(true),
            is_null: (shape & 0xc0 == 0xc0).then_some(true),
            value: match shape >> 3 & 7 {
                0 => None,
                1 => Some(Value::Int(u32::from(raw) << (raw % 25))),
                2 => Some(Value::Long(u64::from(raw) << (raw % 57))),
                3 => Some(Value::Float(f32::from_bits(u32::from(raw) << 24))),
                4 => Some(Value::Double(f64::from_bits(u64::from(raw) << 56))),
                5 => Some(Value::Boolean(raw.is_multiple_of(2))),
                6 => Some(Value::Double(f64::NAN)),
                _ => Some(Value::Text("x".repeat(usize::from(raw)))),
            },
            ..Metric::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn any_bytes_are_a_payload_only_as_far_as_they_can_be(
            data in prop::collection::vec(prop_oneof![Just(0x12_u8), Just(0x18), 0_u8..16, any::<u8>()], 0..80)
        ) {
            super::payloads(&data);
        }

        #[test]
        fn any_messages_in_any_order_are_dealt_with(data in prop::collection::vec(any::<u8>(), 0..800)) {
            super::sessions(&data);
        }
    }
}
