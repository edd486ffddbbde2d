//! Types that several rooms read from a configuration, beyond those that [`super::section`] brings.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::tz::TimeZone;
use url::Url;

pub use super::{bind::Bind, identity::Identity};
use super::{
    section::{Read, nearest},
    tree::{Node, Place, Value},
};
use crate::alert::plant::{Category, Severity};

/// A value together with where it was written, for checks that come after reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub place: Place,
}

impl<T: Read> Read for Placed<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const SECRET: bool = T::SECRET;
    fn remark(&self) -> Option<String> {
        self.value.remark()
    }
    fn read(node: &Node) -> Result<Self, String> {
        Ok(Self {
            value: T::read(node)?,
            place: node.place.clone(),
        })
    }
}

/// A path as it was written; a relative one is relative to where the agent was started.
impl Read for PathBuf {
    const EXPECTED: &'static str = "a path";
    fn read(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Text(text) if !text.is_empty() => Ok(text.into()),
            Value::Text(_) => Err("must not be empty".to_owned()),
            _ => Err(Self::mismatch(node)),
        }
    }
}

/// A file with certificates that a connection needs, found beside the file that names it. One that cannot be used now only
/// disables what needs it, so that is a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileBeside(pub PathBuf);

impl Read for FileBeside {
    const EXPECTED: &'static str = "the path of a file";
    fn remark(&self) -> Option<String> {
        let why = not_certificates(&self.0)?;
        Some(format!(
            "cannot be used, and what needs it is off until it can: {why}"
        ))
    }
    fn read(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Text(text) if !text.is_empty() => Ok(Self(node.place.beside(text))),
            Value::Text(_) => Err("must not be empty".to_owned()),
            _ => Err(Self::mismatch(node)),
        }
    }
}

/// Why this cannot be a file of certificates, at a glance; whoever uses it reads them.
fn not_certificates(path: &Path) -> Option<String> {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    let name = path.display();
    let cannot = |error: io::Error| format!("cannot read {name}: {error}");
    // Asked before it is opened: opening a pipe would wait for its other end.
    match fs::metadata(path) {
        Err(error) => return Some(cannot(error)),
        Ok(found) if !found.is_file() => return Some(format!("{name} is not a file")),
        Ok(_) => {}
    }
    match fs::read(path) {
        Err(error) => Some(cannot(error)),
        Ok(bytes) if bytes.windows(BEGIN.len()).any(|part| part == BEGIN) => None,
        Ok(_) => Some(format!(
            "{name} holds no certificate; it must be a PEM file with `BEGIN CERTIFICATE`"
        )),
    }
}

/// An `http` or `https` address. Others have readers of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl(pub Url);

impl Read for HttpUrl {
    const EXPECTED: &'static str = "an address that begins with https:// or http://";
    fn read(node: &Node) -> Result<Self, String> {
        let Value::Text(text) = &node.value else {
            return Err(Self::mismatch(node));
        };
        let url = Url::parse(text).map_err(|error| {
            // The text may carry a password, so the message does not repeat it.
            format!("must be {}: {error}", Self::EXPECTED)
        })?;
        match url.scheme() {
            "http" | "https" => Ok(Self(url)),
            other => Err(format!("must be {}, not {other}:", Self::EXPECTED)),
        }
    }
}

impl Read for Severity {
    const EXPECTED: &'static str = "one of critical, error, warning, info";
    fn read(node: &Node) -> Result<Self, String> {
        read_word(node, &Self::ALL, Self::word)
    }
}

impl Read for Category {
    const EXPECTED: &'static str = "one of process, blind, agent";
    fn read(node: &Node) -> Result<Self, String> {
        read_word(node, &Self::ALL, Self::word)
    }
}

/// Reads one of a closed list of words, with the nearest one in the message if it is another.
///
/// # Errors
/// What would be right.
pub fn read_word<T: Read + Copy>(
    node: &Node,
    all: &[T],
    word: fn(T) -> &'static str,
) -> Result<T, String> {
    let Value::Text(text) = &node.value else {
        return Err(T::mismatch(node));
    };
    let found = all.iter().copied().find(|one| word(*one) == text);
    found.ok_or_else(|| {
        let hint = nearest(text, all.iter().copied().map(word))
            .map(|near| format!("; did you mean \"{near}\"?"));
        format!(
            "is \"{text}\", must be {}{}",
            T::EXPECTED,
            hint.unwrap_or_default()
        )
    })
}

/// A time zone of the IANA database.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(pub TimeZone);

impl Read for Zone {
    const EXPECTED: &'static str = "a time zone like \"Europe/Berlin\"";
    fn read(node: &Node) -> Result<Self, String> {
        Self::of_text(node, |text| TimeZone::get(text).ok().map(Self))
    }
}
