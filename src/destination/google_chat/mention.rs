//! Whom Google Chat may call: a user by the number of the account, or all in the space.

use crate::config::{section::Read, tree::Node};

/// `<users/107946847022116401880>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention(pub(super) String);

impl Read for Mention {
    const EXPECTED: &'static str =
        "a mention as Google Chat writes it: \"<users/107946847022116401880>\" or \"<users/all>\"";
    fn read(node: &Node) -> Result<Self, String> {
        Self::of_text(node, |text| {
            let inner = text
                .strip_prefix("<users/")
                .and_then(|text| text.strip_suffix('>'));
            let fine = inner.is_some_and(|id| {
                let number = id.bytes().all(|byte| byte.is_ascii_digit());
                id == "all" || (5..=30).contains(&id.len()) && number
            });
            fine.then(|| Self(text.to_owned()))
        })
    }
}
