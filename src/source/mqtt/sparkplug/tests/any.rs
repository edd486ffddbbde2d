//! What holds whatever is lost, late or repeated: a good value is one that the node has sent for this very metric, and once a node
//! has been heard out, what is known of it is what it last said.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A node with the devices `mill-1` and `mill-2`, as it really is.
#[derive(Default)]
struct Edge {
    seq: u8,
    bd_seq: u64,
    connected: bool,
    clock: u64,
    /// Every value that is sent is another one; its last digit says of which tag.
    counter: u64,
    /// By device, while it lives: the alias of each metric, and what it is now.
    devices: BTreeMap<usize, [(u64, u64); 3]>,
}

const METRICS: [&str; 3] = ["Load", "Running", "Spindle/Temperature"];

impl Edge {
    fn message(&mut self, seq: bool, metrics: Vec<Metric>) -> Vec<u8> {
        self.clock += 1;
        let payload = Payload {
            timestamp: Some(self.clock),
            metrics,
            seq: seq.then_some(u64::from(self.seq)),
        };
        self.seq = self.seq.wrapping_add(u8::from(seq));
        payload.encode_to_vec()
    }

    fn value(&mut self, tag: usize) -> u64 {
        self.counter += 1;
        self.counter * 10 + tag as u64
    }

    /// A birth of the node and of its devices. It goes on counting where it was: as one that begins anew may meet the number that is
    /// expected by chance, a loss would go unnoticed.
    fn birth(&mut self) -> Vec<(String, Vec<u8>)> {
        let bd_seq = metric(Some("bdSeq"), None, Some(8), Value::Long(self.bd_seq));
        let node = self.message(true, vec![bd_seq]);
        let devices: Vec<usize> = self.devices.keys().copied().collect();
        let mut sent = vec![("NBIRTH/gw-7".to_owned(), node)];
        sent.extend(devices.into_iter().map(|device| self.device_birth(device)));
        sent
    }

    /// A birth of a device, with other aliases than before.
    fn device_birth(&mut self, device: usize) -> (String, Vec<u8>) {
        let shift = self.counter + 1;
        let now = [0, 1, 2].map(|metric: u64| {
            let value = self.value(device * 3 + metric as usize);
            (device as u64 * 3 + (metric + shift) % 3, value)
        });
        self.devices.insert(device, now);
        let metrics = METRICS.iter().zip(now).map(|(name, (alias, value))| {
            metric(Some(name), Some(alias), Some(8), Value::Long(value))
        });
        let message = self.message(true, metrics.collect());
        (format!("DBIRTH/gw-7/mill-{}", device + 1), message)
    }

    fn data(&mut self, device: usize, which: usize) -> Vec<(String, Vec<u8>)> {
        if !self.devices.contains_key(&device) {
            return Vec::new();
        }
        let value = self.value(device * 3 + which);
        let known = self.devices.get_mut(&device).unwrap();
        known[which].1 = value;
        let alias = known[which].0;
        let told = metric(None, Some(alias), None, Value::Long(value));
        vec![(
            format!("DDATA/gw-7/mill-{}", device + 1),
            self.message(true, vec![told]),
        )]
    }

    fn disconnect(&mut self) -> Vec<(String, Vec<u8>)> {
        self.connected = false;
        self.devices.clear();
        vec![("NDEATH/gw-7".to_owned(), node_death(self.bd_seq))]
    }

    fn connect(&mut self) -> Vec<(String, Vec<u8>)> {
        self.connected = true;
        self.bd_seq += 1;
        self.devices.insert(0, [(0, 0); 3]);
        self.birth()
    }

    /// Does one thing of many.
    fn act(&mut self, act: u8) -> Vec<(String, Vec<u8>)> {
        let (device, which) = (usize::from(act % 2), usize::from(act / 2 % 3));
        match act % 12 {
            _ if !self.connected => self.connect(),
            0 => self.disconnect(),
            1 if self.devices.remove(&device).is_some() => {
                vec![(
                    format!("DDEATH/gw-7/mill-{}", device + 1),
                    self.message(true, Vec::new()),
                )]
            }
            2 => vec![self.device_birth(device)],
            3 => self.birth(),
            _ => self.data(device, which),
        }
    }
}

