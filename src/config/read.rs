//! What a single value can be read as: numbers, texts, durations, sizes, ids, and how they are shown in messages.
//!
//! It knows one value at a time and no keys; types of one room implement [`Read`] themselves.

use std::{sync::Arc, time::Duration};

use super::tree::{Node, Value};

/// A type that a value of the configuration can be read as. Nothing is converted: `5.9` is no port, `"50"` no number.
pub trait Read: Sized {
    /// What messages say must be there: `a duration like "30s"`.
    const EXPECTED: &'static str;

    /// Whether the value must never be shown.
    const SECRET: bool = false;

    /// A warning about a value that was read.
    fn remark(&self) -> Option<String> {
        None
    }

    /// Reads it, or says what would be right.
    fn read(node: &Node) -> Result<Self, String>;

    /// Reads what is written as one text; what `parse` does not take is shown beside what is expected.
    fn of_text(node: &Node, parse: impl FnOnce(&str) -> Option<Self>) -> Result<Self, String> {
        let Value::Text(text) = &node.value else {
            return Err(Self::mismatch(node));
        };
        parse(text).ok_or_else(|| format!("is \"{text}\", must be {}", Self::EXPECTED))
    }

    /// The message for a value of another type.
    fn mismatch(node: &Node) -> String {
        format!("must be {}, not {}", Self::EXPECTED, node.value.what())
    }
}

impl Read for bool {
    const EXPECTED: &'static str = "true or false";
    fn read(node: &Node) -> Result<Self, String> {
        match node.value {
            Value::Bool(value) => Ok(value),
            _ => Err(Self::mismatch(node)),
        }
    }
}

impl Read for i64 {
    const EXPECTED: &'static str = "a whole number";
    fn read(node: &Node) -> Result<Self, String> {
        match node.value {
            Value::Int(value) => Ok(value),
            _ => Err(Self::mismatch(node)),
        }
    }
}

impl Read for f64 {
    const EXPECTED: &'static str = "a number";
    fn read(node: &Node) -> Result<Self, String> {
        match node.value {
            // Whole numbers beyond 2^53 are no measurement; rounding one is harmless.
            Value::Int(value) => Ok(value as f64),
            Value::Float(value) if value.is_finite() => Ok(value),
            Value::Float(_) => Err("must be a finite number".to_owned()),
            _ => Err(Self::mismatch(node)),
        }
    }
}

impl Read for String {
    const EXPECTED: &'static str = "a text";
    fn read(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Text(text) => Ok(text.clone()),
            _ => Err(Self::mismatch(node)),
        }
    }
}

impl Read for Arc<str> {
    const EXPECTED: &'static str = String::EXPECTED;
    fn read(node: &Node) -> Result<Self, String> {
        String::read(node).map(Arc::from)
    }
}

impl<T: Read> Read for Vec<T> {
    const EXPECTED: &'static str = "a list";
    const SECRET: bool = T::SECRET;
    fn remark(&self) -> Option<String> {
        self.iter().find_map(T::remark)
    }
    fn read(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::List(items) => items.iter().map(T::read).collect(),
            _ => Err(Self::mismatch(node)),
        }
    }
}

/// `"250ms"`, `"30s"`, `"15m"`, `"2h"`, `"7d"`.
impl Read for Duration {
    const EXPECTED: &'static str = "a duration like \"30s\", \"15m\" or \"2h\"";
    fn read(node: &Node) -> Result<Self, String> {
        let Value::Text(text) = &node.value else {
            return Err(Self::mismatch(node));
        };
        parse_duration(text).ok_or_else(|| format!("must be {}, not \"{text}\"", Self::EXPECTED))
    }
}

/// A number of bytes: `"16KiB"`, `"64MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Read for Size {
    const EXPECTED: &'static str = "a size like \"64KiB\" or \"256MiB\"";
    fn read(node: &Node) -> Result<Self, String> {
        let Value::Text(text) = &node.value else {
            return Err(Self::mismatch(node));
        };
        Self::parse(text).ok_or_else(|| format!("must be {}, not \"{text}\"", Self::EXPECTED))
    }
}

impl Size {
    /// Reads `"64MiB"`: a whole number with one of `B KiB MiB GiB`.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split_number(text);
        let factor: u64 = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        let number: u64 = number.parse().ok()?;
        number.checked_mul(factor).map(Self)
    }
}

/// A name that is part of paths, keys and commands: `[a-z0-9][a-z0-9._-]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub Arc<str>);

impl Id {
    /// The id, if the text is one.
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(allowed);
        let rest = bytes.all(|byte| allowed(byte) || matches!(byte, b'.' | b'_' | b'-'));
        (first && rest && text.len() <= 64).then(|| Self(text.into()))
    }
}

impl Read for Id {
    const EXPECTED: &'static str =
        "an id: 1 to 64 of a-z, 0-9, `.`, `_` and `-`, the first a letter or digit";
    fn read(node: &Node) -> Result<Self, String> {
        Self::of_text(node, Self::new)
    }
}

/// How a value is shown in the message about its range.
pub trait Shown {
    /// `30s`, `64MiB`, `12`.
    fn shown(&self) -> String;
}

impl Shown for i64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for f64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for Duration {
    fn shown(&self) -> String {
        show_duration(*self)
    }
}

impl Shown for Size {
    fn shown(&self) -> String {
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        let whole = units
            .into_iter()
            .find(|(factor, _)| self.0 != 0 && self.0.is_multiple_of(*factor));
        whole.map_or_else(
            || format!("{}B", self.0),
            |(factor, unit)| format!("{}{unit}", self.0 / factor),
        )
    }
}

/// Reads `"30s"`: a whole number with one of `ms s m h d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_number(text);
    let number: u64 = number.parse().ok()?;
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// Writes a duration as it would be configured: `90s`, `15m`.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
    ];
    let whole = units
        .into_iter()
        .find(|(factor, _)| millis != 0 && millis.is_multiple_of(*factor));
    whole.map_or_else(
        || format!("{millis}ms"),
        |(factor, unit)| format!("{}{unit}", millis / factor),
    )
}

/// The word that is most like `word`, if one is near enough to be meant.
pub fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let scored = words.map(|known| (strsim::damerau_levenshtein(word, known), known));
    let limit = (word.chars().count() / 3).max(1);
    scored
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, known)| known)
}

fn split_number(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_they_are_shown() {
        for text in ["250ms", "90s", "15m", "2h", "7d"] {
            assert_eq!(
                parse_duration(text).map(show_duration).as_deref(),
                Some(text)
            );
        }
        for text in ["", "s", "1", "1.5s", "-1s", "1 s", "99999999999999999999d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_is_short_lower_case_and_safe_in_a_path() {
        for good in ["mill-1", "0", "a.b_c-d"] {
            assert!(Id::new(good).is_some(), "{good}");
        }
        for bad in ["", "-a", ".a", "Mill", "a b", "ä", &"a".repeat(65)] {
            assert!(Id::new(bad).is_none(), "{bad}");
        }
    }
}
