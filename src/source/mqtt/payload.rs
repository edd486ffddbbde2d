//! From the bytes of a payload to readings. Pure, and never in doubt: what is not understood is bad, not guessed.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::{
    clock::Wall,
    sample::{Bad, Reading, Value},
};

/// How deep JSON may nest.
const DEPTH: usize = 32;

/// How a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `97.3` as text.
    Number,
    /// `true`, `false`, `1`, `0`, `on`, `off` as text.
    Bool,
    /// A JSON document.
    Json,
}

/// One tag in a payload, and how its value is understood.
#[derive(Clone, Debug, PartialEq)]
pub struct MqttTag {
    /// The tag's name.
    pub tag: Arc<str>,
    /// Where it stands in a JSON payload (RFC 6901).
    pub path: String,
    /// Engineering unit, may be empty.
    pub unit: Arc<str>,
    /// Decimals to show, 0 to 9.
    pub decimals: u8,
    /// Plausible values, after scaling; others are a sensor fault.
    pub valid: Option<(f64, f64)>,
    /// Values that stand for a fault, as they are sent, before scaling.
    pub invalid: Vec<f64>,
    /// The value is what is sent, times this,
    pub scale: f64,
    /// plus this.
    pub offset: f64,
}

/// What a payload says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// Readings by the index of their tag. A tag that a JSON payload does not mention has none: it goes stale by itself.
    pub readings: Vec<(usize, Reading)>,
    /// The time that the payload carries.
    pub stamp: Option<Wall>,
    /// Why something in it is not understood, for the log.
    pub fault: Option<&'static str>,
}

impl Contents {
    /// A payload of which nothing can be said.
    pub fn malformed(tags: &[MqttTag], why: &'static str) -> Self {
        Self {
            readings: (0..tags.len())
                .map(|index| (index, Reading::Bad(Bad::Malformed)))
                .collect(),
            stamp: None,
            fault: Some(why),
        }
    }
}

/// Reads a payload.
pub fn read(payload: &[u8], format: Format, tags: &[MqttTag], time: Option<&str>) -> Contents {
    let Ok(text) = std::str::from_utf8(payload) else {
        return Contents::malformed(tags, "it is not UTF-8");
    };
    let value = match format {
        Format::Number => text.trim().parse().map(Value::Number).ok(),
        Format::Bool => read_bool(text.trim()).map(Value::Bool),
        Format::Json => return read_json(text, tags, time),
    };
    let Some(value) = value else {
        let why = match format {
            Format::Bool => "it is none of true, false, 1, 0, on, off",
            _ => "it is not a number",
        };
        return Contents::malformed(tags, why);
    };
    let readings = tags.iter().map(|tag| judge(value, tag)).enumerate();
    finish(readings.collect(), None)
}

fn read_bool(text: &str) -> Option<bool> {
    const WORDS: [(&str, bool); 6] = [
        ("true", true),
        ("false", false),
        ("1", true),
        ("0", false),
        ("on", true),
        ("off", false),
    ];
    let found = WORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value)
}

fn read_json(text: &str, tags: &[MqttTag], time: Option<&str>) -> Contents {
    if is_deeper_than(text, DEPTH) {
        return Contents::malformed(tags, "its JSON nests more than 32 deep");
    }
    let Ok(document) = serde_json::from_str::<Json>(text) else {
        return Contents::malformed(tags, "it is not JSON");
    };
    let reading = |(index, tag): (usize, &MqttTag)| {
        let value = match document.pointer(&tag.path)? {
            Json::Bool(bit) => Some(Value::Bool(*bit)),
            Json::Number(number) => number.as_f64().map(Value::Number),
            // A text that looks like a number is none: its sender may mean something else by it.
            _ => None,
        };
        let reading = value.map_or(Reading::Bad(Bad::Malformed), |value| judge(value, tag));
        Some((index, reading))
    };
    let readings = tags.iter().enumerate().filter_map(reading).collect();
    let stamp = time.and_then(|path| document.pointer(path));
    finish(readings, stamp.and_then(read_stamp))
}

