//! What this process has asked the disk to write, what disk that is, and how much memory it takes.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, Instant},
};

/// Bytes that this process has made dirty so far; the kernel counts in its pages of 4 KiB.
pub fn written() -> u64 {
    field("/proc/self/io", "write_bytes:")
}

/// KiB of memory that this process has in use.
pub fn resident() -> u64 {
    field("/proc/self/status", "VmRSS:")
}

fn field(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// The file system under a folder, and what a flush costs there.
pub fn describe(dir: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (device, at, kind) = (words.next()?, words.next()?, words.next()?);
            dir.starts_with(at).then_some((at.len(), device, kind))
        })
        .max();
    let (_, device, kind) = mount.unwrap_or((0, "?", "?"));
    let flush = flush(&dir);
    let real = if flush < Duration::from_micros(50) {
        "too fast to be real: figures of the disk mean nothing here"
    } else {
        "it looks real"
    };
    format!("{kind} on {device}, a flush of 4 KiB takes {flush:.0?}: {real}")
}

/// The median of fifty writes of 4 KiB over the same place, each flushed.
fn flush(dir: &Path) -> Duration {
    let path = dir.join("flush");
    let mut file = File::create(&path).expect("a file");
    let mut times: Vec<Duration> = (0..50_u8)
        .map(|round| {
            let began = Instant::now();
            file.seek(SeekFrom::Start(0)).expect("a place");
            file.write_all(&[round; 4096]).expect("room");
            file.sync_data().expect("a flush");
            began.elapsed()
        })
        .collect();
    let _ = fs::remove_file(path);
    times.sort_unstable();
    times[times.len() / 2]
}
