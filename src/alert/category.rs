//! What an alert is about in the widest sense, so that routes and policies need not list rules.
//!
//! The list is closed and follows from the rule alone: nobody sets a category, and a receiver can rely on the words.

use super::blind::BLIND_RULE;

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// A machine is not as a rule says that it should be.
    Process,
    /// Something is not seen: a source, unit, machine or tag.
    Blind,
    /// The agent itself needs care: its disk, its configuration, a destination.
    Agent,
}

impl Category {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 3] = [Self::Process, Self::Blind, Self::Agent];

    /// The category of the alerts of a rule.
    pub fn of(rule: &str) -> Self {
        match rule {
            BLIND_RULE => Self::Blind,
            rule if rule.starts_with("andon.") => Self::Agent,
            _ => Self::Process,
        }
    }

    /// The word of the configuration and of the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Blind => "blind",
            Self::Agent => "agent",
        }
    }

    /// The category with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|category| category.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_category_follows_from_the_rule() {
        let table = [
            ("spindle-overtemp", Category::Process),
            ("andon.blind", Category::Blind),
            ("andon.disk", Category::Agent),
            ("andon.destination", Category::Agent),
            ("andonx", Category::Process),
        ];
        for (rule, category) in table {
            assert_eq!(Category::of(rule), category, "{rule}");
            assert_eq!(Category::from_word(category.word()), Some(category));
        }
        assert_eq!(Category::from_word("console"), None);
    }
}
