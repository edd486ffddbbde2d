//! How deliveries to one destination are made, as its `[[destination]]` says. Where they go is the destination's own matter.

use std::{sync::Arc, time::Duration};

use super::Retry;
use crate::config::section::Section;

/// How deliveries to one destination are made.
#[derive(Clone, Debug, PartialEq)]
pub struct DestinationPlan {
    /// The destination's name.
    pub name: Arc<str>,
    /// How many attempts may be in flight at once, of different lanes; at least 1.
    pub concurrency: u32,
    /// When a delivery that failed is tried again.
    pub retry: Retry,
    /// A delivery whose event is older is given up.
    pub expire_after: Duration,
    /// A destination is called at most once in this time for a watch, unless it became worse; zero calls always.
    pub call_every: Duration,
}

impl DestinationPlan {
    /// The plan of the design: 4 at once, exponential from 1 s to 5 min, 7 days, one call in 5 min.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            concurrency: 4,
            retry: Retry::default(),
            expire_after: Duration::from_secs(7 * DAY),
            call_every: Duration::from_secs(5 * 60),
        }
    }

    /// Reads the keys of a `[[destination]]` that are about deliveries; `self` is what its kind does by default.
    pub fn read(self, section: &Section<'_>) -> Self {
        let concurrency = section.ranged("concurrency", i64::from(self.concurrency), 1..=64);
        let waits: Option<Vec<Duration>> = section.optional("retry");
        if waits.as_ref().is_some_and(|waits| waits.len() > 100) {
            section.error("retry", "has more than 100 waits");
        }
        let expire = Duration::from_secs(60)..=Duration::from_secs(365 * DAY);
        let call = Duration::ZERO..=Duration::from_secs(DAY);
        Self {
            name: self.name,
            concurrency: u32::try_from(concurrency).unwrap_or(self.concurrency),
            retry: waits.map_or(self.retry, Retry::List),
            expire_after: section.ranged("expire_after", self.expire_after, expire),
            call_every: section.ranged("call_every", self.call_every, call),
        }
    }
}

const DAY: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        section::Problems,
        tree::{Node, Place, Value},
    };

    fn node(value: Value) -> Node {
        let file = "a.toml".into();
        Node {
            value,
            place: Place { file, line: 1 },
        }
    }

    fn read(entries: Vec<(&str, Value)>) -> (DestinationPlan, Vec<String>) {
        let entries = entries.into_iter();
        let tree = node(Value::Table(
            entries
                .map(|(key, value)| (key.to_owned(), node(value)))
                .collect(),
        ));
        let problems = Problems::new();
        let section = Section::root(&tree, &problems);
        let plan = DestinationPlan::new("ops").read(&section);
        section.finish();
        let said = problems.into_sorted();
        (plan, said.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_destination_that_says_nothing_has_the_plan_of_the_design() {
        assert_eq!(read(Vec::new()), (DestinationPlan::new("ops"), Vec::new()));
    }

    #[test]
    fn what_it_says_is_read_and_its_limits_are_kept() {
        let text = |text: &str| Value::Text(text.to_owned());
        let waits = vec![node(text("10s")), node(text("1m"))];
        let (plan, said) = read(vec![
            ("retry", Value::List(waits)),
            ("concurrency", Value::Int(0)),
            ("expire_after", text("2h")),
        ]);
        let waits = vec![Duration::from_secs(10), Duration::from_secs(60)];
        assert_eq!(plan.retry, Retry::List(waits));
        assert_eq!(plan.expire_after, Duration::from_secs(2 * 60 * 60));
        assert_eq!(said, ["a.toml:1: concurrency: must be 1 to 64, not 0"]);
    }
}
