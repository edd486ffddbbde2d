//! What a destination calls our severities: `severities`. Each kind has words of its own, and whoever set it up there knows best
//! which of them rings.

use crate::config::section::Section;

/// Ours, the worst first.
const OURS: [&str; 4] = ["critical", "error", "warning", "info"];

/// A word of the destination for each of our severities; none where the kind allows that it is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Levels([Option<&'static str>; 4]);

impl Levels {
    /// Reads `severities`. `theirs` are the words that the destination knows, `default` those for critical, error, warning and info, and
    /// `left_out` the word of the configuration that leaves the severity out, if that may be.
    pub(super) fn read(
        section: &Section<'_>,
        theirs: &[&'static str],
        default: [&'static str; 4],
        left_out: Option<&str>,
    ) -> Self {
        let mut levels = Self(default.map(Some));
        for (ours, word) in section.pairs::<String>("severities") {
            let place = OURS.iter().position(|known| *known == ours);
            let known = theirs.iter().find(|known| **known == word).copied();
            let is_left_out = left_out == Some(word.as_str());
            match (place, known) {
                (None, _) => section.error(
                    "severities",
                    format!("has {ours:?}, which is not one of {}", OURS.join(", ")),
                ),
                (Some(_), None) if !is_left_out => {
                    let words = theirs.iter().copied().chain(left_out);
                    section.error(
                        "severities",
                        format!(
                            "calls {ours} {word:?}, which is not one of {}",
                            words.collect::<Vec<_>>().join(", ")
                        ),
                    );
                }
                (Some(place), known) => levels.0[place] = known,
            }
        }
        levels
    }

    /// The word for a severity; one that a later version of the agent has left is taken for a warning.
    pub(super) fn of(&self, severity: &str) -> Option<&'static str> {
        let place = OURS.iter().position(|known| *known == severity);
        self.0[place.unwrap_or(2)]
    }
}
