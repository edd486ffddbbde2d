//! The late policy `digest`: what grew old while a destination was away is told in few messages, without leaving anything out. What is
//! late is decided by the desk.

use super::{
    LaneKey,
    desk::Desk,
    lane::{Lane, Pending},
};
use crate::{clock::Mono, destination::Late};

/// The most events of one digest.
const DIGEST: usize = 100;

impl Desk {
    /// What is told together with the first of a lane that is late: what is late in all lanes, the worst first, at most as much
    /// as one digest holds. Nothing, if it is to be told alone, as a critical alert is that still calls: it must ring.
    pub(super) fn gather(&self, first: LaneKey, now: Mono) -> Vec<(LaneKey, Vec<i64>)> {
        let rings = |key: &LaneKey| self.queues.lane(*key).is_some_and(Lane::rings);
        if self.plan.late != Late::Digest || !self.is_late(first, now) || rings(&first) {
            return Vec::new();
        }
        let before = self.late_line(now);
        let others = self.queues.ready();
        let others = others.filter(|key| *key != first && !rings(key));
        let mut gathered = Vec::new();
        let mut room = DIGEST;
        for key in std::iter::once(first).chain(others) {
            let Some(lane) = self.queues.lane(key).filter(|_| room > 0) else {
                break;
            };
            let goes = |(_, row): &(i64, &Pending)| Some(row.decided) <= before && !row.alone;
            let rows = lane.rows().take_while(goes).take(room);
            let rows: Vec<i64> = rows.map(|(id, _)| id).collect();
            room -= rows.len();
            if !rows.is_empty() {
                gathered.push((key, rows));
            } else if key == first {
                return Vec::new();
            }
        }
        match DIGEST - room {
            0 | 1 => Vec::new(),
            _ => gathered,
        }
    }
}
