//! Secrets: where one is kept, and its value at the moment it is needed.
//!
//! A [`Secret`] is a reference. [`Secret::reveal`] reads it again at each call, so that a rotated one is used from the
//! next connect on. Neither it nor what it reveals prints anything but `***`.

use std::{
    env, fmt,
    fs::{File, Metadata, OpenOptions},
    io::{self, Read as _},
    ops::Deref,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;

use super::{
    section::Read,
    tree::{Node, Value},
};

/// The longest secret, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    /// A file of this name in `$CREDENTIALS_DIRECTORY` (systemd `LoadCredential=`).
    Credential(Arc<str>),
    /// A file that only its owner can read.
    File(PathBuf),
    /// An environment variable.
    Env(Arc<str>),
    /// Written into the configuration.
    Inline(Arc<str>),
}

/// The value of a secret, to be used at once and dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Revealed(String);

/// Why a secret has no value. No message repeats the value.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The agent was not started with credentials.
    #[error(
        "credential \"{0}\" needs $CREDENTIALS_DIRECTORY, which systemd sets from LoadCredential="
    )]
    NoCredentials(Arc<str>),
    /// The file cannot be opened or read.
    #[error("cannot read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Not a plain file.
    #[error("{0} is not a regular file")]
    NotAFile(PathBuf),
    /// Others than the owner can read or write it.
    #[error("{path} can be read or written by others (mode {mode:03o}): run `chmod 600 {path}`")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Longer than any secret.
    #[error("{0} is longer than 64 KiB")]
    TooLong(PathBuf),
    /// The variable is not set.
    #[error("environment variable {0} is not set")]
    NoVariable(Arc<str>),
    /// Not text.
    #[error("{0} is not UTF-8 text")]
    NotText(String),
    /// Nothing in it.
    #[error("{0} is empty")]
    Empty(String),
}

