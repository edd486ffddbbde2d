//! A small ext4 file system in a file, mounted for one test: its power can be cut, and it can be full or read-only.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use crate::support::{python, wait};

/// A mounted image; it is unmounted with this value.
#[derive(Debug)]
pub(super) struct Image {
    folder: TempDir,
    place: PathBuf,
}

impl Image {
    /// Makes one of so many MiB and mounts it at an empty folder.
    pub(super) fn mount(place: &Path, mebibytes: u64) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("andon-it-{}-", std::process::id()))
            .tempdir()
            .expect("a folder");
        let image = Self {
            folder,
            place: place.to_owned(),
        };
        let file = File::create(image.file()).expect("an image");
        file.set_len(mebibytes << 20).expect("its size");
        run(Command::new("mkfs.ext4")
            .args(["-q", "-F", "-m", "0"])
            .arg(image.file()));
        image.mount_again();
        image
    }

    /// Mounts it after it was unmounted.
    pub(super) fn mount_again(&self) {
        run(Command::new("mount")
            .args(["-o", "loop"])
            .arg(self.file())
            .arg(&self.place));
    }

    /// Unmounts it; nobody may use it any more.
    pub(super) fn unmount(&self) {
        // Who was killed a moment ago may still be on its way out.
        wait::until("the image is unmounted", || {
            let output = Command::new("umount").arg(&self.place).output();
            output.expect("umount").status.success().then_some(())
        });
    }

    /// Cuts the power: what was not synced is lost, and nothing can be written until it is mounted anew.
    pub(super) fn cut(&self) {
        run(python::script("power_cut.py").arg(&self.place));
    }

    /// After a cut: what a fresh boot does.
    pub(super) fn restore(&self) {
        // Whoever else holds the mount, as another view of all mounts does, keeps the dead file system alive.
        wait::until("the image is fresh", || {
            self.unmount();
            self.mount_again();
            self.is_writable().then_some(())
        });
    }

    fn is_writable(&self) -> bool {
        let path = self.place.join("probe");
        let written = File::create(&path).and_then(|file| file.sync_all());
        written.is_ok() && fs::remove_file(path).is_ok()
    }

    /// Mounts it read-only, or read-write again. Nobody may have a file open for writing when it becomes read-only.
    pub(super) fn read_only(&self, read_only: bool) {
        let how = if read_only {
            "remount,ro"
        } else {
            "remount,rw"
        };
        let begin = wait::now();
        loop {
            let output = Command::new("mount")
                .args(["-o", how])
                .arg(&self.place)
                .output();
            let output = output.expect("mount");
            if output.status.success() {
                return;
            }
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(begin.elapsed() < wait::PATIENCE, "{how}: {said}");
            wait::pause(Duration::from_millis(20));
        }
    }

    /// Takes every block that is left.
    pub(super) fn fill(&self) {
        let mut size = 1 << 20;
        let mut number = 0;
        while size >= 512 {
            let path = self.place.join(format!("fill-{number}"));
            let written = File::create(&path).and_then(|mut file| {
                file.write_all(&vec![1; size])
                    .and_then(|()| file.sync_all())
            });
            number += 1;
            if written.is_err() {
                size /= 2;
            }
        }
    }

    /// Gives back what [`Image::fill`] took.
    pub(super) fn free(&self) {
        for entry in fs::read_dir(&self.place).expect("the image").flatten() {
            if entry.file_name().to_string_lossy().starts_with("fill-") {
                fs::remove_file(entry.path()).expect("a file of ours");
            }
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("image")
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // Lazily: the agent may still run when a test fails.
        let _ = Command::new("umount").arg("-l").arg(&self.place).output();
    }
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
