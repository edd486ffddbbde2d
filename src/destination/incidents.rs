//! The incidents of one alert at a destination that calls people once for each: the one that its `dedup_key` names, and one more for
//! each escalation that was to ring again (`new_incident`). What ends or is acknowledged does so in all of them.
//!
//! Their keys are kept in the thread: steps and repeats like `1.0 2.0 2.1`, at most [`MOST`].

use super::{RenderError, Told, notice::NoticeEscalation};
use crate::alert::event::EventKind;

/// The most further incidents of one alert; escalations after that are told in the last one.
const MOST: usize = 50;

/// The incidents of an alert, as they are when this is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Incidents {
    key: String,
    rings: Vec<String>,
    /// The escalation that is told now belongs into the last one.
    rings_now: bool,
    /// It opens it.
    opens: bool,
}

impl Incidents {
    /// From what is told and what was kept.
    pub(super) fn of(told: &Told<'_>) -> Self {
        let kept = told.thread.unwrap_or_default().split(' ');
        let number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let fine = |ring: &&str| {
            ring.split_once('.')
                .is_some_and(|(a, b)| number(a) && number(b))
        };
        let mut rings: Vec<String> = kept.filter(fine).map(str::to_owned).collect();
        let due = told.notice.escalation.as_ref();
        let due = due.filter(|step| step.new_incident && told.is(EventKind::Escalated));
        let (mut rings_now, mut opens) = (false, false);
        if let Some(NoticeEscalation { step, repeat, .. }) = due {
            let ring = format!("{step}.{repeat}");
            let known = rings.iter().position(|have| *have == ring);
            let known = known.map(|at| rings.remove(at));
            rings_now = true;
            if known.is_some() || rings.len() < MOST {
                rings.push(ring);
                opens = true;
            }
        }
        Self {
            key: told.notice.dedup_key.clone(),
            rings,
            rings_now,
            opens,
        }
    }

    /// The one that is told of what is no end and no acknowledgement: that which this escalation opens, or the first.
    pub(super) fn current(&self) -> String {
        match self.rings.last().filter(|_| self.rings_now) {
            Some(ring) => self.named(ring),
            None => self.key.clone(),
        }
    }

    /// Whether what is told now opens an incident beside the first.
    pub(super) fn opens(&self) -> bool {
        self.opens
    }

    /// All, the first one last: an attempt that breaks off is repeated, and what the others hear twice changes nothing.
    pub(super) fn all(&self) -> Vec<String> {
        let rings = self.rings.iter().map(|ring| self.named(ring));
        rings.chain([self.key.clone()]).collect()
    }

    /// What an Events API, PagerDuty's and those made after it, calls what is told, and the incidents that it is for.
    ///
    /// # Errors
    /// When the kind of event is of a later version.
    pub(super) fn action(
        &self,
        told: &Told<'_>,
    ) -> Result<(&'static str, Vec<String>), RenderError> {
        Ok(match told.kind()? {
            EventKind::Acknowledged => ("acknowledge", self.all()),
            EventKind::Resolved | EventKind::Closed => ("resolve", self.all()),
            _ => ("trigger", vec![self.current()]),
        })
    }

    /// What is to be kept, if it has changed: before the escalation is told, as it may be heard and the answer get lost.
    pub(super) fn kept(&self) -> Option<String> {
        self.opens.then(|| self.rings.join(" "))
    }

    fn named(&self, ring: &str) -> String {
        format!("{}-{ring}", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{
        Reader,
        testbed::{attempt, notice},
    };

    fn incidents(kind: EventKind, thread: Option<&str>, new_incident: bool) -> Incidents {
        let mut notice = notice(kind);
        notice.dedup_key = "k".to_owned();
        if let Some(step) = &mut notice.escalation {
            (step.step, step.repeat, step.new_incident) = (2, 1, new_incident);
        }
        let (attempt, reader) = (attempt(), Reader::default());
        Incidents::of(&Told {
            notice: &notice,
            attempt: &attempt,
            thread,
            reader: &reader,
        })
    }

    #[test]
    fn an_escalation_that_is_to_ring_opens_an_incident_and_the_end_ends_all() {
        let ring = incidents(EventKind::Escalated, Some("1.0"), true);
        assert_eq!(ring.current(), "k-2.1");
        assert_eq!(ring.kept().as_deref(), Some("1.0 2.1"));
        // It was told before, and is told again after a crash.
        let again = incidents(EventKind::Escalated, Some("1.0 2.1"), true);
        assert_eq!(again, ring);
        let end = incidents(EventKind::Resolved, Some("1.0 2.1"), true);
        assert_eq!(end.all(), ["k-1.0", "k-2.1", "k"]);
        assert_eq!((end.current().as_str(), end.kept()), ("k", None));
        let quiet = incidents(EventKind::Escalated, None, false);
        assert_eq!((quiet.current().as_str(), quiet.kept()), ("k", None));
        let broken = incidents(EventKind::Resolved, Some("x 1.0 1. .2 1.a"), false);
        assert_eq!(broken.all(), ["k-1.0", "k"]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let many: Vec<String> = (0..200).map(|step| format!("1.{step}")).collect();
        let ring = incidents(EventKind::Escalated, Some(&many.join(" ")), true);
        assert_eq!(ring.rings.len(), 200);
        assert_eq!((ring.current().as_str(), ring.kept()), ("k-1.199", None));
        let end = incidents(EventKind::Closed, Some(&many[..MOST].join(" ")), true);
        assert_eq!(end.all().len(), MOST + 1);
    }
}
