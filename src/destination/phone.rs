//! Telephones: numbers as they are written all over the world (E.164), `+491701234567`, and what is sent to them.

use std::time::Duration;

use super::Rate;
use crate::config::{section::Read, tree::Node};

/// What one number can send.
pub(super) const ONE_A_SECOND: Rate = Rate {
    count: 1,
    per: Duration::from_secs(1),
};

/// A number with its plus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phone(pub(super) String);

impl Phone {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fine = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        fine.then(|| Self(text.to_owned()))
    }

    /// Without its plus.
    pub(super) fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }
}

impl Read for Phone {
    const EXPECTED: &'static str =
        "a telephone number with its country and without spaces, like \"+491701234567\"";
    fn read(node: &Node) -> Result<Self, String> {
        Self::of_text(node, Self::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_country_and_nothing_else() {
        assert_eq!(
            Phone::parse("+491701234567").unwrap().digits(),
            "491701234567"
        );
        for bad in [
            "",
            "+",
            "491701234567",
            "+49 170 1234567",
            "+0491701234567",
            "+12345",
            "+4917012345678901",
            "+49170a34567",
        ] {
            assert_eq!(Phone::parse(bad), None, "{bad}");
        }
    }
}
