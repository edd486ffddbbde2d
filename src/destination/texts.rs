//! Sentences of the user's own at one destination: `texts = { triggered = "{alert.machine_name}: {alert.message}", default = ".." }`.
//!
//! A sentence takes the place of the site's before a kind gives it its shape, so every kind has it. Marks of an attempt (late, test,
//! drill, already resolved) are added to it as to any other.

use serde_json::Value as Json;

use super::{
    Reader,
    notice::{Attempt, Notice},
    template::{Template, escape::Escape, example},
    text,
    webhook::native,
};
use crate::{alert::event::EventKind, config::section::Section};

/// The most characters of a sentence as it is written.
const LONGEST: usize = 1000;
/// What stands for all that have no sentence of their own.
const DEFAULT: &str = "default";

/// Sentences by what they tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Texts(Vec<(String, Template)>);

impl Texts {
    /// Reads `texts`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let (fields, mut texts) = (example::fields(), Vec::new());
        for (of, text) in section.pairs::<String>("texts") {
            let wrong = |wrong: String| section.error("texts", format!("`{of}` {wrong}"));
            if of != DEFAULT && EventKind::from_word(&of).is_none() {
                let all = EventKind::ALL.map(EventKind::word).join(", ");
                section.error(
                    "texts",
                    format!("has a text for `{of}`; there are {all} and {DEFAULT}"),
                );
                continue;
            }
            if text.chars().count() > LONGEST {
                wrong(format!("is longer than {LONGEST} characters"));
                continue;
            }
            match Template::parse(&text, Escape::Line, &fields) {
                Ok(template) => texts.push((of, template)),
                Err(why) => wrong(why),
            }
        }
        Self(texts)
    }

    /// The sentence for what is told; none where it is that of the site, as also where nothing is left once it is filled in.
    pub(super) fn sentence(
        &self,
        notice: &Notice,
        attempt: &Attempt,
        reader: &Reader,
    ) -> Option<String> {
        let told = match attempt.as_trigger {
            true => EventKind::Triggered.word(),
            false => &notice.kind,
        };
        let of = |name: &str| self.0.iter().find(|(of, _)| of == name);
        let (_, template) = of(told).or_else(|| of(DEFAULT))?;
        let payload = native::payload(notice, attempt).ok()?;
        let mut values = serde_json::to_value(payload).ok()?;
        // The marks come later, and once.
        *values.get_mut("text")? = Json::from(notice.text.as_str());
        let text = text::harmless(&template.fill(&values, reader), text::LIMIT);
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::testbed::{attempt, notice, read, sent};

    /// What a chat is told.
    fn told(texts: &str, notice: &Notice, attempt: &Attempt) -> String {
        let more = "type = \"slack\"\nurl = \"https://hooks.slack.com/services/x\"\ntimezone = \"Europe/Berlin\"\ndecimal_mark = \",\"";
        let chat = read(&format!("{more}\ntexts = {texts}")).expect("a destination");
        let body: Json =
            serde_json::from_str(&sent(&chat, notice, attempt, None)[0].body).expect("JSON");
        body["text"].as_str().expect("a text").to_owned()
    }

    #[test]
    fn a_sentence_is_that_of_the_event_or_the_default_or_that_of_the_site() {
        let texts = "{ triggered = \"{alert.machine_name}: {alert.metric_value|number=2} {alert.unit} seit {alert.created_at|time}\", resolved = \"{text} ({alert.number})\" }";
        let hot = notice(EventKind::Triggered);
        let expected = "CNC Mill #1: 97,30 °C seit 4 Apr 2026 10:30:05 CEST";
        assert_eq!(told(texts, &hot, &attempt()), expected);
        let over = notice(EventKind::Resolved);
        assert_eq!(
            told(texts, &over, &attempt()),
            format!("{} (A-1042)", over.text)
        );
        let taken = notice(EventKind::Acknowledged);
        assert_eq!(told(texts, &taken, &attempt()), taken.text);
        assert_eq!(
            told("{ default = \"{event}\" }", &taken, &attempt()),
            "alert.acknowledged"
        );
        // It joins late, and hears a trigger.
        let late = Attempt {
            as_trigger: true,
            ..attempt()
        };
        let escalated = notice(EventKind::Escalated);
        assert!(told(texts, &escalated, &late).starts_with("CNC Mill #1: 97,30"));
    }

    #[test]
    fn marks_come_once_and_what_is_left_empty_is_the_sites() {
        let late = Attempt {
            late_seconds: 7200,
            already_resolved: true,
            ..attempt()
        };
        let hot = notice(EventKind::Triggered);
        let text = told("{ default = \"hot: {text}\" }", &hot, &late);
        assert_eq!(
            text,
            format!("[LATE 2 h] hot: {} (already resolved)", hot.text)
        );
        assert_eq!(
            told("{ default = \"{alert.runbook}\" }", &hot, &attempt()),
            hot.text
        );
    }

    #[test]
    fn what_a_machine_is_called_is_text_and_no_more_than_a_thousand_characters() {
        let mut bad = notice(EventKind::Triggered);
        bad.alert.machine_name = format!("<!channel>\r\n\u{202e}{{text}} {}", "ä".repeat(2000));
        let text = told(
            "{ default = \"{alert.machine_name} {alert.machine_name}\" }",
            &bad,
            &attempt(),
        );
        assert!(text.starts_with("&lt;!channel&gt; {text} ä"), "{text}");
        assert!(text.ends_with('…') && text.chars().count() < 1020);
    }
}
