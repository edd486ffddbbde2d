//! Reading a table of the configuration, strictly, without stopping at the first mistake.
//!
//! The module that owns a concept reads it: it asks a [`Section`] for each key it knows, gets a value of the right type
//! and range or a default, and calls [`Section::finish`], which reports every key that nobody asked for together with
//! the nearest one that exists. Mistakes collect in [`Problems`]; the caller goes on with defaults and the whole
//! configuration is refused at the end if there was any.

use std::{
    cell::RefCell, collections::BTreeSet, fmt, ops::RangeInclusive, sync::Arc, time::Duration,
};

use super::tree::{Node, Place, Value};

/// One mistake, or one warning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it stands, if it stands anywhere.
    pub place: Option<Place>,
    /// The dotted path: `source.modbus.hall-2.poll`.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
    /// A warning does not refuse the configuration.
    pub warning: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if self.warning {
            f.write_str("warning: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Collects mistakes and the keys that exist.
#[derive(Debug, Default)]
pub struct Problems {
    found: RefCell<Vec<Problem>>,
    known: RefCell<BTreeSet<String>>,
    secrets: RefCell<BTreeSet<String>>,
}

impl Problems {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a mistake.
    pub fn error(&self, place: Option<&Place>, path: &str, message: impl Into<String>) {
        self.add(place, path, message.into(), false);
    }

    /// Adds a warning.
    pub fn warn(&self, place: Option<&Place>, path: &str, message: impl Into<String>) {
        self.add(place, path, message.into(), true);
    }

    /// Adds what was found elsewhere.
    pub fn extend(&self, others: impl IntoIterator<Item = Problem>) {
        self.found.borrow_mut().extend(others);
    }

    /// How many mistakes there are so far, warnings aside: whether reading a part found one.
    pub fn errors(&self) -> usize {
        let found = self.found.borrow();
        found.iter().filter(|problem| !problem.warning).count()
    }

    /// Whether there is a mistake, warnings aside.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// All of them, by file and line.
    pub fn into_sorted(self) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        found.sort();
        found.dedup();
        found
    }

    /// Every key that was asked for, as a dotted path with `*` for names: what a complete default file must mention.
    pub fn known_keys(&self) -> BTreeSet<String> {
        self.known.borrow().clone()
    }

    /// The dotted paths of every value that was read as a secret: what must never be shown.
    pub fn secret_paths(&self) -> BTreeSet<String> {
        self.secrets.borrow().clone()
    }

    fn add(&self, place: Option<&Place>, path: &str, message: String, warning: bool) {
        self.found.borrow_mut().push(Problem {
            place: place.cloned(),
            path: path.to_owned(),
            message,
            warning,
        });
    }
}

/// A table being read.
#[derive(Debug)]
pub struct Section<'a> {
    node: &'a Node,
    path: String,
    /// The path with `*` for names, for [`Problems::known_keys`].
    shape: String,
    asked: RefCell<BTreeSet<&'static str>>,
    problems: &'a Problems,
}

impl<'a> Section<'a> {
    /// The whole configuration.
    pub fn root(node: &'a Node, problems: &'a Problems) -> Self {
        Self {
            node,
            path: String::new(),
            shape: String::new(),
            asked: RefCell::default(),
            problems,
        }
    }

