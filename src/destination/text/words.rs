//! The small parts of a sentence: harmless names, durations, values with their unit.

use std::time::Duration;

use crate::{alert::event::Measured, sample::Value};

/// A text on one line without anything that a terminal, a chat or a log would obey: control characters, line breaks and marks that
/// change the direction of writing become spaces. At most `limit` characters.
pub fn harmless(text: &str, limit: usize) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let mut plain = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.chars() {
        if c == ' ' || obeyed(c) {
            gap = !plain.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            plain.push(' ');
        }
        plain.push(c);
    }
    // No text has more characters than bytes, and most are short.
    match plain.len() <= limit {
        true => plain,
        false => shorten(&plain, limit),
    }
}

/// `14 min`, `2 h 5 min`, `3 d 4 h`: two units at most.
pub fn lasting(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let two = |first: String, second: u64, unit: &str| match second {
        0 => first,
        _ => format!("{first} {second} {unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..600 => two(format!("{minutes} min"), seconds % 60, "s"),
        600..3600 => format!("{minutes} min"),
        3600..86_400 => two(format!("{hours} h"), minutes, "min"),
        _ => two(format!("{days} d"), hours, "h"),
    }
}

/// `12 min`, `7 h`, `3 d`: one unit, rounded down.
pub(super) fn coarse(seconds: u64) -> String {
    match seconds {
        0..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Value and limit with their unit, or by their labels. Where rounding makes them look equal and they are not, with as many more
/// decimals as it takes: "95.0, limit 95.0" helps nobody.
pub(super) fn value_and_limit(measured: &Measured) -> (Option<String>, Option<String>) {
    let value = match measured.value {
        Some(Value::Bool(_)) => {
            let shown = |number: f64| match measured.labels.of(number) {
                Some(label) => label.to_string(),
                None => (number != 0.0).to_string(),
            };
            let value = measured.value.map(|value| shown(value.as_number()));
            return (value, measured.limit.map(shown));
        }
        Some(Value::Number(value)) => Some(value),
        None => None,
    };
    let mut decimals = measured.decimals;
    if let (Some(value), Some(limit)) = (value, measured.limit) {
        let same = |decimals: u8| {
            format!("{value:.0$}", usize::from(decimals))
                == format!("{limit:.0$}", usize::from(decimals))
        };
        while value != limit && decimals < 9 && same(decimals) {
            decimals += 1;
        }
    }
    let shown = |number: f64| quantity(number, measured, decimals);
    (value.map(shown), measured.limit.map(shown))
}

/// A number by its label, else with its unit.
pub(super) fn quantity(number: f64, measured: &Measured, decimals: u8) -> String {
    if let Some(label) = measured.labels.of(number) {
        return label.to_string();
    }
    let number = format!("{number:.0$}", usize::from(decimals));
    // "-0.0" is a rounding, not a value.
    let number = if number.trim_matches(['-', '0', '.']).is_empty() {
        number.trim_start_matches('-')
    } else {
        &number
    };
    match measured.unit.as_ref() {
        "" => number.to_owned(),
        unit => format!("{number} {unit}"),
    }
}

/// A place in a message, and what stands there.
pub(super) type Field<'a> = (&'static str, &'a dyn Fn() -> String);

/// Fills in one pass, so that a name with braces in it is not filled again. Only what a message names is made.
pub(super) fn fill(template: &str, fields: &[Field<'_>]) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        match fields.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                text.push_str(&value());
                rest = &rest[name.len()..];
            }
            None => {
                text.push('{');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    text
}

/// With a full stop, if no other mark ends it.
pub(super) fn ended(text: &str) -> String {
    match text.ends_with(['.', '!', '?', '…']) {
        true => text.to_owned(),
        false => format!("{text}."),
    }
}

/// At most `limit` characters, the last of them `…` if something was cut.
pub fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}
