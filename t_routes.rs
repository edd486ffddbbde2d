//! `andon routes`, and what `andon check` says about them, against real files.

use std::fs;

use super::{Exit, Said, alone};

const PLANT: &str = r#"
[agent]
site = "plant-7"
timezone = "Europe/Berlin"
[[machine]]
id = "mill-1"
class = "cnc-mill"
labels = { hall = "2" }
[[machine]]
id = "mill-2"
class = "cnc-mill"
[[source.modbus]]
name = "hall-2"
address = "tcp://10.0.0.1"
units = [
  { id = 1, machine = "mill-1", tags = [{ tag = "t", read = "holding:1" }] },
  { id = 2, machine = "mill-2", tags = [{ tag = "t", read = "holding:1" }] },
]
"#;

const RULES: &str = r#"
[[rule]]
id = "overtemp"
machine_class = "cnc-mill"
tag = "t"
levels = [
  { name = "hi", above = 85, severity = "warning" },
  { name = "hihi", above = 95, severity = "critical" },
]
deadband = 1
[[rule]]
id = "slow"
machine = "mill-2"
tag = "t"
below = 3
severity = "info"
deadband = 1
"#;

fn destination(name: &str, more: &str) -> String {
    format!(
        "[[destination]]\nname = '{name}'\ntype = 'webhook'\nurl = 'https://{name}.example.com/'\n{more}\n"
    )
}

struct Place(tempfile::TempDir);

impl Place {
    fn new(more: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let folder = place.0.path();
        fs::create_dir(folder.join("rules")).unwrap();
        fs::write(folder.join("rules/mill.toml"), RULES).unwrap();
        let ops = destination("ops", "");
        let boss = destination("boss", "min_severity = 'error'");
        fs::write(folder.join("andon.toml"), format!("{PLANT}{ops}{boss}{more}")).unwrap();
        place
    }

    /// Critical to ops by day, to the guard at night, and then to the boss; the rest to nobody.
    fn of_hours() -> Self {
        let guard = destination("guard", "");
        Self::new(&format!(
            r#"{guard}
[[hours]]
id = "night"
from = "22:00"
to = "06:00"
[[route]]
when = {{ severity = ["critical"], hours = "night" }}
to = ["guard"]
[[route]]
when = {{ severity = ["critical", "warning"], class = ["cnc-mill"] }}
to = ["ops", "boss"]
[[route]]
default = true
to = []
[[policy]]
id = "critical-15"
when = {{ severity = ["critical"] }}
steps = [{{ after = "15m", to = ["boss"] }}]
repeat = "1h"
"#
        ))
    }

    fn say(&self, args: &[&str]) -> Said {
        let main = self.0.path().join("andon.toml");
        let mut all: Vec<&str> = args.to_vec();
        all.extend(["--config", main.to_str().unwrap()]);
        let mut said = alone(&all, "");
        let prefix = format!("{}/", self.0.path().display());
        said.out = said.out.replace(&prefix, "");
        said
    }

    fn test(&self, args: &[&str]) -> Said {
        self.say(&[&["routes", "test"], args].concat())
    }

    /// What a test with `--json` says, whom it tells and whom not.
    fn told(&self, args: &[&str], exit: Exit) -> (serde_json::Value, Vec<String>) {
        let json = self.test(&[args, &["--json"]].concat()).ended(exit);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let told = json["told"].as_array().unwrap().iter();
        let told = told.map(|one| {
            let name = one["destination"].as_str().unwrap();
            format!("{name} {}", one["after_seconds"])
        });
        let told = told.collect();
        (json, told)
    }
}

#[test]
fn routes_are_listed_in_the_order_in_which_they_are_asked() {
    let place = Place::of_hours();
    let said = place.say(&["routes"]).ended(Exit::Fine);
    let rows: Vec<Vec<&str>> = said
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(rows[0], ["ROUTE", "TAKES", "TO", "THEN", "WRITTEN IN"]);
    assert_eq!(rows[1][..4], ["1", "severity critical; in night", "guard", "stops"]);
    assert_eq!(rows[2][..4], ["2", "severity critical or warning; class cnc-mill", "ops, boss", "stops"]);
    assert!(rows[2][4].starts_with("andon.toml:"), "{said}");
    assert_eq!(rows[3], ["-", "what no other route takes", "nobody"]);
    let json = place.say(&["routes", "--json"]).ended(Exit::Fine);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["number"], 1);
    assert_eq!(json[2]["default"], true);
    let none = Place::new("").say(&["routes"]).ended(Exit::Fine);
    assert!(none.contains("everything, as there are no routes"), "{none}");
}

#[test]
fn a_test_says_who_is_told_when_and_through_what_and_who_is_not_and_why() {
    let place = Place::of_hours();
    let asked = ["--severity", "critical", "--machine", "mill-1", "--at", "2026-12-24 12:00"];
    let said = place.test(&asked).ended(Exit::Fine);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[0],
        "critical process alert of mill-1, no rule in particular, triggered, Thu 2026-12-24 12:00 CET"
    );
    for part in [
        "ops          at once                    route 2 (andon.toml:",
        "after 15m, then every 1h  policy critical-15, step 1",
        "unless somebody acknowledges before",
        "called at most once in 5m",
        "guard        route 1 (andon.toml:",
        " is only for night, closed until Thu 2026-12-24 22:00 CET",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let (json, told) = place.told(&asked, Exit::Fine);
    assert_eq!(told, ["ops 0", "boss 0", "boss 900"]);
    assert_eq!(json["at"], "2026-12-24T11:00:00.000Z");
    assert_eq!(json["told"][0]["route"], 2);
    assert_eq!(json["told"][2]["policy"], "critical-15");
    assert_eq!(json["told"][2]["repeat_seconds"], 3600);
    assert_eq!(json["not_told"][0]["destination"], "guard");
}

