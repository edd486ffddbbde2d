//! How many attempts may start in a time: a token bucket for one destination. It knows nothing of what is tried.
//!
//! Every attempt takes a token, retries and probes included. The bucket is full at the start of the agent and after a change of
//! the rate, so the first event after it never waits; a bucket that was emptied fills evenly.

use std::time::Duration;

use crate::{clock::Mono, destination::Rate};

#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    rate: Option<Rate>,
    /// When it is full again, if nothing is taken; none while it is.
    full: Option<Mono>,
}

impl Bucket {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        Self { rate, full: None }
    }

    /// From when on there is a token; none if there is one now or no limit.
    pub(super) fn free_at(&self) -> Option<Mono> {
        let rate = self.rate?;
        Some(self.full? - interval(rate) * rate.count.saturating_sub(1))
    }

    /// Takes a token; the caller has asked whether there is one.
    pub(super) fn take(&mut self, now: Mono) {
        if let Some(rate) = self.rate {
            self.full = Some(self.full.map_or(now, |full| full.max(now)) + interval(rate));
        }
    }

    /// Takes over another rate; the same one keeps what was taken.
    pub(super) fn change(&mut self, rate: Option<Rate>) {
        if rate != self.rate {
            *self = Self::new(rate);
        }
    }
}

/// The time in which one token comes back; never less than the exact one.
fn interval(rate: Rate) -> Duration {
    let nanos = rate.per.as_nanos().div_ceil(rate.count.max(1).into());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_bucket_gives_all_at_once_and_then_one_by_one() {
        let mut bucket = Bucket::new(Some(Rate {
            count: 3,
            per: Duration::from_secs(30),
        }));
        let at = |secs: i64| Mono::from_nanos(secs * 1_000_000_000);
        let mut now = at(100);
        let mut starts = Vec::new();
        for _ in 0..6 {
            now = bucket.free_at().map_or(now, |free| free.max(now));
            bucket.take(now);
            starts.push(now);
        }
        assert_eq!(starts, [100, 100, 100, 110, 120, 130].map(at));
        // It has filled up again, and no further.
        let later = at(1000);
        for _ in 0..3 {
            assert!(bucket.free_at().is_none_or(|free| free <= later));
            bucket.take(later);
        }
        assert_eq!(bucket.free_at(), Some(at(1010)));
    }

    #[test]
    fn without_a_rate_nothing_is_counted() {
        let mut bucket = Bucket::default();
        bucket.take(Mono::from_nanos(1));
        assert_eq!(bucket.free_at(), None);
    }
}
