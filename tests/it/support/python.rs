//! Independent implementations that tests/run has installed: pymodbus and standardwebhooks.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{KEY, Received};

/// A script beside this file, run by the Python that has what it needs.
pub(crate) fn script(name: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python: PathBuf = std::env::var_os("ANDON_TEST_PYTHON")
        .map_or_else(|| root.join("target/test-venv/bin/python"), PathBuf::from);
    assert!(
        python.exists(),
        "{} is missing; run tests/run once, or: python3 -m venv target/test-venv && \
         target/test-venv/bin/pip install -r tests/requirements.txt",
        python.display()
    );
    if std::env::var_os("ANDON_TEST_PYTHON").is_none() {
        refresh(root, &python);
    }
    let mut command = Command::new(python);
    command.arg(root.join("tests/it/support").join(name));
    command
}

/// Brings what is installed up to the list, as tests/run does; one test at a time, as each is a process.
fn refresh(root: &Path, python: &Path) {
    let (wanted, had) = (
        root.join("tests/requirements.txt"),
        root.join("target/test-venv/requirements.txt"),
    );
    let lock = fs::File::create(root.join("target/test-venv/lock")).expect("a lock");
    lock.lock().expect("our turn");
    let list = fs::read(&wanted).expect("the list");
    if fs::read(&had).ok().as_ref() == Some(&list) {
        return;
    }
    let done = Command::new(python)
        .args([
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(&wanted)
        .output()
        .expect("pip runs");
    assert!(done.status.success(), "{done:?}");
    fs::write(had, list).expect("what is installed");
}

/// Asserts that the reference library of Standard Webhooks accepts each of these requests, and refuses it with its body changed.
pub(crate) fn verify(requests: &[Received]) {
    assert!(!requests.is_empty(), "there is nothing to verify");
    let mut child = script("standard_webhooks.py")
        .arg(KEY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut stdin = child.stdin.take().expect("its input");
    for request in requests {
        writeln!(
            stdin,
            "{}",
            json!({ "headers": request.headers, "body": request.body })
        )
        .expect("python listens");
    }
    drop(stdin);
    let output = child.wait_with_output().expect("python ends");
    let said = String::from_utf8_lossy(&output.stdout);
    let verdicts: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("a verdict"))
        .collect();
    assert_eq!(verdicts.len(), requests.len(), "{said}");
    for (verdict, request) in verdicts.iter().zip(requests) {
        assert_eq!(verdict["verdict"], "ok", "{verdict} of {request:?}");
    }
}
