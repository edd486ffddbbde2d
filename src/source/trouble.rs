//! When a repeated failure is worth a line in the log: at its start, hourly with its count, and at its end.
//!
//! Pure: it says whether to speak, the source finds the words.

use std::time::Duration;

use crate::clock::Mono;

const HOUR: Duration = Duration::from_secs(3600);
/// A failure that comes back within this time has not ended, so that one which comes and goes is one failure.
const CALM: Duration = Duration::from_secs(60);

/// The failure of one thing: a link, a unit, a tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::source) struct Trouble(Option<Running>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Running {
    since: Mono,
    last: Mono,
    said: Mono,
    count: u64,
}

/// What to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Say {
    /// It begins.
    Started,
    /// It has gone on for another hour.
    GoesOn { count: u64, lasting: Duration },
    /// It has been over for a minute.
    Ended { count: u64, lasting: Duration },
}

impl Say {
    /// How often it has failed so far.
    pub(in crate::source) fn count(self) -> u64 {
        match self {
            Self::Started => 1,
            Self::GoesOn { count, .. } | Self::Ended { count, .. } => count,
        }
    }
}

impl Trouble {
    /// It failed once more.
    pub(in crate::source) fn failed(&mut self, now: Mono) -> Option<Say> {
        let Some(running) = &mut self.0 else {
            self.0 = Some(Running {
                since: now,
                last: now,
                said: now,
                count: 1,
            });
            return Some(Say::Started);
        };
        running.count += 1;
        running.last = now;
        if now.since(running.said) < HOUR {
            return None;
        }
        running.said = now;
        Some(Say::GoesOn {
            count: running.count,
            lasting: now.since(running.since),
        })
    }

    /// Whether it has begun and not ended.
    pub(in crate::source) fn is_running(&self) -> bool {
        self.0.is_some()
    }

    /// It works. Called as often as one likes.
    pub(in crate::source) fn fine(&mut self, now: Mono) -> Option<Say> {
        let running = self.0.filter(|running| now.since(running.last) >= CALM)?;
        self.0 = None;
        Some(Say::Ended {
            count: running.count,
            lasting: running.last.since(running.since),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Mono {
        Mono::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_failure_is_told_at_its_start_hourly_and_at_its_end() {
        let mut trouble = Trouble::default();
        let mut told = Vec::new();
        for second in 0..9000 {
            told.extend(trouble.failed(at(second)).map(|say| (second, say)));
        }
        for second in 9000..9100 {
            told.extend(trouble.fine(at(second)).map(|say| (second, say)));
        }
        let lasting = Duration::from_secs;
        assert_eq!(
            told,
            [
                (0, Say::Started),
                (
                    3600,
                    Say::GoesOn {
                        count: 3601,
                        lasting: lasting(3600)
                    }
                ),
                (
                    7200,
                    Say::GoesOn {
                        count: 7201,
                        lasting: lasting(7200)
                    }
                ),
                (
                    9059,
                    Say::Ended {
                        count: 9000,
                        lasting: lasting(8999)
                    }
                ),
            ]
        );
    }

    #[test]
    fn a_failure_that_comes_and_goes_is_one_failure() {
        let mut trouble = Trouble::default();
        let told = (0..3000).filter_map(|second| match second % 2 {
            0 => trouble.failed(at(second)),
            _ => trouble.fine(at(second)),
        });
        assert_eq!(told.collect::<Vec<_>>(), [Say::Started]);
    }
}
