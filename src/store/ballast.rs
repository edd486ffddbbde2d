//! A file that does nothing but hold room: given up when the disk is full, so that alerts still find a place.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The file and how large it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Ballast {
    path: PathBuf,
    size: u64,
}

impl Ballast {
    pub(crate) fn new(dir: &Path, size: u64) -> Self {
        Self {
            path: dir.join("andon.ballast"),
            size,
        }
    }

    /// Whether the room is held.
    pub(crate) fn is_laid(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| found.len() == self.size)
    }

    /// Holds the room again, if there is at least twice as much: taking the last of it would be its own fault.
    pub(crate) fn lay(&self) -> io::Result<()> {
        if self.size == 0 || self.is_laid() {
            return Ok(());
        }
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        let room = rustix::fs::statvfs(dir)?;
        if room.f_bavail.saturating_mul(room.f_frsize) < self.size.saturating_mul(2) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&self.path)
            .and_then(|file| fill(&file, self.size));
        if written.is_err() {
            // Half a ballast is no ballast, and its room is wanted.
            let _ = fs::remove_file(&self.path);
        }
        written
    }

    /// Frees the room; false if there was none to free.
    pub(crate) fn give_up(&self) -> bool {
        self.size > 0 && fs::remove_file(&self.path).is_ok()
    }
}

/// Blocks that are really there: a sparse file holds no room.
fn fill(mut file: &File, size: u64) -> io::Result<()> {
    if rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, size).is_err() {
        let chunk = [0xA5; 4096];
        let mut left = size;
        while left > 0 {
            let now = left.min(4096);
            file.write_all(&chunk[..usize::try_from(now).unwrap_or(4096)])?;
            left -= now;
        }
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ballast_holds_real_blocks_and_gives_them_up_once() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let ballast = Ballast::new(dir.path(), 64 << 10);
        ballast.lay().unwrap();
        assert!(ballast.is_laid());
        let blocks = fs::metadata(dir.path().join("andon.ballast"))
            .unwrap()
            .blocks();
        assert!(blocks * 512 >= 64 << 10);
        assert!(ballast.give_up());
        assert!(!ballast.give_up());
    }

    #[test]
    fn a_ballast_larger_than_the_room_is_not_laid() {
        let dir = tempfile::tempdir().unwrap();
        let ballast = Ballast::new(dir.path(), 1 << 60);
        assert!(ballast.lay().is_err());
        assert!(!dir.path().join("andon.ballast").exists());
    }
}
