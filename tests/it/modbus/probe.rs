//! `andon probe` at devices: one of pymodbus, and one of our own that takes no long requests.

use std::{
    fs::File,
    net::TcpListener,
    process::{Command, Output},
};

use serde_json::{Value, json};

use super::{
    device::{Habits, Witness},
    links::{cable, device},
};
use crate::support::{Device, agent::program, port::Port, python};

fn probe(arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.arg("probe").args(arguments);
    command.output().expect("the program runs")
}

/// What it says, once it has ended with this code.
fn said(output: &Output, code: i32) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[test]
fn what_a_display_shows_is_found_and_the_line_for_it_is_told() {
    let values = [
        ("f32", "cdab", json!(87.3)),
        ("string", "abcd", json!("AUTO MODE")),
        ("i16", "abcd", json!(-40)),
    ];
    let rows =
        values.map(|(kind, order, value)| json!({ "type": kind, "order": order, "value": value }));
    let words = python::registers(rows.into_iter());
    let device = Device::start(&json!({ "7": {
        "holding": { "100": words[0], "110": words[1], "120": words[2] },
        "coil": { "3": [1] },
    } }));
    let address = format!("127.0.0.1:{}", device.port());
    let at = |read, more: &[&'static str]| {
        let arguments = [&address, "--unit", "7", "--timeout", "20s", "--read", read];
        probe(&[&arguments[..], more].concat())
    };
    let found = said(
        &at(
            "holding:100..120",
            &["--expect", "87.3", "--tag", "spindle_temp"],
        ),
        0,
    );
    let line = r#"{ tag = "spindle_temp", read = "holding:100", type = "f32", order = "cdab" },"#;
    assert_eq!(found.lines().last(), Some(line), "{found}");
    assert!(
        found.contains("text at holding:110..114: \"AUTO MODE\""),
        "{found}"
    );
    assert!(
        found.contains("longest block: 125 registers, all that fit"),
        "{found}"
    );
    let row = found.lines().find(|line| line.starts_with("holding:120"));
    assert!(row.is_some_and(|row| row.contains("-40")), "{found}");

    let off = said(&at("holding:101", &["--expect", "87.3"]), 0);
    assert!(
        off.contains("one before: the manual may count from 1"),
        "{off}"
    );
    let none = said(&at("holding:100..120", &["--expect", "12345.6"]), 1);
    assert!(none.contains("nothing that was read"), "{none}");
    let bits = said(&at("coil:0..5", &[]), 0);
    assert!(bits.contains("0 0 0 1 0 0"), "{bits}");

    let json = said(&at("holding:100..120", &["--expect", "87.3", "--json"]), 0);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["read"], "holding:100..120");
    assert_eq!(json["values"][0]["raw"], words[0][0]);
    let readings = json["values"][0]["readings"].as_array().expect("a list");
    assert!(
        readings.contains(&json!({ "type": "f32", "order": "cdab", "value": 87.3 })),
        "{readings:?}"
    );
    assert_eq!(json["matches"][0]["value"], 87.3);
    assert_eq!(json["largest"]["end"], "protocol");

    // The last address that this device has is 9999.
    let end = said(&at("holding:9990..10005", &[]), 0);
    assert!(end.contains("refused: holding:10000..10005, "), "{end}");
    assert!(end.contains("nothing lies after it"), "{end}");
    let beyond = said(&at("holding:10000..10010", &[]), 1);
    assert!(
        beyond.contains("illegal data address")
            && beyond.contains("40101 of a manual is holding:100"),
        "{beyond}"
    );
}

#[test]
fn a_device_that_takes_short_requests_only_is_read_in_them_and_says_how_long_they_may_be() {
    let device = Witness::start(Habits {
        registers: 37,
        ..Habits::default()
    });
    let address = format!("tcp://127.0.0.1:{}", device.port);
    let output = probe(&[&address, "--timeout", "20s", "--read", "holding:0..99"]);
    let found = said(&output, 0);
    assert!(
        found.contains("longest block: 37 registers, although there are more"),
        "{found}"
    );
    assert!(
        found.contains("for its entry in `units`: max_registers = 37"),
        "{found}"
    );
    // Each register holds its own address.
    let rows = found
        .lines()
        .filter(|line| line.starts_with("holding:"))
        .count();
    assert_eq!(rows, 100, "{found}");
    assert!(found.contains("holding:99  0063"), "{found}");
}

