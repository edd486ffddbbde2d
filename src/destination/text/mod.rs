//! The sentences that people read, in English: rendered once per event and stored with it.
//!
//! What belongs to one attempt (how late it is, tests, drills, "already resolved") is added by [`for_attempt`] when it is sent.
//! Names and messages come from files and payloads, so everything is made harmless and short before it leaves.

use super::notice::{Attempt, Notice, Site};
use crate::{
    alert::event::{Alert, By, Event, EventKind, Measured},
    clock::Wall,
    sample::Value,
};

mod digest;
mod words;

pub use digest::{Summary, of_digest};
use words::{Field, coarse, ended, fill, quantity, value_and_limit};
pub use words::{harmless, lasting, shorten};

/// The most characters of a sentence, its marks included.
pub const LIMIT: usize = 1000;
/// Room for `[LATE 400 d] [TEST] [DRILL] ` and ` (already resolved)`.
const MARKS: usize = 60;
/// The rule of alerts about what cannot be watched.
const BLIND: &str = "andon.blind";
/// An attempt says that it is late from here on.
const LATE_FROM: u64 = 60;

/// The sentence of an event, without its marks. `what` is its [`message`].
pub fn of(event: &Event, site: &Site, what: &str) -> String {
    let alert = &event.alert;
    let number = format!(" A-{}", alert.number);
    let told = told(event, site, what);
    let mark = mark(event.kind, &alert.rule, alert.severity.word());
    let (site_name, machine) = (
        harmless(&site.name, 100),
        harmless(&alert.machine_name, 100),
    );
    let text = harmless(
        &format!("[{mark}] {site_name}, {machine}{told}"),
        usize::MAX,
    );
    let room = LIMIT - MARKS - number.chars().count();
    let text = shorten(&ended(&text), room);
    format!("{text}{number}")
}

/// The sentence of an alert as it is, where no event is told.
pub fn of_alert(alert: &Alert, site: &Site) -> String {
    let event = Event {
        id: alert.id,
        kind: EventKind::Triggered,
        at: alert.created,
        synchronised: true,
        alert: alert.clone(),
        previous_severity: None,
        by: None,
        why: None,
        escalation: None,
        until: None,
        after_unknown_downtime: false,
    };
    of(&event, site, &message(&event, site))
}

/// What is wrong, with the rule's `{..}` filled in.
pub fn message(event: &Event, site: &Site) -> String {
    let alert = &event.alert;
    let measured = alert.measured.as_ref();
    let (value, limit) = measured.map_or((None, None), value_and_limit);
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let of = |what: fn(&Measured) -> &str| measured.map(what).map(str::to_owned);
    let fields: [Field<'_>; 8] = [
        ("{value}", &|| known(&value)),
        ("{limit}", &|| known(&limit)),
        ("{unit}", &|| of(|it| &it.unit).unwrap_or_default()),
        ("{machine}", &|| alert.machine_name.to_string()),
        ("{tag}", &|| known(&of(|it| &it.tag))),
        ("{level}", &|| {
            alert.level.as_deref().unwrap_or("none").to_owned()
        }),
        ("{severity}", &|| alert.severity.word().to_owned()),
        ("{since}", &|| clock_time(alert.created, event.at, site)),
    ];
    harmless(&fill(&alert.message, &fields), LIMIT)
}

/// The stored sentence with what belongs to this attempt.
pub fn for_attempt(notice: &Notice, attempt: &Attempt) -> String {
    marked(&notice.text, notice, attempt)
}

/// Any text of a notice with the marks of this attempt before and after it.
pub fn marked(text: &str, notice: &Notice, attempt: &Attempt) -> String {
    let mut marks = late_mark(attempt.late_seconds);
    for (is, mark) in [(notice.test, "[TEST] "), (notice.drill, "[DRILL] ")] {
        marks += if is { mark } else { "" };
    }
    let over = if attempt.already_resolved {
        " (already resolved)"
    } else {
        ""
    };
    let room = LIMIT.saturating_sub(marks.chars().count() + over.chars().count());
    format!("{marks}{}{over}", shorten(text, room))
}

/// Says that it is late, if it is.
fn late_mark(seconds: u64) -> String {
    match seconds {
        0..LATE_FROM => String::new(),
        _ => format!("[LATE {}] ", coarse(seconds)),
    }
}

/// The word in brackets that says at once what it is.
pub fn mark(kind: EventKind, rule: &str, severity: &str) -> String {
    match kind {
        EventKind::Resolved => "OK".to_owned(),
        EventKind::Closed => "CLOSED".to_owned(),
        EventKind::Acknowledged => "ACK".to_owned(),
        EventKind::Shelved => "SHELVED".to_owned(),
        _ if rule == BLIND => "BLIND".to_owned(),
        _ => severity.to_uppercase(),
    }
}

