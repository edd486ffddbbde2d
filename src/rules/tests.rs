//! Mistakes as data: every rule file in `tests/rules/` is compiled for one small plant, and what is said about it must be
//! what stands in the `.err` beside it. Then what a good file compiles to.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    alert::plant::{Condition, MachineIx, Severity},
    config::{
        Env, FileSet, Loaded,
        files::{ConfigFile, Role},
        load_set,
        section::Problem,
        tests::every_case,
    },
};

const PLANT: &str = r#"
[agent]
site = "plant-7"
[[machine]]
id = "mill-1"
class = "cnc-mill"
[[machine]]
id = "mill-2"
class = "cnc-mill"
[[machine]]
id = "oven-1"
[[profile]]
id = "mill"
tags = [
  { tag = "spindle_temp", read = "holding:100", type = "f32", unit = "°C", decimals = 1 },
  { tag = "door_open", read = "discrete:3" },
  { tag = "state", read = "holding:200", values = { 1 = "running", 2 = "stopped", 3 = "fault" } },
]
[[source.modbus]]
name = "hall-2"
address = "tcp://192.168.10.21"
units = [{ id = 1, machine = "mill-1", profile = "mill" }, { id = 2, machine = "mill-2", profile = "mill" }]
[[source.mqtt]]
name = "cell"
url = "mqtt://broker"
subscribe = [{ topic = "oven", machine = "oven-1", payload = "number", stale_after = "5s", tag = "temperature", unit = "°C" }]
"#;

fn compiled(plant: &str, rules: &str, path: &Path) -> Result<Loaded, Vec<Problem>> {
    let file = |path: &Path, role, text: &str| ConfigFile {
        path: path.to_owned(),
        role,
        text: text.to_owned(),
    };
    let files = vec![
        file(Path::new("andon.toml"), Role::Config, plant),
        file(path, Role::Rules, rules),
    ];
    load_set(FileSet { files }, &Env::default())
}

#[test]
fn every_mistake_in_a_rule_is_explained_as_written_beside_it() {
    every_case("tests/rules", 25, &|path| {
        // A case may bring limits of machines: lines that begin with `#limit`.
        let text = std::fs::read_to_string(path).unwrap();
        let limits = text
            .lines()
            .find_map(|line| line.strip_prefix("#limits of mill-1: "));
        let plant = match limits {
            Some(limits) => PLANT.replacen("class = ", &format!("limits = {limits}\nclass = "), 1),
            None => PLANT.to_owned(),
        };
        match compiled(&plant, &text, path) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        }
    });
}

const RULES: &str = r#"
[[rule]]
id = "spindle-overtemp"
machine_class = "cnc-mill"
tag = "spindle_temp"
unit = "°C"
levels = [
  { name = "hi", above = 85, on_delay = "30s", severity = "warning" },
  { name = "hihi", above = 95.0, on_delay = "5s", severity = "critical" },
]
deadband = 2.0
message = "spindle {value}, limit {limit}"
action = "Reduce feed, check coolant flow."

[[rule]]
id = "door"
machine = "mill-2"
tag = "door_open"
equals = true
severity = "info"
latched = true
off_delay = "1s"
"#;

#[test]
fn a_class_rule_becomes_one_watch_for_each_machine_with_its_own_limits() {
    let plant = PLANT.replacen(
        "class = ",
        "limits = { 'spindle-overtemp.hihi' = 92 }\nclass = ",
        1,
    );
    let compiled = compiled(&plant, RULES, Path::new("r.toml")).unwrap();
    assert_eq!(compiled.warnings, []);
    let plant = &compiled.plant;
    let watches: Vec<_> = plant
        .watches
        .iter()
        .map(|watch| {
            (
                &*watch.rule.id,
                watch.machine,
                &*plant.tags[watch.tag.0 as usize].kind.name,
            )
        })
        .collect();
    assert_eq!(
        watches,
        [
            ("spindle-overtemp", MachineIx(0), "spindle_temp"),
            ("spindle-overtemp", MachineIx(1), "spindle_temp"),
            ("door", MachineIx(1), "door_open"),
        ]
    );
    let worst = |at: usize| plant.watches[at].rule.levels[1].condition;
    assert_eq!(
        (worst(0), worst(1)),
        (Condition::Above(92.0), Condition::Above(95.0))
    );
    let rule = &plant.watches[0].rule;
    assert_eq!(
        (rule.deadband, rule.off_delay),
        (2.0, Duration::from_secs(30))
    );
    assert_eq!(rule.levels[0].on_delay, Duration::from_secs(30));
    assert_eq!(rule.worst_severity(), Severity::Critical);
    let door = &plant.watches[2].rule;
    assert_eq!(door.levels[0].condition, Condition::Equals(1.0));
    assert_eq!(&*door.levels[0].name, "equals");
    assert!(door.latched);
}

