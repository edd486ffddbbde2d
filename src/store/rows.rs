//! What goes into the store and comes out of it, as plain types of the store's own.
//!
//! They are not the core's types and not a wire shape: ids are text, severities are ranks, bodies and blobs are opaque.

use crate::clock::{Mono, Now, Wall};

pub use super::{machines::MachineRow, state::DeliveryState};

use super::given_up::Range;

/// Everything that one group of steps decided; written in one transaction or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// What happened, in order.
    pub events: Vec<NewEvent>,
    /// Watches whose saved state changed.
    pub watches: Vec<WatchRow>,
    /// Keys of watches that are gone.
    pub removed_watches: Vec<String>,
    /// What was learned of machines.
    pub machines: Vec<MachineRow>,
    /// Ids of machines that are forgotten.
    pub forgotten_machines: Vec<String>,
    /// The core's own state beside its watches, if it changed: opaque.
    pub core: Option<String>,
    /// When this was decided.
    pub mark: Mark,
}

impl Commit {
    /// Whether nothing in it has to survive a restart: such a commit writes nothing, its mark included.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.watches.is_empty()
            && self.removed_watches.is_empty()
            && self.machines.is_empty()
            && self.forgotten_machines.is_empty()
            && self.core.is_none()
    }
}

/// One event, with what is owed because of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewEvent {
    /// Its ULID.
    pub id: String,
    /// Its alert as it is after the event.
    pub alert: AlertRow,
    /// `triggered`, `resolved`, ..
    pub kind: String,
    /// When it happened.
    pub at: Wall,
    /// The rendered notice, as JSON; opaque.
    pub body: String,
    /// Deliveries that are withdrawn with it, because an acknowledgement or an end has made them pointless. The caller has
    /// taken them out of the schedule before, so that none of them can be under way.
    pub withdraws: Vec<i64>,
    /// Destinations of its alert's audience that do not take events of this kind.
    pub untold: Vec<String>,
    /// To whom it is owed.
    pub deliveries: Vec<NewDelivery>,
}

/// One event owed to one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewDelivery {
    /// The destination's name.
    pub destination: String,
    /// Rank, a higher one is worse.
    pub severity: u8,
    /// Told as a trigger because the destination joins late.
    pub as_trigger: bool,
    /// It is withdrawn if the alert is acknowledged or over before the first attempt: escalations are.
    pub withdrawable: bool,
    /// Not to be attempted before this time.
    pub not_before: Option<Wall>,
}

/// An alert as a searched row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertRow {
    /// Its ULID.
    pub id: String,
    /// 1042 of `A-1042`; unique within one database.
    pub number: u64,
    /// Names its watch.
    pub dedup_key: String,
    /// The rule's id.
    pub rule: String,
    /// The machine's id.
    pub machine: String,
    /// Rank, a higher one is worse.
    pub severity: u8,
    /// `active`, `acknowledged`, `resolved`.
    pub state: String,
    /// When it triggered.
    pub created: Wall,
    /// When it ended, if it did.
    pub ended: Option<Wall>,
    /// Destinations that hear of it to its end.
    pub audience: Vec<String>,
}

/// The saved state of one watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchRow {
    /// Its `dedup_key`.
    pub key: String,
    /// The rule's id.
    pub rule: String,
    /// The machine's id.
    pub machine: String,
    /// Whether its alert is open.
    pub open: bool,
    /// Its state; opaque.
    pub blob: String,
}

/// A moment that a later start can compare itself with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The boot that `mono` counts in.
    pub boot: String,
    /// Monotonic time.
    pub mono: Mono,
    /// Wall time.
    pub wall: Wall,
    /// Whether the wall clock was synchronised.
    pub synchronised: bool,
}

impl Mark {
    /// This moment of this boot.
    pub fn new(boot: &crate::clock::BootId, now: Now) -> Self {
        Self {
            boot: boot.0.clone(),
            mono: now.mono,
            wall: now.wall,
            synchronised: now.synchronised,
        }
    }
}

/// What a commit gave back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// It is on disk; false only in memory mode.
    pub durable: bool,
    /// What was made, in the order of the commit.
    pub deliveries: Vec<Owed>,
    /// Deliveries that the commit withdrew.
    pub superseded: Vec<i64>,
}

/// A delivery that a commit made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The row's id.
    pub id: i64,
    /// Which event of the commit, from 0.
    pub event: usize,
    /// The row of that event.
    pub event_seq: i64,
    /// The destination's name.
    pub destination: String,
    /// The destination's number for it.
    pub sequence: u64,
    /// Told as a trigger because the destination joins late.
    pub as_trigger: bool,
    /// What its first attempt needs, so that it is not read back: only for the first few of a commit.
    pub ready: Option<Box<Delivery>>,
}

