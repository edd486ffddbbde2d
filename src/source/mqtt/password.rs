//! The broker's password as it is configured. It is read again at each connect and never shown.

use std::{fmt, os::unix::fs::PermissionsExt, path::PathBuf};

use crate::config::{section::Section, tree::Value};

/// Where the password comes from.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(From);

#[derive(Clone, PartialEq, Eq)]
enum From {
    Inline(String),
    File(PathBuf),
    Env(String),
    Credential(String),
}

impl Password {
    /// Reads a key that may be absent.
    pub fn read(section: &Section<'_>, key: &'static str) -> Option<Self> {
        const EXPECTED: &str =
            "must be { file = \"..\" }, { credential = \"..\" }, { env = \"..\" } or a text";
        let from = match &section.raw(key)?.value {
            Value::Text(text) => {
                section.warn(
                    key,
                    "is written in the configuration; { file = \"..\" } keeps it apart",
                );
                Some(From::Inline(text.clone()))
            }
            Value::Table(entries) => match entries.as_slice() {
                [(kind, node)] => match (kind.as_str(), &node.value) {
                    ("file", Value::Text(text)) => Some(From::File(text.into())),
                    ("env", Value::Text(text)) => Some(From::Env(text.clone())),
                    ("credential", Value::Text(text)) => Some(From::Credential(text.clone())),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        if from.is_none() {
            section.error(key, EXPECTED);
        }
        from.map(Self)
    }

    /// The password itself.
    ///
    /// # Errors
    /// Why it cannot be read and what to do, as a sentence without the password.
    pub fn reveal(&self) -> Result<String, String> {
        match &self.0 {
            From::Inline(text) => Ok(text.clone()),
            From::Env(name) => std::env::var(name).map_err(|_| {
                format!("the environment variable {name} with the password is not set")
            }),
            From::File(path) => read(path, true),
            From::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
                Some(directory) => read(&PathBuf::from(directory).join(name), false),
                None => Err(format!(
                    "the credential {name} is not there: systemd gives none (LoadCredential=)"
                )),
            },
        }
    }
}

fn read(path: &PathBuf, private: bool) -> Result<String, String> {
    let shown = path.display();
    let failed = |error| format!("the password file {shown} cannot be read: {error}");
    if private {
        let mode = std::fs::metadata(path)
            .map_err(failed)?
            .permissions()
            .mode();
        if mode & 0o007 != 0 {
            return Err(format!(
                "the password file {shown} can be read by everybody; run `chmod o= {shown}`"
            ));
        }
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
