//! How long a delivery waits between its attempts. It does not know about destinations; their breaker is
//! [`super::breaker`].

use std::time::Duration;

/// When a delivery that failed is tried again.
#[derive(Clone, Debug, PartialEq)]
pub enum Retry {
    /// Doubling steps with full jitter, until the delivery expires.
    Exponential {
        /// The longest that the first wait may be.
        first: Duration,
        /// The longest that any wait may be.
        max: Duration,
    },
    /// These waits exactly; one attempt more than there are waits, then the delivery has failed.
    List(Vec<Duration>),
}

impl Default for Retry {
    fn default() -> Self {
        Self::Exponential {
            first: Duration::from_secs(1),
            max: Duration::from_secs(5 * 60),
        }
    }
}

impl Retry {
    /// The wait after the attempt with this number (the first is 1) failed; none if it was the last.
    pub fn after_failed(&self, attempts: u32, random: f64) -> Option<Duration> {
        match self {
            Self::Exponential { first, max } => {
                Some(jittered(*first, *max, attempts.saturating_sub(1), random))
            }
            Self::List(waits) => waits.get(index(attempts)).copied(),
        }
    }

    /// The wait after the attempt with this number was refused: the slowest step, because the same answer is likely.
    pub fn after_refused(&self, attempts: u32) -> Option<Duration> {
        match self {
            Self::Exponential { max, .. } => Some(*max),
            Self::List(waits) => waits.get(index(attempts)).and(waits.iter().max()).copied(),
        }
    }
}

/// Full jitter over the doubling step with this index, `random` in [0, 1).
///
/// A tenth of the first step is the least, so that bad luck never turns waiting into hammering.
pub(super) fn jittered(first: Duration, max: Duration, step: u32, random: f64) -> Duration {
    let factor = 1_u32.checked_shl(step).unwrap_or(u32::MAX);
    let step = first.saturating_mul(factor).min(max);
    step.mul_f64(random.clamp(0.0, 1.0)).max(first / 10)
}

fn index(attempts: u32) -> usize {
    attempts.saturating_sub(1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn exponential_steps_double_up_to_the_longest_and_never_end() {
        let retry = Retry::default();
        let longest = |attempts| retry.after_failed(attempts, 1.0);
        for (attempts, expected) in [
            (1, 1),
            (2, 2),
            (5, 16),
            (9, 256),
            (10, 300),
            (4_000_000, 300),
        ] {
            assert_eq!(longest(attempts), Some(secs(expected)), "{attempts}");
        }
        assert_eq!(retry.after_failed(3, 0.5), Some(secs(2)));
        assert_eq!(retry.after_failed(3, 0.0), Some(Duration::from_millis(100)));
    }

    #[test]
    fn a_list_allows_one_attempt_more_than_it_has_waits() {
        let retry = Retry::List(vec![secs(30), secs(120), secs(600)]);
        let waits: Vec<_> = (1..=4).map(|n| retry.after_failed(n, 0.7)).collect();
        assert_eq!(
            waits,
            [Some(secs(30)), Some(secs(120)), Some(secs(600)), None]
        );
    }

    #[test]
    fn a_refusal_waits_for_the_slowest_step_and_a_list_still_ends() {
        assert_eq!(Retry::default().after_refused(1), Some(secs(300)));
        let list = Retry::List(vec![secs(30), secs(600)]);
        assert_eq!(list.after_refused(1), Some(secs(600)));
        assert_eq!(list.after_refused(2), Some(secs(600)));
        assert_eq!(list.after_refused(3), None);
    }
}
