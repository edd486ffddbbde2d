//! What a mail says, whoever carries it: one line of subject, a text, a page.
//!
//! The subject of every mail about one alert is the same but for the mark at its beginning, so that mail programs keep them together.

use std::fmt::Write as _;

use super::{
    RenderError, Told,
    card::Card,
    text::{harmless, shorten},
};

/// The longest subject, in characters.
const SUBJECT: usize = 150;
/// The longest value in the table, in characters.
const VALUE: usize = 1000;

/// A mail without its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    /// One line of at most 150 characters.
    pub(super) subject: String,
    /// For people who read text.
    pub(super) text: String,
    /// The same as HTML, with nothing in it that is loaded from anywhere.
    pub(super) html: String,
}

impl Letter {
    /// The mail about what is told.
    ///
    /// # Errors
    /// [`RenderError::UnknownKind`] when it is not known what happened.
    pub(super) fn of(told: &Told<'_>) -> Result<Self, RenderError> {
        let card = Card::of(told)?;
        let number = format!(" (A-{})", told.notice.alert.number);
        let room = SUBJECT - number.chars().count();
        let title = harmless(&card.title, room);
        Ok(Self {
            subject: format!("{title}{number}"),
            text: text(&card),
            html: html(&card),
        })
    }
}

fn text(card: &Card) -> String {
    let mut text = format!("{}\n\n", card.text);
    for (name, value) in &card.facts {
        let _ = writeln!(text, "{name}: {}", harmless(value, VALUE));
    }
    for (name, url) in &card.links {
        let _ = writeln!(text, "{name}: {url}");
    }
    text
}

fn html(card: &Card) -> String {
    let mut rows = String::new();
    for (name, value) in &card.facts {
        let value = escaped(&harmless(value, VALUE));
        let _ = writeln!(
            rows,
            "<tr><td style=\"padding:2px 12px 2px 0;color:#666\">{name}</td><td>{value}</td></tr>"
        );
    }
    for (name, url) in &card.links {
        let url = escaped(url);
        let _ = writeln!(
            rows,
            "<tr><td></td><td><a href=\"{url}\">{name}</a></td></tr>"
        );
    }
    let (colour, title) = (card.tone.hex(), escaped(&shorten(&card.title, SUBJECT)));
    let sentence = escaped(&card.text);
    format!(
        "<!DOCTYPE html>\n<html><body style=\"font-family:sans-serif\">\n<div style=\"border-left:6px solid {colour};padding-left:12px\">\n\
         <h3 style=\"margin:0\">{title}</h3>\n<p>{sentence}</p>\n<table>\n{rows}</table>\n</div>\n</body></html>\n"
    )
}

/// A text in which HTML finds no markup, not inside an attribute either.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alert::event::EventKind,
        destination::{
            Reader,
            testbed::{attempt, notice},
            tests::golden::HOSTILE,
        },
    };

    fn letter(kind: EventKind, name: &str) -> Letter {
        let mut notice = notice(kind);
        name.clone_into(&mut notice.alert.machine_name);
        name.clone_into(&mut notice.alert.message);
        let (attempt, reader) = (attempt(), Reader::default());
        let told = Told {
            notice: &notice,
            attempt: &attempt,
            thread: None,
            reader: &reader,
        };
        Letter::of(&told).expect("a letter")
    }

    #[test]
    fn a_subject_is_the_same_but_for_its_mark() {
        let subject = |kind| letter(kind, "CNC Mill #1").subject;
        assert_eq!(
            [
                EventKind::Triggered,
                EventKind::Acknowledged,
                EventKind::Resolved
            ]
            .map(subject),
            [
                "[CRITICAL] CNC Mill #1, Plant 7 (A-1042)",
                "[ACK] CNC Mill #1, Plant 7 (A-1042)",
                "[OK] CNC Mill #1, Plant 7 (A-1042)",
            ]
        );
    }

    #[test]
    fn a_hostile_name_stays_a_name() {
        let letter = letter(EventKind::Triggered, &HOSTILE.repeat(50));
        assert!(letter.subject.chars().count() <= 150, "{}", letter.subject);
        assert!(letter.subject.ends_with("… (A-1042)"), "{}", letter.subject);
        assert!(!letter.subject.chars().any(char::is_control));
        for tag in ["<a href=\"https://evil", "</script>", "<b>", "<!channel>"] {
            assert!(!letter.html.contains(tag), "{tag}");
        }
        assert!(letter.html.len() < 32 * 1024 && letter.text.len() < 16 * 1024);
    }
}
