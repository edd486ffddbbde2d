//! What another process costs, as the kernel counts it.

use std::{collections::BTreeMap, fs, time::Duration};

/// Processor time of each of its threads, in nanoseconds.
pub struct Work(BTreeMap<u32, u64>);

/// What it has worked so far.
pub fn work(pid: u32) -> Work {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("the process is there");
    let of = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let thread = entry.file_name().to_str()?.parse().ok()?;
        // A thread may end meanwhile.
        let text = fs::read_to_string(entry.path().join("schedstat")).ok()?;
        let time = text.split(' ').next()?.parse().ok()?;
        Some((thread, time))
    };
    Work(threads.filter_map(of).collect())
}

impl Work {
    /// How much more that is than earlier. What a thread did that has ended meanwhile is not in it.
    pub fn since(&self, earlier: &Self) -> Duration {
        let more = self.0.iter().map(|(thread, time)| {
            let before = earlier.0.get(thread).copied().unwrap_or(0);
            time.saturating_sub(before)
        });
        Duration::from_nanos(more.sum())
    }
}

/// A size of `/proc/PID/status` in KiB: `VmRSS`, `RssAnon`, `VmHWM`.
pub fn kib(pid: u32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status"));
    let text = text.expect("the process is there");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let size = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    size.expect("a size")
}
