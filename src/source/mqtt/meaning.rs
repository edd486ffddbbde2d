//! What topics mean, remembered: whose tags a message at a topic gives, and whether it is a copy of the one before.
//!
//! A plant publishes at the same topics for years, so each is taken apart once and found by one look-up from then on. What is
//! remembered is bounded; beyond the bound everything is forgotten and learned anew, which costs time and nothing else.
//!
//! A broker may send one message once for each of our filters that its topic matches (MQTT 3.1.1, 3.3.5; mosquitto 2.0 does so in
//! version 5, and in both versions for what it had kept). Which filter a copy is for is not always said, so copies are told by
//! what they are: the same payload at the same topic, within [`COPY_WITHIN`], at most one for each further filter. A sender that
//! really says the same twice so fast loses nothing by it: its value is the same, and the shortest `stale_after` is twice as long.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use super::machines::Said;
use crate::{clock::Mono, link::mqtt::Message};

/// So many topics are remembered at most.
const TOPICS: usize = 65_536;
/// Their names take so many bytes at most.
const BYTES: usize = 4 << 20;
/// A longer topic is taken apart each time.
const LONGEST: usize = 512;
/// So many characters of the name of a stranger are kept.
const LONGEST_NAME: usize = 64;
/// Copies of a message follow it within this time, where nothing of the topic is stale sooner than after twice as long: what waits
/// for its acknowledgement is on disk within a second, and meanwhile the broker may hold copies back, or nothing is read.
const COPY_WITHIN: Duration = Duration::from_secs(2);

/// What messages at one topic mean.
#[derive(Debug)]
pub(super) enum Known {
    /// One subscription takes it, for a machine that is configured. So it is with nearly all of tens of thousands of topics, whose
    /// meaning therefore takes no more room than this.
    Plain {
        /// Which one.
        subscription: u32,
        /// The place of the machine among those of the subscription.
        machine: u32,
    },
    /// Anything else.
    Other(Box<Topic>),
}

/// What messages at a topic mean that is not [`Known::Plain`].
#[derive(Debug, Default)]
pub(super) struct Topic {
    /// For each subscription that takes it, in their order.
    pub(super) meanings: Box<[Meaning]>,
    /// The machine that it names, if nobody knows that.
    pub(super) stranger: Option<Stranger>,
    /// There if several filters of ours match.
    pub(super) copies: Option<Copies>,
}

impl From<Topic> for Known {
    fn from(topic: Topic) -> Self {
        match (&*topic.meanings, &topic.stranger, &topic.copies) {
            (
                &[
                    Meaning {
                        subscription,
                        whose: Whose::Configured(machine),
                    },
                ],
                None,
                None,
            ) => Self::Plain {
                subscription,
                machine,
            },
            _ => Self::Other(Box::new(topic)),
        }
    }
}

/// What a message means to one subscription.
#[derive(Clone, Debug)]
pub(super) struct Meaning {
    /// Which one.
    pub(super) subscription: u32,
    /// Whose tags it gives.
    pub(super) whose: Whose,
}

/// Whose tags a message gives.
#[derive(Clone, Debug)]
pub(super) enum Whose {
    /// A machine's that is configured, by its place among those of the subscription.
    Configured(u32),
    /// The same, and the topic says more of it.
    Labelled(u32, Box<Said>),
    /// A machine's that is not: the tags are places among those that its class has.
    Discovered(Box<Said>),
}

/// A machine that nobody knows.
#[derive(Debug)]
pub(super) struct Stranger {
    /// Its name.
    pub(super) name: Box<str>,
    /// Why it cannot be discovered, where others are.
    pub(super) why: Option<&'static str>,
}

impl Stranger {
    pub(super) fn new(name: &str, why: Option<&'static str>) -> Self {
        let name: String = name.chars().take(LONGEST_NAME).collect();
        let name = name.into_boxed_str();
        Self { name, why }
    }
}

/// Tells copies of a message from the next message.
#[derive(Debug)]
pub(super) struct Copies {
    /// How many copies may follow a message.
    further: u16,
    /// Within this time: so long that two messages which are left out in a row, with what is taken between them, make nothing stale.
    within: Duration,
    last: Option<Last>,
}

/// The message that copies may follow.
#[derive(Debug)]
struct Last {
    hash: u64,
    at: Mono,
    retain: bool,
    /// How many copies may still follow.
    left: u16,
    /// The connection that it came over, as [`Topics::begin`] counts them.
    connection: u64,
}

impl Copies {
    /// For a topic that so many filters of ours match, where something is stale after this time of silence.
    pub(super) fn of(filters: usize, stale_after: Duration) -> Option<Self> {
        let further = u16::try_from(filters.saturating_sub(1)).unwrap_or(u16::MAX);
        let copies = Self {
            further,
            within: COPY_WITHIN.min(stale_after / 2),
            last: None,
        };
        (further > 0).then_some(copies)
    }

