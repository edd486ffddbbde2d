//! The alert of a source about itself: that it panicked, or what it complains of. There is one for each source at most.

use std::time::Duration;

use crate::{
    alert::{plant::Severity, signal::Signal},
    clock::Mono,
    source::tally::Tally,
};

/// The rule of alerts about a source that fails.
pub(super) const SOURCE_RULE: &str = "andon.source";
/// A source that has run for so long is well.
const STEADY: Duration = Duration::from_secs(10 * 60);

/// What was said of one source so far.
#[derive(Debug)]
pub(super) struct Voice {
    /// When it was started; none once it was found to be steady.
    started: Option<Mono>,
    /// Its panics since it was steady last.
    panics: u32,
    /// The version of the complaints that were told.
    told: u64,
    /// Complaints are told.
    complains: bool,
}

impl Voice {
    pub(super) fn new(tally: &Tally) -> Self {
        Self {
            started: None,
            panics: 0,
            told: tally.version(),
            complains: false,
        }
    }

    /// It starts.
    pub(super) fn started(&mut self, now: Mono) {
        self.started = Some(now);
    }

    /// It panicked once more. How long to leave it alone, and what to say.
    pub(super) fn failed(&mut self, name: &str) -> (Duration, Signal) {
        self.panics = self.panics.saturating_add(1);
        let wait = 1_u64.checked_shl(self.panics - 1).unwrap_or(60).min(60);
        let message =
            format!("source {name} failed and was started again: this is a defect of andon");
        let action = "Send the log to the makers of andon.";
        let signal = Signal::raised(SOURCE_RULE, name, Severity::Error, message, action);
        (Duration::from_secs(wait), signal)
    }

    /// What there is to say now. Costs nothing where nothing has changed.
    pub(super) fn say(&mut self, name: &str, tally: &Tally, now: Mono) -> Option<Signal> {
        let steady = self
            .started
            .take_if(|started| now.since(*started) >= STEADY);
        let version = tally.version();
        if steady.is_none() && version == self.told {
            return None;
        }
        self.told = version;
        if steady.is_some() {
            self.panics = 0;
        } else if self.panics > 0 {
            // That it failed is worse, and stays said until it is well.
            return None;
        }
        let complaints = tally.complaints();
        let complained = std::mem::replace(&mut self.complains, !complaints.is_empty());
        let Some(first) = complaints.first() else {
            // Also what an earlier run of the agent had said.
            return (complained || steady.is_some()).then(|| Signal::gone(SOURCE_RULE, name));
        };
        let messages: Vec<&str> = complaints.iter().map(|of| of.message.as_str()).collect();
        let message = format!("source {name}: {}", messages.join("; "));
        let signal = Signal::raised(SOURCE_RULE, name, Severity::Warning, message, first.action);
        Some(signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tally::Complaint;

    fn at(seconds: u64) -> Mono {
        Mono::from_nanos(0) + Duration::from_secs(seconds)
    }

    fn drops(tally: &Tally) {
        let (message, action) = ("messages are dropped".to_owned(), "Send less.");
        tally.complain("drops", Complaint { message, action });
    }

    #[test]
    fn a_source_that_runs_on_is_said_to_be_well_once() {
        let tally = Tally::default();
        let mut voice = Voice::new(&tally);
        voice.started(at(0));
        assert_eq!(voice.failed("s").0, Duration::from_secs(1));
        assert_eq!(voice.failed("s").0, Duration::from_secs(2));
        let gone = Signal::gone(SOURCE_RULE, "s");
        assert_eq!(voice.say("s", &tally, at(599)), None);
        assert_eq!(voice.say("s", &tally, at(600)), Some(gone));
        assert_eq!(voice.say("s", &tally, at(601)), None);
        assert_eq!(voice.failed("s").0, Duration::from_secs(1));
    }

    #[test]
    fn complaints_are_one_alert_that_ends_with_the_last_of_them() {
        let tally = Tally::default();
        let mut voice = Voice::new(&tally);
        voice.started(at(0));
        assert_eq!(voice.say("s", &tally, at(1)), None);
        drops(&tally);
        let said = voice.say("s", &tally, at(2)).unwrap();
        assert_eq!(said.severity, Some(Severity::Warning));
        assert_eq!(&*said.face.message, "source s: messages are dropped");
        assert_eq!(voice.say("s", &tally, at(3)), None);
        tally.settle("drops");
        let gone = Some(Signal::gone(SOURCE_RULE, "s"));
        assert_eq!(voice.say("s", &tally, at(4)), gone);
    }

    #[test]
    fn a_complaint_waits_until_a_source_that_failed_is_well() {
        let tally = Tally::default();
        let mut voice = Voice::new(&tally);
        voice.started(at(0));
        voice.failed("s");
        drops(&tally);
        assert_eq!(voice.say("s", &tally, at(2)), None);
        let said = voice.say("s", &tally, at(600)).unwrap();
        assert_eq!(said.severity, Some(Severity::Warning));
        // What is not over does not end because the source is steady.
        assert_eq!(voice.say("s", &tally, at(2000)), None);
    }
}
