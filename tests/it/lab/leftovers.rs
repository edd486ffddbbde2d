//! What an earlier run left behind because it was killed: agents, mounts and namespaces of test processes that are gone.
//!
//! Everything that tests here make bears the number of their process in its name, so nothing of a run that is still alive is
//! touched, and nothing that is not ours.

use std::{fs, path::Path, process::Command};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// How names begin that bear the number of a process: of folders under the temporary directory, and of network namespaces.
const PREFIX: &str = "andon-it-";

/// Cleans up after test processes that are gone.
pub(super) fn clean() {
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let folder = fs::read_link(process.path().join("cwd")).unwrap_or_default();
        let id = process.file_name().to_string_lossy().parse().ok();
        if let Some(id) = id.and_then(Pid::from_raw)
            && is_orphan(&folder.to_string_lossy())
        {
            let _ = kill_process(id, Signal::KILL);
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for line in mounts.lines() {
        // The fifth word is where it is mounted.
        if let Some(place) = line.split(' ').nth(4).filter(|place| is_orphan(place)) {
            quietly(Command::new("umount").args(["-l", place]));
        }
    }
    for space in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = space.file_name().to_string_lossy().into_owned();
        if is_orphan(&name) {
            quietly(Command::new("ip").args(["netns", "del", &name]));
        }
    }
    for folder in fs::read_dir(std::env::temp_dir())
        .into_iter()
        .flatten()
        .flatten()
    {
        let path = folder.path();
        if is_orphan(&path.to_string_lossy()) && !has_mounts(&path) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Whether a name bears the number of a test process that is gone.
fn is_orphan(name: &str) -> bool {
    let Some((_, after)) = name.split_once(PREFIX) else {
        return false;
    };
    let end = after
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(after.len());
    let id = after[..end].parse().ok().and_then(Pid::from_raw);
    id.is_some_and(|id| test_kill_process(id).is_err())
}

fn has_mounts(folder: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.contains(&*folder.to_string_lossy())
}

fn quietly(command: &mut Command) {
    let _ = command.output();
}
