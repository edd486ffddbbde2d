//! Programs with nothing of andon in them: installed when their list changes, and asked about requests, a line of JSON for each.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::Received;

/// Installs what `wanted` lists into `folder`, unless the list is still that of which there is a copy in `installed`.
pub(super) fn up_to_date(wanted: &Path, folder: &Path, installed: &Path, install: fn() -> Command) {
    let is_current = || fs::read(wanted).ok() == fs::read(installed).ok();
    if is_current() {
        return;
    }
    // Tests run side by side, each as a process of its own.
    let lock = fs::File::create(folder.join("lock")).expect("a file to lock");
    lock.lock().expect("the lock");
    if !is_current() {
        let done = install().current_dir(folder).output();
        let done = done.expect("the installer runs");
        assert!(done.status.success(), "{done:?}");
        fs::copy(wanted, installed).expect("a copy of the list");
    }
}

/// Gives each request to a program as a line of JSON, and takes a line of JSON for each.
pub(super) fn ask(program: Command, requests: &[Received]) -> Vec<Value> {
    let line = |request: &Received| {
        json!({
            "method": request.method,
            "path": request.path,
            "headers": request.headers,
            "body": request.body,
        })
    };
    answers(program, requests.iter().map(line))
}

/// Gives a program these lines of JSON, and takes a line of JSON for each.
pub(super) fn answers(mut program: Command, lines: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut child = program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("its input");
    let lines: Vec<String> = lines.map(|line| format!("{line}\n")).collect();
    let asked = lines.len();
    // It answers while it reads, and neither side may wait for the other.
    let writing = std::thread::spawn(move || stdin.write_all(lines.concat().as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writing.join().expect("written").expect("it listens");
    let said = String::from_utf8_lossy(&output.stdout);
    let answers: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    assert_eq!(answers.len(), asked, "{said}");
    answers
}
