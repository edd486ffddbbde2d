//! Lines at the end of a file on this host, which is rotated by size. It knows nothing of what the lines say.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The file that is written to; older ones stand beside it as `.1`, `.2`, ..
    pub path: PathBuf,
    /// Bytes. A line that would make the file longer begins a new one.
    pub rotate_at: u64,
    /// How many older files are kept; 0 keeps none.
    pub keep: u32,
    /// Whether a line is on the disk before it counts as written.
    pub sync: bool,
}

impl Log {
    /// Adds a line, in one write. A line that a crash has torn off is ended first. Blocks as long as the disk does.
    ///
    /// # Errors
    /// Why it is not written and what to look at. Nothing of the line is left then, as far as the disk lets us.
    pub fn append(&self, line: &str) -> Result<(), String> {
        self.write(line).map_err(|error| self.reason(&error))
    }

    fn write(&self, line: &str) -> io::Result<()> {
        let mut file = self.open()?;
        let mut length = file.metadata()?.len();
        if length > 0 && length + line.len() as u64 + 1 > self.rotate_at {
            self.rotate()?;
            file = self.open()?;
            length = file.metadata()?.len();
        }
        let torn = length > 0 && {
            let mut last = [0];
            file.read_exact_at(&mut last, length - 1)?;
            last != *b"\n"
        };
        let begin = if torn { "\n" } else { "" };
        let bytes = format!("{begin}{line}\n");
        let written = file.write(bytes.as_bytes())?;
        if written < bytes.len() {
            // The disk is full: a part of a line is worth nothing, and the next attempt writes it again.
            file.set_len(length)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        if self.sync {
            file.sync_data()?;
            if length == 0 {
                self.sync_folder()?;
            }
        }
        Ok(())
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o640);
        // Opening a pipe would wait for its other end.
        let nonblock = OFlags::NONBLOCK.bits().cast_signed();
        let file = options.custom_flags(nonblock).open(&self.path)?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("it is not a regular file")),
        }
    }

    /// The oldest first, so that a crash between two steps loses none but that.
    fn rotate(&self) -> io::Result<()> {
        if self.keep == 0 {
            fs::remove_file(&self.path)?;
        }
        for number in (1..=self.keep).rev() {
            let from = match number {
                1 => self.path.clone(),
                _ => self.older(number - 1),
            };
            match fs::rename(from, self.older(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        match self.sync {
            true => self.sync_folder(),
            false => Ok(()),
        }
    }

    fn older(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(self.folder())?.sync_all()
    }

    fn reason(&self, error: &io::Error) -> String {
        let (path, folder) = (self.path.display(), self.folder().display());
        match error.kind() {
            io::ErrorKind::NotFound => format!(
                "there is no folder {folder}; make it, and let the user of andon write there"
            ),
            io::ErrorKind::PermissionDenied => format!(
                "{path}: permission denied; let the user of andon write there, and rotate in {folder}"
            ),
            io::ErrorKind::ReadOnlyFilesystem => format!(
                "{path} is on a read-only file system; mount it for writing, or name {folder} in ReadWritePaths= of the unit, which makes all else read-only"
            ),
            io::ErrorKind::StorageFull => {
                format!("the disk of {path} is full; make room there")
            }
            io::ErrorKind::QuotaExceeded => {
                format!("{path}: the quota of the user of andon is used up; make room there")
            }
            _ => format!("{path}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(folder: &tempfile::TempDir) -> Log {
        Log {
            path: folder.path().join("alerts.jsonl"),
            rotate_at: 12,
            keep: 2,
            sync: true,
        }
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    #[test]
    fn files_are_rotated_before_a_line_that_is_too_much_and_the_oldest_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = log(&folder);
        for line in [
            "1111",
            "2222",
            "3333",
            "4444",
            "5555",
            "a long one, kept whole",
            "6",
        ] {
            log.append(line).expect("written");
        }
        assert_eq!(text(&log.path), "6\n");
        assert_eq!(text(&log.older(1)), "a long one, kept whole\n");
        assert_eq!(text(&log.older(2)), "5555\n");
        assert!(!log.older(3).exists());
        let none = Log { keep: 0, ..log };
        none.append("another long line").expect("written");
        assert_eq!(text(&none.path), "another long line\n");
        assert_eq!(text(&none.older(1)), "a long one, kept whole\n");
    }

    #[test]
    fn a_line_that_a_crash_tore_off_is_ended_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = log(&folder);
        fs::write(&log.path, "1\n{\"a").expect("a torn file");
        log.append("2").expect("written");
        assert_eq!(text(&log.path), "1\n{\"a\n2\n");
    }

    #[test]
    fn what_cannot_be_written_says_why_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |path: PathBuf| Log {
            path,
            ..log(&folder)
        };
        let why = |log: &Log| log.append("1").expect_err("a reason");
        let missing = at(folder.path().join("none/alerts.jsonl"));
        assert!(
            why(&missing).contains("there is no folder"),
            "{}",
            why(&missing)
        );
        assert!(why(&at(folder.path().to_owned())).contains("directory"));
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()));
        assert!(why(&at(pipe)).contains("not a regular file"));
        // This device has no room, ever; it is no regular file, so it is written to directly.
        let error = OpenOptions::new().write(true).open("/dev/full");
        let error = error.expect("a device").write(b"x").expect_err("full");
        assert!(missing.reason(&error).contains("is full"));
        let read_only = missing.reason(&io::ErrorKind::ReadOnlyFilesystem.into());
        assert!(read_only.contains("ReadWritePaths="), "{read_only}");
    }
}
