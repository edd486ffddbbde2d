//! Whom Discord may call: a user or a role. Everybody at once is a role too.

use crate::config::{section::Read, tree::Node};

/// `<@80351110224678912>` or `<@&165511591545143296>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mention {
    User(String),
    Role(String),
}

impl Mention {
    /// What stands in a text for it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::User(id) => format!("<@{id}>"),
            Self::Role(id) => format!("<@&{id}>"),
        }
    }

    pub(super) fn id(&self) -> &str {
        match self {
            Self::User(id) | Self::Role(id) => id,
        }
    }

    pub(super) fn is_role(&self) -> bool {
        matches!(self, Self::Role(_))
    }
}

/// Whether this is an id of Discord's.
pub(super) fn is_snowflake(text: &str) -> bool {
    (15..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Read for Mention {
    const EXPECTED: &'static str = "a mention as Discord writes it: \"<@80351110224678912>\" for a user, \"<@&165511591545143296>\" for a role";
    fn read(node: &Node) -> Result<Self, String> {
        Self::of_text(node, |text| {
            let inner = text
                .strip_prefix("<@")
                .and_then(|text| text.strip_suffix('>'));
            inner.and_then(|inner| match inner.strip_prefix('&') {
                Some(role) => is_snowflake(role).then(|| Self::Role(role.to_owned())),
                None => is_snowflake(inner).then(|| Self::User(inner.to_owned())),
            })
        })
    }
}
