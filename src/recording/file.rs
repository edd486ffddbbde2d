//! The file of a recording: readable by its owner alone, never over another file, and never larger than was said.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::line::Line;

/// The least room that a recording leaves on its disk: the database may lie there too.
pub const LEAST_FREE: u64 = 64 << 20;
/// The room is looked at each time so many bytes were written.
const LOOK_EVERY: u64 = 1 << 20;

/// A file that is being written.
#[derive(Debug)]
pub struct RecordingFile {
    file: BufWriter<File>,
    path: PathBuf,
    written: u64,
    most: u64,
    looked: u64,
}

/// Why nothing more is written.
#[derive(Debug, Error)]
pub enum FileError {
    /// A recording never replaces anything.
    #[error("{} exists; name another file", .0.display())]
    Exists(PathBuf),
    /// It cannot be made or written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is as large as it may be.
    #[error("{} is as large as it may become ({most} bytes); `--max-size` says how large", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// Bytes.
        most: u64,
    },
    /// The disk is nearly full.
    #[error("the disk of {} has less than {} MiB of room left", .0.display(), LEAST_FREE >> 20)]
    NoRoom(PathBuf),
}

impl RecordingFile {
    /// Makes the file, which must not be there.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn create(path: &Path, most: u64) -> Result<Self, FileError> {
        let mut options = OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists(path.to_owned()),
            _ => cannot(path, source),
        })?;
        Ok(Self {
            file: BufWriter::new(file),
            path: path.to_owned(),
            written: 0,
            most,
            // Looked at before the first byte.
            looked: u64::MAX,
        })
    }

    /// Bytes so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes whole lines, or none of them.
    ///
    /// # Errors
    /// [`FileError`]: nothing more is to be put then, but an end.
    pub fn put(&mut self, lines: &str) -> Result<(), FileError> {
        let after = self.written + lines.len() as u64;
        if after > self.most {
            let path = self.path.clone();
            return Err(FileError::Full {
                path,
                most: self.most,
            });
        }
        if self.looked > after || after - self.looked >= LOOK_EVERY {
            self.looked = after;
            let room = rustix::fs::fstatvfs(self.file.get_ref());
            let room = room.map_err(|error| cannot(&self.path, error.into()))?;
            if room.f_bavail.saturating_mul(room.f_frsize) < LEAST_FREE {
                return Err(FileError::NoRoom(self.path.clone()));
            }
        }
        self.write(lines)
    }

    /// Hands what was put to the operating system, so that a reader sees it and the end of this process does not lose it.
    ///
    /// # Errors
    /// [`FileError::Write`]
    pub fn flush(&mut self) -> Result<(), FileError> {
        let flushed = self.file.flush();
        flushed.map_err(|error| cannot(&self.path, error))
    }

    /// Writes the last line, if it takes one, and waits until all is on disk.
    ///
    /// # Errors
    /// [`FileError::Write`]
    pub fn end(mut self, why: Option<&str>) -> Result<(), FileError> {
        if let Some(why) = why {
            self.write(&format!("{}\n", Line::End(why.to_owned()).text()))?;
        }
        self.flush()?;
        let synced = self.file.get_ref().sync_all();
        synced.map_err(|error| cannot(&self.path, error))
    }

    fn write(&mut self, lines: &str) -> Result<(), FileError> {
        let wrote = self.file.write_all(lines.as_bytes());
        wrote.map_err(|error| cannot(&self.path, error))?;
        self.written += lines.len() as u64;
        Ok(())
    }
}

fn cannot(path: &Path, source: io::Error) -> FileError {
    FileError::Write {
        path: path.to_owned(),
        source,
    }
}
