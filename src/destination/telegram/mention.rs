//! Whom Telegram may call: somebody with a public name, or anybody by the number of the account.

use crate::config::{section::Read, tree::Node};

/// `@kim_lee`, or `Kim Lee <tg://user?id=123456789>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mention {
    Name(String),
    User { id: String, name: String },
}

impl Mention {
    /// What stands in a text for it.
    pub(super) fn html(&self) -> String {
        match self {
            Self::Name(name) => format!("@{name}"),
            Self::User { id, name } => format!("<a href=\"tg://user?id={id}\">{name}</a>"),
        }
    }
}

impl Read for Mention {
    const EXPECTED: &'static str = "a public name, \"@kim_lee\", or a name and the number of an account, \"Kim Lee <tg://user?id=123456789>\"";
    fn read(node: &Node) -> Result<Self, String> {
        Self::of_text(node, |text| {
            let public = |name: &str| {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                (4..=32).contains(&name.len()) && name.bytes().all(allowed)
            };
            let account = || {
                let (name, id) = text.strip_suffix('>')?.split_once("<tg://user?id=")?;
                let name = name.trim();
                let odd = |c: char| c.is_control() || "<>&\"".contains(c);
                let number =
                    (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
                let fine =
                    number && (1..=40).contains(&name.chars().count()) && !name.contains(odd);
                fine.then(|| Self::User {
                    id: id.to_owned(),
                    name: name.to_owned(),
                })
            };
            let name = text.strip_prefix('@').filter(|name| public(name));
            name.map(|name| Self::Name(name.to_owned()))
                .or_else(account)
        })
    }
}
