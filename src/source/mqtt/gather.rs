//! The samples of messages that came together, gathered into one batch. Pure.

use std::ops::Range;

use super::session::Taken;
use crate::{link::mqtt::Token, sample::Sample};

/// A batch has no more samples than this and those of one message, as the loop's queue counts batches.
const FULL: usize = 256;

/// Samples, and what is to be acknowledged once they are on disk.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) samples: Vec<Sample>,
    pub(super) token: Option<Token>,
    /// Something is to be acknowledged that is a copy of what may not be on disk yet.
    pub(super) has_copies: bool,
    /// Where the samples of messages at QoS 0 are, and their topics: nobody sends them again, and nobody waits for them.
    loose: Vec<(Range<usize>, String)>,
}

impl Gathered {
    /// Adds what came of a message.
    pub(super) fn add(&mut self, token: Option<Token>, taken: Taken, topic: String) {
        let begin = self.samples.len();
        self.samples.extend(taken.samples);
        self.has_copies |= taken.copy;
        let range = begin..self.samples.len();
        match (token, self.token) {
            (Some(token), Some(first)) => self.token = Some(first.to(token)),
            (Some(token), None) => self.token = Some(token),
            (None, _) if range.is_empty() => {}
            (None, _) => self.loose.push((range, topic)),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.samples.len() >= FULL
    }

    /// Leaves out what came at QoS 0; says from which topics, message by message.
    pub(super) fn drop_loose(&mut self) -> Vec<String> {
        let loose = std::mem::take(&mut self.loose);
        for (range, _) in loose.iter().rev() {
            self.samples.drain(range.clone());
        }
        loose.into_iter().map(|(_, topic)| topic).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{Bad, Reading, TagId};

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
}
