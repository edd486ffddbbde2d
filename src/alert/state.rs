//! The shapes in which the core's state is saved: plain, versioned, and the only serde in the core.
//!
//! A saved instant is a [`Mono`](crate::clock::Mono) of the boot in which it was saved, so it means something only together with the
//! [`Mark`] beside it. Fields only ever get added, each with a default; a shape that cannot be read costs its watch its
//! delays, never its alert.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What is as it would be read without it is not written: a state is written at every turn of its watch.
fn is_empty<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// An instant on all clocks, from which a later start can tell how long it was away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The boot that `mono` counts in.
    pub boot: String,
    /// Nanoseconds on `CLOCK_BOOTTIME`.
    pub mono: i64,
    /// Milliseconds since the Unix epoch.
    pub wall: i64,
    /// Whether the wall clock could be trusted.
    pub synchronised: bool,
}

/// Everything of one watch that a restart must not lose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedWatch {
    /// The rule's id.
    pub rule: String,
    /// The subject's id.
    pub subject: String,
    /// Each level's name and phase.
    pub levels: Vec<(String, SavedPhase)>,
    /// Its tag is bad.
    #[serde(skip_serializing_if = "is_empty")]
    pub frozen: bool,
    /// The alert that is open, or was last.
    #[serde(skip_serializing_if = "is_empty")]
    pub episode: Option<SavedEpisode>,
    /// What a signal says of itself.
    #[serde(skip_serializing_if = "is_empty")]
    pub face: Option<SavedFace>,
    /// When this was saved.
    pub mark: Mark,
}

impl SavedWatch {
    /// Whether its alert is not over.
    pub(super) fn is_open(&self) -> bool {
        let episode = self.episode.as_ref();
        episode.is_some_and(|episode| episode.ended.is_none())
    }
}

/// A level's phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SavedPhase {
    /// Not active.
    #[default]
    Idle,
    /// On-delay.
    Rising(SavedDelay),
    /// Active.
    Active,
    /// Off-delay.
    Falling(SavedDelay),
}

/// A delay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SavedDelay {
    /// Over at this instant, nanoseconds.
    Due(i64),
    /// Stopped with this many nanoseconds left.
    Left(u64),
}

/// An alert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    missing_docs,
    reason = "each is the field of the same name of the episode"
)]
pub struct SavedEpisode {
    pub id: String,
    pub number: u64,
    pub created: i64,
    pub opened: i64,
    pub called: i64,
    pub severity: String,
    #[serde(skip_serializing_if = "is_empty")]
    pub level: Option<String>,
    pub occurrences: u32,
    #[serde(skip_serializing_if = "is_empty")]
    pub peak: Option<f64>,
    #[serde(skip_serializing_if = "is_empty")]
    pub peak_is_low: bool,
    #[serde(skip_serializing_if = "is_empty")]
    pub limit: Option<f64>,
    #[serde(skip_serializing_if = "is_empty")]
    pub ack: Option<SavedAck>,
    /// Monotonic nanoseconds and wall milliseconds.
    #[serde(skip_serializing_if = "is_empty")]
    pub ended: Option<(i64, i64)>,
    #[serde(skip_serializing_if = "is_empty")]
    pub escalation: Option<SavedRun>,
    #[serde(skip_serializing_if = "is_empty")]
    pub unknown_downtimes: u8,
    #[serde(skip_serializing_if = "is_empty")]
    pub guessed: bool,
}

