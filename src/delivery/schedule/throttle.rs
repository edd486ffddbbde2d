//! Sparing people chatter: at most one call per watch and destination in `call_every`, and a pair of "came back" and "ended
//! again" inside that time is not told at all.
//!
//! What it rests on is what was accepted during this run of the agent, for `call_every` at most. After a restart nothing is
//! remembered, so nothing is held and nothing is dropped: one notification too many, never one too few.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::LaneKey;
use crate::{
    alert::{event::EventKind, plant::Severity},
    clock::Mono,
};

/// What a delivery is to its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Triggered, reopened, or the current state told as a trigger.
    Call,
    /// A step of a policy is due: it and what stands before it is never held.
    Escalation,
    /// Resolved or closed.
    End,
    /// Anything else.
    Other,
}

impl Kind {
    /// The kind of the delivery of an event.
    pub fn of(event: EventKind, as_trigger: bool) -> Self {
        match event {
            _ if as_trigger => Self::Call,
            EventKind::Triggered | EventKind::Reopened => Self::Call,
            EventKind::Escalated => Self::Escalation,
            EventKind::Resolved | EventKind::Closed => Self::End,
            EventKind::Updated
            | EventKind::Acknowledged
            | EventKind::Shelved
            | EventKind::Unshelved => Self::Other,
        }
    }
}

/// The last call that a destination accepted for a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When its event was decided. Not when it was accepted: a backlog after an outage is no chatter.
    pub decided: Mono,
    /// How bad it was.
    pub severity: Severity,
    /// Whether the destination accepted an end after it, and nothing else since.
    pub ended: bool,
}

/// Until when a call that is first in its lane is held; none if it may go now.
///
/// `worst` is the worst severity that waits in the lane: what is worse than what people heard is never held. Nor is anything
/// before an escalation.
pub fn held_until(
    last: Option<Call>,
    kind: Kind,
    worst: Severity,
    escalated: bool,
    call_every: Duration,
) -> Option<Mono> {
    let last = last?;
    (kind == Kind::Call && !escalated && worst <= last.severity).then(|| last.decided + call_every)
}

/// How many deliveries from the front of a lane say nothing that the destination does not know, if the first is a held
/// call that was never attempted: up to and with the first end after it, if the destination last heard an end.
pub fn chatter(last: Option<Call>, lane: impl IntoIterator<Item = Kind>) -> usize {
    if !last.is_some_and(|call| call.ended) {
        return 0;
    }
    let end = lane.into_iter().position(|kind| kind == Kind::End);
    end.map_or(0, |at| at + 1)
}

/// The last calls of one destination, by lane, each for `call_every`.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    calls: BTreeMap<LaneKey, Call>,
    forget: BTreeSet<(Mono, LaneKey)>,
}

impl Heard {
    pub(super) fn last(&self, lane: LaneKey) -> Option<Call> {
        self.calls.get(&lane).copied()
    }

    /// An attempt that is no end starts: whatever comes of it, the destination may have heard it.
    pub(super) fn started(&mut self, lane: LaneKey, kind: Kind) {
        if kind != Kind::End
            && let Some(call) = self.calls.get_mut(&lane)
        {
            call.ended = false;
        }
    }

    pub(super) fn accepted(
        &mut self,
        lane: LaneKey,
        kind: Kind,
        severity: Severity,
        decided: Mono,
        call_every: Duration,
    ) {
        match kind {
            Kind::Call => {
                let call = Call {
                    decided,
                    severity,
                    ended: false,
                };
                if let Some(old) = self.calls.insert(lane, call) {
                    self.forget.remove(&(old.decided + call_every, lane));
                }
                self.forget.insert((decided + call_every, lane));
            }
            // In a digest each starts before any is accepted, so an end must not outlast what follows it there.
            Kind::End | Kind::Escalation | Kind::Other => {
                if let Some(call) = self.calls.get_mut(&lane) {
                    call.ended = kind == Kind::End;
                }
            }
        }
    }

