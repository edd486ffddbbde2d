//! What the kinds that write into chats share: whom they mention, how loud an event is, how a text is cut when it has become markup,
//! and how the answers of these services are read. No chat is known here.

use std::time::Duration;

pub(super) use self::{
    fit::{Spot, fit, length},
    mention::Mentions,
    partial::partial,
    room::{Room, roomy},
};
use super::{Rate, Terms, Told, card::Card};
use crate::{
    alert::{event::EventKind, plant::Severity},
    config::section::Section,
};

mod fit;
mod mention;
mod partial;
mod room;

/// What belongs between an opened and a closed mark so that a chat takes neither for one, and what nobody sees.
pub(super) const NOTHING: char = '\u{200b}';

/// A character of a text in which nothing is bold, italic, struck out or code, for chats where marks cannot be escaped.
pub(super) fn unmarked(spot: Spot, text: &mut String) {
    match spot.is {
        '*' | '_' | '~' | '`' if !spot.in_word() => text.extend([NOTHING, spot.is, NOTHING]),
        is => text.push(is),
    }
}

/// Reads the terms of a chat: what is late collapses, and nobody reads the same twice in a minute.
pub(super) fn terms(section: &Section<'_>, rate: Rate) -> Terms {
    let defaults = Terms {
        duplicate_window: Duration::from_secs(60),
        ..Terms::of_people(rate)
    };
    Terms::read(section, defaults)
}

/// Whether an event calls for somebody, or only says what somebody may want to know. What does not call is told without a sound where a
/// chat can do that, and nobody is mentioned.
pub(super) fn calls(told: &Told<'_>) -> bool {
    let (alert, Ok(kind)) = (&told.notice.alert, told.kind()) else {
        return false;
    };
    if told.attempt.already_resolved || told.is_over() {
        return false;
    }
    match kind {
        EventKind::Escalated => true,
        // Somebody has it in hand; who joins late is told so.
        EventKind::Triggered => alert.state != "acknowledged",
        EventKind::Reopened | EventKind::Unshelved => true,
        EventKind::Updated => is_worse(alert.previous_severity.as_deref(), &alert.severity),
        _ => false,
    }
}

/// Whether it has become worse than it was.
fn is_worse(before: Option<&str>, now: &str) -> bool {
    let rank = |word: &str| Severity::from_word(word);
    before.is_some_and(|before| rank(now) > rank(before))
}

/// The facts of a card that its sentence does not tell already, word for word.
pub(super) fn beside(card: &Card) -> impl Iterator<Item = (&'static str, &str)> {
    let told = |name: &str, value: &str| matches!(name, "What" | "Do") && card.text.contains(value);
    let facts = card.facts.iter();
    let facts = facts.map(|(name, value)| (*name, value.as_str()));
    facts.filter(move |(name, value)| !told(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{
        Late, Reader,
        notice::{Attempt, Notice},
        testbed::{attempt, notice, read},
    };

    fn loud(kind: EventKind, change: impl FnOnce(&mut Notice, &mut Attempt)) -> bool {
        let (mut notice, mut attempt, reader) = (notice(kind), attempt(), Reader::default());
        change(&mut notice, &mut attempt);
        calls(&Told {
            notice: &notice,
            attempt: &attempt,
            thread: None,
            reader: &reader,
        })
    }

    #[test]
    fn only_what_wants_somebody_calls() {
        let as_it_is = |kind| loud(kind, |_, _| {});
        let calling = EventKind::ALL.into_iter().filter(|kind| as_it_is(*kind));
        assert_eq!(
            calling.collect::<Vec<_>>(),
            [
                EventKind::Triggered,
                EventKind::Updated,
                EventKind::Escalated,
                EventKind::Reopened,
                EventKind::Unshelved
            ]
        );
        let milder = loud(EventKind::Updated, |notice, _| {
            notice.alert.severity = "warning".to_owned();
            notice.alert.previous_severity = Some("critical".to_owned());
        });
        let same = loud(EventKind::Updated, |notice, _| {
            notice.alert.previous_severity = None;
        });
        let over = loud(EventKind::Triggered, |_, attempt| {
            attempt.already_resolved = true;
        });
        let taken = loud(EventKind::Acknowledged, |_, attempt| {
            attempt.as_trigger = true;
        });
        assert_eq!((milder, same, over, taken), (false, false, false, false));
    }
    #[test]
    fn a_chat_is_told_the_state_after_an_outage_and_nothing_twice_in_a_minute() {
        let url = "url = \"https://hooks.slack.com/services/T0/B0/x\"";
        let slack = read(&format!("type = \"slack\"\n{url}\n")).expect("a destination");
        assert_eq!(slack.terms.duplicate_window, Duration::from_secs(60));
        assert_eq!(slack.terms.late, Late::Collapse);
        let other = read(&format!(
            "type = \"slack\"\n{url}\nduplicate_window = \"0s\"\nlate = \"send\"\n"
        ));
        let other = other.expect("a destination").terms;
        assert_eq!(
            (other.duplicate_window, other.late),
            (Duration::ZERO, Late::Send)
        );
    }
}
