//! What a message means: which subscriptions it belongs to, whose machine it is, which samples come of it. No IO.
//!
//! Every subscription that a topic matches takes the message, each for the tags that it gives: the configuration has no tag twice,
//! so no tag gets two samples of one message. What a topic means is remembered by [`Topics`], which also knows a copy that the
//! broker sent for another of our filters: that one yields nothing and is acknowledged with what it is a copy of.

use std::{
    collections::{BTreeSet, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    config::MqttConfig,
    meaning::{Copies, Known, Meaning, Tags, Topics},
    payload::{self, Contents},
    subscription::Subscription,
    topic::{MACHINE, shown, to_id},
};
use crate::{
    link::mqtt::Message,
    sample::{Bad, Reading, Sample, TagId},
    source::{
        TagIds,
        trouble::{Say, Trouble},
    },
};

/// How many unknown machines are named in the log; later ones are only counted.
const UNKNOWN: usize = 100;
/// So many characters of their names are kept.
const LONGEST_NAME: usize = 64;

/// Turns messages into samples.
#[derive(Debug)]
pub(super) struct Intake {
    topics: Topics,
    reader: Reader,
    all: Vec<TagId>,
}

/// What reads a message whose meaning is known.
#[derive(Debug)]
struct Reader {
    subscriptions: Vec<Listening>,
    strangers: BTreeSet<String>,
}

#[derive(Debug)]
struct Listening {
    subscription: Subscription,
    /// By machine: the index of each tag, in the order of the subscription's tags.
    tags: HashMap<Arc<str>, Tags>,
    faults: Trouble,
}

/// What a message came to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Taken {
    /// Possibly none.
    pub(super) samples: Vec<Sample>,
    /// It is a copy of the message before at its topic, to be acknowledged when that one is on disk.
    pub(super) copy: bool,
    /// What the log should say.
    pub(super) remarks: Vec<Remark>,
    /// Why something in it is not understood.
    pub(super) fault: Option<&'static str>,
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
        why: &'static str,
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
                (Arc::clone(machine), tags.collect::<Tags>())
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
            .flat_map(|listening| listening.tags.values())
            .flat_map(|tags| tags.iter().flatten().copied())
            .collect();
        Self {
            topics: Topics::default(),
            reader: Reader {
                subscriptions,
                strangers: BTreeSet::new(),
            },
            all: all.into_iter().collect(),
        }
    }

    /// A reading for every tag of the source: the connection is down, or another one.
    pub(super) fn all_bad(&mut self, bad: Bad) -> Vec<Sample> {
        self.topics.begin();
        let sample = |tag: &TagId| Sample {
            tag: *tag,
            reading: Reading::Bad(bad),
            stamp: None,
        };
        self.all.iter().map(sample).collect()
    }

    /// Takes a message by every subscription that its topic matches.
    pub(super) fn take(&mut self, message: &Message) -> Taken {
        let connection = self.topics.connection();
        if let Some(known) = self.topics.at(&message.topic) {
            return self.reader.take(known, message, connection);
        }
        let mut known = self.reader.learn(&message.topic);
        let taken = self.reader.take(&mut known, message, connection);
        self.topics.keep(&message.topic, known);
        taken
    }

    /// What the last message at this topic gave found no room: what looks like a copy of it is to be taken.
    pub(super) fn dropped(&mut self, topic: &str) {
        if let Some(copies) = self.topics.at(topic).and_then(|at| at.copies.as_mut()) {
            copies.forget();
        }
    }
}

impl Reader {
    /// Takes a topic apart.
    fn learn(&self, topic: &str) -> Known {
        let mut known = Known::default();
        let mut filters = BTreeSet::new();
        for (at, listening) in self.subscriptions.iter().enumerate() {
            let subscription = &listening.subscription;
            let Some(captures) = subscription.template.captures(topic) else {
                continue;
            };
            filters.insert(subscription.template.filter());
            let named = captures.iter().find(|(name, _)| *name == MACHINE);
            let machine = match named {
                Some((_, text)) => to_id(text).map(|id| id.0),
                None => subscription.machines.first().cloned(),
            };
            match machine.and_then(|machine| listening.tags.get(&machine)) {
                Some(tags) => known.meanings.push(Meaning {
                    subscription: at,
                    tags: Arc::clone(tags),
                }),
                None => {
                    let name = named.map(|(_, text)| text.chars().take(LONGEST_NAME).collect());
                    known.stranger = name.map(String::into_boxed_str);
                }
            }
        }
        if !known.meanings.is_empty() {
            known.stranger = None;
        }
        known.copies = Copies::of(filters.len());
        known
    }

    fn take(&mut self, known: &mut Known, message: &Message, connection: u64) -> Taken {
        let mut taken = Taken::default();
        if let Some(copies) = &mut known.copies
            && copies.is_copy(message, connection)
        {
            taken.copy = true;
            return taken;
        }
        for meaning in &known.meanings {
            let listening = &mut self.subscriptions[meaning.subscription];
            if message.retain && !listening.subscription.use_retained {
                continue;
            }
            listening.take(&meaning.tags, message, &mut taken);
        }
        if let Some(name) = &known.stranger {
            taken.unknown = true;
            if self.strangers.len() < UNKNOWN && !self.strangers.contains(&**name) {
                self.strangers.insert(name.to_string());
                taken.remarks.push(Remark::UnknownMachine(shown(name)));
            }
        }
        taken
    }
}

impl Listening {
    fn take(&mut self, tags: &Tags, message: &Message, taken: &mut Taken) {
        let contents = read(message, &self.subscription);
        let now = message.at.mono;
        taken.fault = taken.fault.or(contents.fault);
        taken.remarks.extend(match contents.fault {
            Some(why) => {
                let said = self.faults.failed(now).map(Say::count);
                said.map(|count| Remark::Fault { why, count })
            }
            None => {
                let said = self.faults.fine(now).map(Say::count);
                said.map(|count| Remark::FaultEnded { count })
            }
        });
        let stamp = contents.stamp;
        let readings = contents.readings.into_iter();
        taken
            .samples
            .extend(readings.filter_map(|(index, reading)| {
                Some(Sample {
                    tag: (*tags.get(index)?)?,
                    reading,
                    stamp,
                })
            }));
    }
}

/// Reads a payload; one that makes the reading panic is malformed, or it would come again after every restart.
fn read(message: &Message, subscription: &Subscription) -> Contents {
    let tags = &subscription.tags;
    let Ok(payload) = &message.payload else {
        return Contents::malformed(tags, "it is larger than max_packet");
    };
    let time = subscription.time.as_deref();
    let read = || payload::read(payload, subscription.format, tags, time);
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Contents::malformed(tags, "reading it fails, which is a defect of andon")
    })
}
