//! How patiently a destination is delivered to: the part of its configuration that the delivery schedule follows.
//!
//! Every kind hands in what it does by default; what is written beside it in the configuration overrides that. What
//! follows from these terms is decided by `delivery::schedule`.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use crate::config::{
    section::{Read, Section, parse_duration},
    tree::{Node, Value},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many steps a list of waits may have.
const MAX_STEPS: usize = 20;

/// The terms of one destination. [`Terms::default`] are those of a webhook of our own; a kind changes what it does otherwise:
/// `Terms { deactivate_after: Some(10), ..Terms::default() }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// When a failed delivery is tried again.
    pub retry: Retry,
    /// A delivery older than this is given up, 1m to 400d.
    pub expire_after: Duration,
    /// How many attempts may run at once, in different lanes, 1 to 64.
    pub concurrency: u32,
    /// It is called at most once in this time for a watch, unless the alert became worse; zero calls always.
    pub call_every: Duration,
    /// How many attempts may start in a time; none is as many as there are.
    pub rate: Option<Rate>,
    /// So many failed or refused attempts in a row deactivate it, 1 to 1000; none never does.
    pub deactivate_after: Option<u32>,
    /// How often a deactivated destination is probed, 1m to 1d.
    pub reactivate_every: Duration,
    /// What says the same as the last delivery that it accepted within this time is not sent; zero sends all. 0s to 1h.
    pub duplicate_window: Duration,
    /// What becomes of events that are late after an outage.
    pub late: Late,
    /// An event older than this when it could start after trouble is late, 1s to 1d.
    pub late_after: Duration,
    /// Destinations that are told what this one did not accept; they exist, as the configuration is checked.
    pub fallback: Vec<Arc<str>>,
    /// How long it has to accept before they are told, 1m to 1d.
    pub fallback_after: Duration,
    /// After an outage its backlog starts within this time, at a point that differs between sites, 0s to 1h.
    pub catch_up_spread: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            retry: Retry::EXPONENTIAL,
            expire_after: 7 * DAY,
            concurrency: 4,
            call_every: 5 * MINUTE,
            rate: None,
            deactivate_after: None,
            reactivate_every: 30 * MINUTE,
            duplicate_window: Duration::ZERO,
            late: Late::Send,
            late_after: 5 * MINUTE,
            fallback: Vec::new(),
            fallback_after: 10 * MINUTE,
            catch_up_spread: 30 * SECOND,
        }
    }
}

impl Terms {
    /// Those of what calls people: after an outage they are told how things are, not how they came to be.
    pub fn of_people(rate: Rate) -> Self {
        Self {
            late: Late::Collapse,
            rate: Some(rate),
            ..Self::default()
        }
    }
}

/// When a failed delivery is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Doubling waits with full jitter, until it expires.
    Exponential {
        /// The longest that the first wait may be.
        first: Duration,
        /// The longest that any wait may be.
        max: Duration,
    },
    /// After each of these; then the delivery has failed.
    After(Vec<Duration>),
}

/// At most so many attempts in a time, probes and retries included. As many may start at once after a quiet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many, 1 to 10000.
    pub count: u32,
    /// In which time, 1s to 1d.
    pub per: Duration,
}

/// What becomes of events that are late after an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// Every one is sent.
    Send,
    /// Of each alert only the latest state is sent.
    Collapse,
    /// All of them are told in few messages.
    Digest,
}

impl Rate {
    /// So many in a minute.
    pub const fn per_minute(count: u32) -> Self {
        Self { count, per: MINUTE }
    }
}

impl Terms {
    /// Reads the keys that every destination has; `defaults` are what its kind does without them.
    pub fn read(section: &Section<'_>, defaults: Self) -> Self {
        const CONCURRENCY: RangeInclusive<i64> = 1..=64;
        let concurrency = section.ranged("concurrency", defaults.concurrency.into(), CONCURRENCY);
        Self {
            retry: section.get("retry", defaults.retry),
            expire_after: section.ranged("expire_after", defaults.expire_after, MINUTE..=400 * DAY),
            concurrency: u32::try_from(concurrency).unwrap_or(1),
            call_every: section.ranged("call_every", defaults.call_every, Duration::ZERO..=DAY),
            rate: section.optional("rate").or(defaults.rate),
            deactivate_after: read_deactivate_after(section).unwrap_or(defaults.deactivate_after),
            reactivate_every: section.ranged(
                "reactivate_every",
                defaults.reactivate_every,
                MINUTE..=DAY,
            ),
            duplicate_window: section.ranged(
                "duplicate_window",
                defaults.duplicate_window,
                Duration::ZERO..=HOUR,
            ),
            late: section
                .word(
                    "late",
                    &[
                        ("send", Late::Send),
                        ("collapse", Late::Collapse),
                        ("digest", Late::Digest),
                    ],
                )
                .unwrap_or(defaults.late),
            late_after: section.ranged("late_after", defaults.late_after, SECOND..=DAY),
            fallback: section.get("fallback", defaults.fallback),
            fallback_after: section.ranged(
                "fallback_after",
                defaults.fallback_after,
                10 * SECOND..=DAY,
            ),
            catch_up_spread: section.ranged(
                "catch_up_spread",
                defaults.catch_up_spread,
                Duration::ZERO..=HOUR,
            ),
        }
    }
}

