//! Secrets of the configuration: where they are written, read afresh each time, never shown.
//!
//! A stand-in for `config::secret` with its interface, for as long as that is not there.

use std::{fmt, fs, ops::Deref, os::unix::fs::PermissionsExt, path::PathBuf};

use thiserror::Error;

use crate::config::{
    section::Read,
    tree::{Node, Value},
};

/// Where a secret is.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(From);

#[derive(Clone, PartialEq, Eq)]
enum From {
    Inline(String),
    File(PathBuf),
    Env(String),
    Credential(String),
}

/// A secret's text, to be dropped soon.
#[derive(Clone, PartialEq, Eq)]
pub struct Revealed(String);

/// Why a secret cannot be read. Never holds any of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret in {path} cannot be read: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The environment variable is not set.
    #[error("the environment variable {0} with a secret is not set")]
    Env(String),
}

impl Secret {
    /// Reads it now.
    ///
    /// # Errors
    /// [`SecretError`] when it is not where it should be, or others can read it.
    pub fn reveal(&self) -> Result<Revealed, SecretError> {
        match &self.0 {
            From::Inline(text) => Ok(Revealed(text.clone())),
            From::File(path) => read_file(path.clone(), true),
            From::Env(name) => std::env::var(name)
                .map(Revealed)
                .map_err(|_| SecretError::Env(name.clone())),
            From::Credential(name) => {
                let folder = std::env::var("CREDENTIALS_DIRECTORY")
                    .map_err(|_| SecretError::Env("CREDENTIALS_DIRECTORY".to_owned()))?;
                read_file(PathBuf::from(folder).join(name), false)
            }
        }
    }
}

fn read_file(path: PathBuf, private: bool) -> Result<Revealed, SecretError> {
    let bad = |why: String| SecretError::File {
        path: path.clone(),
        why,
    };
    let mode = fs::metadata(&path)
        .map_err(|error| bad(error.to_string()))?
        .permissions()
        .mode();
    if private && mode & 0o007 != 0 {
        return Err(bad("everybody can read it; `chmod 640` it".to_owned()));
    }
    let text = fs::read_to_string(&path).map_err(|error| bad(error.to_string()))?;
    Ok(Revealed(text.trim_end_matches(['\r', '\n']).to_owned()))
}

impl Deref for Revealed {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Read for Secret {
    const EXPECTED: &'static str =
        "a secret: { credential = \"..\" }, { file = \"..\" }, { env = \"..\" } or a text";
    fn read(node: &Node) -> Result<Self, String> {
        let from = match &node.value {
            Value::Text(text) => Some(From::Inline(text.clone())),
            Value::Table(entries) => match entries.as_slice() {
                [
                    (
                        key,
                        Node {
                            value: Value::Text(text),
                            ..
                        },
                    ),
                ] => match key.as_str() {
                    "file" => Some(From::File(text.into())),
                    "env" => Some(From::Env(text.clone())),
                    "credential" => Some(From::Credential(text.clone())),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        from.map(Self)
            .ok_or_else(|| format!("must be {}", Self::EXPECTED))
    }
}
