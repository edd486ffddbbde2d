//! A flood: messages at QoS 0 for which the loop has no room. They are dropped, counted, and alerted on while that goes on.
//!
//! At QoS 1 there is nothing to say: the broker waits.

use crate::{
    clock::Mono,
    source::{
        tally::{Complaint, Count, Tally},
        trouble::{Say, Trouble},
    },
};

/// What it is called.
const MESSAGE: &str = "messages at QoS 0 are dropped: they come faster than they are dealt with";
const ACTION: &str = "Have them published and subscribed to at QoS 1, so that they wait at the broker, or less often.";
/// Names it among the complaints of a source.
const FLOOD: &str = "flood";

/// Whether a flood is on.
#[derive(Debug)]
pub(super) struct Flood {
    drops: Trouble,
    tally: Tally,
}

impl Flood {
    pub(super) fn new(tally: Tally) -> Self {
        let drops = Trouble::default();
        Self { drops, tally }
    }

    /// A message of this topic was dropped. What the log should say.
    pub(super) fn dropped(&mut self, topic: &str, now: Mono) -> Option<String> {
        self.tally.trouble(Count::Dropped, now, || topic.to_owned());
        let say = self.drops.failed(now)?;
        if say == Say::Started {
            let message = MESSAGE.to_owned();
            let action = ACTION;
            self.tally.complain(FLOOD, Complaint { message, action });
        }
        Some(format!("{MESSAGE} ({} so far)", say.count()))
    }

    /// Called now and then: a minute after the last drop it is over. What the log should say.
    pub(super) fn look(&mut self, now: Mono) -> Option<String> {
        let say = self.drops.fine(now)?;
        self.tally.settle(FLOOD);
        Some(format!(
            "no more messages are dropped, after {}",
            say.count()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Mono {
        Mono::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_flood_is_one_complaint_from_its_first_drop_until_a_minute_after_its_last() {
        let tally = Tally::default();
        let mut flood = Flood::new(tally.clone());
        let mut said = Vec::new();
        for second in 0..100 {
            said.extend(flood.dropped("a/b", at(second)));
            said.extend(flood.look(at(second)));
            assert_eq!(tally.complaints().len(), 1, "at {second} s");
        }
        said.extend(flood.look(at(158)));
        assert_eq!(tally.complaints()[0].message, MESSAGE);
        said.extend(flood.look(at(159)));
        assert_eq!(tally.complaints(), []);
        said.extend(flood.look(at(9999)));
        let first = format!("{MESSAGE} (1 so far)");
        assert_eq!(
            said,
            [first, "no more messages are dropped, after 100".to_owned()]
        );
        let counted = tally.counted();
        let dropped = counted.iter().find(|of| of.word == "dropped").unwrap();
        assert_eq!(dropped.number, 100);
    }
}
