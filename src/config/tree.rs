//! A configuration as a tree of values, each with the place where it was written.
//!
//! TOML's own types are kept exactly: nothing is converted between numbers, texts and booleans here or later. Lists of
//! named things are tables by then, keyed by their name, so that layers merge and mistakes have a path.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a value was written: a file and a line, or an environment variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's path as it was given, or the name of the variable.
    pub file: Arc<str>,
    /// Counted from 1; 0 where there are no lines.
    pub line: u32,
}

impl Place {
    /// A path that is named here; a relative one is relative to the file that names it.
    pub fn beside(&self, path: &str) -> PathBuf {
        let directory = Path::new(&*self.file).parent();
        directory.unwrap_or_else(|| Path::new("")).join(path)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub place: Place,
}

/// What TOML can say, dates aside.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `true`
    Bool(bool),
    /// `21`
    Int(i64),
    /// `5.9`
    Float(f64),
    /// `"30s"`
    Text(String),
    /// `[1, 2]`
    List(Vec<Node>),
    /// `{ a = 1 }`, in the order in which it was written.
    Table(Vec<(String, Node)>),
}

impl Value {
    /// What it is, for messages: `a text`, `a whole number`.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// The entry of a table with this key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, node)| node),
            _ => None,
        }
    }
}
