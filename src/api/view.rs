//! The state of the agent as it is shown: by the API as JSON, by the verbs as tables.
//!
//! These are wire shapes, apart from the core's types: fields only get added. A view is made by the loop between two steps, so it
//! never shows half of anything.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::verify::rows::Point;

/// Everything at one instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// The agent's version.
    pub version: String,
    /// The site's id.
    pub site: String,
    /// The site's name.
    pub site_name: String,
    /// In which times are told to people: `Europe/Berlin`.
    pub timezone: String,
    /// Whom to call; empty if nobody was named.
    pub contact: String,
    /// The agent's ULID.
    pub agent: String,
    /// When the agent started, RFC 3339.
    pub started: String,
    /// The instant of this view, RFC 3339.
    pub now: String,
    /// Whether the wall clock can be trusted.
    pub synchronised: bool,
    /// What a person must know first: a refused configuration, memory mode, a disabled destination.
    pub problems: Vec<String>,
    /// The configuration that runs.
    pub config: ConfigView,
    /// How many recordings run, samples included.
    pub recordings: usize,
    /// How many watches there are.
    pub watches: usize,
    /// How many of them cannot see.
    pub not_watching: usize,
    /// Open alerts, the worst first.
    pub alerts: Vec<AlertView>,
    /// What is silenced.
    pub shelves: Vec<ShelfView>,
    /// All sources.
    pub sources: Vec<SourceView>,
    /// All machines.
    pub machines: Vec<MachineView>,
    /// All destinations.
    pub destinations: Vec<DestinationView>,
    /// The store.
    pub store: StoreView,
}

/// Which site it is, and which time it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteView {
    /// Its id.
    pub site: String,
    /// Its name.
    pub site_name: String,
    /// In which times are told to people.
    pub timezone: String,
    /// RFC 3339.
    pub now: String,
    /// Whether that can be trusted.
    pub synchronised: bool,
}

/// The configuration that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigView {
    /// The main file.
    pub path: String,
    /// The first 12 hexadecimal digits of a hash over all its files.
    pub hash: String,
    /// The configuration that was last offered was refused for these reasons; what runs is the last good one.
    pub refused: Vec<String>,
}

/// An alert.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertView {
    /// `A-1042`
    pub number: String,
    /// Its ULID.
    pub id: String,
    /// Names the watch.
    pub dedup_key: String,
    /// The machine's id.
    pub machine: String,
    /// The machine's name.
    pub machine_name: String,
    /// The rule's id.
    pub rule: String,
    /// `critical`, ..
    pub severity: String,
    /// `active`, `acknowledged`, `resolved`
    pub state: String,
    /// Silenced.
    pub shelved: bool,
    /// `hihi`
    pub level: Option<String>,
    /// The sentence for people.
    pub text: String,
    /// The value with its unit.
    pub value: Option<String>,
    /// The limit with its unit.
    pub limit: Option<String>,
    /// How often the condition came.
    pub occurrences: u32,
    /// RFC 3339.
    pub created: String,
    /// RFC 3339.
    pub ended: Option<String>,
}

/// Something silenced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShelfView {
    /// `the site`, `mill-1`, `mill-1/spindle-overtemp`
    pub target: String,
    /// For how many seconds still.
    pub left_seconds: u64,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A source, as far as its tags tell, and what it says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// `modbus`, `mqtt`
    pub kind: String,
    /// Where it leads.
    pub address: String,
    /// `ok`, `partly` (some of its tags are silent), `silent` (all are), `waiting` (nothing heard yet), `unused` (it has no tags).
    pub state: String,
    /// Seconds since anything was heard of it.
    pub heard_seconds: Option<u64>,
    /// Why something is silent.
    pub why: Option<String>,
    /// How its connection stands: `connected to 10.0.0.5:1883`, `on its backup address 10.0.0.6:502`.
    pub connection: Option<String>,
    /// Whether that is as it should be.
    pub connection_fine: bool,
    /// What is not as it should be behind the connection: `no answer from unit 3`.
    pub notes: Vec<String>,
    /// What it has counted since the agent started: `messages`, `malformed`, `polls_left_out`, ..
    pub counts: BTreeMap<String, u64>,
    /// Those of them that are trouble and not zero.
    pub troubles: Vec<TroubleView>,
}

/// A trouble of a source, since the agent started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TroubleView {
    /// As in `counts`: `malformed`.
    pub what: String,
    /// In words: `payloads not understood`.
    pub text: String,
    /// How often.
    pub count: u64,
    /// Why the last time, about.
    pub last: Option<String>,
    /// Seconds since that.
    pub last_seconds: Option<u64>,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// `ok`, `alert`, `blind` (some of its tags are bad), `off` (it may be, and is silent), `waiting` (nothing heard yet).
    pub state: String,
    /// The rules that cannot see.
    pub not_watched: Vec<String>,
    /// Its tags.
    pub tags: Vec<TagView>,
}

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TagView {
    /// Its name.
    pub tag: String,
    /// The last good value, with unit and decimals; it stays while the tag is bad.
    pub value: Option<String>,
    /// A broker had kept that for whoever comes later: it may be older than it was heard.
    pub retained: bool,
    /// Seconds since that was heard.
    pub good_seconds: Option<f64>,
    /// Seconds since anything was heard of it, good or bad.
    pub age_seconds: f64,
    /// Why it is bad, if it is, in words.
    pub bad: Option<String>,
    /// The same as one word: `never_heard`, `stale`, `unreachable`, `no_answer`, `exception_2`, `malformed`, `sensor_fault`, `unlisted`, `bad_quality`.
    pub reason: Option<String>,
    /// Since when it is bad, RFC 3339.
    pub bad_since: Option<String>,
    /// The source that it comes from.
    pub source: String,
    /// The Modbus unit behind it, if there is one.
    pub modbus_unit: Option<u8>,
}

/// A destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DestinationView {
    /// Its name.
    pub name: String,
    /// `webhook`
    pub kind: String,
    /// `ok`, `unreachable`, `failing`, `deactivated`, `disabled`
    pub state: String,
    /// Why, if it is not ok.
    pub why: Option<String>,
    /// Deliveries that wait.
    pub pending: u64,
    /// Seconds since the oldest of them was decided.
    pub oldest_seconds: u64,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreView {
    /// False in memory mode.
    pub durable: bool,
    /// Where it is.
    pub path: String,
    /// Deliveries that wait, over all destinations.
    pub pending: u64,
    /// Seconds since the oldest of them was decided.
    pub oldest_seconds: u64,
    /// Bytes of the database that hold something.
    pub bytes: u64,
    /// Above so many bytes history makes room, the oldest first.
    pub most_bytes: u64,
    /// Bytes that the agent writes to disks in a day, as it has since it started; 0 where the kernel does not say.
    pub written_a_day: u64,
    /// Names this database: sequence numbers count in it.
    pub stream: String,
    /// The last event in the chain; none in memory mode, where it may still be lost.
    pub head: Option<Point>,
}

/// What a command did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Obeyed {
    /// One line for each event that it caused: `A-1042 acknowledged`.
    pub lines: Vec<String>,
}

/// What a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reloaded {
    /// The hash of the configuration that runs now.
    pub hash: String,
    /// What was noticed and does not hinder.
    pub warnings: Vec<String>,
}

/// One attempt at a destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempted {
    /// Whether the destination accepted.
    pub accepted: bool,
    /// What was sent, secrets masked.
    pub request: Vec<String>,
    /// What came back, or why nothing did.
    pub answer: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}
