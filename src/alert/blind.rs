//! Blindness: what is not seen is never taken for normal.
//!
//! A bad tag freezes the watches on it at once. What is wholly blind for [`super::plant::Times::blind_after`] is an alert of its
//! own, rule `andon.blind`, one for the highest thing that is wholly blind: a source, a unit, a machine, a tag. Which
//! that is gets reviewed at most once a second, so that a thousand tags lost with one cable cost one look.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    cover::{Subject, Width},
    engine::Engine,
    event::EventKind,
    plant::{Severity, WatchIx},
    signal::Signal,
    telling::Extra,
    timers::Timer,
    watch::Face,
};
use crate::{
    clock::{Mono, Now, Wall},
    sample::{Bad, TagId, Value},
};

/// The rule of alerts about what is blind.
pub const BLIND_RULE: &str = "andon.blind";

/// How long after a change the review waits for the other tags behind the same cable.
const REVIEW_AFTER: Duration = Duration::from_secs(1);

/// How many watches a blind alert names before it only counts them.
const NAMED_WATCHES: usize = 10;

/// What is known of a tag.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TagState {
    /// The last good value.
    pub(super) value: Option<Value>,
    /// A broker had kept that for us: it may be older than it was heard.
    pub(super) retained: bool,
    /// When a sample was last heard, good or bad; the start, if never.
    pub(super) heard: Mono,
    /// The last time stamp of the payload's own, and when that was heard.
    pub(super) stamp: Option<(Wall, Mono)>,
    /// How many samples came with a stamp that was not newer than the last.
    pub(super) late: u32,
    /// Why it is bad, if it is. Most are not, so it takes room of its own: a plant has tens of thousands of tags.
    pub(super) bad: Option<Box<Blindness>>,
    /// Its machine was forgotten; only its place is left.
    pub(super) gone: bool,
}

/// That a tag is bad, and since when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Blindness {
    pub(super) why: Bad,
    /// For people.
    pub(super) since: Wall,
    /// For `blind_after`: starts anew where something wider was blind and this part of it stays so.
    pub(super) from: Mono,
    /// When the last good value was heard; the start, if there is none.
    pub(super) measured: Mono,
    /// The width of what covered it at the last review.
    pub(super) width: Option<Width>,
}

impl TagState {
    pub(super) fn new(start: Mono) -> Self {
        Self {
            value: None,
            retained: false,
            heard: start,
            stamp: None,
            late: 0,
            bad: None,
            gone: false,
        }
    }

    /// When the last good value was heard, if there is one.
    pub(super) fn good_at(&self) -> Mono {
        match &self.bad {
            Some(blindness) => blindness.measured,
            None => self.heard,
        }
    }
}

impl Engine {
    /// A tag has no value any more, for this reason. If it had one, that was `measured` then.
    pub(super) fn goes_blind(&mut self, tag: TagId, why: Bad, measured: Mono, now: Now) {
        let state = &mut self.tags[tag.0 as usize];
        match &mut state.bad {
            Some(blindness) if blindness.why == why => {}
            Some(blindness) => {
                let still_silent = blindness.why.is_silence() && why.is_silence();
                blindness.why = why;
                if still_silent {
                    // The alert about it says what to check, which is another thing now.
                    self.review_soon(now.mono);
                }
            }
            None => {
                state.bad = Some(Box::new(Blindness {
                    why,
                    since: now.wall,
                    from: now.mono,
                    measured,
                    width: None,
                }));
                self.set_timer(Timer::Stale(tag), None);
                for watch in self.watches_of(tag) {
                    self.freeze(watch, now.mono);
                }
                self.review_soon(now.mono);
            }
        }
    }

    /// A bad tag has a value again. Its watches thaw when they judge it.
    pub(super) fn sees_again(&mut self, tag: TagId, now: Now) {
        self.tags[tag.0 as usize].bad = None;
        self.await_tag(tag);
        self.review_soon(now.mono);
    }

