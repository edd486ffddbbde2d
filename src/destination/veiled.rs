//! A text with secrets in it, which are read when it is sent: a URL that is the credential of a service, a key inside a body, a token
//! behind a word in a header.
//!
//! Kinds put it together without ever seeing the secret, so that rendering stays pure and what is rendered can be shown.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::{
    secret::{Secret, SecretError},
    section::Read,
    tree::{Node, Value},
};

/// Everything but what RFC 3986 calls unreserved, and the colon, which may stand in a path, a query and a form, and does in tokens.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// What stands in the place of a secret.
const MASK: &str = "***";

/// A text that may have secrets in it. `Debug` shows nothing of it, as people write secrets into the configuration too.
#[derive(Clone, Default, PartialEq)]
pub struct Veiled(Vec<Piece>);

#[derive(Clone, PartialEq)]
enum Piece {
    Plain(String),
    Secret(Secret, Spelling),
}

/// How a secret is written where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As it is.
    Plain,
    /// Inside the quotation marks of a JSON text.
    Json,
    /// As one part of a path, or one value of a query or a form: percent-encoded.
    Percent,
}

impl Veiled {
    /// A text that is nothing but a secret.
    pub fn secret(secret: Secret) -> Self {
        Self::default().and_secret(secret, Spelling::Plain)
    }

    /// With this at its end.
    #[must_use]
    pub fn and(mut self, text: impl Into<String>) -> Self {
        self.0.push(Piece::Plain(text.into()));
        self
    }

    /// What lies below this URL: `/api/v2/alerts`. One slash is between them, whether this one ends with it or not.
    #[must_use]
    pub fn below(mut self, path: &str) -> Self {
        if let Some(Piece::Plain(last)) = self.0.last_mut() {
            last.truncate(last.trim_end_matches('/').len());
        }
        self.and(path)
    }

    /// With a secret at its end.
    #[must_use]
    pub fn and_secret(mut self, secret: Secret, spelling: Spelling) -> Self {
        self.0.push(Piece::Secret(secret, spelling));
        self
    }

    /// A text with a secret in the place of the first `mark`; the text as it is if there is none.
    pub fn at_mark(text: &str, mark: &str, secret: Secret, spelling: Spelling) -> Self {
        match text.split_once(mark) {
            Some((before, after)) => Self::from(before).and_secret(secret, spelling).and(after),
            None => Self::from(text),
        }
    }

    /// The whole text, if it has no secret in it.
    pub fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// Reads its secrets, now.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn reveal(&self) -> Result<String, SecretError> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Plain(plain) => text += plain,
                Piece::Secret(secret, spelling) => text += &spelling.of(&secret.reveal()?),
            }
        }
        Ok(text)
    }

    /// The text with stars in the place of its secrets.
    pub fn shown(&self) -> String {
        let shown = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            Piece::Secret(..) => MASK.to_owned(),
        };
        self.0.iter().map(shown).collect()
    }

    /// Its secrets as they are now and as they are written here, as far as they can be read: what must not be repeated to anybody.
    pub fn secrets(&self) -> Vec<String> {
        let mut found = Vec::new();
        for piece in &self.0 {
            if let Piece::Secret(secret, spelling) = piece
                && let Ok(text) = secret.reveal()
            {
                let written = spelling.of(&text);
                found.extend((written != *text).then_some(written));
                found.push(text.to_string());
            }
        }
        found
    }
}

impl Spelling {
    fn of(self, secret: &str) -> String {
        match self {
            Self::Plain => secret.to_owned(),
            Self::Percent => utf8_percent_encode(secret, RESERVED).to_string(),
            Self::Json => {
                let quoted = serde_json::Value::from(secret).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
        }
    }
}

impl From<String> for Veiled {
    fn from(text: String) -> Self {
        Self(vec![Piece::Plain(text)])
    }
}

impl From<&str> for Veiled {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Debug for Veiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Read for Veiled {
    const EXPECTED: &'static str = "a text, or a secret like { file = \"..\" }";
    fn remark(&self) -> Option<String> {
        let remark = |piece: &Piece| match piece {
            Piece::Plain(_) => None,
            Piece::Secret(secret, _) => secret.remark(),
        };
        self.0.iter().find_map(remark)
    }
    fn read(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Text(text) => Ok(text.as_str().into()),
            Value::Table(_) => Secret::read(node).map(Self::secret),
            _ => Err(Self::mismatch(node)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::Place;

    fn secret(text: &str) -> Secret {
        let place = Place {
            file: "a.toml".into(),
            line: 1,
        };
        let value = Value::Text(text.to_owned());
        Secret::read(&Node { value, place }).expect("a secret")
    }

    #[test]
    fn a_secret_is_written_as_its_place_wants_and_shown_nowhere() {
        let canary = "can\"ary/ä\\?";
        for (spelling, written) in [
            (Spelling::Plain, "can\"ary/ä\\?"),
            (Spelling::Json, "can\\\"ary/ä\\\\?"),
            (Spelling::Percent, "can%22ary%2F%C3%A4%5C%3F"),
        ] {
            let text = Veiled::at_mark("a MARK b MARK", "MARK", secret(canary), spelling);
            assert_eq!(text.reveal().unwrap(), format!("a {written} b MARK"));
            assert_eq!(text.shown(), "a *** b MARK");
            let both = [written, canary];
            let distinct = usize::from(written == canary);
            assert_eq!(text.secrets(), both[distinct..]);
            assert_eq!(text.plain(), None);
            assert!(!format!("{text:?}").contains("can"));
        }
        for base in ["https://a", "https://a/"] {
            assert_eq!(Veiled::from(base).below("/b").shown(), "https://a/b");
        }
        assert_eq!(Veiled::from("a").plain(), Some("a"));
        assert_eq!(Veiled::default().plain(), Some(""));
    }
}
