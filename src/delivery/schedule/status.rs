//! How a destination stands, for views: plain words, no behaviour.

use std::sync::Arc;

use super::{Deactivated, Open};
use crate::clock::Mono;

/// One destination, for views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The destination's name.
    pub destination: Arc<str>,
    /// The configuration has no such destination.
    pub orphaned: bool,
    /// The breaker, if it is open.
    pub breaker: Option<Open>,
    /// Deactivated, and since when.
    pub deactivated: Option<Deactivated>,
    /// Failed or refused attempts in a row.
    pub failures: u32,
    /// Nothing starts before, because the receiver asked for it.
    pub paused_until: Option<Mono>,
    /// How many deliveries are not settled, those in flight included.
    pub queued: usize,
    /// How many are in flight.
    pub in_flight: u32,
    /// When the oldest of them was decided.
    pub oldest: Option<Mono>,
}
