//! Which publishes wait for the broker's acknowledgement. Pure.
//!
//! rumqttc gives no handle for a publish: its packet id is only told when it leaves, in the order in which it was queued.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

/// How many publishes may be under way; far below the 100 packet ids after which rumqttc would reuse one that is taken.
const UNDER_WAY: usize = 16;

/// Publishes that are queued, and those that have left and are not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Publishing {
    queued: VecDeque<Option<oneshot::Sender<()>>>,
    left: HashMap<u16, Option<oneshot::Sender<()>>>,
}

impl Publishing {
    pub(super) fn is_full(&self) -> bool {
        self.queued.len() + self.left.len() >= UNDER_WAY
    }

    /// Notes a publish; `done` hears of its end.
    pub(super) fn queued(&mut self, done: Option<oneshot::Sender<()>>) {
        self.queued.push_back(done);
    }

    /// The oldest queued publish left with this packet id; 0 needs no acknowledgement.
    pub(super) fn left(&mut self, pkid: u16) {
        match (self.queued.pop_front(), pkid) {
            (Some(done), 0) => tell(done),
            (Some(done), pkid) => {
                self.left.insert(pkid, done);
            }
            (None, _) => {}
        }
    }

    /// The broker acknowledged this packet id.
    pub(super) fn acknowledged(&mut self, pkid: u16) {
        if let Some(done) = self.left.remove(&pkid) {
            tell(done);
        }
    }
}

fn tell(done: Option<oneshot::Sender<()>>) {
    if let Some(done) = done {
        // Who does not wait any more does not need to hear it.
        let _ = done.send(());
    }
}
