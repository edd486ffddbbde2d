//! The subscriptions of one connection: what is to be sent, what waits for the broker's confirmation. Pure.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use rumqttc::{SubAck, SubscribeReasonCode};

use crate::clock::Mono;

/// Filters in one SUBSCRIBE packet; some brokers allow no more.
const CHUNK: usize = 8;

/// Filters by their index in [`super::Options::filters`].
#[derive(Debug, Default)]
pub(super) struct Subscribing {
    plan: VecDeque<Vec<usize>>,
    /// Queued to rumqttc, which tells packet ids in this order.
    queued: VecDeque<Vec<usize>>,
    confirming: HashMap<u16, (Vec<usize>, Mono)>,
    one_by_one: bool,
    /// While looking one by one: the filter sent last and when.
    suspect: Option<(usize, Mono)>,
}

impl Subscribing {
    /// Subscribes to these filters, many in one packet or each with time to see what comes of it.
    pub(super) fn new(filters: impl Iterator<Item = usize>, one_by_one: bool) -> Self {
        let filters: Vec<usize> = filters.collect();
        let size = if one_by_one { 1 } else { CHUNK };
        Self {
            plan: filters.chunks(size).map(<[usize]>::to_vec).collect(),
            one_by_one,
            ..Self::default()
        }
    }

    /// Adds one filter that is to be looked at alone.
    pub(super) fn add_suspect(&mut self, filter: usize) {
        self.one_by_one = true;
        self.plan.push_back(vec![filter]);
    }

    /// The next filters to send, if it is time.
    pub(super) fn next(&mut self, now: Mono, settle: Duration) -> Option<Vec<usize>> {
        if self.one_by_one {
            if let Some((_, since)) = self.suspect
                && (now.since(since) < settle || !self.all_confirmed())
            {
                return None;
            }
            self.suspect = None;
        }
        let filters = self.plan.pop_front()?;
        if self.one_by_one {
            self.suspect = filters.first().map(|filter| (*filter, now));
        }
        self.queued.push_back(filters.clone());
        Some(filters)
    }

    /// The oldest queued packet left with this id.
    pub(super) fn left(&mut self, pkid: u16, now: Mono) {
        if let Some(filters) = self.queued.pop_front() {
            self.confirming.insert(pkid, (filters, now));
        }
    }

    /// Filters that the broker refused.
    pub(super) fn confirmed(&mut self, ack: &SubAck) -> Vec<usize> {
        let Some((filters, _)) = self.confirming.remove(&ack.pkid) else {
            return Vec::new();
        };
        let codes = filters.into_iter().zip(&ack.return_codes);
        codes
            .filter(|(_, code)| **code == SubscribeReasonCode::Failure)
            .map(|(filter, _)| filter)
            .collect()
    }

    /// Whether a confirmation is overdue.
    pub(super) fn is_overdue(&self, now: Mono, limit: Duration) -> bool {
        self.confirming
            .values()
            .any(|(_, since)| now.since(*since) > limit)
    }

    /// The filter to blame for a packet that cannot be read, if there is one.
    pub(super) fn suspect(&self) -> Option<usize> {
        self.suspect.map(|(filter, _)| filter)
    }

    /// Everything is sent and nothing is suspected: the search, if there was one, is over.
    pub(super) fn is_settled(&self) -> bool {
        self.plan.is_empty() && self.suspect.is_none() && self.all_confirmed()
    }

    fn all_confirmed(&self) -> bool {
        self.queued.is_empty() && self.confirming.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::QoS;

    use super::*;

    const T0: Mono = Mono::from_nanos(0);
    const SETTLE: Duration = Duration::from_secs(1);

    #[test]
    fn a_refused_filter_is_found_by_its_place() {
        let mut subscribing = Subscribing::new(0..10, false);
        let sent = |subscribing: &mut Subscribing| subscribing.next(T0, SETTLE).map(|f| f.len());
        assert_eq!(sent(&mut subscribing), Some(8));
        assert_eq!(sent(&mut subscribing), Some(2));
        assert_eq!(sent(&mut subscribing), None);
        subscribing.left(1, T0);
        subscribing.left(2, T0);
        assert!(subscribing.is_overdue(T0 + SETTLE, Duration::ZERO));
        let codes = vec![
            SubscribeReasonCode::Success(QoS::AtMostOnce),
            SubscribeReasonCode::Failure,
        ];
        assert_eq!(subscribing.confirmed(&SubAck::new(2, codes)), [9]);
        assert!(!subscribing.is_settled());
        assert_eq!(
            subscribing.confirmed(&SubAck::new(1, Vec::new())),
            [0_usize; 0]
        );
        assert!(subscribing.is_settled());
    }

    #[test]
    fn one_by_one_waits_until_a_filter_has_shown_that_it_is_harmless() {
        let mut subscribing = Subscribing::new(0..2, true);
        assert_eq!(subscribing.next(T0, SETTLE), Some(vec![0]));
        subscribing.left(1, T0);
        assert_eq!(subscribing.next(T0 + SETTLE, SETTLE), None, "not confirmed");
        subscribing.confirmed(&SubAck::new(1, Vec::new()));
        assert_eq!(subscribing.next(T0, SETTLE), None, "not settled");
        assert_eq!(subscribing.suspect(), Some(0));
        assert_eq!(subscribing.next(T0 + SETTLE, SETTLE), Some(vec![1]));
        assert_eq!(subscribing.suspect(), Some(1));
    }
}