impl Terms {
    /// Where a kind cannot tell several events together, what is late is told as shortly as it can.
    pub(super) fn without_digests_if(self, cannot: bool, section: &Section<'_>) -> Self {
        if !cannot || self.late != Late::Digest {
            return self;
        }
        section.warn(
            "late",
            "is \"digest\", which cannot be sent here, so it is \"collapse\": only the latest state of each alert is told",
        );
        Self {
            late: Late::Collapse,
            ..self
        }
    }
}

/// Off, or after how many; none where the key is absent or wrong.
fn read_deactivate_after(section: &Section<'_>) -> Option<Option<u32>> {
    const ATTEMPTS: RangeInclusive<i64> = 1..=1000;
    if matches!(&section.raw("deactivate_after")?.value, Value::Text(word) if word == "off") {
        return Some(None);
    }
    let after = section.ranged("deactivate_after", 0, ATTEMPTS);
    u32::try_from(after)
        .ok()
        .filter(|after| *after > 0)
        .map(Some)
}

impl Read for Rate {
    const EXPECTED: &'static str = "a rate like \"30 per 1m\": 1 to 10000 in a time of 1s to 1d";
    fn read(node: &Node) -> Result<Self, String> {
        let Value::Text(text) = &node.value else {
            return Err(Self::mismatch(node));
        };
        let rate = || {
            let (count, per) = text.split_once(" per ")?;
            let count = count
                .trim()
                .parse()
                .ok()
                .filter(|count| (1..=10_000).contains(count))?;
            let per = parse_duration(per.trim()).filter(|per| (SECOND..=DAY).contains(per))?;
            Some(Self { count, per })
        };
        rate().ok_or_else(|| format!("must be {}, not \"{text}\"", Self::EXPECTED))
    }
}

impl Retry {
    /// From 1 s to 5 min.
    pub const EXPONENTIAL: Self = Self::Exponential {
        first: SECOND,
        max: Duration::from_secs(5 * 60),
    };
}

impl Read for Retry {
    const EXPECTED: &'static str = "\"exponential\", { first = \"1s\", max = \"5m\" }, or a list of 1 to 20 waits like [\"30s\", \"2m\", \"10m\"], \
        each 1s to 1d";
    fn read(node: &Node) -> Result<Self, String> {
        let valid = |wait: &Duration| (SECOND..=DAY).contains(wait);
        let wrong = || format!("must be {}", Self::EXPECTED);
        match &node.value {
            Value::Text(word) if word == "exponential" => Ok(Self::EXPONENTIAL),
            Value::List(_) => {
                let steps = Vec::<Duration>::read(node)?;
                let fine = (1..=MAX_STEPS).contains(&steps.len()) && steps.iter().all(valid);
                fine.then_some(Self::After(steps)).ok_or_else(wrong)
            }
            Value::Table(entries) => {
                let wait = |key: &str| node.get(key).map(Duration::read).transpose();
                let (Some(first), Some(max)) = (wait("first")?, wait("max")?) else {
                    return Err(wrong());
                };
                let fine = entries.len() == 2 && valid(&first) && valid(&max) && first <= max;
                fine.then_some(Self::Exponential { first, max })
                    .ok_or_else(wrong)
            }
            Value::Text(word) => Err(format!("must be {}, not \"{word}\"", Self::EXPECTED)),
            _ => Err(Self::mismatch(node)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::Place;

    fn node(value: Value) -> Node {
        let place = Place {
            file: "a.toml".into(),
            line: 1,
        };
        Node { value, place }
    }

    fn text(text: &str) -> Node {
        node(Value::Text(text.to_owned()))
    }

    fn steps(first: &str, max: &str) -> Result<Retry, String> {
        let entry = |key: &str, value| (key.to_owned(), text(value));
        let entries = vec![entry("first", first), entry("max", max)];
        Retry::read(&node(Value::Table(entries)))
    }

    #[test]
    fn waits_are_a_word_or_two_bounds_or_a_list() {
        assert_eq!(Retry::read(&text("exponential")), Ok(Retry::EXPONENTIAL));
        let given = Retry::Exponential {
            first: 10 * SECOND,
            max: 10 * MINUTE,
        };
        assert_eq!(steps("10s", "10m"), Ok(given));
        for (first, max) in [("10m", "10s"), ("500ms", "10s"), ("1s", "2d")] {
            assert!(steps(first, max).is_err(), "{first} {max}");
        }
        let list = node(Value::List(vec![text("10s"), text("1m")]));
        let waits = vec![10 * SECOND, MINUTE];
        assert_eq!(Retry::read(&list), Ok(Retry::After(waits)));
        assert!(Retry::read(&node(Value::List(Vec::new()))).is_err());
        assert!(Retry::read(&node(Value::Table(Vec::new()))).is_err());
    }

    #[test]
    fn a_rate_is_a_number_in_a_time() {
        let rate = |given: &str| Rate::read(&text(given));
        assert_eq!(
            rate("30 per 1m"),
            Ok(Rate {
                count: 30,
                per: MINUTE
            })
        );
        for wrong in [
            "30",
            "0 per 1m",
            "30 per 0s",
            "30/1m",
            "-1 per 1m",
            "10001 per 1m",
            "1 per 2d",
        ] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
