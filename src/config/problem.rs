//! Mistakes and warnings, each with its place, and what reading came across besides them.
//!
//! It only collects. What is a mistake is known to who reads the value.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::tree::Place;

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
    off: RefCell<BTreeMap<String, Place>>,
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

    /// Adds all that was collected elsewhere.
    pub(super) fn add_all(&self, others: &Self) {
        self.extend(others.found.borrow().iter().cloned());
        let known = others.known.borrow();
        self.known.borrow_mut().extend(known.iter().cloned());
        let secrets = others.secrets.borrow();
        self.secrets.borrow_mut().extend(secrets.iter().cloned());
        let off = others.off.borrow().clone();
        self.off.borrow_mut().extend(off);
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

    /// Where the named thing at this path, `destination.sms`, was switched off, if it was.
    pub fn switched_off(&self, path: &str) -> Option<Place> {
        self.off.borrow().get(path).cloned()
    }

    /// A named thing was switched off with `enabled = false`.
    pub(super) fn switches_off(&self, path: String, place: &Place) {
        self.off.borrow_mut().insert(path, place.clone());
    }

    /// A key was asked for.
    pub(super) fn knows(&self, shape: String) {
        self.known.borrow_mut().insert(shape);
    }

    /// A value was read as a secret.
    pub fn hides(&self, path: &str) {
        self.secrets.borrow_mut().insert(path.to_owned());
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
