//! The subscriptions of one connection: which packet asks for which filters, and what waits for the broker's answer. Pure.

use std::{collections::HashMap, time::Duration};

use super::{publishing::LAST_ID, wire::Granted};
use crate::clock::Mono;

/// Filters in one SUBSCRIBE packet; some brokers allow no more.
const CHUNK: usize = 8;

/// Filters by their index in [`super::Options::filters`].
#[derive(Debug)]
pub(super) struct Subscribing {
    /// By packet ids.
    waiting: HashMap<u16, Vec<usize>>,
    since: Mono,
}

impl Subscribing {
    /// Asks for so many filters, now.
    pub(super) fn new(filters: usize, now: Mono) -> Self {
        let all: Vec<usize> = (0..filters).collect();
        let ids = LAST_ID + 1..;
        let chunks = all.chunks(CHUNK).map(<[usize]>::to_vec);
        Self {
            waiting: ids.zip(chunks).collect(),
            since: now,
        }
    }

    /// Packet ids, each with the filters that its packet is to ask for, in order.
    pub(super) fn packets(&self) -> Vec<(u16, Vec<usize>)> {
        let mut packets: Vec<_> = self.waiting.clone().into_iter().collect();
        packets.sort_unstable();
        packets
    }

    /// The broker's answer to each filter of a packet; nothing for one that does not wait, and for what it left out.
    pub(super) fn answered(&mut self, pkid: u16, answers: Vec<Granted>) -> Vec<(usize, Granted)> {
        let filters = self.waiting.remove(&pkid).unwrap_or_default();
        filters.into_iter().zip(answers).collect()
    }

    /// Whether an answer is overdue.
    pub(super) fn is_overdue(&self, now: Mono, limit: Duration) -> bool {
        !self.waiting.is_empty() && now.since(self.since) > limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::mqtt::Qos;

    #[test]
    fn an_answer_is_found_by_its_place() {
        let t0 = Mono::from_nanos(0);
        let mut subscribing = Subscribing::new(10, t0);
        let packets = subscribing.packets();
        assert_eq!(packets[0].1, (0..8).collect::<Vec<_>>());
        assert_eq!(packets[1].1, [8, 9]);
        let answers = vec![Ok(Qos::AtMostOnce), Err("no".to_owned())];
        assert_eq!(
            subscribing.answered(packets[1].0, answers),
            [(8, Ok(Qos::AtMostOnce)), (9, Err("no".to_owned()))]
        );
        assert_eq!(
            subscribing.answered(packets[1].0, vec![Ok(Qos::AtMostOnce)]),
            []
        );
        let limit = Duration::from_secs(1);
        assert!(!subscribing.is_overdue(t0 + limit, limit));
        assert!(subscribing.is_overdue(t0 + limit * 2, limit));
        subscribing.answered(packets[0].0, Vec::new());
        assert!(!subscribing.is_overdue(t0 + limit * 2, limit));
    }
}
