//! What a verb reads from and writes to, and how it writes times and colours.
//!
//! Names and texts come from machines and from strangers: nothing of them that a terminal would obey gets there.

use std::io::{self, BufRead, Write};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::{
    clock::Wall,
    destination::text::{harmless, lasting},
};

/// Texts of others are cut after so many characters.
const LONGEST: usize = 2000;

/// The two ends of a terminal, or of pipes.
pub(super) struct Terminal<'t> {
    /// Where it writes.
    pub(super) out: &'t mut dyn Write,
    /// Where it asks.
    pub(super) input: &'t mut dyn BufRead,
    /// Whether a person sits there and may be asked.
    pub(super) interactive: bool,
    /// Whether colours are understood.
    pub(super) colour: bool,
    /// When the verb began.
    pub(super) now: Wall,
    /// In which times are shown.
    pub(super) zone: TimeZone,
}

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it is.
    Plain,
    /// A head.
    Head,
    /// Well.
    Good,
    /// To be looked at.
    Warning,
    /// Bad.
    Bad,
}

impl Tone {
    /// The tone of a severity or of a state, by its word.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "critical" | "error" | "alert" | "failing" | "disabled" | "failed" | "refused"
            | "expired" => Self::Bad,
            "warning" | "blind" | "silent" | "partly" | "waiting" | "unreachable" | "active"
            | "dropped" => Self::Warning,
            "ok" | "accepted" | "resolved" => Self::Good,
            _ => Self::Plain,
        }
    }
}

impl Terminal<'_> {
    /// Writes one line of our own.
    pub(super) fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(self.out, "{}", text.as_ref())
    }

    /// Writes a line that others made.
    pub(super) fn foreign(&mut self, text: &str) -> io::Result<()> {
        self.line(harmless(text, LONGEST))
    }

    /// Says how far a long job has come, in place, where somebody looks on; an empty text wipes it.
    pub(super) fn progress(&mut self, text: &str) -> io::Result<()> {
        if self.colour {
            write!(self.out, "\r\x1b[K{text}")?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Writes a heading after an empty line.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        let text = self.paint(text, Tone::Head);
        writeln!(self.out, "\n{text}")
    }

    /// Writes the machine-readable form.
    pub(super) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.out, value)?;
        writeln!(self.out)
    }

    /// A text in the colour of its meaning.
    pub(super) fn paint(&self, text: &str, tone: Tone) -> String {
        let code = match tone {
            Tone::Plain => "",
            Tone::Head => "1",
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
        };
        if !self.colour || code.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Tells times in this zone from now on, and ages from this instant; what is not understood changes nothing.
    pub(super) fn adopt(&mut self, timezone: &str, now: &str) {
        if let Ok(zone) = TimeZone::get(timezone) {
            self.zone = zone;
        }
        if let Ok(now) = now.parse::<Timestamp>() {
            self.now = Wall::from_millis(now.as_millisecond());
        }
    }

    /// An RFC 3339 time as people here read it; a text that is none stays as it is.
    pub(super) fn time(&self, text: &str) -> String {
        match text.parse::<Timestamp>() {
            Ok(time) => {
                let local = time.to_zoned(self.zone.clone());
                local.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
            }
            Err(_) => text.to_owned(),
        }
    }

    /// Whether an RFC 3339 time is over.
    pub(super) fn is_past(&self, text: &str) -> bool {
        text.parse::<Timestamp>()
            .is_ok_and(|time| Wall::from_millis(time.as_millisecond()) <= self.now)
    }

    /// How long ago an RFC 3339 time is; a text that is none stays as it is.
    pub(super) fn age(&self, text: &str) -> String {
        match text.parse::<Timestamp>() {
            Ok(time) => lasting(self.now.since(Wall::from_millis(time.as_millisecond()))),
            Err(_) => text.to_owned(),
        }
    }
}
