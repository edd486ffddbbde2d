//! Every type in every order, laid into registers by Python's `struct` and by pymodbus, served by pymodbus, read by the agent.

use serde_json::{Map, Value, json};

use super::reading;
use crate::support::{Agent, Device, Receiver, python, text, to};

/// One tag: what others lay down where, what of the configuration reads it, and how it is shown.
struct Row {
    kind: &'static str,
    order: &'static str,
    value: Value,
    /// After the address: `.3`, `.hi`.
    part: &'static str,
    /// The rest of the tag's table.
    entry: String,
    /// The value that `status` shows, or why it is bad.
    shows: &'static str,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |kind, order, value, part, entry: &str, shows| {
        let entry = entry.to_owned();
        rows.push(Row {
            kind,
            order,
            value,
            part,
            entry,
            shows,
        });
    };
    // Numbers of one register know whether their bytes are swapped; longer ones also which register comes first.
    let short: &[&str] = &["abcd", "badc"];
    let all: &[&str] = &["abcd", "badc", "cdab", "dcba"];
    for (kind, orders, value, more, shows) in [
        ("i16", short, json!(-12345), "", "-12345"),
        ("u16", short, json!(54321), "", "54321"),
        ("f16", short, json!(12.8), "", "12.8"),
        ("bcd16", short, json!(9876), "", "9876"),
        ("i32", all, json!(-1_234_567_890), "", "-1234567890"),
        ("u32", all, json!(4_123_456_789_u32), "", "4123456789"),
        ("f32", all, json!(97.3), "", "97.3"),
        ("f32", all, json!(-0.015625), ", decimals = 6", "-0.015625"),
        ("bcd32", all, json!(12_345_678), "", "12345678"),
        (
            "i64",
            all,
            json!(-9_007_199_254_740_991_i64),
            "",
            "-9007199254740991",
        ),
        (
            "u64",
            all,
            json!(9_007_199_254_740_991_i64),
            "",
            "9007199254740991",
        ),
        ("u64", all, json!(u64::MAX), "", "18446744073709551616"),
        (
            "f64",
            all,
            json!(0.123_456_789),
            ", decimals = 9",
            "0.123456789",
        ),
    ] {
        for &order in orders {
            let entry = format!("type = \"{kind}\", order = \"{order}\"{more}");
            row(kind, order, value.clone(), "", &entry, shows);
        }
    }
    let word = json!(0x83F1);
    for (part, entry, shows) in [
        (".0", "", "true"),
        (".1", "", "false"),
        (".15", "type = \"bool\"", "true"),
        (
            ".9",
            "values = { 0 = \"shut\", 1 = \"open\" }",
            "open (true)",
        ),
        (".hi", "", "131"),
        (".lo", "type = \"u8\"", "241"),
        (".hi", "type = \"i8\"", "-125"),
        (".lo", "type = \"i8\"", "-15"),
        ("", "mask = 0x00F0", "15"),
        (
            "",
            "mask = 0x0300, values = { 3 = \"running\" }",
            "running (3)",
        ),
        ("", "values = { 1 = \"running\" }", "33777"),
        ("", "scale = 0.1, unit = \"bar\"", "3377.7 bar"),
        ("", "scale = 0.01, offset = -300", "37.77"),
        ("", "invalid = [33777]", "sensor fault"),
        ("", "scale = 0.1, invalid = [3377.7]", "sensor fault"),
        ("", "valid = [0, 1000]", "sensor fault"),
        ("", "type = \"bcd16\"", "answer not understood"),
    ] {
        row("u16", "abcd", word.clone(), part, entry, shows);
    }
    row(
        "f32",
        "abcd",
        json!(3276.7),
        "",
        "type = \"f32\", invalid = [3276.7]",
        "sensor fault",
    );
    row(
        "u64",
        "abcd",
        json!(u64::MAX),
        "",
        "type = \"u64\", invalid = [18446744073709551615.0]",
        "sensor fault",
    );
    let states = "values = { \"RUN\" = 1, \"E STOP\" = 2 }";
    for (value, order, length, shows) in [
        ("E STOP", "abcd", 3, "E STOP (2)"),
        ("RUN", "abcd", 3, "RUN (1)"),
        ("RUN     ", "badc", 4, "RUN (1)"),
        ("RUNNING", "abcd", 4, "unlisted text"),
    ] {
        let entry = format!("type = \"string\", length = {length}, order = \"{order}\", {states}");
        row("string", order, json!(value), "", &entry, shows);
    }
    rows
}

