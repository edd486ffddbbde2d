//! A device made of libmodbus, over TCP and over a serial line.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    links::{Running, cable},
    reading,
};
use crate::support::{port::Port, text};

/// What is read, what it is, and how it is shown.
const TAGS: [(&str, &str, &str); 9] = [
    ("holding:5", "u16", "16"),
    ("input:7", "u16", "59993"),
    ("coil:9", "bool", "true"),
    ("coil:10", "bool", "false"),
    ("discrete:15", "bool", "true"),
    ("holding:10", "f32\", order = \"abcd", "123.5"),
    ("holding:12", "f32\", order = \"badc", "123.5"),
    ("holding:14", "f32\", order = \"cdab", "123.5"),
    ("holding:16", "f32\", order = \"dcba", "123.5"),
];

/// The device, compiled for this test.
fn compiled(folder: &Path) -> PathBuf {
    let program = folder.join("device");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/libmodbus_device.c");
    let done = Command::new("cc")
        .args(["-Wall", "-Werror", "-I/usr/include/modbus", "-o"])
        .args([&program, &source])
        .arg("-lmodbus")
        .status();
    assert!(done.expect("cc; tests/run installs it").success());
    program
}

fn device(program: &Path, how: &str, place: &str) -> Running {
    Running::ready(Command::new(program).args([how, place]))
}

/// Every tag is read, and the register that the device does not have is refused alone.
fn is_read_at(address: &str) {
    let tags: Vec<String> = (0..)
        .zip(TAGS)
        .map(|(at, (read, kind, _))| {
            format!("{{ tag = \"t{at}\", read = \"{read}\", type = \"{kind}\" }}")
        })
        .chain(["199", "200"].map(|at| format!("{{ tag = \"r{at}\", read = \"holding:{at}\" }}")))
        .collect();
    let link = format!("address = \"{address}\"\npoll = \"200ms\"\ntimeout = \"2s\"");
    let (agent, _receiver) = reading(&link, 7, &tags.join(", "));
    agent.shows("every value, and one refusal", |view| {
        let tag = |name: &str| {
            let tags = view["machines"][0]["tags"].as_array()?;
            tags.iter().find(|tag| tag["tag"] == name)
        };
        let good = |name: &str, value: &str| {
            tag(name).is_some_and(|tag| text(tag, "/value") == value && tag["bad"].is_null())
        };
        let all = (0..)
            .zip(TAGS)
            .all(|(at, (_, _, value))| good(&format!("t{at}"), value));
        let refused = tag("r200").is_some_and(|tag| text(tag, "/bad").contains("exception 2"));
        all && good("r199", "598") && refused
    });
}

#[test]
fn libmodbus_is_understood_over_tcp_and_over_a_serial_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = compiled(folder.path());
    let port = Port::reserve();
    let _tcp = device(&program, "tcp", &port.number.to_string());
    is_read_at(&format!("tcp://127.0.0.1:{}", port.number));
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let _plugged = cable(&here, &there);
    let _rtu = device(&program, "rtu", there.to_str().expect("a path"));
    is_read_at(&format!("rtu://{}?parity=none&stop_bits=1", here.display()));
}
