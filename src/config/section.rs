//! Reading a table of the configuration, strictly, without stopping at the first mistake.
//!
//! The module that owns a concept reads it: it asks a [`Section`] for each key it knows, gets a value of the right type
//! and range or a default, and calls [`Section::finish`], which reports every key that nobody asked for together with
//! the nearest one that exists. Mistakes collect in [`Problems`]; the caller goes on with defaults and the whole
//! configuration is refused at the end if there was any.

use std::{cell::RefCell, collections::BTreeSet, ops::RangeInclusive};

use super::tree::{Node, Place, Value};
pub use super::{
    problem::{Problem, Problems},
    read::{Id, Read, Shown, Size, nearest, parse_duration, show_duration},
};

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

    /// Enters each entry of a table of named things (`[[machine]]` by its id), in the order in which they were written: one after the
    /// other, as there may be ten thousand.
    pub fn named(&self, key: &'static str) -> impl Iterator<Item = (String, Section<'a>)> {
        let entries = self
            .ask(key)
            .map_or(&[][..], |node| self.entries(key, node));
        let section = move |(name, node): &'a (String, Node)| {
            let (path, shape) = (
                format!("{}.{name}", self.path_of(key)),
                format!("{}.*", self.shape_of(key)),
            );
            Some((name.clone(), self.enter(node, path, shape)?))
        };
        entries.iter().filter_map(section)
    }

    fn entries(&self, key: &str, node: &'a Node) -> &'a [(String, Node)] {
        let Value::Table(entries) = &node.value else {
            let message = format!(
                "must be a list of tables, `[[{}]]`, not {}",
                self.path_of(key),
                node.value.what()
            );
            self.problems
                .error(Some(&node.place), &self.path_of(key), message);
            return &[];
        };
        entries
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
            self.problems.hides(&path);
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
        self.problems.knows(self.shape_of(key));
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

fn one_of(words: &[&str]) -> String {
    match words {
        [only] => (*only).to_owned(),
        _ => format!("one of {}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
}