    pub(super) fn forget(&mut self, now: Mono) {
        while let Some(&(at, lane)) = self.forget.first()
            && at <= now
        {
            self.forget.pop_first();
            self.calls.remove(&lane);
        }
    }

    pub(super) fn forget_lane(&mut self, lane: LaneKey, call_every: Duration) {
        if let Some(call) = self.calls.remove(&lane) {
            self.forget.remove(&(call.decided + call_every, lane));
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(300);
    const LAST: Call = Call {
        decided: Mono::from_nanos(0),
        severity: Severity::Error,
        ended: true,
    };

    #[test]
    fn a_call_is_held_only_behind_another_that_was_as_bad() {
        let until = Some(LAST.decided + EVERY);
        let table = [
            (Some(LAST), Kind::Call, Severity::Error, false, until),
            (Some(LAST), Kind::Call, Severity::Info, false, until),
            (Some(LAST), Kind::Call, Severity::Critical, false, None),
            (Some(LAST), Kind::Call, Severity::Error, true, None),
            (Some(LAST), Kind::End, Severity::Error, false, None),
            (Some(LAST), Kind::Other, Severity::Error, false, None),
            (None, Kind::Call, Severity::Error, false, None),
        ];
        for (last, kind, worst, escalated, expected) in table {
            let until = held_until(last, kind, worst, escalated, EVERY);
            assert_eq!(until, expected, "{kind:?} {worst:?} {escalated}");
        }
    }

    #[test]
    fn chatter_is_a_held_call_up_to_its_end_after_another_end() {
        use Kind::{Call as C, End as E, Other as O};
        let table: [(&[Kind], usize); 5] = [
            (&[C, E], 2),
            (&[C, O, O, E, C], 4),
            (&[C, E, C, E], 2),
            (&[C, O], 0),
            (&[], 0),
        ];
        let active = Call {
            ended: false,
            ..LAST
        };
        for (lane, expected) in table {
            assert_eq!(chatter(Some(LAST), lane.to_vec()), expected, "{lane:?}");
            assert_eq!(chatter(Some(active), lane.to_vec()), 0, "{lane:?}");
            assert_eq!(chatter(None, lane.to_vec()), 0, "{lane:?}");
        }
    }

    #[test]
    fn every_kind_of_event_has_its_place_and_a_late_joiner_is_called() {
        for event in EventKind::ALL {
            assert_eq!(Kind::of(event, true), Kind::Call);
            assert_eq!(Kind::of(event, false) == Kind::End, event.is_end());
        }
    }

    #[test]
    fn an_end_is_the_last_that_was_heard_only_until_something_else_is() {
        let (mut heard, lane) = (Heard::default(), LaneKey([1; 32]));
        let mut said = |kinds: [Kind; 3]| {
            for kind in kinds {
                heard.started(lane, kind);
            }
            for kind in kinds {
                heard.accepted(lane, kind, Severity::Info, LAST.decided, EVERY);
            }
            heard.last(lane).is_some_and(|call| call.ended)
        };
        assert!(said([Kind::Call, Kind::Other, Kind::End]));
        assert!(!said([Kind::Call, Kind::End, Kind::Other]));
        assert!(!said([Kind::Call, Kind::End, Kind::Escalation]));
        assert!(!said([Kind::Call, Kind::End, Kind::Call]));
    }

    #[test]
    fn calls_are_forgotten_when_they_no_longer_hold_anything() {
        let (mut heard, lane) = (Heard::default(), LaneKey([1; 32]));
        let at = |secs: i64| Mono::from_nanos(secs * 1_000_000_000);
        heard.accepted(lane, Kind::Call, Severity::Info, at(0), EVERY);
        heard.accepted(lane, Kind::Call, Severity::Info, at(100), EVERY);
        heard.forget(at(399));
        assert!(heard.last(lane).is_some());
        heard.forget(at(400));
        assert!(heard.last(lane).is_none() && heard.forget.is_empty());
    }
}
