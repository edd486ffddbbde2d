//! Independent implementations that tests/run has installed: what tests/requirements.txt lists.

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
    let python = match std::env::var_os("ANDON_TEST_PYTHON") {
        Some(python) => PathBuf::from(python),
        None => up_to_date(root),
    };
    let mut command = Command::new(python);
    command.arg(root.join("tests/it/support").join(name));
    command
}

/// The Python of target/test-venv, with what tests/requirements.txt lists today: it may have been made for an older list.
fn up_to_date(root: &Path) -> PathBuf {
    let venv = root.join("target/test-venv");
    let python = venv.join("bin/python");
    assert!(
        python.exists(),
        "{} is missing; run tests/run once, or: python3 -m venv target/test-venv && \
         target/test-venv/bin/pip install -r tests/requirements.txt",
        python.display()
    );
    let (wanted, installed) = (
        root.join("tests/requirements.txt"),
        venv.join("requirements.txt"),
    );
    let is_current = || fs::read(&wanted).ok() == fs::read(&installed).ok();
    if !is_current() {
        // Tests run side by side, each as a process of its own.
        let lock = fs::File::create(venv.join("lock")).expect("a file to lock");
        lock.lock().expect("the lock");
        if !is_current() {
            let mut pip = Command::new(&python);
            let pip = pip.args([
                "-m",
                "pip",
                "install",
                "-q",
                "--disable-pip-version-check",
                "-r",
            ]);
            let done = pip.arg(&wanted).output().expect("pip runs");
            assert!(done.status.success(), "{done:?}");
            fs::copy(&wanted, &installed).expect("a copy of the list");
        }
    }
    python
}

/// Asserts that the reference library of Standard Webhooks accepts each of these requests, and refuses it with its body changed.
pub(crate) fn verify(requests: &[Received]) {
    assert!(!requests.is_empty(), "there is nothing to verify");
    let verdicts = ask("standard_webhooks.py", requests);
    for (verdict, request) in verdicts.iter().zip(requests) {
        assert_eq!(verdict["verdict"], "ok", "{verdict} of {request:?}");
    }
}

/// What receivers of each format, named by the path, make of these requests.
pub(crate) fn read(requests: &[Received]) -> Vec<Value> {
    ask("webhook_formats.py", requests)
}

/// The registers that Python's `struct` and pymodbus make of each `{ type, order, value }`.
pub(crate) fn registers(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let lines: Vec<String> = values.map(|value| value.to_string()).collect();
    answers(&mut script("modbus_values.py"), &lines)
}

/// Gives each request to a script as a line of JSON, and takes a line of JSON for each.
fn ask(name: &str, requests: &[Received]) -> Vec<Value> {
    let line = |request: &Received| {
        let line = json!({
            "method": request.method,
            "path": request.path,
            "headers": request.headers,
            "body": request.body,
        });
        line.to_string()
    };
    let lines: Vec<String> = requests.iter().map(line).collect();
    answers(script(name).arg(KEY), &lines)
}

/// Gives a script these lines, and takes a line of JSON for each.
fn answers(script: &mut Command, lines: &[String]) -> Vec<Value> {
    let mut child = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    let mut stdin = child.stdin.take().expect("its input");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    // It answers while it reads, and neither side may wait for the other.
    let writing = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("python ends");
    writing.join().expect("written").expect("python listens");
    let said = String::from_utf8_lossy(&output.stdout);
    let answers: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    assert_eq!(answers.len(), lines.len(), "{said}");
    answers
}
