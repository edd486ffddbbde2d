//! What a record says, row by row, as a proof takes it in and as it goes over the wire. Fields only get added.

use serde::{Deserialize, Serialize};

/// What a record says of itself at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Names the database that sequence numbers count in.
    pub stream: String,
    /// The last event.
    pub head: Point,
    /// Where the chain begins: this event and all before it are not covered.
    pub start: Point,
    /// Why it begins there; empty where it begins with the database.
    pub start_why: String,
    /// Events that were pruned so far.
    pub pruned: u64,
    /// When the latest of them happened, milliseconds since the Unix epoch: what was before it is not wholly known.
    pub pruned_to: Option<i64>,
    /// How far each destination is numbered.
    pub destinations: Vec<Numbered>,
    /// What was pruned, counted.
    pub totals: Vec<Total>,
    /// Nothing is written to disk at the moment: what is there cannot be seen, and this is what is in memory.
    pub in_memory: bool,
}

/// A place in the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Point {
    /// The event's row, from 1; 0 is before the first.
    pub seq: i64,
    /// Its hash, 64 hexadecimal digits.
    pub hash: String,
}

/// How far a destination is numbered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbered {
    /// Its name.
    pub name: String,
    /// The last number that it was given in this stream.
    pub last: u64,
}

/// Deliveries that were pruned, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Total {
    /// The destination's name.
    pub destination: String,
    /// How they ended.
    pub state: String,
    /// How many.
    pub deliveries: u64,
    /// How many of them have a number of this stream.
    pub numbered: u64,
    /// Attempts beyond the first that may have been heard.
    pub repeats: u64,
}

/// Some of the record, by row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Page {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// There is nothing after them.
    pub end: bool,
}

/// One event, or what is left of a pruned one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// The row.
    pub seq: i64,
    /// The digest of the row as it is now, or as it was kept of a pruned one; 64 hexadecimal digits.
    pub digest: String,
    /// The hash that was stored with it; pruned events and those before the chain's start have none.
    pub hash: Option<String>,
    /// The event; none if it was pruned.
    pub event: Option<Event>,
}

/// An event and to whom it was owed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Its ULID.
    pub id: String,
    /// The alert's number.
    pub alert: i64,
    /// `triggered`, `resolved`, ..
    pub kind: String,
    /// When it happened, milliseconds since the Unix epoch.
    pub at: i64,
    /// When it was decided, milliseconds since the Unix epoch.
    pub decided: i64,
    /// Whether the wall clock was synchronised then.
    pub synchronised: bool,
    /// Destinations of its audience that do not take events of this kind.
    pub untold: Vec<String>,
    /// To whom it was owed.
    pub deliveries: Vec<Delivery>,
}

/// One event owed to one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// The row.
    pub id: i64,
    /// The destination's name.
    pub destination: String,
    /// The destination's number for it; 0 if it was numbered in an earlier stream.
    pub sequence: u64,
    /// How it stands, one of [`STATES`].
    pub state: String,
    /// Attempts that may have been heard.
    pub attempts: u32,
    /// When it stopped being owed, milliseconds since the Unix epoch.
    pub settled: Option<i64>,
    /// What the last attempt brought, or why it ended.
    pub result: Option<String>,
}

/// How a delivery may stand.
pub const STATES: [&str; 9] = [
    "accepted",
    "deduplicated",
    "superseded",
    "expired",
    "failed",
    "refused",
    "dropped",
    "pending",
    // Counted only: its row was in another database.
    "unknown",
];
