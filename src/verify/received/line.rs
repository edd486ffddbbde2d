//! One line of what a receiver stored: the few fields of a native body that a proof needs, out of whatever else is there.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// What a line turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// A native body, or a digest of several.
    Messages(Vec<Message>),
    /// A test or a drill without a number.
    Test,
    /// Valid, and not andon's.
    Foreign,
    /// Not JSON, or a native body that lacks what it needs.
    Malformed,
}

/// One event as it was received.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) stream: String,
    pub(super) sequence: u64,
    pub(super) dedup_key: String,
    /// Ranges of numbers that will never come.
    pub(super) given_up: Vec<(u64, u64)>,
    /// What the file is divided by.
    pub(super) by: String,
}

/// Where things are in a line, as JSON pointers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The body, if it is not the whole line. A body that is a text is read as JSON.
    pub body: Option<String>,
    /// What tells the destinations of one file apart.
    pub by: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    event: Option<String>,
    test: bool,
    #[serde(flatten)]
    numbered: Numbered,
    events: Vec<Numbered>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Numbered {
    id: Option<String>,
    stream: Option<String>,
    sequence: Option<u64>,
    dedup_key: Option<String>,
    given_up: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    from: u64,
    to: u64,
}

/// What shows that a line that cannot be read was meant to be one of ours.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Marks {
    stream: Option<IgnoredAny>,
    sequence: Option<IgnoredAny>,
}

/// Reads a line.
pub(super) fn read(line: &[u8], places: &Places) -> Line {
    if *places == Places::default() {
        return body(line, String::new());
    }
    let Ok(whole) = serde_json::from_slice::<Value>(line) else {
        return Line::Malformed;
    };
    let by = places.by.as_deref().and_then(|by| whole.pointer(by));
    let by = match by {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    match places.body.as_deref().map(|body| whole.pointer(body)) {
        None => body(line, by),
        Some(None) => Line::Foreign,
        Some(Some(Value::String(text))) => body(text.as_bytes(), by),
        Some(Some(value)) => body(value.to_string().as_bytes(), by),
    }
}

fn body(text: &[u8], by: String) -> Line {
    if !text.starts_with(b"{") {
        // An array or a number is JSON of somebody else.
        return match serde_json::from_slice::<IgnoredAny>(text) {
            Ok(_) => Line::Foreign,
            Err(_) => Line::Malformed,
        };
    }
    let Ok(body) = serde_json::from_slice::<Body>(text) else {
        return match serde_json::from_slice::<Marks>(text) {
            Ok(marks) if marks.stream.is_none() || marks.sequence.is_none() => Line::Foreign,
            _ => Line::Malformed,
        };
    };
    let is_digest = body.event.as_deref() == Some("andon.digest");
    if body.test {
        return Line::Test;
    }
    if !is_digest && (body.numbered.stream.is_none() || body.numbered.sequence.is_none()) {
        return Line::Foreign;
    }
    let mut messages = Vec::new();
    let stream = body.numbered.stream.clone();
    let told: Vec<(u64, u64)> = told(&body.numbered.given_up);
    if !is_digest || body.numbered.sequence.is_some() {
        match message(body.numbered, stream.as_deref(), &by) {
            Some(message) => messages.push(message),
            None => return Line::Malformed,
        }
    }
    if is_digest {
        for one in body.events {
            match message(one, stream.as_deref(), &by) {
                Some(message) => messages.push(message),
                None => return Line::Malformed,
            }
        }
        if let Some(first) = messages.first_mut() {
            first.given_up.extend(told);
        }
    }
    Line::Messages(messages)
}

fn message(one: Numbered, stream: Option<&str>, by: &str) -> Option<Message> {
    let given_up = told(&one.given_up);
    Some(Message {
        id: one.id.filter(|id| !id.is_empty())?,
        stream: one.stream.or_else(|| stream.map(str::to_owned))?,
        // Streams are counted from 1.
        sequence: one.sequence.filter(|number| *number > 0)?,
        dedup_key: one.dedup_key.unwrap_or_default(),
        given_up,
        by: by.to_owned(),
    })
}

fn told(ranges: &[Told]) -> Vec<(u64, u64)> {
    ranges.iter().map(|range| (range.from, range.to)).collect()
}
