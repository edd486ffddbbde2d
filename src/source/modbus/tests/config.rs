//! What a user may write under `[[source.modbus]]`, and what is said about mistakes.

use std::time::Duration;

use crate::config::{
    machine::Profiles,
    section::{Problems, Section},
    tree::{Node, Place, Value},
};

use crate::source::modbus::{
    ModbusConfig,
    decode::{Form, Part},
    plan::{Kind, Limits},
};

/// The configuration's tree of a TOML text; each node says line 1, lines are the tree reader's business.
fn tree(value: toml::Value) -> Node {
    let value = match value {
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Integer(number) => Value::Int(number),
        toml::Value::Float(number) => Value::Float(number),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(date) => Value::Text(date.to_string()),
        toml::Value::Array(items) => Value::List(items.into_iter().map(tree).collect()),
        toml::Value::Table(table) => Value::Table(
            table
                .into_iter()
                .map(|(key, value)| (key, tree(value)))
                .collect(),
        ),
    };
    Node {
        value,
        place: Place {
            file: "t".into(),
            line: 1,
        },
    }
}

const PROFILES: &str = r#"
[profile.haas-vf2]
tags = [
  { tag = "spindle_temp", read = "holding:100", type = "f32", order = "cdab", unit = "°C", decimals = 1, valid = [-40, 150] },
  { tag = "door_open", read = "discrete:3" },
]
"#;

fn read(source: &str) -> (Option<ModbusConfig>, Vec<String>) {
    let root = tree(toml::Value::Table(
        toml::from_str(&format!("{PROFILES}\n[source]\n{source}")).unwrap(),
    ));
    let problems = Problems::new();
    let section = Section::root(&root, &problems);
    let profiles = Profiles::find(&section);
    let source = section.table("source").unwrap();
    let config = ModbusConfig::read(
        "hall-2",
        &source,
        &profiles,
        &["m", "mill-1", "mill-2", "press-7"]
            .map(std::sync::Arc::from)
            .into(),
    );
    source.finish();
    let told = problems
        .into_sorted()
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message))
        .collect();
    (config, told)
}

pub(super) fn fine(source: &str) -> ModbusConfig {
    let (config, told) = read(source);
    assert!(told.is_empty(), "{told:#?}");
    config.unwrap()
}

#[track_caller]
fn refused(source: &str, path: &str, message: &str) {
    let (_, told) = read(source);
    let expected = told
        .iter()
        .any(|told| told.starts_with(path) && told.contains(message));
    assert!(expected && told.len() == 1, "{source}\n{told:#?}");
}

pub(super) fn tag(entry: &str) -> String {
    format!(
        "address = \"tcp://a\"\nunits = [{{ id = 1, machine = \"mill-1\", tags = [{{ {entry} }}] }}]"
    )
}

#[test]
fn a_source_reads_profiles_and_tags_of_its_own() {
    let config = fine(
        r#"
        address = "tcp://192.168.10.21"
        poll = "2s"
        units = [
          { id = 1, machine = "mill-1", profile = "haas-vf2" },
          { id = 255, machine = "press-7", poll = "500ms", tags = [{ tag = "pressure", read = "input:7", scale = 0.01 }] },
          { id = 3, machine = "mill-2", profile = "haas-vf2", tags = [{ tag = "rpm", read = "holding:7", type = "i16" }] },
        ]"#,
    );
    assert_eq!(config.link.address.to_string(), "192.168.10.21:502");
    assert_eq!(
        (config.link.timeout, config.units[0].limits),
        (Duration::from_secs(1), Limits::default())
    );
    let temp = &config.units[0].tags[0];
    assert_eq!(
        (temp.span.kind, temp.span.start, temp.span.count),
        (Kind::Holding, 100, 2)
    );
    assert_eq!(config.units[0].tags[1].decoder.form, Form::Bool);
    assert_eq!(
        config.units[1].tags[0].decimals, 2,
        "as many as the scale has"
    );
    assert_eq!(config.units[2].tags.len(), 3);

    let specs = config.tags();
    assert_eq!(specs.len(), 6);
    assert_eq!(
        (&*specs[0].machine, &*specs[0].tag, &*specs[0].unit),
        ("mill-1", "spindle_temp", "°C")
    );
    assert_eq!(
        (specs[0].stale_after, specs[0].modbus_unit),
        (Duration::from_secs(10), Some(1))
    );
    assert_eq!(
        specs[2].stale_after,
        Duration::from_millis(2500),
        "five polls of its own unit"
    );
}