impl Secret {
    /// Reads the secret, now. One newline at its end is not part of it.
    ///
    /// # Errors
    /// When it cannot be read, is empty or is open to others.
    pub fn reveal(&self) -> Result<Revealed, SecretError> {
        self.reveal_in(&|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// The same with the environment as an argument.
    fn reveal_in(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Revealed, SecretError> {
        let (what, text) = match &self.0 {
            Kept::Credential(name) => {
                let directory = lookup("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
                let path = Path::new(&directory).join(name.as_ref());
                // systemd guards this directory; with ACLs the group bits of its files do not mean what they say.
                let text = read_file(&path, |_| Ok(()))?;
                (path.display().to_string(), text)
            }
            Kept::File(path) => {
                let text = read_file(path, |metadata| only_the_owners(path, metadata))?;
                (path.display().to_string(), text)
            }
            Kept::Env(name) => {
                let text = lookup(name).ok_or_else(|| SecretError::NoVariable(name.clone()))?;
                (format!("environment variable {name}"), text)
            }
            Kept::Inline(text) => ("it".to_owned(), text.to_string()),
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(SecretError::Empty(what));
        }
        Ok(Revealed(text.to_owned()))
    }

    /// Whether the value itself stands in the configuration.
    pub fn is_inline(&self) -> bool {
        matches!(self.0, Kept::Inline(_))
    }
}

/// A file that is swapped or opened up between two looks is caught: all looks are at the opened one.
fn read_file(
    path: &Path,
    allowed: impl Fn(&Metadata) -> Result<(), SecretError>,
) -> Result<String, SecretError> {
    let failed = |error| SecretError::Read {
        path: path.to_owned(),
        error,
    };
    // Opening a pipe without this would wait for its other end.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)
        .map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(SecretError::NotAFile(path.to_owned()));
    }
    allowed(&metadata)?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LONGEST {
        return Err(SecretError::TooLong(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| SecretError::NotText(path.display().to_string()))
}

fn only_the_owners(path: &Path, metadata: &Metadata) -> Result<(), SecretError> {
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o066 == 0 {
        return Ok(());
    }
    Err(SecretError::Open {
        path: path.to_owned(),
        mode,
    })
}

impl Read for Secret {
    const EXPECTED: &'static str =
        "a secret: { file = \"..\" }, { credential = \"..\" }, { env = \"..\" } or a text";
    const SECRET: bool = true;

    /// A secret that cannot be used now disables its owner only, so it is a warning; it is read again at each connect.
    fn remark(&self) -> Option<String> {
        if self.is_inline() {
            return Some(
                "is a secret in plain text; better keep it in a file: { file = \"..\" }".to_owned(),
            );
        }
        let error = self.reveal().err()?;
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        Some(format!(
            "cannot be used, and what needs it is off until it can: {error}{}",
            cause.unwrap_or_default()
        ))
    }

    fn read(node: &Node) -> Result<Self, String> {
        let entries = match &node.value {
            Value::Text(text) if text.is_empty() => return Err("must not be empty".to_owned()),
            Value::Text(text) => return Ok(Self(Kept::Inline(text.as_str().into()))),
            Value::Table(entries) => entries,
            _ => return Err(Self::mismatch(node)),
        };
        let [(key, value)] = entries.as_slice() else {
            return Err(format!("must be {}", Self::EXPECTED));
        };
        let Value::Text(text) = &value.value else {
            return Err(format!(
                "`{key}` must be a text, not {}",
                value.value.what()
            ));
        };
        match key.as_str() {
            "credential" if text.is_empty() || text.contains('/') || text.starts_with('.') => {
                Err("`credential` must be the name of a file, without a directory".to_owned())
            }
            "credential" => Ok(Self(Kept::Credential(text.as_str().into()))),
            "file" if text.is_empty() => Err("`file` must not be empty".to_owned()),
            "file" => Ok(Self(Kept::File(node.place.beside(text)))),
            "env" if text.is_empty() => Err("`env` must not be empty".to_owned()),
            "env" => Ok(Self(Kept::Env(text.as_str().into()))),
            _ => Err(format!("has the key `{key}`, must be {}", Self::EXPECTED)),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Deref for Revealed {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::config::tree::Place;

    fn text(value: &str, file: &Path) -> Node {
        Node {
            value: Value::Text(value.to_owned()),
            place: Place {
                file: file.to_string_lossy().into(),
                line: 1,
            },
        }
    }

    fn secret(key: &str, value: &str, main: &Path) -> Secret {
        let node = Node {
            value: Value::Table(vec![(key.to_owned(), text(value, main))]),
            place: text("", main).place,
        };
        Secret::read(&node).unwrap()
    }

    fn write(path: &Path, content: &str, mode: u32) {
        fs::write(path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_that_others_can_read_or_write_is_refused_with_the_command_to_run() {
        let dir = tempfile::tempdir().unwrap();
        let secret = secret("file", "pw", &dir.path().join("andon.toml"));
        for mode in [0o640, 0o604, 0o620, 0o602] {
            write(&dir.path().join("pw"), "s3cret\n", mode);
            let error = secret.reveal().unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
            assert!(!error.contains("s3cret"));
            assert!(
                secret
                    .remark()
                    .is_some_and(|text| text.contains("chmod 600"))
            );
        }
        write(&dir.path().join("pw"), "s3cret\n", 0o600);
        assert_eq!(&*secret.reveal().unwrap(), "s3cret");
        assert_eq!(secret.remark(), None);
    }

    #[test]
    fn a_rotated_secret_is_read_again_and_loses_one_newline_only() {
        let dir = tempfile::tempdir().unwrap();
        let secret = secret("file", "pw", &dir.path().join("andon.toml"));
        write(&dir.path().join("pw"), "00123\n", 0o600);
        assert_eq!(&*secret.reveal().unwrap(), "00123");
        write(&dir.path().join("pw"), " two \n\n", 0o600);
        assert_eq!(&*secret.reveal().unwrap(), " two \n");
        write(&dir.path().join("pw"), "\n", 0o600);
        assert!(matches!(secret.reveal(), Err(SecretError::Empty(_))));
        fs::remove_file(dir.path().join("pw")).unwrap();
        assert!(matches!(secret.reveal(), Err(SecretError::Read { .. })));
    }

    #[test]
    fn credentials_and_variables_come_from_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("broker"), "from-systemd\n", 0o440);
        let lookup = |name: &str| match name {
            "CREDENTIALS_DIRECTORY" => Some(dir.path().display().to_string()),
            "PW" => Some("from-env".to_owned()),
            _ => None,
        };
        let main = Path::new("/etc/andon/andon.toml");
        let reveal = |key, value| secret(key, value, main).reveal_in(&lookup);
        assert_eq!(&*reveal("credential", "broker").unwrap(), "from-systemd");
        assert_eq!(&*reveal("env", "PW").unwrap(), "from-env");
        assert!(matches!(
            reveal("env", "NO"),
            Err(SecretError::NoVariable(_))
        ));
        let none = secret("credential", "broker", main).reveal_in(&|_| None);
        assert!(matches!(none, Err(SecretError::NoCredentials(_))));
    }

    #[test]
    fn a_directory_or_a_pipe_is_no_secret_and_never_hangs() {
        let dir = tempfile::tempdir().unwrap();
        let main = dir.path().join("andon.toml");
        fs::create_dir(dir.path().join("d")).unwrap();
        let pipe = dir.path().join("p");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        for name in ["d", "p"] {
            let error = secret("file", name, &main).reveal().unwrap_err();
            assert!(matches!(error, SecretError::NotAFile(_)), "{error}");
        }
    }

    #[test]
    fn nothing_prints_the_value() {
        let inline = Secret::read(&text("canary", Path::new("a"))).unwrap();
        let revealed = inline.reveal().unwrap();
        assert_eq!(&*revealed, "canary");
        assert_eq!(format!("{inline} {inline:?} {revealed:?}"), "*** *** ***");
        assert!(inline.remark().is_some_and(|text| !text.contains("canary")));
    }
}
