//! How long to leave alone what failed. Pure: the random number is an argument.

use std::time::Duration;

/// Grows with each failure, doubling from `least`, up to `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Backoff {
    least: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// Before any failure.
    pub(super) fn new(least: Duration, most: Duration) -> Self {
        Self {
            least,
            most,
            failures: 0,
        }
    }

    /// The pause after one more failure: from half to the whole of what the count gives and never under `least`, so that links which
    /// failed together do not come back together. `random` is from 0 up to 1.
    pub(super) fn failed(&mut self, random: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(self.failures + 1);
        let whole = self.least.saturating_mul(doubled).min(self.most);
        self.failures = (self.failures + 1).min(30);
        let half = whole / 2;
        (half + half.mul_f64(random.clamp(0.0, 1.0))).max(self.least)
    }

    /// It works again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let (least, most) = (Duration::from_secs(1), Duration::from_secs(30));
        for (random, expected) in [(0.0, [1, 2, 4, 8, 15, 15]), (1.0, [2, 4, 8, 16, 30, 30])] {
            let mut backoff = Backoff::new(least, most);
            for seconds in expected {
                assert_eq!(backoff.failed(random), Duration::from_secs(seconds));
            }
            backoff.reset();
            assert!(backoff.failed(random) <= least * 2);
        }
    }

    #[test]
    fn a_device_that_is_gone_for_years_overflows_nothing() {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        for _ in 0..1000 {
            assert!(backoff.failed(0.5) <= Duration::from_secs(30));
        }
    }
}
