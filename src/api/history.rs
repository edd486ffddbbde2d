//! What was: alerts that ended, deliveries and their attempts. The agent reads it from its store; here is what is asked of it.
//!
//! The shapes are those of the wire, apart from the store's: fields only get added.

use std::{future::Future, pin::Pin};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::view::AlertView;
use crate::verify::rows::{Account, Page};

/// Reads what was. Each list is newest first and has at most [`super::ROWS`] rows.
pub trait History: Send + Sync {
    /// Alerts, open ones too.
    fn alerts(&self, page: AlertPage) -> Reading<'_, Vec<AlertView>>;

    /// One alert with its events and deliveries; none with this number.
    fn alert(&self, number: u64) -> Reading<'_, Option<AlertStory>>;

    /// Deliveries.
    fn deliveries(&self, page: DeliveryPage) -> Reading<'_, Vec<DeliveryView>>;

    /// One delivery with its attempts and body; none with this id.
    fn delivery(&self, id: i64) -> Reading<'_, Option<DeliveryStory>>;

    /// What the record says of itself, for a proof.
    fn account(&self) -> Reading<'_, Account>;

    /// The record after this event, oldest first, for a proof.
    fn record(&self, after: i64) -> Reading<'_, Page>;
}

/// What reading gives, once it is done.
pub type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T, HistoryError>> + Send + 'a>>;

/// The store does not give an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the history cannot be read: {0}")]
pub struct HistoryError(pub String);

/// Which alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertPage {
    /// Only with a lower number: where the last page ended.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// Which deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryPage {
    /// Only to this destination.
    pub destination: Option<String>,
    /// Only in this state, one of [`STATES`].
    pub state: Option<String>,
    /// Only with a lower id: where the last page ended.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// The states of a delivery; only `pending` is still owed.
pub const STATES: [&str; 8] = [
    "pending",
    "accepted",
    "failed",
    "refused",
    "expired",
    "superseded",
    "deduplicated",
    "dropped",
];

/// An alert with all that happened to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertStory {
    /// The alert as it is, or was at its end.
    pub alert: AlertView,
    /// The last 200, oldest first.
    pub events: Vec<EventView>,
    /// Who was told, newest first.
    pub deliveries: Vec<DeliveryView>,
}

/// One event of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventView {
    /// Its ULID.
    pub id: String,
    /// When it happened, RFC 3339.
    pub at: String,
    /// `triggered`, `acknowledged`, ..
    pub kind: String,
    /// The sentence for people.
    pub text: String,
    /// Who did it, if a person did.
    pub by: Option<String>,
    /// That name was typed and not proven.
    pub claimed: bool,
    /// What they said.
    pub note: Option<String>,
}

/// One event owed to one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliveryView {
    /// Its id, for `retry` and `drop`.
    pub id: i64,
    /// The destination's name.
    pub destination: String,
    /// One of [`STATES`].
    pub state: String,
    /// `A-1042`
    pub alert: String,
    /// The event's kind.
    pub event: String,
    /// The destination's number for it.
    pub sequence: u64,
    /// Attempts used.
    pub attempts: u32,
    /// What the last one brought.
    pub result: Option<String>,
    /// When it was decided, RFC 3339.
    pub decided: String,
    /// When it is tried next, RFC 3339.
    pub next: Option<String>,
    /// When it stopped being owed, RFC 3339.
    pub settled: Option<String>,
    /// What the destination calls it; only in a story.
    pub provider_id: Option<String>,
    /// The delivery in whose place this one is told.
    pub fallback_of: Option<i64>,
    /// The first delivery that is told to others in place of this one.
    pub fallback_to: Option<i64>,
}

/// A delivery with all that was tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeliveryStory {
    /// The delivery.
    pub delivery: DeliveryView,
    /// What is told by it.
    pub event: EventView,
    /// Why its destination is told.
    pub why: String,
    /// What it waits for, if it is still owed and waits for something of its own.
    pub waits_for: Option<String>,
    /// Its first and last attempts, oldest first.
    pub log: Vec<AttemptView>,
    /// The event as it was stored.
    pub body: serde_json::Value,
}

/// One attempt, or several like it that were counted together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttemptView {
    /// When, RFC 3339.
    pub at: String,
    /// Attempts used up to and with it.
    pub attempts: u32,
    /// What it brought.
    pub result: String,
    /// How long it took, in milliseconds; not known of several that were counted together.
    pub took_ms: Option<u64>,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What the destination calls it.
    pub provider_id: Option<String>,
}
