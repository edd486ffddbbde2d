//! The socket file: made with the right mode, and taken over only from the dead.
//!
//! A crash leaves its file behind. Whether one is left or in use is found out by knocking, never by looking.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use thiserror::Error;
use tokio::net::UnixListener;

/// Owner and group may connect; who is in the group is for the administrator to say.
const MODE: u32 = 0o660;

/// Why the socket cannot be opened.
#[derive(Debug, Error)]
pub enum DoorError {
    /// Another agent serves it.
    #[error("another agent listens on {0}; stop it, or give this one a `socket` of its own")]
    InUse(PathBuf),
    /// Something else lies there.
    #[error("{0} exists and is no socket; move it away, or name another `socket`")]
    NotASocket(PathBuf),
    /// The file system or the kernel refuses.
    #[error("cannot listen on {path}")]
    Listen {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// Listens on `path` with mode 0660, in place of a socket that nobody listens on any more.
///
/// # Errors
/// When somebody listens there, something else lies there, or the file cannot be made.
pub fn bind(path: &Path) -> Result<UnixListener, DoorError> {
    let failed = |error| DoorError::Listen {
        path: path.to_owned(),
        error,
    };
    clear(path)?;
    // Under another name and mode first: nobody finds it before it has its mode.
    let mut hidden = path.as_os_str().to_owned();
    hidden.push(".new");
    let hidden = PathBuf::from(hidden);
    remove(&hidden).map_err(failed)?;
    let listener = UnixListener::bind(&hidden).map_err(failed)?;
    fs::set_permissions(&hidden, fs::Permissions::from_mode(MODE)).map_err(failed)?;
    fs::rename(&hidden, path).map_err(failed)?;
    Ok(listener)
}

fn clear(path: &Path) -> Result<(), DoorError> {
    let failed = |error| DoorError::Listen {
        path: path.to_owned(),
        error,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(DoorError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(DoorError::InUse(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            remove(path).map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A full queue of connections, or no right to knock: somebody may well be there.
        Err(error) => Err(failed(error)),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_agent_is_refused_by_name_and_the_first_keeps_its_socket() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("andon.sock");
        let first = bind(&path).unwrap();
        let error = bind(&path).unwrap_err();
        assert!(matches!(error, DoorError::InUse(_)));
        assert!(error.to_string().contains(&path.display().to_string()));
        // The knock of the second one, then a real one.
        first.accept().await.unwrap();
        let (knock, heard) = tokio::join!(tokio::net::UnixStream::connect(&path), first.accept());
        assert!(knock.is_ok() && heard.is_ok());
    }

    #[tokio::test]
    async fn a_socket_that_a_crash_left_is_replaced_and_only_owner_and_group_may_connect() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("andon.sock");
        drop(bind(&path).unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let _listener = bind(&path).unwrap();
        assert!(UnixStream::connect(&path).is_ok());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_file_of_somebody_elses_is_never_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("andon.sock");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(bind(&path), Err(DoorError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        let missing = dir.path().join("no/such/andon.sock");
        assert!(matches!(bind(&missing), Err(DoorError::Listen { .. })));
    }
}
