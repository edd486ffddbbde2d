//! What tests/run has installed for JavaScript: what tests/package-lock.json lists.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use super::outside;

/// A script beside this file, run by a Node.js that finds what it needs.
pub(crate) fn script(name: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/test-node");
    fs::create_dir_all(&folder).expect("a folder");
    let wanted = root.join("tests/package-lock.json");
    outside::up_to_date(&wanted, &folder, &folder.join("installed"), || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for list in ["package.json", "package-lock.json"] {
            let copy = root.join("target/test-node").join(list);
            fs::copy(root.join("tests").join(list), copy).expect("a copy");
        }
        // Nothing of what is installed runs here.
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        npm
    });
    let mut command = Command::new("node");
    command
        .arg(root.join("tests/it/support").join(name))
        .env("NODE_PATH", folder.join("node_modules"));
    command
}

/// The Sparkplug B payloads that Eclipse Tahu's JavaScript writes of these descriptions, as `{ hex }`.
pub(crate) fn sparkplug(payloads: impl Iterator<Item = Value>) -> Vec<Value> {
    outside::answers(script("sparkplug_payloads.js"), payloads)
}
