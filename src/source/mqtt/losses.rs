//! What is lost, and that it is said: messages at QoS 0 for which the loop has no room, which are dropped, counted, and alerted on while that
//! goes on; and sessions that the broker has forgotten, with what waited in them.
//!
//! Of a flood at QoS 1 there is nothing to say: the broker waits.

use super::topic::shown;
use crate::{
    clock::Mono,
    source::{
        tally::{Complaint, Count, Tally},
        trouble::{Say, Trouble},
    },
};

/// What it means when there is no session any more at a broker that had one.
const FORGOTTEN: &str =
    "the broker had forgotten the session: what waited in it, and what came meanwhile, is lost";
/// What a flood is called.
const MESSAGE: &str = "messages at QoS 0 are dropped: they come faster than they are dealt with";
const ACTION: &str = "Have them published and subscribed to at QoS 1, so that they wait at the broker, or less often.";
/// Names it among the complaints of a source.
const FLOOD: &str = "flood";

/// What is lost of one source.
#[derive(Debug)]
pub(super) struct Losses {
    drops: Trouble,
    /// The broker has accepted a connection of this run.
    is_known: bool,
    tally: Tally,
}

impl Losses {
    pub(super) fn new(tally: Tally) -> Self {
        Self {
            drops: Trouble::default(),
            is_known: false,
            tally,
        }
    }

    /// The broker has accepted a connection, and still knew the session, or was not to. What the log should say.
    pub(super) fn accepted(&mut self, knows_us: bool, now: Mono) -> Option<&'static str> {
        let was_known = std::mem::replace(&mut self.is_known, true);
        (was_known && !knows_us).then(|| {
            let why = || FORGOTTEN.to_owned();
            self.tally.trouble(Count::SessionsForgotten, now, why);
            FORGOTTEN
        })
    }

    /// A message of this topic was dropped. What the log should say.
    pub(super) fn dropped(&mut self, topic: &str, now: Mono) -> Option<String> {
        self.tally.trouble(Count::Dropped, now, || shown(topic));
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
    fn a_session_is_forgotten_only_where_there_was_one() {
        let tally = Tally::default();
        let mut losses = Losses::new(tally.clone());
        let said = [false, true, false, false].map(|knows| losses.accepted(knows, at(0)));
        assert_eq!(said, [None, None, Some(FORGOTTEN), Some(FORGOTTEN)]);
        let counted = tally.counted();
        let forgotten = counted.iter().find(|of| of.word == "sessions_forgotten");
        assert_eq!(forgotten.unwrap().number, 2);
    }

    #[test]
    fn a_flood_is_one_complaint_from_its_first_drop_until_a_minute_after_its_last() {
        let tally = Tally::default();
        let mut flood = Losses::new(tally.clone());
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
