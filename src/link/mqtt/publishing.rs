//! Which publishes are under way, and who waits for their end. Pure.

use std::collections::HashMap;

use tokio::sync::oneshot;

/// How many publishes may be under way.
const UNDER_WAY: usize = 16;
/// Packet ids of publishes are 1 to this; those of subscriptions lie above, so that none meets another.
pub(super) const LAST_ID: u16 = 0x7FFF;

/// Hears how a publish ended: acknowledged, or refused and why.
pub(super) type Done = oneshot::Sender<Result<(), String>>;

/// Publishes that have not ended.
#[derive(Debug)]
pub(super) struct Publishing {
    /// By their packet ids; with nobody who waits where it is none's business.
    waiting: HashMap<u16, Option<Done>>,
    /// Those at QoS 0 that have not left.
    leaving: Vec<Done>,
    last: u16,
    most: usize,
}

impl Publishing {
    /// `most` may be at the broker at once, as far as it says.
    pub(super) fn new(most: u16) -> Self {
        Self {
            waiting: HashMap::new(),
            leaving: Vec::new(),
            last: 0,
            most: UNDER_WAY.min(usize::from(most).max(1)),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() + self.leaving.len() >= self.most
    }

    /// Notes a publish at QoS 1 and gives it a packet id that no other has.
    pub(super) fn at_least_once(&mut self, done: Option<Done>) -> u16 {
        // There are far more ids than may be under way.
        loop {
            self.last = self.last % LAST_ID + 1;
            if !self.waiting.contains_key(&self.last) {
                break;
            }
        }
        self.waiting.insert(self.last, done);
        self.last
    }

    /// Notes a publish at QoS 0.
    pub(super) fn at_most_once(&mut self, done: Option<Done>) {
        self.leaving.extend(done);
    }

    /// Everything that was to be sent is sent.
    pub(super) fn left(&mut self) {
        for done in self.leaving.drain(..) {
            tell(done, Ok(()));
        }
    }

    /// The broker answered this packet id; one that is not waiting is ignored.
    pub(super) fn answered(&mut self, pkid: u16, how: Result<(), String>) {
        if let Some(Some(done)) = self.waiting.remove(&pkid) {
            tell(done, how);
        }
    }
}

fn tell(done: Done, how: Result<(), String>) {
    // Who does not wait any more does not need to hear it.
    let _ = done.send(how);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_id_is_not_given_again_while_its_publish_waits() {
        let mut publishing = Publishing::new(u16::MAX);
        let (done, mut heard) = oneshot::channel();
        assert_eq!(publishing.at_least_once(Some(done)), 1);
        for _ in 0..LAST_ID - 1 {
            let pkid = publishing.at_least_once(None);
            publishing.answered(pkid, Ok(()));
        }
        assert_eq!(publishing.at_least_once(None), 2, "1 is taken");
        publishing.answered(1, Err("no".to_owned()));
        assert_eq!(heard.try_recv(), Ok(Err("no".to_owned())));
        publishing.answered(1, Ok(()));
    }

    #[test]
    fn no_more_are_under_way_than_the_broker_takes() {
        for (broker, most) in [(0, 1), (1, 1), (3, 3), (u16::MAX, UNDER_WAY)] {
            let mut publishing = Publishing::new(broker);
            let mut count = 0;
            while !publishing.is_full() {
                publishing.at_least_once(None);
                count += 1;
            }
            assert_eq!(count, most, "{broker}");
        }
    }
}