/// An acknowledgement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "each is the field of the same name of the acknowledgement"
)]
pub struct SavedAck {
    pub by: SavedBy,
    pub severity: String,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the field of the same name of `By`")]
pub struct SavedBy {
    pub name: String,
    pub claimed: bool,
    pub via: String,
}

/// A running policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the field of the same name of the run")]
pub struct SavedRun {
    pub policy: String,
    pub step: usize,
    pub repeats: u32,
    pub due: SavedDelay,
}

/// What a signal says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the field of the same name of `Face`")]
pub struct SavedFace {
    pub machine: String,
    pub machine_name: String,
    #[serde(skip_serializing_if = "is_empty")]
    pub class: Option<String>,
    #[serde(skip_serializing_if = "is_empty")]
    pub labels: Vec<(String, String)>,
    pub message: String,
    pub action: String,
}

/// What belongs to no single watch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedCore {
    /// The seed of ids, 32 hexadecimal digits.
    pub seed: String,
    /// How many ids were made.
    pub made: u64,
    /// The number of the next alert.
    pub next_number: u64,
    /// What is silenced.
    #[serde(skip_serializing_if = "is_empty")]
    pub shelves: Vec<SavedShelf>,
    /// Restarts in a row after which the downtime was not known.
    #[serde(skip_serializing_if = "is_empty")]
    pub unknown_downtimes: u8,
}

/// A shelf.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "each is the field of the same name of the shelf"
)]
pub struct SavedShelf {
    /// Machine and rule; both absent for the site, only the rule for a machine.
    pub machine: Option<String>,
    pub rule: Option<String>,
    pub until: i64,
    pub by: SavedBy,
    pub reason: String,
}

/// What was learned of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedMachine {
    /// Its id.
    pub id: String,
    /// What its topics say of it.
    #[serde(skip_serializing_if = "is_empty")]
    pub labels: Vec<(String, String)>,
    /// That it was discovered, if it was.
    #[serde(skip_serializing_if = "is_empty")]
    pub found: Option<SavedFound>,
}

/// That a machine was discovered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the field of the same name of `Found`")]
pub struct SavedFound {
    pub source: String,
    pub class: String,
    pub name: String,
    pub since: i64,
    pub number: u64,
}

/// All that is on disk when the agent starts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Durable {
    /// None on a new database.
    pub core: Option<SavedCore>,
    /// The watches that ever had something to save.
    pub watches: Vec<SavedWatch>,
    /// What was learned of machines.
    #[serde(skip_serializing_if = "is_empty")]
    pub machines: Vec<SavedMachine>,
    /// The last mark, which may be later than those of the watches.
    pub mark: Mark,
}

/// What lives only in memory, as far as a copy of it is ever made: for a reload, and for a recording that begins in the middle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedLive {
    /// What is known of each tag.
    pub tags: Vec<SavedTag>,
    /// When it is looked next at what is blind, monotonic nanoseconds.
    pub review: Option<i64>,
}

/// What is known of a tag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedTag {
    /// The machine's id.
    pub machine: Arc<str>,
    /// The tag's name.
    pub tag: Arc<str>,
    /// The last good value.
    #[serde(skip_serializing_if = "is_empty")]
    pub value: Option<SavedValue>,
    /// A broker had kept that for us.
    #[serde(skip_serializing_if = "is_empty")]
    pub retained: bool,
    /// When that was heard, monotonic nanoseconds.
    #[serde(skip_serializing_if = "is_empty")]
    pub measured: Option<i64>,
    /// When anything was heard, monotonic nanoseconds.
    pub heard: i64,
    /// The last time stamp of the payload's own, milliseconds.
    #[serde(skip_serializing_if = "is_empty")]
    pub stamp: Option<i64>,
    /// When the last sample with one was heard, monotonic nanoseconds.
    #[serde(skip_serializing_if = "is_empty")]
    pub stamped: Option<i64>,
    /// How many stamps were not newer than the last.
    #[serde(skip_serializing_if = "is_empty")]
    pub late: u64,
    /// Why it is bad, if it is.
    #[serde(skip_serializing_if = "is_empty")]
    pub bad: Option<SavedBlindness>,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SavedValue {
    /// A boolean.
    Bool(bool),
    /// A finite number.
    Number(f64),
}

/// That a tag is bad.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedBlindness {
    /// The word of the reason.
    pub why: String,
    /// Since when, milliseconds.
    pub since: i64,
    /// From when its time counts, monotonic nanoseconds.
    pub from: i64,
    /// The width of what covered it last: 0 is a tag.
    #[serde(skip_serializing_if = "is_empty")]
    pub width: Option<u8>,
}