#[test]
fn every_type_in_every_order_is_read_as_others_write_it() {
    let rows = rows();
    let registers = python::registers(
        rows.iter()
            .map(|row| json!({ "type": row.kind, "order": row.order, "value": row.value })),
    );
    let (mut holding, mut tags) = (Map::new(), String::new());
    for (at, (row, words)) in rows.iter().zip(&registers).enumerate() {
        // Far enough apart that a string which is shorter than its registers ends in zeros.
        let address = at * 10;
        holding.insert(address.to_string(), words.clone());
        let part = row.part;
        let comma = if row.entry.is_empty() { "" } else { ", " };
        let entry = &row.entry;
        tags += &format!(
            "  {{ tag = \"t{at}\", read = \"holding:{address}{part}\"{comma}{entry} }},\n"
        );
    }
    let device = Device::start(&json!({ "1": { "holding": holding } }));
    let link = format!("address = \"tcp://127.0.0.1:{}\"", device.port());
    let (agent, _receiver) = reading(&link, 1, &tags);
    let view = agent.shows("a reading of every tag", |view| {
        let tags = view["machines"][0]["tags"].as_array();
        tags.is_some_and(|tags| {
            let heard = |tag: &Value| !tag["value"].is_null() || tag["bad"].is_string();
            tags.len() == rows.len() && tags.iter().all(heard)
        })
    });
    let mut wrong = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let tag = &view["machines"][0]["tags"][at];
        let key = if tag["bad"].is_null() {
            "/value"
        } else {
            "/bad"
        };
        let shown = text(tag, key);
        if shown != row.shows {
            let (kind, order, value, part, entry) =
                (row.kind, row.order, &row.value, row.part, &row.entry);
            wrong.push(format!(
                "{value} as {kind} {order}, read as {part} {{ {entry} }}: expected {}, shown {shown}",
                row.shows
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn people_hear_the_name_of_a_state_and_programs_its_number_too() {
    let mut device = Device::start(&json!({ "1": { "holding": { "5": [1] } } }));
    let receiver = Receiver::start();
    let config = format!(
        r#"
[[machine]]
id = "press-1"
name = "Press 1"
[[source.modbus]]
name = "s"
address = "tcp://127.0.0.1:{}"
poll = "100ms"
units = [{{ id = 1, machine = "press-1", tags = [
  {{ tag = "state", read = "holding:5", values = {{ 1 = "running", 2 = "stopped" }} }},
] }}]
"#,
        device.port()
    );
    let rule = r#"
[[rule]]
id = "press-not-running"
machine = "press-1"
tag = "state"
not_equals = "running"
off_delay = "1s"
severity = "error"
message = "press is {value}, not {limit}"
"#;
    let agent = Agent::start(&(config + &to(&receiver)), rule);
    device.holding(5, 2);
    let body = receiver
        .hears("alert.triggered press-1/press-not-running")
        .json();
    assert_eq!(body["alert"]["message"], "press is stopped, not running");
    assert_eq!(body["alert"]["metric_value"], json!(2.0));
    assert_eq!(body["alert"]["metric_label"], "stopped");
    let view = agent.shows("the state", |view| {
        text(view, "/machines/0/tags/0/value") == "stopped (2)"
    });
    assert_eq!(view["alerts"][0]["value"], "stopped (2)");
    assert_eq!(view["alerts"][0]["limit"], "running (1)");
    // A number that has no name is not called normal.
    device.holding(5, 77);
    agent.shows("the number", |view| {
        text(view, "/machines/0/tags/0/value") == "77"
    });
    device.holding(5, 1);
    let body = receiver
        .hears("alert.resolved press-1/press-not-running")
        .json();
    let sentence = text(&body, "/text");
    assert!(
        sentence.contains("state back to running after"),
        "{sentence}"
    );
    assert!(!sentence.contains("highest"), "{sentence}");
}
