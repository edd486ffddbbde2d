//! A failure that repeats is told at its start, hourly with its count, and at its end. Pure.

use std::time::Duration;

use crate::clock::Mono;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// One kind of failure.
#[derive(Debug, Default)]
pub(super) struct Repeated(Option<Running>);

#[derive(Debug)]
struct Running {
    count: u64,
    last: Mono,
    told: Mono,
}

impl Repeated {
    /// It happened. Returns how often so far, if that is to be told now.
    pub(super) fn happened(&mut self, now: Mono) -> Option<u64> {
        let Some(running) = &mut self.0 else {
            self.0 = Some(Running {
                count: 1,
                last: now,
                told: now,
            });
            return Some(1);
        };
        running.count += 1;
        running.last = now;
        if now.since(running.told) < HOUR {
            return None;
        }
        running.told = now;
        Some(running.count)
    }

    /// Ends it if it has not happened for this long. Returns how often it had.
    pub(super) fn ended(&mut self, now: Mono, quiet: Duration) -> Option<u64> {
        let over = now.since(self.0.as_ref()?.last) >= quiet;
        over.then(|| self.0.take())?.map(|running| running.count)
    }

    pub(super) fn is_running(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_the_start_hourly_and_at_the_end() {
        let (mut repeated, quiet) = (Repeated::default(), Duration::from_secs(30));
        let at = |seconds: u64| Mono::from_nanos(0) + Duration::from_secs(seconds);
        assert_eq!(repeated.ended(at(0), quiet), None);
        assert_eq!(repeated.happened(at(0)), Some(1));
        assert_eq!(repeated.happened(at(10)), None);
        assert_eq!(repeated.happened(at(3600)), Some(3));
        assert_eq!(repeated.ended(at(3620), quiet), None);
        assert_eq!(repeated.ended(at(3630), quiet), Some(3));
        assert!(!repeated.is_running());
    }
}
