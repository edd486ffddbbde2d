//! What this process has asked the disk to write, and how much memory it takes.

use std::fs;

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
