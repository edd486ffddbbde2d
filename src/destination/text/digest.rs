//! The sentence of a digest: how many events of how many alerts, how these are now, and the worst of them in their own words.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{LIMIT, harmless, late_mark, marked, shorten};
use crate::{
    alert::plant::Severity,
    destination::{Digest, Told, notice::Attempt},
};

/// The most characters that the sentence of one alert takes of it.
const ONE: usize = 240;
/// Room for ` and 100 more.`
const MORE: usize = 20;

/// The sentence of a digest, marks included.
pub fn of_digest(digest: &Digest<'_>) -> String {
    let alerts = latest(digest);
    let counts = counts(&alerts).into_iter();
    let counts: Vec<String> = counts
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let mut text = format!(
        "{}{}: {} of {}, now {}.",
        late_mark(digest.late_seconds()),
        harmless(&digest.first.notice.site_name, 100),
        counted(digest.told.len(), "event"),
        counted(alerts.len(), "alert"),
        counts.join(", "),
    );
    let mut room = LIMIT.saturating_sub(MORE + text.chars().count());
    let mut left = alerts.len();
    for told in &alerts {
        let sentence = shorten(&sentence(told), ONE);
        let length = sentence.chars().count() + 1;
        if length > room {
            break;
        }
        text += &format!(" {sentence}");
        room -= length;
        left -= 1;
    }
    if left > 0 {
        text += &format!(" And {left} more.");
    }
    text
}

/// A digest in a few words and numbers, for what is shown beside its sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// `[LATE 7 h] 4 events of 2 alerts, Plant 7`
    pub title: String,
    /// How many alerts are active, acknowledged and resolved now.
    pub counts: [(&'static str, usize); 3],
    /// How bad the worst is that goes on; none where all is over.
    pub worst: Option<Severity>,
}

impl Summary {
    /// That of a digest.
    pub fn of(digest: &Digest<'_>) -> Self {
        let alerts = latest(digest);
        let on = alerts.iter().filter(|told| !is_over(told));
        Self {
            title: format!(
                "{}{} of {}, {}",
                late_mark(digest.late_seconds()),
                counted(digest.told.len(), "event"),
                counted(alerts.len(), "alert"),
                harmless(&digest.first.notice.site_name, 100),
            ),
            worst: on
                .filter_map(|told| Severity::from_word(&told.notice.alert.severity))
                .max(),
            counts: counts(&alerts),
        }
    }
}

fn counts(alerts: &[Told<'_>]) -> [(&'static str, usize); 3] {
    let state = |told: &Told<'_>| match is_over(told) {
        true => "resolved",
        false if told.notice.alert.state == "acknowledged" => "acknowledged",
        false => "active",
    };
    let count = |word| alerts.iter().filter(|told| state(told) == word).count();
    ["active", "acknowledged", "resolved"].map(|word| (word, count(word)))
}

/// What of each alert was told last: first what is not over, then the worst.
fn latest<'d>(digest: &Digest<'d>) -> Vec<Told<'d>> {
    let mut last: BTreeMap<&str, (usize, Told<'d>)> = BTreeMap::new();
    for (place, told) in digest.told.iter().enumerate() {
        last.insert(&told.notice.alert.id, (place, *told));
    }
    let mut last: Vec<(usize, Told<'d>)> = last.into_values().collect();
    last.sort_by_key(|(place, told)| {
        let severity = Severity::from_word(&told.notice.alert.severity);
        (is_over(told), Reverse(severity), *place)
    });
    last.into_iter().map(|(_, told)| told).collect()
}

fn is_over(told: &Told<'_>) -> bool {
    told.is_over() || told.attempt.already_resolved
}

/// As it is said alone, but for how late it is.
fn sentence(told: &Told<'_>) -> String {
    let attempt = Attempt {
        late_seconds: 0,
        ..told.attempt.clone()
    };
    marked(&told.notice.text, told.notice, &attempt)
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alert::event::EventKind,
        destination::{
            Reader,
            notice::Notice,
            testbed::{attempt, notice},
        },
    };

    fn one(number: u64, kind: EventKind, severity: &str) -> (Notice, Attempt) {
        let mut notice = notice(kind);
        notice.alert.id = format!("alert-{number}");
        notice.alert.severity = severity.to_owned();
        notice.text = format!("[{}] mill {number} A-{number}", severity.to_uppercase());
        let attempt = Attempt {
            late_seconds: 7200 - number,
            ..attempt()
        };
        (notice, attempt)
    }

    fn said(events: &[(Notice, Attempt)]) -> String {
        let reader = Reader::default();
        let told = events.iter().map(|(notice, attempt)| Told {
            notice,
            attempt,
            thread: None,
            reader: &reader,
        });
        let told: Vec<Told<'_>> = told.collect();
        of_digest(&Digest::new(&told).expect("a digest"))
    }

    #[test]
    fn what_is_not_over_comes_first_and_then_the_worst() {
        let mut events = vec![
            one(1, EventKind::Triggered, "critical"),
            one(1, EventKind::Resolved, "critical"),
            one(2, EventKind::Triggered, "warning"),
            one(3, EventKind::Triggered, "error"),
            one(4, EventKind::Triggered, "error"),
            one(4, EventKind::Acknowledged, "error"),
        ];
        // Its end is told later, and is known.
        events[3].1.already_resolved = true;
        assert_eq!(
            said(&events),
            "[LATE 1 h] Plant 7: 6 events of 4 alerts, now 1 active, 1 acknowledged, 2 resolved. [ERROR] mill 4 A-4 \
             [WARNING] mill 2 A-2 [CRITICAL] mill 1 A-1 [ERROR] mill 3 A-3 (already resolved)"
        );
    }

    #[test]
    fn a_hundred_alerts_are_counted_and_not_all_said() {
        let events: Vec<_> = (1..=100)
            .map(|number| one(number, EventKind::Triggered, "error"))
            .collect();
        let said = said(&events);
        assert!(said.chars().count() <= LIMIT, "{said}");
        let shown = said.matches("[ERROR]").count();
        assert!(
            said.ends_with(&format!(" And {} more.", 100 - shown)),
            "{said}"
        );
        assert!(shown > 10, "{said}");
    }
}
