//! Names for the numbers of a tag: 1 is `running`, 2 is `stopped`.
//!
//! The value stays a number wherever it is compared, stored or sent; a label is how people read and write it. A number without a
//! label is shown as the number that it is.

use std::sync::Arc;

/// The labels of one tag, by their number. Cheap to clone; empty for most tags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels(Arc<[(f64, Arc<str>)]>);

impl Labels {
    /// The most that one tag may have.
    pub const MOST: usize = 256;

    /// Labels by their finite numbers; neither a number nor a label comes twice.
    pub fn new(mut pairs: Vec<(f64, Arc<str>)>) -> Self {
        pairs.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        Self(pairs.into())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The label of a number, if it has one.
    pub fn of(&self, number: f64) -> Option<&Arc<str>> {
        let found = self.0.iter().find(|(labelled, _)| *labelled == number);
        found.map(|(_, label)| label)
    }

    /// The number behind a label, if there is such a label.
    pub fn number(&self, label: &str) -> Option<f64> {
        let found = self.0.iter().find(|(_, known)| &**known == label);
        found.map(|(number, _)| *number)
    }

    /// All of them, by their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (f64, &str)> {
        self.0.iter().map(|(number, label)| (*number, &**label))
    }

    /// All labels, by their numbers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, label)| &**label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_and_its_number_find_each_other() {
        let labels = Labels::new(vec![(2.0, "stopped".into()), (1.0, "running".into())]);
        assert_eq!(labels.of(2.0).map(AsRef::as_ref), Some("stopped"));
        assert_eq!(labels.of(2.5), None);
        assert_eq!(labels.number("running"), Some(1.0));
        assert_eq!(labels.number("Running"), None);
        assert_eq!(labels.names().collect::<Vec<_>>(), ["running", "stopped"]);
        assert!(!labels.is_empty() && Labels::default().is_empty());
    }
}
