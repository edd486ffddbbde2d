//! What a message means: which subscriptions it belongs to, whose machine it is, which samples come of it. No IO.
//!
//! Every subscription that a topic matches takes the message, each for the tags that it gives: the configuration has no tag twice,
//! so no tag gets two samples of one message. What a topic means is remembered by [`Topics`], which also knows a copy that the
//! broker sent for another of our filters: that one yields nothing and is acknowledged with what it is a copy of.
//!
//! Of a machine that is not configured a subscription that discovers takes the message too. Whether that machine is watched
//! the loop knows; here it has a name.

use std::{
    collections::{BTreeSet, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use super::{
    config::MqttConfig,
    machines::{Dispute, Machines, mistake},
    meaning::{Copies, Known, Meaning, Stranger, Topic, Topics, Whose},
    payload::Contents,
    subscription::Subscription,
    topic::{MACHINE, shown, to_id},
};
use crate::{
    clock::{Mono, Now, Wall},
    link::mqtt::Message,
    sample::{Bad, Reading, Retained, Sample, TagId},
    source::{
        TagIds, Who,
        trouble::{Say, Trouble},
    },
};

/// How many unknown machines are named in the log; later ones are only counted.
const UNKNOWN: usize = 100;

/// Turns messages into samples.
#[derive(Debug)]
pub(super) struct Intake {
    topics: Topics,
    reader: Reader,
}

/// What reads a message whose meaning is known.
#[derive(Debug)]
struct Reader {
    subscriptions: Vec<Listening>,
    strangers: BTreeSet<String>,
    machines: Machines,
    steady: Steady,
}

#[derive(Debug)]
struct Listening {
    subscription: Arc<Subscription>,
    /// The places of its machines in the order of their ids, to find one by.
    by_id: Box<[u32]>,
    /// The index of each tag of each machine, in the order of the subscription; none where nobody asked for it.
    tags: Box<[Option<TagId>]>,
    /// The place of each tag among all that its class has, for machines that are discovered.
    places: Box<[Option<TagId>]>,
    faults: Trouble,
}

/// What a message came to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Taken {
    /// Possibly none.
    pub(super) samples: Vec<Sample>,
    /// What is heard of machines by their names.
    pub(super) heard: Vec<(Arc<Who>, Vec<Sample>)>,
    /// It is a copy of the message before at its topic, to be acknowledged when that one is on disk.
    pub(super) copy: bool,
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
    /// The same where machines are discovered, and why this one cannot be.
    NoMachine(String, &'static str),
    /// Two topics of one machine say different things of it.
    Disputed(Dispute),
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
        let mut places: HashMap<Arc<str>, u32> = HashMap::new();
        let mut listening = |subscription: &Arc<Subscription>| {
            let tags = subscription.machine_tags().map(|(machine, tag)| {
                let names = (Arc::clone(machine), Arc::clone(&tag.tag));
                ids.get(&names).copied()
            });
            let machines = &subscription.machines;
            let mut by_id: Box<[u32]> = (0..machines.len() as u32).collect();
            by_id.sort_unstable_by_key(|&at| &machines[at as usize]);
            let count = subscription.tags.len() as u32;
            let first = subscription.discovers.as_ref().map(|class| {
                let next = places.entry(Arc::clone(class)).or_default();
                std::mem::replace(next, *next + count)
            });
            let place = |at: u32| first.map(|first| TagId(first + at));
            Listening {
                places: (0..count).map(place).collect(),
                by_id,
                tags: tags.collect(),
                subscription: Arc::clone(subscription),
                faults: Trouble::default(),
            }
        };
        Self {
            topics: Topics::default(),
            reader: Reader {
                subscriptions: config.subscriptions.iter().map(&mut listening).collect(),
                strangers: BTreeSet::new(),
                machines: Machines::default(),
                steady: Steady::default(),
            },
        }
    }

    /// A reading for every tag of the source: the connection is down, or another one.
    pub(super) fn all_bad(&mut self, bad: Bad) -> Vec<Sample> {
        self.topics.begin();
        let tags = self.reader.subscriptions.iter().flat_map(|of| &of.tags);
        let mut all: Vec<TagId> = tags.flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        let sample = |tag| Sample::new(tag, Reading::Bad(bad));
        all.into_iter().map(sample).collect()
    }

    /// Takes a message by every subscription that its topic matches.
    pub(super) fn take(&mut self, message: &Message) -> Taken {
        let connection = self.topics.connection();
        if let Some(known) = self.topics.at(&message.topic) {
            return self.reader.take(known, message, connection);
        }
        if self.reader.machines.are_full() {
            self.reader.machines.clear();
            self.topics.clear();
        }
        let mut known = self.reader.learn(&message.topic, message.at.mono);
        let taken = self.reader.take(&mut known, message, connection);
        self.topics.keep(&message.topic, known);
        taken
    }

    /// What the last message at this topic gave found no room: what looks like a copy of it is to be taken.
    pub(super) fn dropped(&mut self, topic: &str) {
        let Some(Known::Other(topic)) = self.topics.at(topic) else {
            return;
        };
        if let Some(copies) = &mut topic.copies {
            copies.forget();
        }
        for meaning in &topic.meanings {
            if let Whose::Labelled(_, said) = &meaning.whose {
                self.reader.machines.untell(said);
            }
        }
    }
}

impl Reader {
    /// Takes a topic apart.
    fn learn(&mut self, topic: &str, now: Mono) -> Known {
        let (mut meanings, mut stranger) = (Vec::new(), None);
        let (mut filters, mut shortest) = (BTreeSet::new(), Duration::MAX);
        for (at, listening) in (0..).zip(&self.subscriptions) {
            let subscription = &listening.subscription;
            let Some(captures) = subscription.template.captures(topic) else {
                continue;
            };
            filters.insert(subscription.template.filter());
            shortest = shortest.min(subscription.stale_after);
            let named = captures.iter().find(|(name, _)| *name == MACHINE);
            let machine = match named {
                Some((_, text)) => to_id(text).map(|id| id.0),
                None => subscription.machines.first().cloned(),
            };
            let mut captures = captures.clone();
            captures.retain(|(name, _)| *name != MACHINE);
            let place = machine.as_ref().and_then(|id| listening.place_of(id));
            let whose = match (place, named, &subscription.discovers) {
                (Some(place), ..) if captures.is_empty() => Whose::Configured(place),
                (Some(place), ..) => {
                    let who = Who {
                        id: machine.unwrap_or_default(),
                        ..Who::default()
                    };
                    let said = self.machines.learn(who, &captures, now);
                    Whose::Labelled(place, Box::new(said))
                }
                (None, Some((_, name)), Some(class)) => {
                    if let Some(why) = mistake(name, machine.as_deref()) {
                        stranger = Some(Stranger::new(name, Some(why)));
                        continue;
                    }
                    let who = Who {
                        class: Some(Arc::clone(class)),
                        id: machine.unwrap_or_default(),
                        name: (*name).into(),
                        ..Who::default()
                    };
                    let said = self.machines.learn(who, &captures, now);
                    Whose::Discovered(Box::new(said))
                }
                (None, named, _) => {
                    let named = named.map(|(_, name)| Stranger::new(name, None));
                    stranger = named.or(stranger);
                    continue;
                }
            };
            meanings.push(Meaning {
                subscription: at,
                whose,
            });
        }
        Known::from(Topic {
            stranger: stranger.filter(|_| meanings.is_empty()),
            meanings: meanings.into(),
            copies: Copies::of(filters.len(), shortest),
        })
    }

    fn take(&mut self, known: &mut Known, message: &Message, connection: u64) -> Taken {
        let mut taken = Taken::default();
        let topic = match known {
            &mut Known::Plain {
                subscription,
                machine,
            } => {
                let whose = Whose::Configured(machine);
                self.mean(subscription, &whose, message, &mut taken);
                return taken;
            }
            Known::Other(topic) => topic,
        };
        if let Some(copies) = &mut topic.copies
            && copies.is_copy(message, connection)
        {
            taken.copy = true;
            return taken;
        }
        for of in &topic.meanings {
            self.mean(of.subscription, &of.whose, message, &mut taken);
        }
        if let Some(Stranger { name, why }) = &topic.stranger {
            taken.unknown = true;
            if self.strangers.len() < UNKNOWN && !self.strangers.contains(&**name) {
                self.strangers.insert(name.to_string());
                taken.remarks.push(match why {
                    Some(why) => Remark::NoMachine(shown(name), why),
                    None => Remark::UnknownMachine(shown(name)),
                });
            }
        }
        taken
    }

    /// What a message means to one subscription.
    fn mean(&mut self, subscription: u32, whose: &Whose, message: &Message, taken: &mut Taken) {
        let listening = &mut self.subscriptions[subscription as usize];
        let retained = match (message.retain, listening.subscription.retained) {
            (false, _) => Retained::No,
            (true, Some(retained)) => retained,
            (true, None) => return,
        };
        let now = self.steady.at(message.at);
        let before = taken.samples.len();
        listening.take(whose, message, retained, now, taken);
        let (Whose::Labelled(_, said) | Whose::Discovered(said)) = whose else {
            return;
        };
        let dispute = self.machines.hear(said, message.at.mono);
        taken.remarks.extend(dispute.map(Remark::Disputed));
        if let Whose::Discovered(said) = whose {
            let who = Arc::clone(self.machines.who(said));
            let samples = taken.samples.split_off(before);
            taken.heard.push((who, samples));
        } else {
            let told = self.machines.tell(said);
            taken.heard.extend(told.map(|who| (who, Vec::new())));
        }
    }
}

impl Listening {
    /// The place of a machine among those of the subscription.
    fn place_of(&self, id: &str) -> Option<u32> {
        let machines = &self.subscription.machines;
        let of = |at: &u32| (*machines[*at as usize]).cmp(id);
        let found = self.by_id.binary_search_by(of).ok();
        found.map(|at| self.by_id[at])
    }

    /// Its tags of a machine.
    fn tags_of(&self, whose: &Whose) -> &[Option<TagId>] {
        match whose {
            Whose::Configured(machine) | Whose::Labelled(machine, _) => {
                let count = self.subscription.tags.len();
                let first = *machine as usize * count;
                &self.tags[first..first + count]
            }
            Whose::Discovered(_) => &self.places,
        }
    }

    fn take(
        &mut self,
        whose: &Whose,
        message: &Message,
        retained: Retained,
        now: Wall,
        taken: &mut Taken,
    ) {
        let contents = read(message, &self.subscription, now);
        let now = message.at.mono;
        let fault = contents.fault;
        let fault = fault.map(|fault| fault.say(&self.subscription.tags));
        taken.remarks.extend(match &fault {
            Some(why) => {
                let said = self.faults.failed(now).map(Say::count);
                let why = why.clone();
                said.map(|count| Remark::Fault { why, count })
            }
            None => {
                let said = self.faults.fine(now).map(Say::count);
                said.map(|count| Remark::FaultEnded { count })
            }
        });
        taken.fault = taken.fault.take().or(fault);
        let tags = self.tags_of(whose);
        let samples = contents.readings.into_iter().filter_map(|of| {
            Some(Sample {
                tag: (*tags.get(of.tag)?)?,
                reading: of.reading,
                stamp: of.stamp,
                retained,
            })
        });
        taken.samples.extend(samples);
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
