//! The last configuration that ran, kept in the data directory so that a bad new one never leaves the plant unwatched.
//!
//! The files are kept as they were written, with the paths that messages name. What a secret refers to is not kept; one that
//! is written inline is, so the copy is for its owner's eyes only. All files are in one, so that one rename replaces
//! the whole set: a power cut leaves the old or the new one, never a mixture.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::files::FileSet;

const DIRECTORY: &str = "last-good";
const NAME: &str = "files.json";

/// Why the last good configuration cannot be kept or taken back.
#[derive(Debug, Error)]
pub enum LastGoodError {
    /// The copy cannot be written.
    #[error("cannot keep the last good configuration in {path}")]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The copy cannot be read.
    #[error("cannot read the last good configuration in {path}")]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The copy is damaged.
    #[error("the last good configuration in {path} is damaged")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// How.
        #[source]
        error: serde_json::Error,
    },
}

/// Keeps this set. An equal one is not written again: flash wears.
///
/// # Errors
/// When it cannot be written; what was kept before stays.
pub fn keep(data_dir: &Path, set: &FileSet) -> Result<(), LastGoodError> {
    if take_back(data_dir).is_ok_and(|kept| kept.as_ref() == Some(set)) {
        return Ok(());
    }
    let directory = data_dir.join(DIRECTORY);
    let write = || -> io::Result<()> {
        let text = serde_json::to_vec(set)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        let temporary = directory.join(format!("{NAME}.tmp"));
        // One that a power cut left may have been opened up; it is made anew.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&temporary, directory.join(NAME))?;
        File::open(&directory)?.sync_all()?;
        // The directory itself may be new.
        File::open(data_dir)?.sync_all()
    };
    write().map_err(|error| LastGoodError::Write {
        path: directory.join(NAME),
        error,
    })
}

/// The set that was kept last, if one was.
///
/// # Errors
/// When it cannot be read or is damaged.
pub fn take_back(data_dir: &Path) -> Result<Option<FileSet>, LastGoodError> {
    let path = data_dir.join(DIRECTORY).join(NAME);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LastGoodError::Read { path, error }),
    };
    match serde_json::from_slice(&text) {
        Ok(set) => Ok(Some(set)),
        Err(error) => Err(LastGoodError::Damaged { path, error }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::files::{ConfigFile, Role};

    fn set(text: &str) -> FileSet {
        FileSet {
            files: vec![ConfigFile {
                path: "/etc/andon/andon.toml".into(),
                role: Role::Config,
                text: text.to_owned(),
            }],
        }
    }

    #[test]
    fn what_was_kept_comes_back_with_its_paths_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(take_back(dir.path()).unwrap().is_none());
        keep(dir.path(), &set("old")).unwrap();
        keep(dir.path(), &set("new °C")).unwrap();
        assert_eq!(take_back(dir.path()).unwrap(), Some(set("new °C")));
        let path = dir.path().join(DIRECTORY).join(NAME);
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_a_power_cut_left_of_a_write_is_ignored_and_a_damaged_copy_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        keep(dir.path(), &set("good")).unwrap();
        let path = dir.path().join(DIRECTORY);
        fs::write(path.join(format!("{NAME}.tmp")), "{ \"fil").unwrap();
        assert_eq!(take_back(dir.path()).unwrap(), Some(set("good")));
        keep(dir.path(), &set("next")).unwrap();
        assert_eq!(take_back(dir.path()).unwrap(), Some(set("next")));
        fs::write(path.join(NAME), "{ \"fil").unwrap();
        assert!(matches!(
            take_back(dir.path()),
            Err(LastGoodError::Damaged { .. })
        ));
    }
}
