//! The way of saved instants into a later run: what downtime does to a delay, an escalation, a shelf.

use std::{sync::Arc, time::Duration};

use super::{
    ladder::{Delay, Phase},
    saving::{read_by, read_severity},
    state::{Mark, SavedAck, SavedDelay, SavedEpisode, SavedPhase, SavedRun},
    watch::{Ack, Ended, Episode, Run},
};
use crate::clock::{BootId, Mono, Now, Wall};

/// After this many restarts in a row with unknown downtime, what waits is due at once.
pub(super) const PATIENCE: u8 = 2;

/// The way of saved instants into this run.
pub(super) struct Passage {
    /// What the saved instants were saved beside.
    mark: Mono,
    pub(super) now: Mono,
    /// How long the agent was away since the mark, where that is known.
    pub(super) downtime: Option<Duration>,
}

impl Passage {
    pub(super) fn new(saved: &Mark, last: &Mark, now: Now, boot: &BootId) -> Self {
        // The last mark of the run is later than that of a watch which had nothing new to say since.
        let mark = if last.boot == saved.boot && last.mono >= saved.mono {
            last
        } else {
            saved
        };
        let mono = Mono::from_nanos(mark.mono);
        let downtime = if mark.boot == boot.0 {
            Some(now.mono.since(mono))
        } else if mark.synchronised && now.synchronised && now.wall.as_millis() >= mark.wall {
            Some(now.wall.since(Wall::from_millis(mark.wall)))
        } else {
            None
        };
        Self {
            mark: mono,
            now: now.mono,
            downtime,
        }
    }

    /// An instant for which downtime counts.
    pub(super) fn carry(&self, saved: Mono) -> Mono {
        let from = self.now - self.downtime.unwrap_or_default();
        if saved >= self.mark {
            from + saved.since(self.mark)
        } else {
            from - self.mark.since(saved)
        }
    }

    /// A delay for which downtime does not count.
    fn delay(&self, saved: SavedDelay) -> Delay {
        match saved {
            SavedDelay::Due(due) => {
                Delay::Running(self.now + Mono::from_nanos(due).since(self.mark))
            }
            SavedDelay::Left(left) => Delay::Stopped(Duration::from_nanos(left)),
        }
    }

    pub(super) fn phase(&self, saved: SavedPhase) -> Phase {
        match saved {
            SavedPhase::Idle => Phase::Idle,
            SavedPhase::Rising(delay) => Phase::Rising(self.delay(delay)),
            SavedPhase::Active => Phase::Active,
            SavedPhase::Falling(delay) => Phase::Falling(self.delay(delay)),
        }
    }

    pub(super) fn episode(&self, saved: &SavedEpisode) -> Option<Episode> {
        let waits = saved.ended.is_none() && saved.escalation.is_some();
        let unknown_downtimes = match self.downtime {
            Some(_) => saved.unknown_downtimes,
            None if waits => saved.unknown_downtimes.saturating_add(1),
            None => saved.unknown_downtimes,
        };
        let unknown_downtimes = if self.downtime.is_some() {
            0
        } else {
            unknown_downtimes
        };
        let impatient = unknown_downtimes >= PATIENCE;
        let run = |run: &SavedRun| {
            let due = match run.due {
                SavedDelay::Due(_) if impatient => Delay::Running(self.now),
                SavedDelay::Due(due) => Delay::Running(self.carry(Mono::from_nanos(due))),
                SavedDelay::Left(left) => Delay::Stopped(Duration::from_nanos(left)),
            };
            Run {
                policy: run.policy.as_str().into(),
                step: run.step,
                repeats: run.repeats,
                due,
            }
        };
        let ended = |&(mono, wall): &(i64, i64)| Ended {
            mono: self.carry(Mono::from_nanos(mono)),
            wall: Wall::from_millis(wall),
        };
        let ack = |ack: &SavedAck| Ack {
            by: read_by(&ack.by),
            severity: read_severity(&ack.severity),
        };
        Some(Episode {
            id: saved.id.parse().ok()?,
            number: saved.number,
            created: Wall::from_millis(saved.created),
            opened: self.carry(Mono::from_nanos(saved.opened)),
            called: Wall::from_millis(saved.called),
            severity: read_severity(&saved.severity),
            level: saved.level.as_deref().map(Arc::from),
            occurrences: saved.occurrences,
            peak: saved.peak,
            peak_is_low: saved.peak_is_low,
            limit: saved.limit,
            ack: saved.ack.as_ref().map(ack),
            ended: saved.ended.as_ref().map(ended),
            escalation: saved.escalation.as_ref().map(run),
            unknown_downtimes,
            guessed: saved.guessed || (waits && self.downtime.is_none()),
        })
    }
}
