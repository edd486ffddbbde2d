//! The samples of messages that came together, gathered into one batch. Pure.

use std::ops::Range;

use super::session::Taken;
use crate::{link::mqtt::Token, sample::Sample, source::Heard};

/// A batch has no more samples than this and those of one message, as the loop's queue counts batches.
const FULL: usize = 256;

/// Samples, and what is to be acknowledged once they are on disk.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) samples: Vec<Sample>,
    /// What is heard of machines by their names, each at its place among the samples.
    pub(super) heard: Vec<Heard>,
    pub(super) token: Option<Token>,
    /// Something is to be acknowledged that is a copy of what may not be on disk yet.
    pub(super) has_copies: bool,
    /// What came at QoS 0: nobody sends it again, and nobody waits for it.
    loose: Vec<Loose>,
    /// How many samples there are in all.
    count: usize,
}

/// Where that of one message at QoS 0 is, and its topic.
#[derive(Debug)]
struct Loose {
    samples: Range<usize>,
    heard: Range<usize>,
    topic: String,
}

impl Gathered {
    /// Adds what came of a message.
    pub(super) fn add(&mut self, token: Option<Token>, taken: Taken, topic: String) {
        let (before, first) = (self.samples.len(), self.heard.len());
        let heard = taken.heard.into_iter();
        self.heard.extend(heard.map(|(of, samples)| Heard {
            before,
            of,
            samples,
        }));
        self.samples.extend(taken.samples);
        self.has_copies |= taken.copy;
        let (samples, heard) = (before..self.samples.len(), first..self.heard.len());
        let named = self.heard[heard.clone()].iter();
        self.count += samples.len() + named.map(|of| of.samples.len()).sum::<usize>();
        match (token, self.token) {
            (Some(token), Some(first)) => self.token = Some(first.to(token)),
            (Some(token), None) => self.token = Some(token),
            (None, _) if samples.is_empty() && heard.is_empty() => {}
            (None, _) => self.loose.push(Loose {
                samples,
                heard,
                topic,
            }),
        }
    }

    /// Adds samples that are dropped in no case.
    pub(super) fn extend(&mut self, samples: Vec<Sample>) {
        self.count += samples.len();
        self.samples.extend(samples);
    }

    pub(super) fn is_full(&self) -> bool {
        self.count >= FULL
    }

    /// How many samples came of the messages.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether nothing came of the messages.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.heard.is_empty()
    }

    /// Leaves out what came at QoS 0; says from which topics, message by message.
    pub(super) fn drop_loose(&mut self) -> Vec<String> {
        let loose = std::mem::take(&mut self.loose);
        for of in loose.iter().rev() {
            self.samples.drain(of.samples.clone());
            self.heard.drain(of.heard.clone());
            for later in &mut self.heard[of.heard.start..] {
                later.before -= of.samples.len();
            }
        }
        loose.into_iter().map(|of| of.topic).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        sample::{Bad, Reading, TagId},
        source::Who,
    };

    fn samples(tags: &[u32]) -> Vec<Sample> {
        let sample = |tag: &u32| Sample::new(TagId(*tag), Reading::Bad(Bad::Malformed));
        tags.iter().map(sample).collect()
    }

    #[test]
    fn what_nobody_waits_for_is_left_out_and_the_rest_keeps_its_order() {
        let mut gathered = Gathered::default();
        let [first, second] = [1, 2].map(Token::for_tests);
        let mut add = |token, tags: &[u32], topic: &str| {
            let samples = samples(tags);
            let taken = Taken {
                samples,
                ..Taken::default()
            };
            gathered.add(token, taken, topic.to_owned());
        };
        add(None, &[1, 2], "a");
        add(Some(first), &[3], "b");
        add(None, &[], "c");
        add(None, &[4], "d");
        add(Some(second), &[5], "e");
        assert_eq!(gathered.token, Some(first.to(second)));
        assert_eq!(gathered.drop_loose(), ["a", "d"]);
        assert_eq!(gathered.samples, samples(&[3, 5]));
        assert_eq!(gathered.drop_loose(), [""; 0]);
    }

    #[test]
    fn what_is_heard_of_machines_keeps_its_place_and_is_left_out_with_its_message() {
        let mut gathered = Gathered::default();
        let mut add = |token, tags: &[u32], named: &[(&str, &[u32])]| {
            let heard = named.iter().map(|(id, tags)| {
                let who = Who {
                    id: (*id).into(),
                    ..Who::default()
                };
                (Arc::new(who), samples(tags))
            });
            let taken = Taken {
                samples: samples(tags),
                heard: heard.collect(),
                ..Taken::default()
            };
            gathered.add(token, taken, "t".to_owned());
        };
        let token = Some(Token::for_tests(1));
        add(None, &[1, 2], &[("lost", &[])]);
        add(token, &[3], &[("first", &[0, 1])]);
        add(None, &[], &[("lost", &[0])]);
        add(token, &[4], &[]);
        add(token, &[], &[("last", &[0])]);
        let places = |gathered: &Gathered| -> Vec<(usize, String)> {
            let heard = gathered.heard.iter();
            heard.map(|of| (of.before, of.of.id.to_string())).collect()
        };
        assert_eq!(gathered.count, 8);
        assert_eq!(gathered.drop_loose().len(), 2);
        assert_eq!(gathered.samples, samples(&[3, 4]));
        let expected = [(0, "first".to_owned()), (2, "last".to_owned())];
        assert_eq!(places(&gathered), expected);
        assert!(!gathered.is_empty());
    }
}