    /// The time after which silence means something is over, or a sample has come since and it is not.
    pub(super) fn may_be_stale(&mut self, tag: TagId, at: Now) {
        let state = &self.tags[tag.0 as usize];
        if state.bad.is_some() {
            return;
        }
        if state.heard + self.stale_after(tag) > at.mono {
            return self.await_tag(tag);
        }
        let why = if state.value.is_none() {
            Bad::NeverHeard
        } else {
            Bad::Stale
        };
        let heard = state.heard;
        self.goes_blind(tag, why, heard, at);
        if let Some(blindness) = &mut self.tags[tag.0 as usize].bad {
            // It has been silent since it was last heard, not since we noticed.
            blindness.since = at.wall - at.mono.since(heard);
        }
    }

    fn freeze(&mut self, watch: WatchIx, now: Mono) {
        let live = &mut self.watches[watch];
        let ran = live.ladder.stop(now);
        let was_frozen = std::mem::replace(&mut live.frozen, true);
        if ran || !was_frozen && live.open().is_some() {
            self.dirty.insert(watch);
        }
        self.refresh(watch);
    }

    /// Looks again soon; already planned looks stay.
    pub(super) fn review_soon(&mut self, now: Mono) {
        let soon = now + REVIEW_AFTER;
        if self.timers.due(Timer::Blind).is_none_or(|due| due > soon) {
            self.set_timer(Timer::Blind, Some(soon));
        }
    }

    /// Compares what is blind with the alerts about it, raises what has lasted and ends what is over.
    pub(super) fn review_blind(&mut self, at: Now) {
        let cover = self.cover();
        let mut next: Option<Mono> = None;
        let mut covered: BTreeSet<Arc<str>> = BTreeSet::new();
        for (subject, tags) in &cover {
            let from = self.note_width(*subject, tags, at.mono);
            let due = from + self.plant.times.blind_after;
            covered.insert(self.subject_id(*subject));
            if due > at.mono {
                next = Some(next.map_or(due, |next| next.min(due)));
            } else if let Some(signal) = self.blind_signal(*subject, tags) {
                self.signal(at, signal);
            }
        }
        self.end_blind_alerts(&covered, at);
        if let Some(next) = next
            && self.timers.due(Timer::Blind).is_none_or(|due| due > next)
        {
            self.set_timer(Timer::Blind, Some(next));
        }
    }

    /// Since when the subject counts as blind. A part of something wider that came back starts anew, so that a source whose
    /// tags return one by one does not raise an alert for each of the others.
    fn note_width(&mut self, subject: Subject, tags: &[TagId], now: Mono) -> Mono {
        let mut earliest = now;
        for tag in tags {
            if let Some(blindness) = &mut self.tags[tag.0 as usize].bad {
                if blindness
                    .width
                    .is_some_and(|before| before > subject.width())
                {
                    blindness.from = now;
                }
                blindness.width = Some(subject.width());
                earliest = earliest.min(blindness.from);
            }
        }
        earliest
    }