fn finish(readings: Vec<(usize, Reading)>, stamp: Option<Wall>) -> Contents {
    let malformed = |(_, reading): &(usize, Reading)| *reading == Reading::Bad(Bad::Malformed);
    let fault = readings.iter().any(malformed);
    Contents {
        fault: fault.then_some("a value in it is neither a finite number nor true or false"),
        readings,
        stamp,
    }
}

/// Scales a value and judges whether it is plausible. Booleans are what they are.
pub(super) fn judge(value: Value, tag: &MqttTag) -> Reading {
    let Value::Number(sent) = value else {
        return Reading::Good(value);
    };
    let scaled = sent * tag.scale + tag.offset;
    if !scaled.is_finite() {
        return Reading::Bad(Bad::Malformed);
    }
    let plausible = tag
        .valid
        .is_none_or(|(low, high)| (low..=high).contains(&scaled));
    if !plausible || tag.invalid.contains(&sent) {
        return Reading::Bad(Bad::SensorFault);
    }
    Reading::Good(Value::Number(scaled))
}

/// Seconds or milliseconds since the epoch, or RFC 3339. Seconds reach 1e11 in the year 5138, milliseconds did in 1973.
fn read_stamp(value: &Json) -> Option<Wall> {
    let millis = match value {
        Json::Number(number) => {
            let number = number.as_f64()?;
            let millis = if number.abs() < 1e11 {
                number * 1000.0
            } else {
                number
            };
            // Beyond what a date can be, it is no time.
            (millis.abs() < 1e15).then_some(millis.round() as i64)?
        }
        Json::String(text) => text.parse::<jiff::Timestamp>().ok()?.as_millisecond(),
        _ => return None,
    };
    Some(Wall::from_millis(millis))
}

