//! `andon check` against real files and real listeners.

use std::{fs, net::TcpListener};

use super::{Exit, Said, alone};
use crate::port::Port;

struct Place(tempfile::TempDir);

impl Place {
    fn new(main: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.0.path().join("andon.toml"), main).unwrap();
        place
    }

    fn check(&self, flags: &[&str]) -> Said {
        let main = self.0.path().join("andon.toml");
        let args = ["check", "--config", main.to_str().unwrap()];
        let mut said = alone(&[&args, flags].concat(), "");
        let prefix = format!("{}/", self.0.path().display());
        said.out = said.out.replace(&prefix, "");
        said
    }
}

#[test]
fn every_mistake_is_said_by_file_and_line_and_ends_with_78() {
    let place = Place::new("[agent]\nsite = 'Plant'\ntimezone = 'Mars'\n[log]\nlevel = 'loud'\n");
    let said = place.check(&[]).ended(Exit::Configuration);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("andon.toml:2: agent.site: "), "{said}");
    assert!(lines[1].starts_with("andon.toml:3: agent.timezone: "));
    assert!(lines[2].starts_with("andon.toml:5: log.level: "));
    assert_eq!(lines[3], "refused: 3 mistakes");
    let json = place.check(&["--json"]).ended(Exit::Configuration);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["fine"], false);
    assert_eq!(json["problems"][0]["line"], 2);
    assert_eq!(json["problems"][0]["path"], "agent.site");
    assert_eq!(json["problems"][0]["warning"], false);
}

#[test]
fn warnings_are_said_and_refuse_nothing() {
    let place = Place::new("[agent]\nsite = 'plant-7'\n[[profile]]\nid = 'p'\ntags = []\n");
    let said = place.check(&[]).ended(Exit::Fine);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("andon.toml:3: warning: profile.p: "),
        "{said}"
    );
    assert_eq!(
        lines[1..],
        [
            "fine: 0 sources, 0 machines, 0 rules, 0 destinations, 1 warning",
            "but no rule watches anything: write one into `rules/` beside this file",
            "but nobody is told of alerts: add a [[destination]]",
        ]
    );
}

#[test]
fn a_file_that_holds_no_certificate_is_warned_of() {
    let place = Place::new(
        "[agent]\nsite = 'plant-7'\n[[destination]]\nname = 'ops'\ntype = 'webhook'\nurl = 'https://ops.example.com/'\nca = 'plant-ca.pem'\n",
    );
    let ca = place.0.path().join("plant-ca.pem");
    fs::write(&ca, "-----BEGIN CERTIFICATE REQUEST-----\n").unwrap();
    let said = place.check(&[]).ended(Exit::Fine);
    assert!(
        said.starts_with("andon.toml:7: warning: destination.ops.ca: "),
        "{said}"
    );
    assert!(said.contains("plant-ca.pem holds no certificate"), "{said}");
    fs::remove_file(&ca).unwrap();
    fs::create_dir(&ca).unwrap();
    let said = place.check(&[]).ended(Exit::Fine);
    assert!(said.contains("plant-ca.pem is not a file"), "{said}");
}

#[test]
fn show_prints_the_result_with_the_place_of_each_value() {
    let place = Place::new("[agent]\nsite = 'plant-7'\n");
    let said = place.check(&["--show"]).ended(Exit::Fine);
    let line = said
        .lines()
        .find(|line| line.starts_with("site ="))
        .unwrap();
    assert!(line.ends_with("# andon.toml:2"), "{line}");
}

#[test]
fn a_missing_file_is_a_bad_configuration() {
    let place = Place::new("");
    fs::remove_file(place.0.path().join("andon.toml")).unwrap();
    let said = place.check(&[]).ended(Exit::Configuration);
    assert!(said.starts_with("andon.toml: cannot be read: "), "{said}");
}

#[test]
fn network_lists_what_a_firewall_has_to_let_through_and_no_secret() {
    let main = "[agent]\nsite = 'plant-7'\nsocket = '/run/andon.sock'\n[[machine]]\nid = 'mill-1'\n[[source.modbus]]\nname = 'hall-2'\naddress = 'tcp://192.168.10.21'\nunits = [{ id = 1, machine = 'mill-1', tags = [{ tag = 't', read = 'holding:0' }] }]\n[[destination]]\nname = 'ops'\ntype = 'webhook'\nurl = 'https://ops.invalid/secret-path?token=secret'\nbind = 'wwan0'\n[[destination]]\nname = 'far'\ntype = 'webhook'\nurl = 'https://ops.invalid/secret-too'\nbind = 'wwan0'\n[[route]]\ndefault = true\nto = ['ops']\n";
    let place = Place::new(main);
    let said = place.check(&["--network"]).ended(Exit::Fine);
    let from = said.find("DIRECTION").unwrap();
    let list: Vec<&str> = said[from..].lines().take(5).collect();
    assert_eq!(
        list,
        [
            "DIRECTION  PROTOCOL  HOST           PORT  TLS  DNS  BIND   FOR",
            "out        tcp       192.168.10.21  502   no   no   any    source hall-2",
            "out        tcp       ops.invalid    443   yes  yes  wwan0  destination far",
            "                                                           destination ops",
            "in: nothing listens on the network; verbs reach the agent over the Unix socket /run/andon.sock",
        ]
    );
    let json = place.check(&["--network", "--json"]).ended(Exit::Fine);
    assert!(!said.contains("secret") && !json.contains("secret"));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["network"][1],
        serde_json::json!({
            "direction": "out", "protocol": "tcp", "host": "ops.invalid", "port": 443,
            "tls": true, "dns": true, "bind": "wwan0", "proxy": false,
            "for": [
                { "what": "destination", "name": "far", "token": false, "behind": null },
                { "what": "destination", "name": "ops", "token": false, "behind": null },
            ],
        })
    );
    // Without being asked, and for a configuration that is refused, there is no list.
    for (place, flags, exit) in [
        (&place, &["--json"][..], Exit::Fine),
        (
            &Place::new("[agent]\n"),
            &["--json", "--network"],
            Exit::Configuration,
        ),
    ] {
        let json = place.check(flags).ended(exit);
        assert!(!json.contains("\"network\""), "{json}");
    }
}