    /// The dotted path of this table.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where this table was written.
    pub fn place(&self) -> &'a Place {
        &self.node.place
    }

    /// The table itself.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Where mistakes go.
    pub fn problems(&self) -> &'a Problems {
        self.problems
    }

    /// Reads a key that may be absent. A value of the wrong type or range is reported and read as absent.
    pub fn optional<T: Read>(&self, key: &'static str) -> Option<T> {
        let node = self.ask(key)?;
        self.read(node, self.path_of(key))
    }

    /// Reads a key with a default.
    pub fn get<T: Read>(&self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// Reads a key that must be there; its absence is reported.
    pub fn required<T: Read>(&self, key: &'static str) -> Option<T> {
        if self.node.get(key).is_none() {
            self.ask(key);
            let (place, path) = (self.place(), self.path_of(key));
            self.problems.error(
                Some(place),
                &path,
                format!("is missing; it must be {}", T::EXPECTED),
            );
            return None;
        }
        self.optional(key)
    }

    /// Reads a key with a default, within a range that messages show.
    pub fn ranged<T: Read + PartialOrd + Shown>(
        &self,
        key: &'static str,
        default: T,
        range: RangeInclusive<T>,
    ) -> T {
        match self.optional::<T>(key) {
            Some(value) if !range.contains(&value) => {
                let message = format!(
                    "must be {} to {}, not {}",
                    range.start().shown(),
                    range.end().shown(),
                    value.shown()
                );
                self.error(key, message);
                default
            }
            Some(value) => value,
            None => default,
        }
    }

    /// Reads one of several words.
    pub fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let word: String = self.optional(key)?;
        let found = words
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
            let hint = nearest(&word, names.iter().copied())
                .map(|near| format!("; did you mean \"{near}\"?"));
            self.error(
                key,
                format!(
                    "is \"{word}\", must be {}{}",
                    one_of(&names),
                    hint.unwrap_or_default()
                ),
            );
        }
        found
    }

    /// Reads one of several words that must be there.
    pub fn required_word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        if self.ask(key).is_none() {
            let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
            let message = format!("is missing; it must be {}", one_of(&names));
            self.error(key, message);
        }
        self.word(key, words)
    }

    /// Enters a table that may be absent.
    pub fn table(&self, key: &'static str) -> Option<Section<'a>> {
        let node = self.ask(key)?;
        self.enter(node, self.path_of(key), self.shape_of(key))
    }

    /// Enters each entry of a table of named things (`[[machine]]` by its id), in the order in which they were written.
    pub fn named(&self, key: &'static str) -> Vec<(String, Section<'a>)> {
        let Some(node) = self.ask(key) else {
            return Vec::new();
        };
        let Value::Table(entries) = &node.value else {
            let message = format!(
                "must be a list of tables, `[[{}]]`, not {}",
                self.path_of(key),
                node.value.what()
            );
            self.problems
                .error(Some(&node.place), &self.path_of(key), message);
            return Vec::new();
        };
        let section = |(name, node): &'a (String, Node)| {
            let (path, shape) = (
                format!("{}.{name}", self.path_of(key)),
                format!("{}.*", self.shape_of(key)),
            );
            Some((name.clone(), self.enter(node, path, shape)?))
        };
        entries.iter().filter_map(section).collect()
    }

    /// Enters each table of a list of unnamed tables (`tags = [{ .. }]`).
    pub fn list(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(node) = self.ask(key) else {
            return Vec::new();
        };
        let Value::List(items) = &node.value else {
            let message = format!("must be a list of tables, not {}", node.value.what());
            self.problems
                .error(Some(&node.place), &self.path_of(key), message);
            return Vec::new();
        };
        let section = |(at, node)| {
            self.enter(
                node,
                format!("{}[{at}]", self.path_of(key)),
                format!("{}[]", self.shape_of(key)),
            )
        };
        items.iter().enumerate().filter_map(section).collect()
    }

    /// Enters each table of a list that must have one; where there is none, `missing` is reported.
    pub fn list_of_some(&self, key: &'static str, missing: &str) -> Vec<Section<'a>> {
        let empty = |node: &Node| matches!(&node.value, Value::List(items) if items.is_empty());
        if self.ask(key).is_none_or(empty) {
            self.error(key, missing);
            return Vec::new();
        }
        self.list(key)
    }

    /// Reads a table of free keys (`labels`, `headers`, `limits`), whose values are all of one type.
    pub fn pairs<T: Read>(&self, key: &'static str) -> Vec<(String, T)> {
        let Some(node) = self.ask(key) else {
            return Vec::new();
        };
        let Value::Table(entries) = &node.value else {
            let message = format!(
                "must be a table, `{{ name = .. }}`, not {}",
                node.value.what()
            );
            self.problems
                .error(Some(&node.place), &self.path_of(key), message);
            return Vec::new();
        };
        let pair = |(name, node): &(String, Node)| {
            let value = self.read(node, format!("{}.{name}", self.path_of(key)))?;
            Some((name.clone(), value))
        };
        entries.iter().filter_map(pair).collect()
    }

    /// The raw value of a key that its owner reads in a way of its own.
    pub fn raw(&self, key: &'static str) -> Option<&'a Node> {
        self.ask(key)
    }

    /// Reports a mistake at a key of this table.
    pub fn error(&self, key: &str, message: impl Into<String>) {
        let place = self.node.get(key).map_or(self.place(), |node| &node.place);
        self.problems
            .error(Some(place), &self.path_of(key), message);
    }

    /// Reports a warning at a key of this table.
    pub fn warn(&self, key: &str, message: impl Into<String>) {
        let place = self.node.get(key).map_or(self.place(), |node| &node.place);
        self.problems.warn(Some(place), &self.path_of(key), message);
    }

    /// Reports each key that was not asked for. A section that is dropped without it accepts unknown keys.
    pub fn finish(self) {
        let Value::Table(entries) = &self.node.value else {
            return;
        };
        let asked = self.asked.borrow();
        for (name, node) in entries
            .iter()
            .filter(|(name, _)| !asked.contains(name.as_str()))
        {
            let hint = nearest(name, asked.iter().copied())
                .map(|near| format!("; did you mean `{near}`?"));
            let message = format!("is not a key that exists here{}", hint.unwrap_or_default());
            self.problems
                .error(Some(&node.place), &self.path_of(name), message);
        }
    }

    fn read<T: Read>(&self, node: &Node, path: String) -> Option<T> {
        if T::SECRET {
            self.problems.secrets.borrow_mut().insert(path.clone());
        }
        let problems = self.problems;
        let failed = |message| problems.error(Some(&node.place), &path, message);
        let value = T::read(node).map_err(failed).ok()?;
        if let Some(remark) = value.remark() {
            self.problems.warn(Some(&node.place), &path, remark);
        }
        Some(value)
    }

    fn ask(&self, key: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().insert(key);
        self.problems.known.borrow_mut().insert(self.shape_of(key));
        self.node.get(key)
    }

    fn enter(&self, node: &'a Node, path: String, shape: String) -> Option<Section<'a>> {
        if matches!(node.value, Value::Table(_)) {
            return Some(Section {
                node,
                path,
                shape,
                asked: RefCell::default(),
                problems: self.problems,
            });
        }
        self.problems.error(
            Some(&node.place),
            &path,
            format!("must be a table, not {}", node.value.what()),
        );
        None
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn shape_of(&self, key: &str) -> String {
        if self.shape.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.shape)
        }
    }
}

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
        let (number, unit) = split_number(text);
        let factor: u64 = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(format!("must be {}, not \"{text}\"", Self::EXPECTED)),
        };
        let bytes = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(factor));
        bytes
            .map(Size)
            .ok_or_else(|| format!("must be {}, not \"{text}\"", Self::EXPECTED))
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
        let Value::Text(text) = &node.value else {
            return Err(Self::mismatch(node));
        };
        Self::new(text).ok_or_else(|| format!("is \"{text}\", must be {}", Self::EXPECTED))
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