/// Whether brackets nest deeper than this, texts aside. Looked at before parsing, which recurses.
fn is_deeper_than(text: &str, limit: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(path: &str) -> MqttTag {
        MqttTag {
            tag: "t".into(),
            path: path.into(),
            unit: "".into(),
            decimals: 1,
            valid: Some((-40.0, 150.0)),
            invalid: vec![0.5],
            scale: 1.0,
            offset: 0.0,
        }
    }

    const MALFORMED: Reading = Reading::Bad(Bad::Malformed);
    const FAULT: Reading = Reading::Bad(Bad::SensorFault);

    fn number(number: f64) -> Reading {
        Reading::Good(Value::Number(number))
    }

    fn check(format: Format, payload: &[u8], expected: &[Reading]) {
        let contents = read(payload, format, &[tag("/a"), tag("/b/0")], None);
        let readings: Vec<Reading> = contents.readings.iter().map(|(_, r)| *r).collect();
        assert_eq!(readings, expected, "{:?}", String::from_utf8_lossy(payload));
        assert_eq!(contents.fault.is_some(), readings.contains(&MALFORMED));
    }

    #[test]
    fn texts_are_numbers_or_booleans_or_malformed() {
        for (text, reading) in [
            ("97.3", number(97.3)),
            (" -1e1\n", number(-10.0)),
            ("151", FAULT),
            ("0.5", FAULT),
        ] {
            check(Format::Number, text.as_bytes(), &[reading, reading]);
        }
        for text in ["", "NaN", "inf", "1e999", "1,5", "0x10", "97.3 C", "null"] {
            check(Format::Number, text.as_bytes(), &[MALFORMED, MALFORMED]);
        }
        let on = Reading::Good(Value::Bool(true));
        check(Format::Bool, b"ON", &[on, on]);
        check(Format::Bool, b"yes", &[MALFORMED, MALFORMED]);
        check(Format::Bool, b"\xff", &[MALFORMED, MALFORMED]);
    }

    #[test]
    fn json_values_are_taken_where_they_are_and_only_as_what_they_are() {
        let json = |text: &str, expected: &[Reading]| {
            check(Format::Json, text.as_bytes(), expected);
        };
        json(r#"{"a": 1, "b": [2]}"#, &[number(1.0), number(2.0)]);
        json(r#"{"a": true}"#, &[Reading::Good(Value::Bool(true))]);
        json(r#"{"a": "1", "b": [null]}"#, &[MALFORMED, MALFORMED]);
        json(r#"{"a": 1, "a": 2}"#, &[number(2.0)]);
        json(r#"{"other": 1}"#, &[]);
        for broken in ["", "{", "NaN", r#"{"a": NaN}"#, r#"{"a": 1e999}"#, "{} x"] {
            json(broken, &[MALFORMED, MALFORMED]);
        }
    }

    #[test]
    fn nesting_is_limited_and_brackets_in_texts_do_not_count() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        check(Format::Json, deep(32).as_bytes(), &[]);
        check(Format::Json, deep(33).as_bytes(), &[MALFORMED, MALFORMED]);
        check(
            Format::Json,
            "[".repeat(100_000).as_bytes(),
            &[MALFORMED, MALFORMED],
        );
        let text = format!(r#"{{"a": 3, "t": "\"{}"}}"#, "[".repeat(99));
        check(Format::Json, text.as_bytes(), &[number(3.0)]);
    }

    #[test]
    fn scaling_comes_before_valid_and_after_invalid() {
        let scaled = MqttTag {
            scale: 0.1,
            offset: -5.0,
            invalid: vec![32767.0],
            ..tag("")
        };
        let judged = |sent| judge(Value::Number(sent), &scaled);
        assert_eq!(judged(1000.0), number(95.0));
        assert_eq!(judged(1600.0), FAULT);
        assert_eq!(judged(32767.0), FAULT);
        assert_eq!(judged(f64::MAX), FAULT);
        let huge = MqttTag {
            scale: 1e300,
            ..tag("")
        };
        assert_eq!(judge(Value::Number(1e300), &huge), MALFORMED);
    }

    #[test]
    fn times_are_seconds_milliseconds_or_rfc_3339() {
        let wall = Some(Wall::from_millis(1_775_298_605_120));
        for (time, expected) in [
            ("1775298605.120", wall),
            ("1775298605120", wall),
            ("\"2026-04-04T10:30:05.120Z\"", wall),
            ("\"2026-04-04T12:30:05.120+02:00\"", wall),
            ("\"yesterday\"", None),
            ("1e300", None),
            ("null", None),
        ] {
            let text = format!(r#"{{"ts": {time}}}"#);
            let contents = read(text.as_bytes(), Format::Json, &[], Some("/ts"));
            assert_eq!(contents.stamp, expected, "{time}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_let_through_what_is_not_finite(
            payload in prop::collection::vec(any::<u8>(), 0..200),
            scale in any::<f64>(),
        ) {
            let tags = [MqttTag { scale, valid: None, ..tag("") }];
            for format in [Format::Number, Format::Bool, Format::Json] {
                for (_, reading) in read(&payload, format, &tags, Some("")).readings {
                    if let Reading::Good(value) = reading {
                        prop_assert!(value.as_number().is_finite());
                    }
                }
            }
        }

        #[test]
        fn every_finite_json_number_is_read_as_it_is(sent in any::<f64>()) {
            prop_assume!(sent.is_finite());
            let tags = [MqttTag { valid: None, invalid: Vec::new(), ..tag("/a") }];
            let text = format!("{{\"a\": {sent:?}}}");
            let contents = read(text.as_bytes(), Format::Json, &tags, None);
            let Reading::Good(Value::Number(got)) = contents.readings[0].1 else {
                return Err(TestCaseError::fail(text));
            };
            // serde_json without its slow exact mode may be off by the last bit, which of the smallest numbers is much.
            prop_assert!((got - sent).abs() <= sent.abs() * 1e-15 + f64::from_bits(2));
        }
    }
}