#[test]
fn a_test_asks_for_hours_events_rules_labels_and_the_clock() {
    let place = Place::of_hours();
    let critical = ["--severity", "critical", "--machine", "mill-1"];
    let told = |more: &[&str]| place.told(&[&critical, more].concat(), Exit::Fine).1;
    assert_eq!(told(&["--at", "23:00"]), ["guard 0", "boss 900"]);
    assert_eq!(told(&["--unsynchronised"]), ["guard 0", "ops 0", "boss 0", "boss 900"]);
    // The worst level of the rule sets the severity.
    let rule = ["--machine", "mill-1", "--rule", "overtemp", "--at", "12:00"];
    let (json, _) = place.told(&rule, Exit::Fine);
    assert_eq!(json["severity"], "critical");
    // What nobody hears of ends with 1, also if only one is asked about.
    let (json, told) = place.told(&["--machine", "mill-2", "--rule", "slow"], Exit::NotFine);
    assert!(told.is_empty());
    assert_eq!(json["not_told"].as_array().unwrap().len(), 3);
    let only = ["--machine", "mill-1", "--severity", "warning", "--destination", "boss"];
    let said = place.test(&only).ended(Exit::NotFine);
    assert!(said.contains("nobody would be told"), "{said}");
    assert!(said.contains("its min_severity is error"), "{said}");
    assert!(!said.contains("guard"), "{said}");
}

#[test]
fn wrong_names_in_a_question_are_answered_with_the_nearest_right_one() {
    let place = Place::of_hours();
    let critical = ["--severity", "critical"];
    let table: [(&[&str], &str); 9] = [
        (&["--machine", "mil-1"], "no machine \"mil-1\" is configured; did you mean mill-1?"),
        (&["--machine", "mill-1", "--rule", "overtmep"], "no rule \"overtmep\" is configured; did you mean overtemp?"),
        (&["--machine", "mill-1", "--rule", "slow"], "the rule slow is not for mill-1; these are: overtemp"),
        (&["--machine", "mill-1", "--destination", "bos"], "no destination \"bos\" is configured; did you mean boss?"),
        (&["--machine", "mill-1", "--event", "trigered"], "did you mean triggered?"),
        (&["--machine", "mill-1", "--category", "agnet"], "did you mean agent?"),
        (&["--machine", "mill-1", "--label", "hall"], "must be like hall=2"),
        (&["--machine", "mill-1", "--at", "noon"], "is no time; write 23:00"),
        (&[], "say what it is about"),
    ];
    for (args, expected) in table {
        let said = place.test(&[&critical, args].concat());
        assert_eq!(said.exit, Exit::Usage, "{args:?}");
        assert!(said.error.contains(expected), "{args:?}: {}", said.error);
    }
    let said = place.test(&["--machine", "mill-1"]);
    assert!(said.error.contains("say how bad it is"), "{}", said.error);
}

#[test]
fn check_names_the_alerts_of_which_nobody_is_told_and_how_alerts_are_taken() {
    let place = Place::of_hours();
    let said = place.say(&["check"]).ended(Exit::Fine);
    for part in [
        "warning: nobody is told of info alerts of slow at mill-2\n",
        "warning: nobody is told of warning alerts of andon about itself\n",
        "remark: nobody can acknowledge an alert where it arrives at ops, boss, guard: `andon ack A-1042` on this gateway does\n",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!said.contains("overtemp"), "{said}");
    let json = place.say(&["check", "--json"]).ended(Exit::Fine);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["remarks"].as_array().unwrap().len(), 1);
    // Where everything goes somewhere there is nothing to say.
    let said = Place::new("").say(&["check"]).ended(Exit::Fine);
    assert!(!said.contains("nobody"), "{said}");
}

#[test]
fn check_names_the_hours_at_which_nobody_is_told_and_those_that_never_open() {
    let place = Place::new(
        r#"
[[hours]]
id = "day"
days = ["mon", "tue", "wed", "thu", "fri", "sat"]
from = "06:00"
to = "22:00"
[[hours]]
id = "inventory"
dates = ["2020-01-01"]
[[route]]
when = { hours = "inventory" }
to = ["ops"]
[[route]]
when = { hours = "day", rule = ["overtemp"] }
to = ["ops"]
[[route]]
when = { rule = ["overtemp"] }
to = []
[[route]]
default = true
to = ["ops"]
"#,
    );
    let said = place.say(&["check"]).ended(Exit::Fine);
    assert!(
        said.contains("warning: route.0001.when.hours: names inventory, which do not open any more\n"),
        "{said}"
    );
    // The tests begin on Saturday, 2026-04-04; on Sunday nobody is told at all.
    let at = "nobody is told of critical alerts of overtemp at mill-1, mill-2 from Sat 2026-04-04 22:00 CEST to Mon 2026-04-06 06:00 CEST, Mon 2026-04-06 22:00 CEST to Tue 2026-04-07 06:00 CEST, ";
    assert!(said.contains(at), "{said}");
    assert!(said.contains(" more\n"), "{said}");
}
