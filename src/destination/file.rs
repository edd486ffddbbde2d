//! A file of JSON lines on this host, for what reads files: a log shipper, a historian, a person with `grep`. One native payload a line.
//!
//! It is there for who reads it and calls nobody. A repeat after a crash is a line with the same `id`.

use std::{path::PathBuf, sync::Arc};

use super::{
    Abilities, Answer, Carrier, Errand, Kind, Outcome, RenderError, Request, Terms, Told, events,
    webhook::native,
};
use crate::{
    alert::event::EventKind,
    config::section::{Section, Size},
};

/// Which file, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// An absolute path.
    pub path: PathBuf,
    /// Bytes, 4 KiB to 1 GiB: a line that would make the file longer begins a new one.
    pub rotate_at: u64,
    /// How many older files are kept beside it, 0 to 1000.
    pub keep: u32,
    /// Whether a line is on the disk before it counts as written.
    pub sync: bool,
}

#[derive(Debug)]
struct Lines {
    file: LogFile,
    events: Vec<EventKind>,
}

/// Reads `type = "file"`.
pub(super) fn read(section: &Section<'_>) -> Option<(Arc<dyn Kind>, Terms)> {
    // Lines stand in the order of their arrival, one after the other.
    let terms = Terms {
        concurrency: 1,
        ..Terms::default()
    };
    let terms = Terms::read(section, terms);
    let events = events::read(section, &EventKind::ALL);
    let rotate_at = section.ranged("rotate_at", Size(10 << 20), Size(4 << 10)..=Size(1 << 30));
    let keep = section.ranged("keep", 5, 0..=1000);
    let sync = section.get("sync", true);
    let path: PathBuf = section.required("path")?;
    if !path.is_absolute() || path.file_name().is_none() {
        section.error(
            "path",
            "must be the absolute path of a file, like \"/var/log/andon/alerts.jsonl\"",
        );
        return None;
    }
    let file = LogFile {
        path,
        rotate_at: rotate_at.0,
        keep: u32::try_from(keep).unwrap_or(5),
        sync,
    };
    Some((Arc::new(Lines { file, events }), terms))
}

impl Kind for Lines {
    fn word(&self) -> &'static str {
        "file"
    }

    fn events(&self) -> &[EventKind] {
        &self.events
    }

    fn abilities(&self) -> Abilities {
        Abilities::MESSAGE
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier::File(&self.file)
    }

    fn render(&self, told: &Told<'_>) -> Result<Errand, RenderError> {
        let payload = native::payload(told.notice, told.attempt)?;
        Ok(Request::Line(told.json(&payload)?).into())
    }

    fn interpret(&self, _: &Told<'_>, answer: &Answer) -> (Outcome, Option<String>) {
        (Outcome::said(answer), None)
    }
}
