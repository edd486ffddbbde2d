//! What a message means: which subscriptions it belongs to, whose machine it is, which samples come of it. No IO.

use std::{
    collections::{BTreeSet, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{config::MqttConfig, payload::Contents, subscription::Subscription, topic::to_id};
use crate::{
    clock::{Now, Wall},
    link::mqtt::Message,
    sample::{Bad, Reading, Sample, TagId},
    source::{
        TagIds,
        trouble::{Say, Trouble},
    },
};

/// How many unknown machines are named in the log; later ones are only counted.
const UNKNOWN: usize = 100;

/// Turns messages into samples.
#[derive(Debug)]
pub(super) struct Intake {
    subscriptions: Vec<Listening>,
    all: Vec<TagId>,
    unknown: BTreeSet<String>,
    steady: Steady,
}

#[derive(Debug)]
struct Listening {
    subscription: Subscription,
    /// By machine: the index of each tag, in the order of the subscription's tags.
    tags: HashMap<Arc<str>, Vec<Option<TagId>>>,
    faults: Trouble,
}

/// What a message came to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Taken {
    /// Possibly none.
    pub(super) samples: Vec<Sample>,
    /// What the log should say.
    pub(super) remarks: Vec<Remark>,
    /// Why something in it is not understood.
    pub(super) fault: Option<String>,
    /// It is for a machine that is not configured.
    pub(super) unknown: bool,
}

/// Something about a message that people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remark {
    /// A machine is heard for the first time that is not configured for this topic.
    UnknownMachine(String),
    /// A payload is not understood.
    Fault {
        /// Why.
        why: String,
        /// How often so far.
        count: u64,
    },
    /// Payloads are understood again.
    FaultEnded {
        /// How often they were not.
        count: u64,
    },
}

impl Intake {
    pub(super) fn new(config: &MqttConfig, ids: &TagIds) -> Self {
        let listening = |subscription: &Subscription| {
            let tags_of = |machine: &Arc<str>| {
                let id = |tag: &Arc<str>| ids.get(&(Arc::clone(machine), Arc::clone(tag))).copied();
                let tags = subscription.tags.iter().map(|tag| id(&tag.tag));
                (Arc::clone(machine), tags.collect::<Vec<_>>())
            };
            Listening {
                tags: subscription.machines.iter().map(tags_of).collect(),
                subscription: subscription.clone(),
                faults: Trouble::default(),
            }
        };
        let subscriptions: Vec<_> = config.subscriptions.iter().map(listening).collect();
        let all: BTreeSet<TagId> = subscriptions
            .iter()
            .flat_map(|listening| listening.tags.values().flatten().flatten().copied())
            .collect();
        Self {
            subscriptions,
            all: all.into_iter().collect(),
            unknown: BTreeSet::new(),
            steady: Steady::default(),
        }
    }

    /// A reading for every tag of the source: the connection is down.
    pub(super) fn all_bad(&self, bad: Bad) -> Vec<Sample> {
        let sample = |tag: &TagId| Sample {
            tag: *tag,
            reading: Reading::Bad(bad),
            stamp: None,
        };
        self.all.iter().map(sample).collect()
    }

    /// Takes a message by every subscription that its topic matches.
    pub(super) fn take(&mut self, message: &Message) -> Taken {
        let mut taken = Taken::default();
        let (mut wanted, mut stranger) = (false, None);
        for listening in &mut self.subscriptions {
            let subscription = &listening.subscription;
            let Some(captures) = subscription.template.captures(&message.topic) else {
                continue;
            };
            if message.retain && !subscription.use_retained {
                continue;
            }
            let named = captures.iter().find(|(name, _)| *name == "machine");
            let machine = match named {
                Some((_, text)) => to_id(text).map(|id| id.0),
                None => subscription.machines.first().cloned(),
            };
            let known = machine.and_then(|machine| listening.tags.get(&machine));
            let Some(ids) = known else {
                stranger = named.map(|(_, text)| *text);
                continue;
            };
            wanted = true;
            let contents = read(message, subscription, self.steady.at(message.at));
            let now = message.at.mono;
            let fault = contents.fault.map(|fault| fault.say(&subscription.tags));
            taken.remarks.extend(match &fault {
                Some(why) => {
                    listening
                        .faults
                        .failed(now)
                        .map(Say::count)
                        .map(|count| Remark::Fault {
                            why: why.clone(),
                            count,
                        })
                }
                None => listening
                    .faults
                    .fine(now)
                    .map(Say::count)
                    .map(|count| Remark::FaultEnded { count }),
            });
            taken.fault = taken.fault.or(fault);
            let samples = contents.readings.into_iter().filter_map(|of| {
                Some(Sample {
                    tag: (*ids.get(of.tag)?)?,
                    reading: of.reading,
                    stamp: of.stamp,
                })
            });
            taken.samples.extend(samples);
        }
        if let (false, Some(name)) = (wanted, stranger) {
            taken.unknown = true;
            let name: String = name.chars().take(64).collect();
            if self.unknown.len() < UNKNOWN && self.unknown.insert(name.clone()) {
                taken.remarks.push(Remark::UnknownMachine(name));
            }
        }
        taken
    }
}

/// Reads a payload; one that makes the reading panic is malformed, or it would come again after every restart.
fn read(message: &Message, subscription: &Subscription, now: Wall) -> Contents {
    let tags = &subscription.tags;
    let Ok(payload) = &message.payload else {
        return Contents::malformed(tags, "it is larger than max_packet");
    };
    let read = || subscription.reader.read(payload, tags, now);
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Contents::malformed(tags, "reading it fails, which is a defect of andon")
    })
}

/// A wall clock that never jumps: what a payload says of times relative to now must not run a delay out because somebody set
/// the clock.
#[derive(Debug, Default)]
struct Steady(Option<Now>);

impl Steady {
    fn at(&mut self, now: Now) -> Wall {
        let first = self.0.get_or_insert(now);
        first.wall + now.mono.since(first.mono)
    }
}
