//! How deliveries to one destination are made. Where they go is the destination's own matter.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};

use super::Retry;
use crate::destination::{self, Destination, Late, Rate, Terms};

/// How deliveries to one destination are made.
#[derive(Clone, Debug, PartialEq)]
pub struct DestinationPlan {
    /// The destination's name.
    pub name: Arc<str>,
    /// How many attempts may be in flight at once, of different lanes; at least 1.
    pub concurrency: u32,
    /// How many attempts may start in a time.
    pub rate: Option<Rate>,
    /// When a delivery that failed is tried again.
    pub retry: Retry,
    /// A delivery whose event is older is given up.
    pub expire_after: Duration,
    /// A destination is called at most once in this time for a watch, unless it became worse; zero calls always.
    pub call_every: Duration,
    /// So many failed or refused attempts in a row deactivate it; none never does.
    pub deactivate_after: Option<u32>,
    /// How often it is probed while it is deactivated.
    pub reactivate_every: Duration,
    /// What says the same as what it accepted within this time is left out.
    pub duplicate_window: Duration,
    /// What becomes of deliveries that are late after trouble.
    pub late: Late,
    /// The age from which on they are late.
    pub late_after: Duration,
    /// A call or an escalation that it has not accepted at this age is reported in [`super::Due::fallbacks`], once.
    pub fallback_after: Option<Duration>,
    /// After an outage of more than a minute its backlog starts after this time.
    pub catch_up: Duration,
    /// What it has accepted is told again after this time, as long as nothing newer is; none tells it once.
    pub repost: Option<Duration>,
}

impl DestinationPlan {
    /// The plan of the design: 4 at once, exponential from 1 s to 5 min, 7 days, one call in 5 min, nothing collapsed.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::of_terms(name.into(), &Terms::default(), Duration::ZERO)
    }

    /// How a destination is delivered to from this site.
    pub fn of(destination: &Destination, site: &str) -> Self {
        let (name, terms) = (&destination.name, &destination.terms);
        let catch_up = catch_up(site, name, terms.catch_up_spread);
        Self {
            repost: destination.abilities().repost,
            ..Self::of_terms(Arc::clone(name), terms, catch_up)
        }
    }

    fn of_terms(name: Arc<str>, terms: &Terms, catch_up: Duration) -> Self {
        Self {
            name,
            concurrency: terms.concurrency,
            rate: terms.rate,
            retry: match &terms.retry {
                destination::Retry::Exponential { first, max } => Retry::Exponential {
                    first: *first,
                    max: *max,
                },
                destination::Retry::After(waits) => Retry::List(waits.clone()),
            },
            expire_after: terms.expire_after,
            call_every: terms.call_every,
            deactivate_after: terms.deactivate_after,
            reactivate_every: terms.reactivate_every,
            duplicate_window: terms.duplicate_window,
            late: terms.late,
            late_after: terms.late_after,
            fallback_after: (!terms.fallback.is_empty()).then_some(terms.fallback_after),
            catch_up,
            repost: None,
        }
    }
}

/// How long the backlog of a destination waits after an outage: always the same for one site, so that it can be explained, and
/// another for each, so that hundreds of sites do not arrive at one receiver at once.
fn catch_up(site: &str, destination: &str, spread: Duration) -> Duration {
    let digest = Sha256::digest(format!("{site}:{destination}"));
    let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    spread.mul_f64(f64::from(number) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_catch_up_at_different_times_and_each_always_at_its_own() {
        let spread = Duration::from_secs(30);
        let waits: Vec<Duration> = (0..300)
            .map(|site| catch_up(&format!("plant-{site}"), "ops", spread))
            .collect();
        assert!(waits.iter().all(|wait| *wait < spread));
        for tenth in 0..10 {
            let slot = spread / 10 * tenth..spread / 10 * (tenth + 1);
            let here = waits.iter().filter(|wait| slot.contains(*wait)).count();
            assert!((10..60).contains(&here), "{here} of 300 in {slot:?}");
        }
        assert_eq!(waits[7], catch_up("plant-7", "ops", spread));
        assert_ne!(waits[7], catch_up("plant-7", "pager", spread));
        assert_eq!(catch_up("plant-7", "ops", Duration::ZERO), Duration::ZERO);
    }
}
