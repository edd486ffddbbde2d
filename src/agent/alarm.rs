//! The one timer of the loop. What is due the engine knows; here it only wakes.

use std::{pin::Pin, time::Duration};

use tokio::time::{Sleep, sleep};

use crate::clock::Mono;

/// Rings no later than it was asked to last, and perhaps earlier: a turn for nothing now and then costs less than a new timer in each turn.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    rings: Mono,
}

impl Alarm {
    /// Rings at once.
    pub(super) fn new(now: Mono) -> Self {
        Self {
            sleep: Box::pin(sleep(Duration::ZERO)),
            rings: now,
        }
    }

    /// Rings once after at most this time.
    pub(super) fn set(&mut self, now: Mono, wait: Duration) {
        if now + wait < self.rings || self.sleep.is_elapsed() {
            self.sleep.set(sleep(wait));
            self.rings = now + wait;
        }
    }

    /// Waits until it rings. Cancelling loses nothing.
    pub(super) async fn rang(&mut self) {
        self.sleep.as_mut().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[tokio::test(start_paused = true)]
    async fn it_rings_when_it_was_asked_to_or_earlier_and_never_later() {
        let clock = Clock::of_tokio();
        let begin = clock.now().mono;
        let at = |millis| begin + Duration::from_millis(millis);
        let mut alarm = Alarm::new(begin);
        alarm.rang().await;
        for (now, wait, rings) in [
            (0, 1000, None),
            (10, 500, None),
            // Later than it is set to.
            (20, 900, Some(510)),
            (510, 1000, None),
            (600, 1000, Some(1510)),
            (1510, 0, Some(1510)),
        ] {
            alarm.set(at(now), Duration::from_millis(wait));
            if let Some(rings) = rings {
                alarm.rang().await;
                assert_eq!(clock.now().mono, at(rings), "asked at {now}");
            } else {
                let early = tokio::time::timeout(Duration::from_millis(10), alarm.rang());
                assert!(early.await.is_err(), "asked at {now}");
            }
        }
    }
}
