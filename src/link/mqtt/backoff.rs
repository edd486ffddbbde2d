//! How long to wait before the next attempt. Pure: randomness is an argument.

use std::time::Duration;

use super::Timing;

/// Exponential waits with full jitter, so that a plant's gateways do not all return at once.
#[derive(Debug)]
pub(super) struct Backoff {
    least: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(timing: &Timing) -> Self {
        Self {
            least: timing.backoff_least,
            most: timing.backoff_most,
            failures: 0,
        }
    }

    /// The next wait; `random` is 0 to 1.
    pub(super) fn next(&mut self, random: f64) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let doubled = self.least.saturating_mul(1 << self.failures.min(20));
        let spread = doubled.min(self.most).saturating_sub(self.least);
        self.least + spread.mul_f64(random.clamp(0.0, 1.0))
    }

    /// Starts over.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_most_and_start_over() {
        let mut backoff = Backoff::new(&Timing::default());
        assert_eq!(backoff.next(0.0), Duration::from_millis(500));
        backoff.reset();
        let longest: Vec<u128> = (0..8).map(|_| backoff.next(1.0).as_secs().into()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.next(0.0), Duration::from_millis(500));
        backoff.reset();
        assert_eq!(backoff.next(1.0), Duration::from_secs(1));
        for _ in 0..100 {
            backoff.next(0.5);
        }
        assert!(backoff.next(1.0) <= Duration::from_secs(60));
    }
}