#[test]
fn a_name_of_a_state_is_the_number_that_the_tag_of_each_machine_has_for_it() {
    let text = "[[rule]]\nid = 'state'\nmachine_class = 'cnc-mill'\ntag = 'state'\nnot_equals = 'running'\nseverity = 'info'\n";
    let plant = PLANT
        .replacen("class = ", "limits = { 'state.not_equals' = 'fault' }\nclass = ", 1)
        .replace("{ id = 2, machine = \"mill-2\", profile = \"mill\" }", "{ id = 2, machine = \"mill-2\", tags = [{ tag = 'state', read = 'holding:7', type = 'string', length = 4, values = { 'running' = 8 } }] }");
    let compiled = compiled(&plant, text, Path::new("r.toml")).unwrap();
    let condition = |at: usize| compiled.plant.watches[at].rule.levels[0].condition;
    assert_eq!(
        condition(0),
        Condition::NotEquals(3.0),
        "a limit of its own"
    );
    assert_eq!(condition(1), Condition::NotEquals(8.0));
    assert_eq!(
        &*compiled.plant.watches[0].rule.levels[0].name,
        "not_equals"
    );
}

#[test]
fn machines_without_limits_of_their_own_share_one_rule() {
    let compiled = compiled(PLANT, RULES, Path::new("r.toml")).unwrap();
    let watches = &compiled.plant.watches;
    assert!(Arc::ptr_eq(&watches[0].rule, &watches[1].rule));
}

#[test]
fn every_index_of_a_plant_points_at_what_the_names_say() {
    let compiled = compiled(PLANT, RULES, Path::new("r.toml")).unwrap();
    let plant = &compiled.plant;
    let ids = super::tag_ids(plant);
    assert_eq!(ids.len(), plant.tags.len());
    for ((machine, tag), id) in &ids {
        let found = &plant.tags[id.0 as usize];
        assert_eq!(found.kind.name, *tag);
        assert_eq!(plant.machines[found.machine.0 as usize].id, *machine);
        let source = &plant.sources[found.source.0 as usize];
        match found.modbus_unit {
            Some(unit) => assert_eq!(plant.units[unit.0 as usize].source, found.source),
            None => assert_eq!(&*source.name, "cell"),
        }
    }
    let units: Vec<u8> = plant.units.iter().map(|unit| unit.id).collect();
    assert_eq!(units, [1, 2]);
}

#[test]
fn a_tag_of_an_unknown_machine_or_of_two_sources_is_a_mistake_of_the_source() {
    let said = |plant: &str| -> Vec<String> {
        let problems = compiled(plant, RULES, Path::new("r.toml")).unwrap_err();
        problems.iter().map(ToString::to_string).collect()
    };
    let unknown = PLANT.replace(
        r#"id = 1, machine = "mill-1""#,
        r#"id = 1, machine = "mil-1""#,
    );
    assert_eq!(
        said(&unknown),
        [
            "andon.toml:22: source.modbus.hall-2.units[0].machine: there is no machine \"mil-1\"; did you mean \"mill-1\"?"
        ]
    );
    let twice = PLANT.replace(
        r#"machine = "oven-1", payload = "number", stale_after = "5s", tag = "temperature""#,
        r#"machine = "mill-1", payload = "number", stale_after = "5s", tag = "spindle_temp""#,
    );
    assert_eq!(
        said(&twice),
        ["andon.toml:23: source.mqtt.cell: reads mill-1/spindle_temp, which hall-2 reads already"]
    );
}

#[test]
fn rules_for_a_class_are_bound_to_what_its_machines_will_be_like() {
    let subscribe = |topic: &str, tags: &str| {
        format!(
            "[[source.mqtt.subscribe]]\ntopic = \"{topic}\"\nclass = \"press\"\ndiscover = true\npayload = \"json\"\nstale_after = \"5s\"\ntags = [{tags}]\n"
        )
    };
    let plant = [
        PLANT,
        "[[source.mqtt]]\nname = \"presses\"\nurl = \"mqtt://broker\"\n",
        &subscribe(
            "a/{machine}",
            "{ tag = \"force\", path = \"/f\", unit = \"kN\" }",
        ),
        &subscribe(
            "b/{machine}",
            "{ tag = \"state\", path = \"/s\", values = { \"RUN\" = 4 } }",
        ),
    ];
    let rule = |id: &str, rest: &str| {
        format!("[[rule]]\nid = \"{id}\"\nmachine_class = \"press\"\nseverity = \"info\"\n{rest}\n")
    };
    let rules = rule("runs", "tag = \"state\"\nequals = \"RUN\"")
        + &rule("overforce", "tag = \"force\"\nunit = \"kN\"\nabove = 50")
        + "[[rule]]\nid = \"hot\"\nmachine_class = \"cnc-mill\"\ntag = \"spindle_temp\"\nabove = 9\nseverity = \"info\"\n";
    let loaded = compiled(&plant.concat(), &rules, Path::new("r.toml")).unwrap();
    assert_eq!(loaded.warnings, []);
    let [mould] = &loaded.plant.moulds[..] else {
        panic!("one class is discovered: {:?}", loaded.plant.moulds);
    };
    let source = &loaded.plant.sources[mould.source.0 as usize];
    assert_eq!((&*source.name, &*mould.class), ("presses", "press"));
    let tags: Vec<&str> = mould.tags.iter().map(|tag| &*tag.kind.name).collect();
    assert_eq!(tags, ["force", "state"]);
    let watches = mould.watches.iter();
    let watches = watches.map(|(rule, tag)| (&*rule.id, *tag, rule.levels[0].condition));
    assert_eq!(
        watches.collect::<Vec<_>>(),
        [
            ("runs", 1, Condition::Equals(4.0)),
            ("overforce", 0, Condition::Above(50.0))
        ]
    );
    assert_eq!(loaded.plant.watches.len(), 2, "those of the two mills");
}
