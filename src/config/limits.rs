//! Times and bounds that hold for the whole agent: `[alerts]` and `[store]`.

use std::time::Duration;

use super::section::{Section, Size};
use crate::alert::plant::Times;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// `[alerts]`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alerts {
    /// What the core needs.
    pub times: Times,
    /// How long a condition must be gone, where a rule does not say.
    pub off_delay: Duration,
    /// A watch calls a destination no more often than this; the rest is counted.
    pub notify_at_most_every: Duration,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            times: Times::default(),
            off_delay: 30 * SECOND,
            notify_at_most_every: 5 * MINUTE,
        }
    }
}

impl Alerts {
    /// Reads `[alerts]`.
    pub fn read(root: &Section<'_>) -> Self {
        let Self {
            times,
            off_delay,
            notify_at_most_every,
        } = Self::default();
        let Some(section) = root.table("alerts") else {
            return Self::default();
        };
        let alerts = Self {
            times: Times {
                reopen_within: section.ranged(
                    "reopen_within",
                    times.reopen_within,
                    Duration::ZERO..=DAY,
                ),
                blind_after: section.ranged("blind_after", times.blind_after, SECOND..=DAY),
                max_catch_up: section.ranged(
                    "max_catch_up",
                    times.max_catch_up,
                    Duration::ZERO..=30 * DAY,
                ),
                max_shelve: section.ranged("max_shelve", times.max_shelve, MINUTE..=90 * DAY),
            },
            off_delay: section.ranged("off_delay", off_delay, Duration::ZERO..=DAY),
            notify_at_most_every: section.ranged(
                "notify_at_most_every",
                notify_at_most_every,
                Duration::ZERO..=DAY,
            ),
        };
        section.finish();
        alerts
    }
}

/// `[store]`
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoreLimits {
    /// Delivered history older than this goes.
    pub keep_for: Duration,
    /// Above this size the oldest delivered history goes first.
    pub keep_size: Size,
    /// Running delays are written at most this often.
    pub state_every: Duration,
    /// Events kept while the disk cannot be written.
    pub memory_events: usize,
    /// A file that is given up when the disk is full.
    pub ballast: Size,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            keep_for: 400 * DAY,
            keep_size: Size(256 << 20),
            state_every: SECOND,
            memory_events: 10_000,
            ballast: Size(8 << 20),
        }
    }
}

impl StoreLimits {
    /// Reads `[store]`.
    pub fn read(root: &Section<'_>) -> Self {
        let default = Self::default();
        let Some(section) = root.table("store") else {
            return default;
        };
        let events = section.ranged("memory_events", 10_000_i64, 100..=1_000_000);
        let limits = Self {
            keep_for: section.ranged("keep_for", default.keep_for, DAY..=4000 * DAY),
            keep_size: section.ranged(
                "keep_size",
                default.keep_size,
                Size(8 << 20)..=Size(64 << 30),
            ),
            state_every: section.ranged("state_every", default.state_every, SECOND / 10..=HOUR),
            memory_events: usize::try_from(events).unwrap_or(default.memory_events),
            ballast: section.ranged("ballast", default.ballast, Size(0)..=Size(1 << 30)),
        };
        section.finish();
        limits
    }
}
