//! What a person is shown of an event, before a chat, a mail or a push gives it its own shape: title, sentence, facts, links, tone.
//!
//! Everything in it is plain text on one line, and may hold whatever a machine or a rule is called: each kind escapes it as its markup
//! wants, and cuts what is too long.

use super::{Digest, RenderError, Told, text};
use crate::alert::{event::EventKind, plant::Severity};

/// A title and what belongs below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Card {
    /// `[CRITICAL] CNC Mill #1, Plant 7`
    pub(super) title: String,
    /// The sentence, with the marks of this attempt: all there is to know in one line.
    pub(super) text: String,
    /// How it looks.
    pub(super) tone: Tone,
    /// Names and values, most important first; none is empty.
    pub(super) facts: Vec<(&'static str, String)>,
    /// Names and URLs; only `http:` and `https:`.
    pub(super) links: Vec<(&'static str, String)>,
}

/// How serious it looks: one of these for each severity, and two that are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// A critical alert.
    Critical,
    /// An error.
    Error,
    /// A warning.
    Warning,
    /// For information.
    Info,
    /// It is over.
    Good,
}

impl Tone {
    /// Red, green and blue, a byte each.
    pub(super) fn rgb(self) -> u32 {
        match self {
            Self::Critical => 0xD3_2F2F,
            Self::Error => 0xF5_7C00,
            Self::Warning => 0xFB_C02D,
            Self::Info => 0x19_76D2,
            Self::Good => 0x38_8E3C,
        }
    }

    /// `#D32F2F`
    pub(super) fn hex(self) -> String {
        format!("#{:06X}", self.rgb())
    }
}

impl Card {
    /// The card of what is told.
    ///
    /// # Errors
    /// [`RenderError::UnknownKind`] when it is not known what happened.
    pub(super) fn of(told: &Told<'_>) -> Result<Self, RenderError> {
        let (notice, attempt, kind) = (told.notice, told.attempt, told.kind()?);
        let alert = &notice.alert;
        let mark = text::mark(kind, &alert.rule, &alert.severity);
        let title = format!("[{mark}] {}, {}", alert.machine_name, notice.site_name);
        Ok(Self {
            title: text::marked(&title, notice, attempt),
            text: text::for_attempt(notice, attempt),
            tone: tone(told, kind),
            facts: facts(told, kind),
            links: links(told),
        })
    }

    /// The card of what is told together: how much it is and what became of it.
    pub(super) fn of_digest(digest: &Digest<'_>) -> Self {
        let summary = text::Summary::of(digest);
        let names = ["Active", "Acknowledged", "Resolved"].into_iter();
        let facts = names.zip(summary.counts);
        let facts = facts.filter(|(_, (_, count))| *count > 0);
        Self {
            title: summary.title,
            text: text::of_digest(digest),
            tone: match summary.worst {
                None => Tone::Good,
                Some(Severity::Critical) => Tone::Critical,
                Some(Severity::Error) => Tone::Error,
                Some(Severity::Warning) => Tone::Warning,
                Some(Severity::Info) => Tone::Info,
            },
            facts: facts
                .map(|(name, (_, count))| (name, count.to_string()))
                .collect(),
            links: Vec::new(),
        }
    }
}

fn tone(told: &Told<'_>, kind: EventKind) -> Tone {
    match told.notice.alert.severity.as_str() {
        _ if told.is_over() || kind.is_end() => Tone::Good,
        "critical" => Tone::Critical,
        "error" => Tone::Error,
        "warning" => Tone::Warning,
        _ => Tone::Info,
    }
}

fn facts(told: &Told<'_>, kind: EventKind) -> Vec<(&'static str, String)> {
    let (notice, alert) = (told.notice, &told.notice.alert);
    let by = notice.by.as_ref().filter(|_| !told.attempt.as_trigger);
    let step = notice.escalation.as_ref();
    let step = step.filter(|_| kind == EventKind::Escalated);
    let severity = match &alert.previous_severity {
        Some(before) => format!("{}, was {before}", alert.severity),
        None => alert.severity.clone(),
    };
    let all = [
        ("Alert", format!("A-{}", alert.number)),
        ("What", alert.message.clone()),
        ("Do", alert.action.clone()),
        ("Severity", severity),
        ("State", alert.state.clone()),
        ("Since", told.reader.time(alert.created)),
        (
            "Until",
            alert
                .ended
                .map_or_else(String::new, |at| told.reader.time(at)),
        ),
        ("By", by.map_or_else(String::new, |by| by.name.clone())),
        (
            "Note",
            by.and_then(|by| by.note.clone()).unwrap_or_default(),
        ),
        (
            "Escalation",
            step.map_or_else(String::new, |step| {
                format!("{}, step {}", step.policy_name, step.step)
            }),
        ),
        ("Machine", alert.machine.clone()),
        ("Rule", alert.rule.clone()),
        (
            "Clock",
            if notice.synchronised {
                String::new()
            } else {
                "not synchronised".to_owned()
            },
        ),
    ];
    let filled = all.into_iter().filter(|(_, value)| !value.is_empty());
    filled.collect()
}

fn links(told: &Told<'_>) -> Vec<(&'static str, String)> {
    let alert = &told.notice.alert;
    let all = [("Runbook", &alert.runbook), ("Open", &alert.url)];
    let safe = |url: &str| {
        let url = url::Url::parse(url).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| url.to_string())
    };
    let links = all
        .into_iter()
        .filter_map(|(name, url)| Some((name, safe(url.as_deref()?)?)));
    links.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{
        Reader,
        testbed::{attempt, notice},
    };

    fn card(kind: EventKind) -> Card {
        let mut notice = notice(kind);
        notice.alert.runbook = Some("javascript:alert(1)".to_owned());
        notice.alert.url = Some("https://gw-7.plant.example.com/alerts/A-1042".to_owned());
        let (attempt, reader) = (attempt(), Reader::default());
        Card::of(&Told {
            notice: &notice,
            attempt: &attempt,
            thread: None,
            reader: &reader,
        })
        .expect("a card")
    }

    #[test]
    fn a_card_says_what_happened_and_how_it_looks() {
        let card = card(EventKind::Triggered);
        assert_eq!(card.title, "[CRITICAL] CNC Mill #1, Plant 7");
        assert_eq!(
            (card.tone, card.tone.hex().as_str()),
            (Tone::Critical, "#D32F2F")
        );
        let names: Vec<&str> = card.facts.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "Alert", "What", "Do", "Severity", "State", "Since", "Machine", "Rule"
            ]
        );
        // Nobody is sent to what is no page.
        assert_eq!(
            card.links,
            [(
                "Open",
                "https://gw-7.plant.example.com/alerts/A-1042".to_owned()
            )]
        );
    }

    #[test]
    fn an_end_is_good_whatever_it_was() {
        for (kind, tone, title) in [
            (EventKind::Resolved, Tone::Good, "[OK] CNC Mill #1, Plant 7"),
            (
                EventKind::Closed,
                Tone::Good,
                "[CLOSED] CNC Mill #1, Plant 7",
            ),
            (
                EventKind::Acknowledged,
                Tone::Critical,
                "[ACK] CNC Mill #1, Plant 7",
            ),
        ] {
            let card = card(kind);
            assert_eq!((card.tone, card.title.as_str()), (tone, title));
        }
    }
}
