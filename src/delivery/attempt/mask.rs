//! Takes out of what is logged and stored what we have sent and nobody else may read: receivers repeat tokens and URLs in their
//! complaints.

use url::Url;

use crate::{destination::Outcome, link::http::Call};

/// What stands in the place of a secret.
const MASK: &str = "***";
/// Shorter texts are found everywhere and are no secrets.
const SHORTEST: usize = 6;
/// A part of a path from this length on is taken for a secret even if it is a word.
const LONG: usize = 12;
/// Headers that hold none.
const OPEN: [&str; 5] = [
    "accept",
    "content-type",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// What a request holds that only we and the receiver know, the longest first, so that no part of one is left.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(Vec<String>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Hidden {
    /// What this request holds, and what a proxy on its way was shown.
    pub(super) fn of(call: &Call, proxy: &[String]) -> Self {
        let mut found = proxy.to_vec();
        let closed = call.headers.iter();
        let closed = closed.filter(|(name, _)| !OPEN.contains(&name.to_ascii_lowercase().as_str()));
        for (_, value) in closed {
            found.push(value.clone());
            // `Bearer` and `Basic` are no secrets, what follows them is.
            found.extend(value.split_once(' ').map(|(_, rest)| rest.to_owned()));
        }
        if let Ok(url) = Url::parse(&call.url) {
            let query = url.query().unwrap_or_default();
            found.push(format!("{}?{query}", url.path()));
            found.push(query.to_owned());
            found.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
            let telling =
                |part: &&str| part.len() >= LONG || part.contains(|c: char| c.is_ascii_digit());
            let parts = url.path().split('/').filter(telling);
            found.extend(parts.map(str::to_owned));
        }
        Self::sorted(found)
    }

    /// Texts like these.
    pub(super) fn these(secrets: impl IntoIterator<Item = String>) -> Self {
        Self::sorted(secrets.into_iter().collect())
    }

    fn sorted(mut found: Vec<String>) -> Self {
        found.retain(|secret| secret.len() >= SHORTEST);
        found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        found.dedup();
        Self(found)
    }

    /// The outcome without it.
    pub(super) fn mask(&self, mut outcome: Outcome) -> Outcome {
        let (Outcome::Accepted { detail: text, .. }
        | Outcome::Unreachable { why: text }
        | Outcome::Failed { why: text, .. }
        | Outcome::Refused { why: text, .. }) = &mut outcome;
        *text = self.mask_text(std::mem::take(text));
        if let Outcome::Accepted {
            provider_id: Some(id),
            ..
        } = &mut outcome
        {
            *id = self.mask_text(std::mem::take(id));
        }
        outcome
    }

    /// A text without it.
    pub(super) fn mask_text(&self, mut text: String) -> String {
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
            mask_end(&mut text, secret);
        }
        text
    }
}

/// An answer is quoted up to a length, which may be in the middle of a secret.
fn mask_end(text: &mut String, secret: &str) {
    let quoted = text.trim_end_matches('…').len();
    let starts = secret.char_indices().map(|(at, _)| at);
    let cut = starts
        .filter(|at| *at >= SHORTEST)
        .rfind(|at| text[..quoted].ends_with(&secret[..*at]));
    if let Some(cut) = cut {
        text.replace_range(quoted - cut..quoted, MASK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden() -> Hidden {
        let call = Call {
            method: "POST",
            url: "https://ops.example.com/hook/canary-path?token=canary-query".to_owned(),
            headers: vec![
                ("Authorization".to_owned(), "Bearer canary-token".to_owned()),
                ("X-Key".to_owned(), "canary-key".to_owned()),
                ("webhook-id".to_owned(), "01JQEVENT".to_owned()),
            ],
            body: String::new(),
        };
        Hidden::of(&call, &["canary-proxy".to_owned()])
    }

    fn masked(why: &str) -> String {
        let refused = Outcome::Refused {
            why: why.to_owned(),
            give_up: false,
        };
        match hidden().mask(refused) {
            Outcome::Refused { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_we_have_sent_is_not_repeated_and_all_else_is() {
        for (said, expected) in [
            (
                "HTTP 401: 01JQEVENT: canary-token (Bearer canary-token), canary-key",
                "HTTP 401: 01JQEVENT: *** (***), ***",
            ),
            (
                "no hook at /hook/canary-path?token=canary-query: canary-query",
                "no hook at ***: ***",
            ),
            ("the hook is gone", "the hook is gone"),
            (
                "proxy-authorization: Basic canary-proxy",
                "proxy-authorization: Basic ***",
            ),
            // Where the quotation ends.
            ("who is canary-tok…", "who is ***…"),
            ("who is canary-toke", "who is ***"),
            ("who is cana", "who is cana"),
        ] {
            assert_eq!(masked(said), expected);
        }
    }
}