/// The broker's side of a message.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    IsLost,
    ComesTwice,
    /// Behind the next one.
    IsLate,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Arrives),
        1 => Just(Fate::IsLost),
        1 => Just(Fate::ComesTwice),
        1 => Just(Fate::IsLate),
    ]
}

fn plan_of_two() -> Plan {
    let mut plan = Plan::default();
    let unlimited = |(name, tags): (Arc<str>, Vec<(TagId, Arc<MqttTag>)>)| {
        let tags = tags.into_iter().map(|(id, tag)| {
            let tag = MqttTag {
                valid: None,
                ..(*tag).clone()
            };
            (id, Arc::new(tag))
        });
        (name, tags.collect())
    };
    plan.listen(
        Template::parse("spBv1.0/hall/+/{node}/{device}").unwrap(),
        Naming::Pattern(vec![Piece::Capture("device".to_owned())]),
        None,
        [
            machine("mill-1", 0, &METRICS),
            machine("mill-2", 3, &METRICS),
        ]
        .map(unlimited),
    );
    plan
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_known_is_what_was_said(
        steps in prop::collection::vec((any::<u8>(), fate(), 0_u8..20), 1..120)
    ) {
        let mut bench = Bench::with(plan_of_two(), true);
        let mut edge = Edge::default();
        let mut late = Vec::new();
        for (act, fate, pause) in steps {
            for (topic, payload) in edge.act(act) {
                match fate {
                    Fate::IsLost => continue,
                    Fate::IsLate => {
                        late.push((topic, payload));
                        continue;
                    }
                    Fate::Arrives => { bench.hears(&topic, payload); }
                    Fate::ComesTwice => {
                        bench.hears(&topic, payload.clone());
                        bench.hears_as(&topic, Some(payload), false, true);
                    }
                }
                for (topic, payload) in late.drain(..) {
                    bench.hears(&topic, payload);
                }
            }
            if pause == 0 {
                bench.wait(3);
                answer(&mut bench, &mut edge);
            }
        }
        for (topic, payload) in late {
            bench.hears(&topic, payload);
        }
        // Whatever was lost last is noticed with the next message; then nothing is lost any more.
        if edge.connected {
            let last = edge.message(true, Vec::new());
            bench.hears("NDATA/gw-7", last);
        } else {
            bench.hears("NDEATH/gw-7", node_death(edge.bd_seq));
        }
        for _ in 0..200 {
            bench.wait(5);
            answer(&mut bench, &mut edge);
        }
        for sample in &bench.samples {
            if let Reading::Good(value) = sample.reading {
                prop_assert_eq!(value.as_number() as u64 % 10, u64::from(sample.tag.0));
            }
        }
        for tag in 0..6_u32 {
            let mut of_tag = bench.samples.iter().filter(|sample| sample.tag.0 == tag);
            let known = of_tag.next_back().map(|sample| sample.reading);
            let device = edge.devices.get(&(tag as usize / 3));
            match device {
                Some(metrics) => {
                    let now = metrics[tag as usize % 3].1 as f64;
                    prop_assert_eq!(known, Some(Reading::Good(Good::Number(now))));
                }
                None => prop_assert!(!matches!(known, Some(Reading::Good(_)))),
            }
        }
        let back: BTreeSet<u32> = bench.back.iter().copied().collect();
        prop_assert_eq!(back.len(), bench.back.len(), "a token came back twice");
        prop_assert_eq!(back.len(), bench.token as usize, "a token did not come back");
        prop_assert!(bench.asks().is_empty(), "it is still asked");
    }
}

/// The node answers if it is asked.
fn answer(bench: &mut Bench, edge: &mut Edge) {
    if !bench.asks().is_empty() && edge.connected {
        for (topic, payload) in edge.birth() {
            bench.hears(&topic, payload);
        }
    }
}