#[test]
fn on_a_terminal_it_shows_how_far_it_is_and_wipes_that_in_the_end() {
    let device = Witness::start(Habits {
        registers: 1,
        ..Habits::default()
    });
    let program = program();
    let line = format!(
        "'{}' probe tcp://127.0.0.1:{} --timeout 20s --read holding:0..29",
        program.display(),
        device.port
    );
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let output = terminal.env_remove("NO_COLOR").output();
    let found = said(&output.expect("script runs"), 0);
    // Each takes the place of the one before.
    let shown: Vec<&str> = found.split("\r\u{1b}[K").skip(1).collect();
    let (last, bars) = shown.split_last().expect("something is shown");
    assert!(
        bars.contains(&"reading [..............................] 0 of 30"),
        "{found:?}"
    );
    assert!(
        bars.contains(&"reading [###############...............] 15 of 30"),
        "{found:?}"
    );
    assert!(last.contains("ADDRESS"), "{found:?}");
    assert!(
        last.contains("longest block: 1 register, although"),
        "{last}"
    );
}

#[test]
fn a_device_on_a_serial_line_is_looked_at_like_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let _plugged = cable(&here, &there);
    let row = json!({ "type": "f32", "order": "badc", "value": 87.3 });
    let words = python::registers([row].into_iter()).remove(0);
    let first = |at: usize| u16::try_from(words[at].as_u64().expect("a word")).expect("a word");
    let device = device(&there, &[first(0), first(1)]);
    let address = format!("rtu://{}?parity=none&stop_bits=1", here.display());
    let at = |unit: &str, more: &[&str]| {
        let arguments = [&address, "--unit", unit, "--read", "holding:100..103"];
        probe(&[&arguments[..], more].concat())
    };
    let patient = ["--timeout", "20s", "--expect", "87.3"];
    let found = said(&at("7", &patient), 0);
    let line = r#"{ tag = "value", read = "holding:100", type = "f32", order = "badc" },"#;
    assert_eq!(found.lines().last(), Some(line), "{found}");
    assert!(
        found.contains("longest block: 125 registers, all that fit"),
        "{found}"
    );

    let json = said(&at("7", &[&patient[..], &["--json"]].concat()), 0);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["values"][0]["raw"], words[0]);
    assert_eq!(json["values"][1]["raw"], words[1]);
    assert_eq!(json["matches"][0]["value"], 87.3);
    assert_eq!(json["largest"]["count"], 125);

    drop(device);
    let silent = said(&at("7", &["--timeout", "300ms"]), 1);
    assert!(
        silent.contains("did not answer within 300ms") && silent.contains("--unit"),
        "{silent}"
    );
    let lock = File::open(&here).expect("the port");
    lock.lock().expect("nobody else has it");
    let taken = said(&at("7", &["--timeout", "300ms"]), 1);
    assert!(taken.contains("another program uses it"), "{taken}");
    let gone = ["rtu:///dev/nosuch", "--read", "holding:100"];
    let gone = said(&probe(&gone), 1);
    assert!(gone.contains("cannot connect to /dev/nosuch"), "{gone}");
}

#[test]
fn what_cannot_be_looked_at_is_said_with_what_to_do() {
    let closed = Port::reserve();
    let address = closed.address().to_string();
    let gone = said(&probe(&[&address, "--read", "holding:0"]), 1);
    assert!(
        gone.contains("cannot connect to") && gone.contains("Check power, cable"),
        "{gone}"
    );

    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = mute.local_addr().expect("its address").to_string();
    let silent = said(
        &probe(&[&address, "--timeout", "100ms", "--read", "holding:0..3"]),
        1,
    );
    assert!(
        silent.contains("did not answer within 100ms") && silent.contains("--unit"),
        "{silent}"
    );

    for (arguments, message) in [
        (["10.0.0.1", "--read", "40001"], "counts from 1"),
        (["10.0.0.1", "--read", "holding:5..1"], "both ends included"),
        (["10.0.0.1", "--read", "holding:0..3000"], "at most 2000"),
        (
            ["10.0.0.1:x", "--read", "holding:0"],
            "the address must be like",
        ),
    ] {
        let wrong = said(&probe(&arguments), 2);
        assert!(wrong.contains(message), "{wrong}");
    }
    let bit = said(
        &probe(&["10.0.0.1", "--read", "coil:0", "--expect", "1"]),
        2,
    );
    assert!(bit.contains("--expect is for registers"), "{bit}");
}