/// Everything after the names.
fn told(event: &Event, site: &Site, what: &str) -> String {
    let alert = &event.alert;
    let state = state(event, site, what);
    match event.kind {
        EventKind::Triggered => state,
        EventKind::Updated => {
            let now = alert.severity.word();
            match event.previous_severity {
                Some(before) => format!(": now {now}, was {}{}", before.word(), go_on(&state)),
                None => format!(
                    ": now {}{}",
                    alert.level.as_deref().unwrap_or(now),
                    go_on(&state)
                ),
            }
        }
        EventKind::Escalated => {
            let waited = event
                .escalation
                .as_ref()
                .map_or(alert.lasted, |step| step.waited);
            format!(
                ": nobody acknowledged for {}{}",
                lasting(waited),
                go_on(&state)
            )
        }
        EventKind::Reopened => {
            format!(
                ": back again, occurrence {}{}",
                alert.occurrences,
                go_on(&state)
            )
        }
        EventKind::Unshelved => format!(": no longer shelved{}{}", by(event), go_on(&state)),
        EventKind::Acknowledged => format!(
            ": acknowledged{}{}. {what}",
            by(event),
            note(event, ", \"", "\"")
        ),
        EventKind::Shelved => {
            let until = event.until.map_or_else(String::new, |until| {
                format!(" until {}", clock_time(until, event.at, site))
            });
            format!(
                ": silenced{until}{}{}. {what}",
                by(event),
                note(event, ": ", "")
            )
        }
        EventKind::Closed => {
            let why = event.why.as_deref().unwrap_or_default();
            let honest = if why.contains("not measured as normal") {
                ""
            } else {
                ", not measured as normal"
            };
            format!(
                ": closed{}{honest}{}. It was: {what}",
                by(event),
                note(event, ": ", "")
            )
        }
        EventKind::Resolved => resolved(event, what),
    }
}

/// What is wrong, since when and what to do: of an alert that is not over.
fn state(event: &Event, site: &Site, what: &str) -> String {
    let alert = &event.alert;
    let since = clock_time(alert.created, event.at, site);
    let doubt = match (event.synchronised, event.after_unknown_downtime) {
        (true, false) => "",
        (false, false) => " (clock not synchronised)",
        (_, true) => " (the agent was down, for how long is not known)",
    };
    let action = harmless(&alert.action, LIMIT / 3);
    let action = if action.is_empty() {
        String::new()
    } else {
        format!(" Do: {action}")
    };
    if is_agents(event) {
        // Such a message is complete, and may say itself since when.
        let since = if alert.message.contains("{since}") {
            String::new()
        } else {
            format!(", since {since}{doubt}")
        };
        return format!("{since}: {}{action}", ended(what));
    }
    format!(": {what}, since {since}{doubt}.{action}")
}

/// Joins a clause in front with a [`state`], whose own head is `: ` or `, since ..: `.
fn go_on(state: &str) -> String {
    match state.strip_prefix(": ") {
        Some(rest) => format!("; {rest}"),
        None => state.to_owned(),
    }
}

fn resolved(event: &Event, what: &str) -> String {
    let alert = &event.alert;
    let after = lasting(alert.lasted);
    let about = |measured: &Measured| harmless(&measured.tag, 80);
    if is_blind(event) {
        return format!(": watched again after {after}. It was: {what}");
    }
    match &alert.measured {
        Some(measured) => {
            let back = value_and_limit(measured).0;
            let back = back.map_or_else(|| "normal".to_owned(), |value| format!("back to {value}"));
            let peak = measured
                .peak
                // Of two states neither is the highest.
                .filter(|_| !matches!(measured.value, Some(Value::Bool(_))))
                .filter(|_| measured.labels.is_empty())
                .map(|peak| {
                    let word = if measured.peak_is_low {
                        "lowest"
                    } else {
                        "highest"
                    };
                    format!(", {word} {}", quantity(peak, measured, measured.decimals))
                });
            format!(
                ": {} {back} after {after}{}",
                about(measured),
                peak.unwrap_or_default()
            )
        }
        None => format!(": over after {after}. It was: {what}"),
    }
}

/// ` by Kim`, ` by Kim (name not verified)`, or nothing.
fn by(event: &Event) -> String {
    let claimed = |by: &By| {
        if by.claimed {
            " (name not verified)"
        } else {
            ""
        }
    };
    event.by.as_ref().map_or_else(String::new, |by| {
        format!(" by {}{}", harmless(&by.name, 80), claimed(by))
    })
}

fn note(event: &Event, before: &str, after: &str) -> String {
    let note = event.why.as_deref().map(|why| harmless(why, LIMIT / 3));
    note.filter(|note| !note.is_empty())
        .map_or_else(String::new, |note| format!("{before}{note}{after}"))
}

/// Whether the alert is about the agent's own sight or health, with a message that is complete.
fn is_agents(event: &Event) -> bool {
    event.alert.rule.starts_with("andon.")
}

fn is_blind(event: &Event) -> bool {
    &*event.alert.rule == BLIND
}

/// The time of day with its zone; with its date where that is not the day of `now`.
fn clock_time(at: Wall, now: Wall, site: &Site) -> String {
    let zoned = |wall: Wall| {
        let stamp = jiff::Timestamp::from_millisecond(wall.as_millis()).ok()?;
        Some(stamp.to_zoned(site.timezone.clone()))
    };
    match (zoned(at), zoned(now)) {
        (Some(at), Some(now)) if at.date() == now.date() => at.strftime("%H:%M %Z").to_string(),
        (Some(at), _) => at.strftime("%Y-%m-%d %H:%M %Z").to_string(),
        _ => at.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests;
