//! How deliveries to one destination are made. Where they go is the destination's own matter.

use std::{sync::Arc, time::Duration};

use super::Retry;
use crate::destination::{self, Destination};

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
            expire_after: Duration::from_secs(7 * 24 * 60 * 60),
            call_every: Duration::from_secs(5 * 60),
        }
    }
}

impl From<&Destination> for DestinationPlan {
    fn from(destination: &Destination) -> Self {
        let terms = &destination.terms;
        Self {
            name: Arc::clone(&destination.name),
            concurrency: terms.concurrency,
            retry: match &terms.retry {
                destination::Retry::Exponential { first, max } => Retry::Exponential {
                    first: *first,
                    max: *max,
                },
                destination::Retry::After(waits) => Retry::List(waits.clone()),
            },
            expire_after: terms.expire_after,
            call_every: terms.call_every,
        }
    }
}
