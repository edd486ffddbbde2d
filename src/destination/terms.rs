//! How patiently a destination is delivered to: the part of its configuration that the delivery schedule follows.

use std::{ops::RangeInclusive, time::Duration};

use crate::config::{
    section::{Read, Section},
    tree::{Node, Value},
};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many steps a list of waits may have.
const MAX_STEPS: usize = 20;

/// The terms of one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// When a failed delivery is tried again.
    pub retry: Retry,
    /// A delivery older than this is given up.
    pub expire_after: Duration,
    /// How many attempts may run at once, in different lanes.
    pub concurrency: u32,
    /// It is called at most once in this time for a watch, unless the alert became worse; zero calls always.
    pub call_every: Duration,
}

/// When a failed delivery is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retry {
    /// From 1 s to 5 min with full jitter, until it expires.
    Exponential,
    /// After each of these; then the delivery has failed.
    After(Vec<Duration>),
}

impl Terms {
    /// Reads the keys that every destination has; `retry` is what its kind does by default.
    pub fn read(section: &Section<'_>, retry: Retry) -> Self {
        const CONCURRENCY: RangeInclusive<i64> = 1..=64;
        let concurrency = section.ranged("concurrency", 4, CONCURRENCY);
        Self {
            retry: section.get("retry", retry),
            expire_after: section.ranged("expire_after", 7 * DAY, 60 * SECOND..=400 * DAY),
            concurrency: u32::try_from(concurrency).unwrap_or(1),
            call_every: section.ranged("call_every", 300 * SECOND, Duration::ZERO..=DAY),
        }
    }
}

impl Read for Retry {
    const EXPECTED: &'static str =
        "\"exponential\" or a list of 1 to 20 waits like [\"30s\", \"2m\", \"10m\"], each 1s to 1d";
    fn read(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Text(word) if word == "exponential" => Ok(Self::Exponential),
            Value::List(_) => {
                let steps = Vec::<Duration>::read(node)?;
                let valid = !steps.is_empty()
                    && steps.len() <= MAX_STEPS
                    && steps.iter().all(|step| (SECOND..=DAY).contains(step));
                valid
                    .then_some(Self::After(steps))
                    .ok_or_else(|| format!("must be {}", Self::EXPECTED))
            }
            Value::Text(word) => Err(format!("must be {}, not \"{word}\"", Self::EXPECTED)),
            _ => Err(Self::mismatch(node)),
        }
    }
}
