//! Whom Teams may call: people, by their sign-in name or the id of their account.

use serde_json::{Value as Json, json};

use crate::config::{section::Read, tree::Node};

/// `Kim Lee <kim.lee@plant.example.com>`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    name: String,
    id: String,
}

impl Mention {
    /// What stands in a text for it.
    pub(super) fn text(&self) -> String {
        format!("<at>{}</at>", self.name)
    }

    /// Who that is.
    pub(super) fn entity(&self) -> Json {
        json!({ "type": "mention", "text": self.text(), "mentioned": { "id": self.id, "name": self.name } })
    }
}

impl Read for Mention {
    const EXPECTED: &'static str = "a name and an account: \"Kim Lee <kim.lee@plant.example.com>\", or the account's id in Entra in the angles";
    fn read(node: &Node) -> Result<Self, String> {
        Self::of_text(node, |text| {
            let parts = text.strip_suffix('>').and_then(|text| text.split_once('<'));
            let odd = |c: char| c.is_control() || "<>&*_`[]\\".contains(c);
            let account = |id: &str| {
                let allowed = |c: char| c.is_alphanumeric() || "@._-+'#".contains(c);
                let sign_in = id
                    .split_once('@')
                    .is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
                let uuid = id.len() == 36 && id.split('-').count() == 5;
                id.len() <= 113 && id.chars().all(allowed) && (sign_in || uuid)
            };
            parts.and_then(|(name, id)| {
                let name = name.trim();
                let fine =
                    (1..=40).contains(&name.chars().count()) && !name.contains(odd) && account(id);
                fine.then(|| Self {
                    name: name.to_owned(),
                    id: id.to_owned(),
                })
            })
        })
    }
}
