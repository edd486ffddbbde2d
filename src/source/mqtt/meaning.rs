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
    sync::Arc,
    time::Duration,
};

use crate::{clock::Mono, link::mqtt::Message, sample::TagId};

/// So many topics are remembered at most.
const TOPICS: usize = 65_536;
/// Their names take so many bytes at most.
const BYTES: usize = 4 << 20;
/// A longer topic is taken apart each time.
const LONGEST: usize = 512;
/// Copies of a message follow it within this time. Half of the shortest `stale_after`: two that are left out in a row, with what is
/// taken between them, are less than that apart.
const COPY_WITHIN: Duration = Duration::from_millis(500);

/// The tags of one machine, in the order of its subscription's; none where nobody asked for it.
pub(super) type Tags = Arc<[Option<TagId>]>;

/// What messages at one topic mean.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// For each subscription that takes it, in their order.
    pub(super) meanings: Box<[Meaning]>,
    /// The machine that it names, if nobody knows that.
    pub(super) stranger: Option<Box<str>>,
    /// There if several filters of ours match.
    pub(super) copies: Option<Box<Copies>>,
}

/// What a message means to one subscription.
#[derive(Clone, Debug)]
pub(super) struct Meaning {
    /// Which one.
    pub(super) subscription: u32,
    /// Its tags of the machine.
    pub(super) tags: Tags,
}

/// Tells copies of a message from the next message.
#[derive(Debug)]
pub(super) struct Copies {
    /// How many copies may follow a message.
    further: u16,
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
    /// For a topic that so many filters of ours match.
    pub(super) fn of(filters: usize) -> Option<Box<Self>> {
        let further = u16::try_from(filters.saturating_sub(1)).unwrap_or(u16::MAX);
        let copies = Self {
            further,
            last: None,
        };
        (further > 0).then(|| Box::new(copies))
    }

    /// Whether this is a copy of the message before; if not, it is the one that copies may follow.
    pub(super) fn is_copy(&mut self, message: &Message, connection: u64) -> bool {
        let hash = hash(message);
        if let Some(last) = &mut self.last
            && last.left > 0
            && last.hash == hash
            && last.retain == message.retain
            && last.connection == connection
            && message.at.mono.since(last.at) < COPY_WITHIN
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
        let mut copies = Copies::of(3).expect("several filters");
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
        assert!(Copies::of(1).is_none() && Copies::of(0).is_none());
    }

    #[test]
    fn nothing_is_a_copy_of_what_came_over_another_connection_or_was_not_taken() {
        let mut copies = Copies::of(2).expect("several filters");
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
    fn what_is_remembered_is_bounded() {
        let mut topics = Topics::default();
        for at in 0..TOPICS + 10 {
            topics.keep(&format!("{at:0>60}"), Known::default());
        }
        assert!(topics.known.len() <= TOPICS);
        assert!(topics.known.keys().map(|topic| topic.len()).sum::<usize>() <= BYTES);
        topics.clear();
        topics.keep(&"a".repeat(LONGEST + 1), Known::default());
        assert!(topics.known.is_empty());
        topics.keep("a", Known::default());
        assert!(topics.at("a").is_some());
    }
}
