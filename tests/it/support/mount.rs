//! Small file systems of a test's own, which fill up and break as it wants. Mounting needs root.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A mounted file system; it is gone with this value.
pub(crate) struct Mount {
    folder: TempDir,
    at: PathBuf,
}

impl Mount {
    /// One in memory: `size=6m`, `nr_inodes=9`.
    pub(crate) fn tmpfs(options: &str) -> Self {
        let (folder, at) = place();
        mount(&["-t", "tmpfs", "-o", options, "none", text(&at)]);
        Self { folder, at }
    }

    /// One with a journal, of so many MiB.
    pub(crate) fn ext4(size: u64) -> Self {
        let (folder, at) = place();
        let image = folder.path().join("image");
        let file = File::create(&image).expect("an image");
        file.set_len(size << 20).expect("its size");
        run("mkfs.ext4", &["-q", "-m", "0", text(&image)]);
        mount(&["-o", "loop", text(&image), text(&at)]);
        Self { folder, at }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.at
    }

    /// `ro`, `rw`, or `abort`, as after an error of the disk.
    pub(crate) fn remount(&self, how: &str) {
        mount(&["-o", &format!("remount,{how}"), text(&self.at)]);
    }

    /// Takes all the room there is, until the file that it gives is removed.
    pub(crate) fn fill(&self) -> PathBuf {
        let path = self.at.join("filler");
        let mut file = File::create(&path).expect("a file");
        for size in [64 << 10, 4096, 512, 1] {
            let chunk = vec![0xA5; size];
            while file.write_all(&chunk).is_ok() {}
        }
        let _ = file.sync_all();
        path
    }

    /// Takes all names of files there are; gives them.
    pub(crate) fn exhaust_inodes(&self) -> Vec<PathBuf> {
        let names = (0..).map(|n| self.at.join(format!("taken-{n}")));
        names
            .take_while(|path| File::create(path).is_ok())
            .collect()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // What a failed test still has open there must not keep it mounted.
        let done = Command::new("umount").arg("-l").arg(&self.at).status();
        let _ = done.map(|_| fs::remove_file(self.folder.path().join("image")));
    }
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().join("mounted");
    fs::create_dir(&at).expect("a place");
    (folder, at)
}

fn mount(arguments: &[&str]) {
    run("mount", arguments);
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "these tests mount small file systems, as root (sudo): {program} {arguments:?}: {said}"
    );
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}