    /// Whether this is a copy of the message before; if not, it is the one that copies may follow.
    pub(super) fn is_copy(&mut self, message: &Message, connection: u64) -> bool {
        let hash = hash(message);
        if let Some(last) = &mut self.last
            && last.left > 0
            && last.hash == hash
            && last.retain == message.retain
            && last.connection == connection
            && message.at.mono.since(last.at) < self.within
        {
            last.left -= 1;
            return true;
        }
        self.last = Some(Last {
            hash,
            at: message.at.mono,
            retain: message.retain,
            left: self.further,
            connection,
        });
        false
    }

    /// The message before was not taken after all: its copies are to be.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }
}

fn hash(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    match &message.payload {
        Ok(payload) => payload.hash(&mut hasher),
        Err(too_large) => too_large.0.hash(&mut hasher),
    }
    hasher.finish()
}

/// Everything that is remembered.
#[derive(Debug, Default)]
pub(super) struct Topics {
    known: HashMap<Box<str>, Known>,
    bytes: usize,
    connection: u64,
}

impl Topics {
    /// What is known of a topic.
    pub(super) fn at(&mut self, topic: &str) -> Option<&mut Known> {
        self.known.get_mut(topic)
    }

    /// Remembers a topic that was not known.
    pub(super) fn keep(&mut self, topic: &str, known: Known) {
        if topic.len() > LONGEST {
            return;
        }
        if self.known.len() >= TOPICS || self.bytes + topic.len() > BYTES {
            self.clear();
        }
        self.bytes += topic.len();
        self.known.insert(topic.into(), known);
    }

    /// Forgets everything: topics may mean something else now.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.bytes = 0;
    }

    /// The connection is another one, or down: what comes from here on is no copy of what came before.
    pub(super) fn begin(&mut self) {
        self.connection += 1;
    }

    /// Names the connection.
    pub(super) fn connection(&self) -> u64 {
        self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Now, Wall};

    fn message(millis: i64, payload: &str) -> Message {
        Message {
            at: Now {
                mono: Mono::from_nanos(millis * 1_000_000),
                wall: Wall::from_millis(millis),
                synchronised: true,
            },
            topic: "a/b".to_owned(),
            payload: Ok(payload.as_bytes().to_vec()),
            retain: false,
            dup: false,
            token: None,
        }
    }

    #[test]
    fn a_copy_is_the_same_payload_at_once_and_once_for_each_further_filter() {
        let mut copies = Copies::of(3, Duration::from_secs(1)).expect("several filters");
        let table = [
            (0, "1", false),
            (1, "1", true),
            (2, "1", true),
            (3, "1", false),
            (4, "2", false),
            (5, "2", true),
            (6, "1", false),
            (506, "1", false),
            (1004, "1", true),
        ];
        for (millis, payload, expected) in table {
            assert_eq!(
                copies.is_copy(&message(millis, payload), 0),
                expected,
                "{millis}"
            );
        }
        let of = |filters| Copies::of(filters, Duration::from_secs(1));
        assert!(of(1).is_none() && of(0).is_none());
    }

    #[test]
    fn a_copy_may_wait_for_a_commit_where_nothing_is_stale_so_soon() {
        for (stale_after, within) in [(1000, 500), (3000, 1500), (4000, 2000), (60_000, 2000)] {
            let mut copies = Copies::of(2, Duration::from_millis(stale_after)).expect("two");
            for (millis, expected) in [
                (0, false),
                (within - 1, true),
                (9000, false),
                (9000 + within, false),
            ] {
                let message = message(millis, "1");
                assert_eq!(
                    copies.is_copy(&message, 0),
                    expected,
                    "{stale_after}: {millis}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_a_copy_of_what_came_over_another_connection_or_was_not_taken() {
        let mut copies = Copies::of(2, Duration::from_secs(1)).expect("several filters");
        assert!(!copies.is_copy(&message(0, "1"), 0));
        assert!(!copies.is_copy(&message(1, "1"), 1));
        copies.forget();
        assert!(!copies.is_copy(&message(2, "1"), 1));
        let kept = Message {
            retain: true,
            ..message(3, "1")
        };
        assert!(!copies.is_copy(&kept, 1), "what was kept is another one");
    }

    #[test]
    fn a_topic_takes_no_more_room_than_its_name_needs() {
        // Of 10,000 topics nearly all are plain, and each of the others has a box of its own: 16 bytes more here are 260 KB in the map.
        assert!(size_of::<Known>() <= 16);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut topics = Topics::default();
        let known = || Known::from(Topic::default());
        for at in 0..TOPICS + 10 {
            topics.keep(&format!("{at:0>60}"), known());
        }
        assert!(topics.known.len() <= TOPICS);
        assert!(topics.known.keys().map(|topic| topic.len()).sum::<usize>() <= BYTES);
        topics.clear();
        topics.keep(&"a".repeat(LONGEST + 1), known());
        assert!(topics.known.is_empty());
        topics.keep("a", known());
        assert!(topics.at("a").is_some());
    }
}
