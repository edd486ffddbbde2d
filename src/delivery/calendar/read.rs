//! `[[hours]]` as a user writes it.

use std::{collections::BTreeSet, sync::Arc};

use jiff::{civil::Date, tz::TimeZone};

use super::{Calendar, DAY, Hours};
use crate::config::{
    section::{Read, Section},
    tree::{Node, Value},
    values::read_word,
};

/// The most dates that a list of them may have.
const MAX_DATES: usize = 1000;
const WORDS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Calendar {
    /// Reads every `[[hours]]`; their times are meant in `zone`.
    pub fn read(root: &Section<'_>, zone: TimeZone) -> Self {
        let hours = root.named("hours").map(|(id, section)| {
            let hours = read_one(id.into(), &section);
            section.finish();
            hours
        });
        Self {
            hours: hours.collect(),
            zone,
        }
    }
}

fn read_one(id: Arc<str>, section: &Section<'_>) -> Hours {
    let days: Option<Vec<Day>> = section.optional("days");
    let dates = read_dates(section, "dates");
    let holidays = read_dates(section, "holidays");
    let from = section.get("from", Minute(0)).0;
    let to = section.get("to", Minute(DAY)).0;
    if from == DAY {
        section.error("from", "is 24:00, which only `to` may be; write 00:00");
    } else if from == to {
        section.error(
            "to",
            "is the same time as `from`; leave both out for the whole day",
        );
    }
    if days.as_ref().is_some_and(Vec::is_empty) {
        section.error(
            "days",
            "is an empty list; leave the key out for every day, or name `dates` for those alone",
        );
    }
    for date in dates.intersection(&holidays) {
        section.error(
            "holidays",
            format!("has {date}, which is in `dates` too; it cannot be both"),
        );
    }
    // Named dates alone mean those and no others.
    let every = days.is_none() && dates.is_empty();
    let mut week = [every; 7];
    for Day(day) in days.into_iter().flatten() {
        week[day] = true;
    }
    Hours {
        id,
        days: week,
        from: from.min(DAY - 1),
        to,
        dates,
        holidays,
    }
}

fn read_dates(section: &Section<'_>, key: &'static str) -> BTreeSet<Date> {
    let list: Vec<Day8601> = section.get(key, Vec::new());
    if list.len() > MAX_DATES {
        let message = format!("has {} dates, at most {MAX_DATES} are allowed", list.len());
        section.error(key, message);
    }
    list.into_iter().map(|date| date.0).collect()
}

#[derive(Clone, Copy)]
struct Day(usize);

impl Read for Day {
    const EXPECTED: &'static str = "one of mon, tue, wed, thu, fri, sat, sun";
    fn read(node: &Node) -> Result<Self, String> {
        let all: [Self; 7] = std::array::from_fn(Self);
        read_word(node, &all, |Self(day)| WORDS[day])
    }
}

struct Day8601(Date);

impl Read for Day8601 {
    const EXPECTED: &'static str = "a date in quotes like \"2026-12-25\"";
    fn read(node: &Node) -> Result<Self, String> {
        let Value::Text(text) = &node.value else {
            return Err(Self::mismatch(node));
        };
        // A longer text could hold a time, which would be dropped without a word.
        let date = (text.len() == 10).then(|| text.parse().ok()).flatten();
        date.map(Self)
            .ok_or_else(|| format!("must be {}, not \"{text}\"", Self::EXPECTED))
    }
}

struct Minute(u16);

impl Read for Minute {
    const EXPECTED: &'static str = "a time of day from \"00:00\" to \"24:00\"";
    fn read(node: &Node) -> Result<Self, String> {
        let Value::Text(text) = &node.value else {
            return Err(Self::mismatch(node));
        };
        minute(text)
            .map(Self)
            .ok_or_else(|| format!("must be {}, not \"{text}\"", Self::EXPECTED))
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let whole = hour * 60 + minute;
    (minute < 60 && whole <= DAY).then_some(whole)
}