    /// The alert about a subject; none for a single tag that nothing watches.
    fn blind_signal(&self, subject: Subject, tags: &[TagId]) -> Option<Signal> {
        let watches: Vec<WatchIx> = tags.iter().flat_map(|&tag| self.watches_of(tag)).collect();
        if watches.is_empty() && subject.width() == Width::Tag {
            return None;
        }
        let rules = watches
            .iter()
            .map(|watch| &self.plant.watches[watch.0 as usize].rule);
        let severity = rules
            .clone()
            .map(|rule| rule.worst_severity())
            .max()
            .unwrap_or(Severity::Info);
        let mut names: Vec<String> = self.names_of(&watches);
        names.sort_unstable();
        names.dedup();
        let first = tags
            .iter()
            .filter_map(|tag| self.tags[tag.0 as usize].bad.as_ref())
            .min_by_key(|blindness| blindness.from)?;
        let (machine, place) = self.subject_face(subject);
        let message = format!(
            "{} from {place}; not watched: {}",
            first.why,
            listed(&names)
        );
        let action = match first.why {
            Bad::SensorFault => "Check the sensor and its wiring.",
            why if why.is_configuration_fault() => {
                "Check the tag's address and type against the device's manual."
            }
            Bad::Exception(10 | 11) => {
                "Check the device behind the gateway: its power, its wiring and its unit id."
            }
            Bad::Exception(_) | Bad::Malformed => {
                "Check the tag's address and type, and the device."
            }
            Bad::Unlisted => "Add the text to the tag's `values`, or check its address and length.",
            Bad::Goodbye => "Check that it is switched on and its node is connected to the broker.",
            Bad::Gap => {
                "Check that its node answers when it is asked to be born again, and the network."
            }
            Bad::Quality => {
                "The sender says itself that the value is not good: check the device behind it."
            }
            Bad::NeverHeard | Bad::Stale => "Check that whatever sends it is running.",
            Bad::Unreachable | Bad::NoAnswer => "Check power and cable.",
        };
        let face = Face {
            message: message.into(),
            action: action.into(),
            ..machine
        };
        let subject = self.subject_id(subject);
        Some(Signal {
            rule: BLIND_RULE.into(),
            subject,
            severity: Some(severity),
            face,
            remind: false,
        })
    }

    /// What people call these watches: by their rules alone, if they are all of one machine.
    fn names_of(&self, watches: &[WatchIx]) -> Vec<String> {
        let of = |watch: &WatchIx| &self.plant.watches[watch.0 as usize];
        let first = watches.first().map(|watch| of(watch).machine);
        let one_machine = watches.iter().all(|watch| Some(of(watch).machine) == first);
        let name = |watch: &WatchIx| {
            let watch = of(watch);
            let machine = &self.plant.machines[watch.machine.0 as usize].id;
            match one_machine {
                true => watch.rule.id.to_string(),
                false => format!("{machine}/{}", watch.rule.id),
            }
        };
        watches.iter().map(name).collect()
    }

    /// Ends the alerts about what is not wholly blind any more.
    fn end_blind_alerts(&mut self, covered: &BTreeSet<Arc<str>>, at: Now) {
        let active: Vec<(Arc<str>, WatchIx)> = self
            .signals
            .iter()
            .filter(|((rule, subject), _)| {
                rule.as_ref() == BLIND_RULE && !covered.contains(subject)
            })
            .map(|((_, subject), &watch)| (subject.clone(), watch))
            .filter(|(_, watch)| self.watches[*watch].ladder.worst().is_some())
            .collect();
        if active.is_empty() {
            return;
        }
        let mut tags_of: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
        for index in (0..self.tags.len()).filter(|&index| !self.tags[index].gone) {
            for subject in self.subjects_of(TagId(index as u32)) {
                let id = self.subject_id(subject);
                tags_of.entry(id).or_default().push(index);
            }
        }
        for (subject, watch) in active {
            let tags = tags_of.get(&subject).map_or(&[][..], Vec::as_slice);
            let mut states = tags.iter().map(|&index| &self.tags[index]);
            let any_sees = states
                .clone()
                .any(|state| state.bad.is_none() && state.value.is_some());
            let all_bad = states.all(|state| state.bad.is_some());
            if !tags.is_empty() && !any_sees && !all_bad {
                // The agent has just started.
                continue;
            }
            self.watches[watch].ladder.set(false);
            if tags.is_empty() {
                let why = Some("not configured any more, not measured as normal".into());
                self.end(
                    watch,
                    EventKind::Closed,
                    at,
                    Extra {
                        why,
                        ..Extra::default()
                    },
                );
            } else if any_sees {
                self.end(watch, EventKind::Resolved, at, Extra::default());
            } else {
                let why = Some(
                    "still blind, as part of something larger or of a machine that may be off"
                        .into(),
                );
                self.end(
                    watch,
                    EventKind::Closed,
                    at,
                    Extra {
                        why,
                        ..Extra::default()
                    },
                );
            }
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "no rule uses it".to_owned();
    }
    let shown = names
        .iter()
        .take(NAMED_WATCHES)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(NAMED_WATCHES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