fn one_of(words: &[&str]) -> String {
    match words {
        [only] => (*only).to_owned(),
        _ => format!("one of {}", words.join(", ")),
    }
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

    fn node(value: Value) -> Node {
        Node {
            value,
            place: Place {
                file: "a.toml".into(),
                line: 3,
            },
        }
    }

    fn table(entries: &[(&str, Value)]) -> Node {
        node(Value::Table(
            entries
                .iter()
                .map(|(key, value)| ((*key).to_owned(), node(value.clone())))
                .collect(),
        ))
    }

    #[test]
    fn every_mistake_is_reported_with_its_place() {
        let tree = table(&[
            ("poll", Value::Text("1 s".into())),
            ("port", Value::Float(5.9)),
            ("timout", Value::Text("1s".into())),
        ]);
        let problems = Problems::new();
        let section = Section::root(&tree, &problems);
        assert_eq!(
            section.get("poll", Duration::from_secs(9)),
            Duration::from_secs(9)
        );
        assert_eq!(section.ranged("port", 502_i64, 1..=65535), 502);
        assert_eq!(section.required::<String>("name"), None);
        let _ = section.get("timeout", Duration::ZERO);
        section.finish();
        let text: Vec<String> = problems
            .into_sorted()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            text,
            [
                "a.toml:3: name: is missing; it must be a text",
                "a.toml:3: poll: must be a duration like \"30s\", \"15m\" or \"2h\", not \"1 s\"",
                "a.toml:3: port: must be a whole number, not a number",
                "a.toml:3: timout: is not a key that exists here; did you mean `timeout`?",
            ]
        );
    }

    #[test]
    fn ranges_are_shown_in_the_units_of_the_configuration() {
        let tree = table(&[("poll", Value::Text("1ms".into()))]);
        let problems = Problems::new();
        let range = Duration::from_millis(100)..=Duration::from_secs(3600);
        Section::root(&tree, &problems).ranged("poll", Duration::from_secs(1), range);
        assert_eq!(
            problems.into_sorted()[0].message,
            "must be 100ms to 1h, not 1ms"
        );
    }

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