/// A delivery without the body of its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The row's id; later ones are higher.
    pub id: i64,
    /// The row of its event.
    pub event_seq: i64,
    /// The alert's ULID.
    pub alert: String,
    /// The event's kind.
    pub kind: String,
    /// When the event happened.
    pub at: Wall,
    /// The destination's name.
    pub destination: String,
    /// The `dedup_key` of its alert, which orders it.
    pub lane: String,
    /// The destination's number for it.
    pub sequence: u64,
    /// Told as a trigger.
    pub as_trigger: bool,
    /// Rank, a higher one is worse.
    pub severity: u8,
    /// Withdrawn if the alert is taken or over before the first attempt.
    pub withdrawable: bool,
    /// How it stands.
    pub state: DeliveryState,
    /// Attempts used.
    pub attempts: u32,
    /// Not to be attempted before this time.
    pub not_before: Option<Wall>,
    /// When it was decided, on both clocks, for an honest age.
    pub decided: Mark,
    /// The first try, one that found nobody included.
    pub first_attempt: Option<Wall>,
    /// The last try.
    pub last_attempt: Option<Wall>,
    /// When it stopped being owed.
    pub settled: Option<Wall>,
    /// What the last try brought, in words.
    pub result: Option<String>,
    /// The delivery in whose place this one is told, because another destination did not accept it in time.
    pub fallback_of: Option<i64>,
    /// The first delivery that is told to others in place of this one.
    pub fallback_to: Option<i64>,
}

/// Others are told the state of an alert, because a delivery was not accepted in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FallBack {
    /// That delivery.
    pub row: i64,
    /// Whom.
    pub to: Vec<String>,
    /// Who hears of the alert from now on: those and all that did before.
    pub audience: Vec<String>,
}

/// A delivery with everything that an attempt needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The row.
    pub row: DeliveryRow,
    /// The event's ULID.
    pub event: String,
    /// The event's rendered notice.
    pub body: String,
    /// The event is on disk; false only in memory mode.
    pub durable: bool,
    /// Names the database that the sequence counts in.
    pub stream: String,
    /// Numbers of this destination that will never come and that it has not been told.
    pub given_up: Vec<Range>,
    /// What the destination wanted remembered about this alert, at most [`MAX_THREAD`] bytes.
    pub thread: Option<String>,
    /// The alert as it is now.
    pub alert: Option<AlertRow>,
    /// Its first and last tries, oldest first.
    pub log: Vec<Tried>,
    /// How often the store had written anything when a commit handed this over: at the same count it is still so. None if it was
    /// read.
    pub writes: Option<u64>,
}

/// Most bytes of a destination's memory about one alert.
pub const MAX_THREAD: usize = 4096;

/// One try, or several like it that were counted in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptRecord {
    /// When, the last one if several.
    pub at: Wall,
    /// How many attempts it used: 0 if nobody was reached.
    pub used: u32,
    /// What it brought, in words; cut to 500 bytes.
    pub result: String,
    /// How long it took, in milliseconds; none if several were counted together.
    pub took_ms: Option<u64>,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What the receiver calls it; at most 200 characters.
    pub provider_id: Option<String>,
    /// When the next one may start.
    pub not_before: Option<Wall>,
}

/// A try as it is kept with its delivery.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tried {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// Attempts used up to and with it.
    pub attempts: u32,
    /// What it brought.
    pub result: String,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// The status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the receiver calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
}

/// The end of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The delivery.
    pub id: i64,
    /// Anything but pending.
    pub state: DeliveryState,
    /// When.
    pub at: Wall,
    /// Why, or what the last attempt brought; cut to 500 bytes.
    pub result: String,
    /// The attempt that brought it, if one did.
    pub attempt: Option<AttemptRecord>,
    /// Ranges that were told with it: forgotten if it was accepted.
    pub told: Vec<Range>,
    /// What the destination wants remembered about this alert; a longer text than [`MAX_THREAD`] is not kept.
    pub thread: Option<String>,
}

impl Settlement {
    /// An end without an attempt, ranges or thread.
    pub fn new(id: i64, state: DeliveryState, at: Wall, result: impl Into<String>) -> Self {
        Self {
            id,
            state,
            at,
            result: result.into(),
            attempt: None,
            told: Vec::new(),
            thread: None,
        }
    }
}

/// An event as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Its row: later ones are higher.
    pub seq: i64,
    /// Its ULID.
    pub id: String,
    /// The alert's ULID.
    pub alert: String,
    /// `triggered`, `resolved`, ..
    pub kind: String,
    /// When it happened.
    pub at: Wall,
    /// The rendered notice.
    pub body: String,
}

/// A destination as the store knows it: also one that is no longer configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationRow {
    /// Its name.
    pub name: String,
    /// The number that its next delivery gets.
    pub next_sequence: u64,
    /// Numbers that will never come and that it has not been told.
    pub given_up: Vec<Range>,
    /// It asked not to be called before this time.
    pub paused_until: Option<Wall>,
    /// It was deactivated then, and still is.
    pub deactivated: Option<Wall>,
    /// Failed or refused attempts in a row.
    pub failures: u32,
}

/// What is owed to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Its name.
    pub destination: String,
    /// Deliveries still owed.
    pub pending: u64,
    /// When the oldest of them was decided.
    pub oldest: Wall,
}