#[test]
fn live_says_for_each_source_and_destination_whether_it_can_be_reached() {
    let there = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = Port::reserve();
    let (there_at, gone_at) = (there.local_addr().unwrap(), gone.address());
    let modbus = format!(
        "[agent]\nsite = 'plant-7'\n[[machine]]\nid = 'mill-1'\n[[source.modbus]]\nname = 'hall-2'\naddress = 'tcp://{there_at}'\nunits = [{{ id = 1, machine = 'mill-1', tags = [{{ tag = 't', read = 'holding:0' }}] }}]\n"
    );
    let place = Place::new(&modbus);
    let said = place.check(&["--live"]).ended(Exit::Fine);
    let row = said.lines().nth(1).unwrap();
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(words, ["modbus", "hall-2", &there_at.to_string(), "ok"]);

    let with_ops = |more: &str| {
        Place::new(&format!(
            "{modbus}[[destination]]\nname = 'ops'\ntype = 'webhook'\nurl = 'http://{gone_at}/token'\nallow_http = true\n{more}[[route]]\ndefault = true\nto = ['ops']\n"
        ))
    };
    // What the guard refuses is a mistake already, and the line that allows it is named.
    let said = with_ops("").check(&["--live"]).ended(Exit::Configuration);
    let line = format!("allow_addresses = [\"127.0.0.1/32:{}\"]", gone_at.port());
    assert!(said.contains(&line), "{said}");
    let place = with_ops(&format!("{line}\n"));
    let said = place.check(&["--live"]).ended(Exit::NotFine);
    let row = said.lines().nth(2).unwrap();
    assert!(row.contains("unreachable  connection refused"), "{said}");
    assert!(row.contains(&gone_at.to_string()) && !said.contains("token"));
    let json = place.check(&["--live", "--json"]).ended(Exit::NotFine);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["live"][0]["error"], serde_json::Value::Null);
    assert_eq!(json["live"][1]["name"], "ops");
    // Unreachable or not: without `--live` nobody is asked.
    place.check(&[]).ended(Exit::Fine);
}

#[test]
fn the_plan_lists_every_request_of_a_poll_and_what_it_is_for() {
    let place = Place::new(
        r#"
[agent]
site = "plant-7"
[[machine]]
id = "mill-1"
[[source.modbus]]
name = "hall-2"
address = "tcp://192.0.2.1"
poll = "2s"
max_gap = 8
units = [{ id = 7, machine = "mill-1", max_registers = 60, tags = [
  { tag = "temp", read = "holding:100", type = "f32" },
  { tag = "load", read = "holding:110" },
  { tag = "program", read = "holding:140", type = "string", length = 40, values = { "A" = 1 } },
  { tag = "door_open", read = "holding:110.3" },
  { tag = "lamp_on", read = "coil:0" },
] }]
"#,
    );
    let said = place.check(&["--plan"]).ended(Exit::Fine);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[..5],
        [
            "SOURCE  UNIT  POLL  READ              COUNT  UNUSED  TAGS",
            "hall-2  7     2s    holding:100..110  11     8       mill-1/temp, mill-1/load, mill-1/door_open",
            "hall-2  7     2s    holding:140..179  40     0       mill-1/program",
            "hall-2  7     2s    coil:0            1      0       mill-1/lamp_on",
            "hall-2 at 192.0.2.1:502: 3 requests for 5 tags, 1.50 requests a second",
        ],
        "{said}"
    );
    let json = place.check(&["--plan", "--json"]).ended(Exit::Fine);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let unit = &json["plan"][0];
    assert_eq!(
        (&unit["source"], &unit["unit"]),
        (&"hall-2".into(), &7.into())
    );
    let request = &unit["requests"][0];
    assert_eq!(request["read"], "holding:100..110");
    assert_eq!(
        (&request["count"], &request["unused"]),
        (&11.into(), &8.into())
    );
    assert_eq!(request["tags"][2], "mill-1/door_open");
    let none = Place::new("[agent]\nsite = 'plant-7'\n").check(&["--plan"]);
    assert!(none.out.contains("no Modbus source"), "{}", none.out);
}
