//! What is logged of events: each one in a plant where little happens, and of a watch that comes and goes one line a minute.
//!
//! The log is for whoever looks at the gateway; nothing depends on it, and the store has every event.

use std::{collections::HashMap, time::Duration};

use crate::{
    alert::event::{DedupKey, Event, EventKind},
    clock::Mono,
};

/// A watch that only comes and goes is logged at most this often.
const EVERY: Duration = Duration::from_secs(60);
/// Above this many watches those that have been quiet are forgotten.
const REMEMBERED: usize = 1024;

/// When each watch was logged last, and how many of its events were not.
#[derive(Debug, Default)]
pub(super) struct Journal(HashMap<DedupKey, (Mono, u64)>);

impl Journal {
    /// Logs an event, or counts it.
    pub(super) fn note(&mut self, event: &Event, now: Mono) {
        match self.unsaid(event, now) {
            Some(0) => tracing::info!("{}", line(event)),
            Some(unsaid) => tracing::info!(unsaid, "{}", line(event)),
            None => tracing::debug!("{}", line(event)),
        }
    }

    /// How many events of the watch were not logged before this one, if this one is to be logged.
    fn unsaid(&mut self, event: &Event, now: Mono) -> Option<u64> {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (said, _)| now.since(*said) < EVERY);
        }
        let flaps = matches!(
            event.kind,
            EventKind::Resolved | EventKind::Reopened | EventKind::Updated
        );
        let (said, unsaid) = self
            .0
            .entry(event.alert.dedup_key)
            .or_insert((now - EVERY, 0));
        if flaps && now.since(*said) < EVERY {
            *unsaid += 1;
            return None;
        }
        *said = now;
        Some(std::mem::take(unsaid))
    }
}

/// `A-1042 mill-1/spindle-overtemp triggered, critical`
pub(super) fn line(event: &Event) -> String {
    let alert = &event.alert;
    format!(
        "A-{} {}/{} {}, {}",
        alert.number,
        alert.machine,
        alert.rule,
        event.kind.word(),
        alert.severity.word()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ulid::Ulid;

    use super::*;
    use crate::{
        alert::{
            event::{Alert, State},
            plant::Severity,
        },
        clock::Wall,
    };

    fn event(kind: EventKind) -> Event {
        Event {
            id: Ulid::nil(),
            kind,
            at: Wall::default(),
            synchronised: true,
            alert: Alert {
                id: Ulid::nil(),
                number: 1,
                dedup_key: DedupKey::new("s", "r", "m"),
                rule: "r".into(),
                machine: "m".into(),
                machine_name: "m".into(),
                class: None,
                labels: BTreeMap::new(),
                severity: Severity::Info,
                state: State::Active,
                shelved: false,
                level: None,
                measured: None,
                occurrences: 1,
                created: Wall::default(),
                ended: None,
                lasted: Duration::ZERO,
                message: "".into(),
                action: "".into(),
                runbook: None,
            },
            previous_severity: None,
            by: None,
            why: None,
            escalation: None,
            until: None,
            after_unknown_downtime: false,
        }
    }

    #[test]
    fn what_comes_and_goes_is_one_line_a_minute_and_what_people_do_is_always_said() {
        let mut journal = Journal::default();
        let at = |seconds: i64| Mono::from_nanos(seconds * 1_000_000_000);
        let table = [
            (0, EventKind::Triggered, Some(0)),
            (1, EventKind::Resolved, None),
            (2, EventKind::Reopened, None),
            (3, EventKind::Acknowledged, Some(2)),
            (4, EventKind::Resolved, None),
            (63, EventKind::Reopened, Some(1)),
            (200, EventKind::Resolved, Some(0)),
        ];
        for (second, kind, expected) in table {
            assert_eq!(
                journal.unsaid(&event(kind), at(second)),
                expected,
                "{second}"
            );
        }
    }
}
