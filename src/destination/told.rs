//! Everything that a kind knows when it tells something: the event, the attempt, what it left for itself, and who reads it.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    RenderError,
    notice::{Attempt, Notice},
};
use crate::{
    alert::event::EventKind,
    config::{section::Section, values::Zone},
};

/// What is told in one attempt at one destination.
#[derive(Clone, Copy, Debug)]
pub struct Told<'t> {
    /// The event.
    pub notice: &'t Notice,
    /// What belongs to this attempt.
    pub attempt: &'t Attempt,
    /// What the last answer in this lane left for follow-ups: the id of a message, say. Empty and absent are the same.
    pub thread: Option<&'t str>,
    /// Who reads it.
    pub reader: &'t Reader,
}

impl Told<'_> {
    /// What is told: a trigger where the destination joins late, else what happened.
    ///
    /// # Errors
    /// [`RenderError::UnknownKind`] when a later version of the agent has left the event.
    pub fn kind(&self) -> Result<EventKind, RenderError> {
        let kind = EventKind::from_word(&self.notice.kind);
        let kind = kind.ok_or_else(|| RenderError::UnknownKind {
            id: self.notice.id.clone(),
            kind: self.notice.kind.clone(),
        })?;
        Ok(if self.attempt.as_trigger {
            EventKind::Triggered
        } else {
            kind
        })
    }

    /// A payload about it as JSON.
    ///
    /// # Errors
    /// [`RenderError::Payload`] when it cannot be written.
    pub fn json(&self, payload: &impl Serialize) -> Result<String, RenderError> {
        serde_json::to_string(payload).map_err(|source| RenderError::Payload {
            id: self.notice.id.clone(),
            source,
        })
    }

    /// Whether it is told as this.
    pub fn is(&self, kind: EventKind) -> bool {
        self.kind().is_ok_and(|told| told == kind)
    }

    /// Whether the alert is over with this event.
    pub fn is_over(&self) -> bool {
        self.notice.alert.state == "resolved"
    }
}

/// How the people at a destination read times and numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Reader {
    /// Their time zone.
    pub timezone: TimeZone,
    /// What stands before the decimals: `.` or `,`.
    pub decimal_mark: char,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            timezone: TimeZone::UTC,
            decimal_mark: '.',
        }
    }
}

impl Reader {
    /// Reads `timezone` and `decimal_mark`; the time zone of the site holds where there is none.
    pub(super) fn read(section: &Section<'_>) -> Self {
        Self {
            timezone: section.get("timezone", Zone(TimeZone::UTC)).0,
            decimal_mark: section
                .word("decimal_mark", &[(".", '.'), (",", ',')])
                .unwrap_or('.'),
        }
    }

    /// A number, written as programs do, as people write it: `97,3`.
    pub(super) fn number(&self, written: &str) -> String {
        written.replace('.', self.decimal_mark.encode_utf8(&mut [0; 4]))
    }

    /// A time as people write it: `4 Apr 2026 10:30:05 CEST`.
    pub fn time(&self, millis: i64) -> String {
        match Timestamp::from_millisecond(millis) {
            Ok(time) => {
                let time = time.to_zoned(self.timezone.clone());
                time.strftime("%-d %b %Y %H:%M:%S %Z").to_string()
            }
            Err(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_reader() {
        let berlin = Reader {
            timezone: TimeZone::get("Europe/Berlin").expect("a zone"),
            ..Reader::default()
        };
        let at = 1_775_291_405_120;
        assert_eq!(berlin.time(at), "4 Apr 2026 10:30:05 CEST");
        assert_eq!(Reader::default().time(at), "4 Apr 2026 08:30:05 UTC");
    }
}