#[test]
fn each_mistake_in_a_link_is_named() {
    let units = r#"units = [{ id = 1, machine = "m", profile = "haas-vf2" }]"#;
    for (link, path, message) in [
        (r#"address = "10.0.0.7""#, "source.address", "must be like"),
        (
            r#"address = "rtu+tcp://a""#,
            "source.address",
            "has no port",
        ),
        ("", "source.address", "is missing"),
        (
            "address = \"tcp://a\"\nbackup = \"b\"",
            "source.backup",
            "must be like",
        ),
        (
            "address = \"tcp://a\"\nbackup = \"tcp://a:502\"",
            "source.backup",
            "is the address itself",
        ),
        (
            "address = \"tcp://a\"\necho = true",
            "source.echo",
            "is for serial lines",
        ),
        (
            "address = \"tcp://a\"\nmax_response = \"2s\"",
            "source.max_response",
            "is for serial lines",
        ),
        (
            "address = \"rtu:///dev/ttyS1\"\nbind = \"eth1\"",
            "source.bind",
            "is for connections over the network",
        ),
        (
            "address = \"tcp://a\"\nmax_connections = 9",
            "source.max_connections",
            "must be 1 to 8, not 9",
        ),
        (
            "address = \"rtu:///dev/ttyS1\"\nmax_connections = 2",
            "source.max_connections",
            "a serial line, `rtu:` or `rtu+tcp:`, has one master",
        ),
        (
            "address = \"tcp://a\"\nbackup = \"rtu+tcp://b:1\"\nmax_connections = 2",
            "source.max_connections",
            "a serial line",
        ),
        (
            "address = \"tcp://a\"\nconnect_pause = \"31s\"",
            "source.connect_pause",
            "must be 0ms to 30s",
        ),
    ] {
        refused(&format!("{link}\n{units}"), path, message);
    }
    let link = fine(&format!(
        "address = \"tcp://a\"\nbackup = \"rtu:///dev/ttyS1\"\nmax_response = \"2s\"\nrequest_gap = \"20ms\"\n{units}"
    ))
    .link;
    assert_eq!(link.backup.unwrap().to_string(), "/dev/ttyS1");
    assert_eq!(
        (link.max_response, link.request_gap),
        (Duration::from_secs(2), Duration::from_millis(20))
    );
}

#[test]
fn a_tag_says_which_part_of_which_registers_it_takes() {
    let of = |entry: &str| fine(&tag(entry)).units[0].tags[0].clone();
    let bit = of(r#"tag = "a", read = "holding:100.3", values = { 0 = "shut", 1 = "open" }"#);
    assert_eq!(
        (bit.decoder.form, bit.decoder.part),
        (Form::Bool, Part::Bit(3))
    );
    assert_eq!(bit.decoder.labels.number("open"), Some(1.0));
    let byte = of(r#"tag = "a", read = "input:9.lo""#);
    assert_eq!(
        (byte.decoder.form, byte.decoder.part),
        (Form::U8, Part::Low)
    );
    let masked =
        of(r#"tag = "a", read = "holding:1", mask = 0x00F0, values = { 1 = "running", -3 = "x" }"#);
    assert_eq!((masked.decoder.mask, masked.decimals), (Some(0xF0), 0));
    let text = of(
        r#"tag = "a", read = "holding:7", type = "string", length = 8, order = "badc", values = { "RUN" = 1, "E STOP" = 2 }"#,
    );
    assert_eq!((text.decoder.form, text.span.count), (Form::Text(8), 8));
    assert_eq!(
        text.decoder.labels.of(2.0).map(AsRef::as_ref),
        Some("E STOP")
    );
    for (kind, width) in [("u64", 4), ("f64", 4), ("bcd32", 2), ("f16", 1)] {
        let one = of(&format!(
            r#"tag = "a", read = "holding:7", type = "{kind}""#
        ));
        assert_eq!(one.span.count, width, "{kind}");
    }
    assert_eq!(
        of(r#"tag = "a", read = "holding:7", type = "f64""#).decimals,
        1
    );
    let specs = fine(&tag(r#"tag = "a", read = "coil:1", values = { 1 = "on" }"#)).tags();
    assert_eq!(specs[0].labels.number("on"), Some(1.0));
}

#[test]
fn each_mistake_in_a_tag_is_named() {
    for (entry, path, message) in [
        (
            r#"tag = "a", read = "holding:65535", type = "f32""#,
            "read",
            "takes 2",
        ),
        (
            r#"tag = "a", read = "holding:65536""#,
            "read",
            "from 0 to 65535",
        ),
        (
            r#"tag = "a", read = "holding:-1""#,
            "read",
            "from 0 to 65535",
        ),
        (
            r#"tag = "a", read = "register:1""#,
            "read",
            "holding, input, coil or discrete",
        ),
        (r#"tag = "a", read = "40101""#, "read", "counts from 1"),
        (
            r#"tag = "a", read = "holding:100.16""#,
            "read",
            "0 (the least significant) to 15",
        ),
        (
            r#"tag = "a", read = "holding:100.3", type = "u16""#,
            "type",
            "is a bit, its type is bool",
        ),
        (
            r#"tag = "a", read = "holding:100.hi", type = "u16""#,
            "type",
            "is a byte, its type is u8 or i8",
        ),
        (
            r#"tag = "a", read = "holding:1", type = "bool""#,
            "type",
            "say which: read = \"holding:1.0\"",
        ),
        (
            r#"tag = "a", read = "holding:1", type = "i8""#,
            "type",
            "say which: read = \"holding:1.hi\"",
        ),
        (
            r#"tag = "a", read = "coil:1.0""#,
            "read",
            "is one bit already",
        ),
        (
            r#"tag = "a", read = "coil:1", type = "u16""#,
            "type",
            "its type is bool",
        ),
        (
            r#"tag = "a", read = "coil:1", scale = 2"#,
            "scale",
            "is for numbers",
        ),
        (
            r#"tag = "a", read = "coil:1", valid = [0, 1]"#,
            "valid",
            "is for numbers",
        ),
        (
            r#"tag = "a", read = "holding:1", order = "cdab""#,
            "order",
            "has no registers to swap",
        ),
        (
            r#"tag = "a", read = "holding:1.3", order = "badc""#,
            "order",
            "is for whole registers",
        ),
        (
            r#"tag = "a", read = "holding:1", type = "u64", order = "ghefcdab""#,
            "order",
            "ghefcdab is \"cdab\"",
        ),
        (
            r#"tag = "a", read = "holding:1", type = "f32", order = "cadb""#,
            "order",
            "did you mean \"cdab\"?",
        ),
        (
            r#"tag = "a", read = "holding:65533", type = "f64""#,
            "read",
            "its type takes 4",
        ),
        (
            r#"tag = "a", read = "holding:1", type = "f23""#,
            "type",
            "did you mean \"f32\"?",
        ),
        (
            r#"tag = "a", read = "holding:1", mask = 0"#,
            "mask",
            "must be 0x1 to 0xFFFF for u16",
        ),
        (
            r#"tag = "a", read = "holding:1", mask = 0x1_0000"#,
            "mask",
            "must be 0x1 to 0xFFFF for u16",
        ),
        (
            r#"tag = "a", read = "holding:1", type = "i16", mask = 1"#,
            "mask",
            "takes bits of u8, u16, u32 and u64",
        ),
        (
            r#"tag = "a", read = "holding:1", type = "string", values = { RUN = 1 }"#,
            "length",
            "how many registers",
        ),
        (
            r#"tag = "a", read = "holding:1", type = "string", length = 126, values = { RUN = 1 }"#,
            "length",
            "must be 1 to 125",
        ),
        (
            r#"tag = "a", read = "holding:1", type = "string", length = 4"#,
            "values",
            "which number each text is",
        ),
        (
            r#"tag = "a", read = "holding:1", type = "string", length = 4, scale = 2, values = { RUN = 1 }"#,
            "scale",
            "this tag is a string",
        ),
        (
            r#"tag = "a", read = "holding:1", type = "string", length = 4, values = { 1 = "RUN" }"#,
            "values.1",
            "must be a whole number, not a text",
        ),
        (
            r#"tag = "a", read = "holding:1", length = 4"#,
            "length",
            "is for type = \"string\"",
        ),
        (
            r#"tag = "a", read = "holding:1", values = { RUN = 1 }"#,
            "values.RUN",
            "must be a text, not a whole number",
        ),
        (
            r#"tag = "a", read = "holding:1", values = { RUN = "1" }"#,
            "values",
            "has \"RUN\", which must be a whole number",
        ),
        (
            r#"tag = "a", read = "holding:1", values = { 1 = "on", 01 = "off" }"#,
            "values",
            "has \"01\", which must be a whole number",
        ),
        (
            r#"tag = "a", read = "holding:1", values = { 1 = "on", 2 = "on" }"#,
            "values",
            "has \"on\" twice",
        ),
        (
            r#"tag = "a", read = "holding:1", values = { 1 = " on" }"#,
            "values",
            "no space at its ends",
        ),
        (
            r#"tag = "a", read = "holding:1", scale = 2, values = { 1 = "on" }"#,
            "scale",
            "stands beside `values`",
        ),
        (
            r#"tag = "a", read = "coil:1", values = { 2 = "on" }"#,
            "values",
            "which is 0 or 1",
        ),
        (
            r#"tag = "a", read = "holding:1", scale = 0"#,
            "scale",
            "must not be 0",
        ),
        (
            r#"tag = "a", read = "holding:1", valid = [5, 5]"#,
            "valid",
            "5 is not below 5",
        ),
        (
            r#"tag = "a", read = "holding:1", valid = [5]"#,
            "valid",
            "must be two numbers",
        ),
        (
            r#"tag = "a", read = "holding:1", valid = [1, nan]"#,
            "valid",
            "finite",
        ),
        (
            r#"tag = "a", read = "holding:1", decimals = 10"#,
            "decimals",
            "must be 0 to 9",
        ),
        (r#"tag = "A b", read = "holding:1""#, "tag", "must be an id"),
        (
            r#"tag = "a", read = "holding:1", sclae = 1"#,
            "sclae",
            "did you mean `scale`?",
        ),
    ] {
        let (_, told) = read(&tag(entry));
        let path = format!("source.units[0].tags[0].{path}: ");
        assert!(
            told.iter()
                .any(|told| told.starts_with(&path) && told.contains(message)),
            "{entry}\n{told:#?}"
        );
    }
}

#[test]
fn a_unit_may_take_smaller_requests_than_its_source_and_shares_them_between_machines() {
    let config = fine(
        r#"
        address = "tcp://a"
        max_gap = 4
        max_registers = 60
        max_bits = 100
        units = [
          { id = 2, machine = "mill-1", one_request_per_tag = true, profile = "haas-vf2" },
          { id = 1, machine = "mill-2", max_registers = 8, tags = [
            { tag = "rpm", read = "holding:0" }, { tag = "load", read = "holding:5", type = "f32" }, { tag = "alarm", read = "holding:5.3" },
          ] },
          { id = 1, machine = "press-7", max_bits = 16, tags = [{ tag = "pressure", read = "holding:7", type = "f64" }] },
        ]"#,
    );
    let shares = config.shares();
    let limits = |max_registers, max_bits| Limits {
        max_gap: 4,
        max_registers,
        max_bits,
        one_per_tag: false,
    };
    let units: Vec<_> = shares
        .iter()
        .map(|share| (share.unit, share.limits))
        .collect();
    let alone = Limits {
        one_per_tag: true,
        ..limits(60, 100)
    };
    assert_eq!(units, [(1, limits(8, 16)), (2, alone)]);
    let requests: Vec<_> = shares[0]
        .requests()
        .into_iter()
        .map(|(block, unused, tags)| (block.span.to_string(), unused, tags.join(" ")))
        .collect();
    let expected = [
        ("holding:0..6", 4, "mill-2/rpm mill-2/alarm mill-2/load"),
        ("holding:7..10", 0, "press-7/pressure"),
    ];
    assert_eq!(
        requests,
        expected.map(|(read, unused, tags)| (read.to_owned(), unused, tags.to_owned()))
    );
    let wide = r#"{ id = 1, machine = "m", max_registers = 1, profile = "haas-vf2" }"#;
    refused(
        &format!("address = \"tcp://a\"\nunits = [{wide}]"),
        "source.units[0].max_registers",
        "is 1, and spindle_temp takes 2",
    );
}

#[test]
fn each_mistake_in_a_unit_is_named() {
    let with = |unit: &str| format!("address = \"tcp://a\"\nunits = [{unit}]");
    for (unit, path, message) in [
        (
            r#"{ id = 248, machine = "m", profile = "haas-vf2" }"#,
            "source.units[0].id",
            "must be 0 to 247",
        ),
        (
            r#"{ id = 1, profile = "haas-vf2" }"#,
            "source.units[0].machine",
            "is missing",
        ),
        (
            r#"{ id = 1, machine = "m", profile = "has-vf2" }"#,
            "source.units[0].profile",
            "did you mean \"haas-vf2\"?",
        ),
        (
            r#"{ id = 1, machine = "m" }"#,
            "source.units[0].tags",
            "name a profile",
        ),
        (
            r#"{ id = 1, machine = "m", tags = [] }"#,
            "source.units[0].tags",
            "has no tag",
        ),
        (
            r#"{ id = 1, machine = "m", profile = "haas-vf2" }, { id = 2, machine = "m", tags = [{ tag = "door_open", read = "coil:1" }] }"#,
            "source.units[1].machine",
            "m/door_open is read twice",
        ),
        ("", "source.units", "must name at least one"),
    ] {
        refused(&with(unit), path, message);
    }
    refused(
        "address = \"tcp://a\"",
        "source.units",
        "must name at least one",
    );
    let slow = r#"{ id = 1, machine = "m", poll = "1m", profile = "haas-vf2" }"#;
    refused(
        &format!("stale_after = \"30s\"\n{}", with(slow)),
        "source.units[0].poll",
        "would be stale in between",
    );
    refused(
        &format!("max_gap = 121\n{}", with(&slow.replace("1m", "1s"))),
        "source.max_gap",
        "must be 0 to 120",
    );
}
