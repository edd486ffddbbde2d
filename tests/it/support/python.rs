//! What tests/run has installed for Python: what tests/requirements.txt lists.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{KEY, Received, outside};

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
    let wanted = root.join("tests/requirements.txt");
    outside::up_to_date(&wanted, &venv, &venv.join("requirements.txt"), || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut pip = Command::new(root.join("target/test-venv/bin/python"));
        pip.args(["-m", "pip", "install", "-q"])
            .args(["--disable-pip-version-check", "-r"])
            .arg(root.join("tests/requirements.txt"));
        pip
    });
    python
}

/// What receivers of each format, named by the path, make of these requests.
pub(crate) fn read(requests: &[Received]) -> Vec<Value> {
    let mut script = script("webhook_formats.py");
    script.arg(KEY);
    outside::ask(script, requests)
}

/// The registers that Python's `struct` and pymodbus make of each `{ type, order, value }`.
pub(crate) fn registers(values: impl Iterator<Item = Value>) -> Vec<Value> {
    outside::answers(script("modbus_values.py"), values)
}

/// The Sparkplug B payloads that Eclipse Tahu's Python writes of these descriptions, as `{ hex }`.
pub(crate) fn sparkplug(payloads: impl Iterator<Item = Value>) -> Vec<Value> {
    outside::answers(script("sparkplug_payloads.py"), payloads)
}
