//! Whom Slack may call, as its messages write it: a user, a group, or all who are in a channel.

use super::super::{Told, chat::Mentions};
use crate::config::{section::Read, tree::Node};

/// `<@U024BE7LH>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention(String);

/// All whom this calls, ready to be sent; empty if it calls nobody.
pub(super) fn all(mentions: &Mentions<Mention>, told: &Told<'_>) -> String {
    let all: Vec<&str> = mentions.of(told).iter().map(|one| one.0.as_str()).collect();
    all.join(" ")
}

impl Read for Mention {
    const EXPECTED: &'static str = "a mention as Slack writes it: \"<@U024BE7LH>\", \"<!subteam^SAZ94GDB8>\", \"<!here>\" or \"<!channel>\"";
    fn read(node: &Node) -> Result<Self, String> {
        Self::of_text(node, |text| {
            let id = |id: &str, first: [char; 2]| {
                let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
                id.starts_with(first) && (2..=30).contains(&id.len()) && id.bytes().all(upper)
            };
            let inner = text
                .strip_prefix('<')
                .and_then(|text| text.strip_suffix('>'));
            let fine = inner.is_some_and(|inner| match inner.split_at_checked(1) {
                Some(("@", user)) => id(user, ['U', 'W']),
                Some(("!", all)) => match all.strip_prefix("subteam^") {
                    Some(group) => id(group, ['S', 'S']),
                    None => matches!(all, "here" | "channel" | "everyone"),
                },
                _ => false,
            });
            fine.then(|| Self(text.to_owned()))
        })
    }
}
