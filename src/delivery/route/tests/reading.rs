//! Routes as users write them, and what is said about mistakes.

use std::collections::BTreeMap;

use super::{
    super::{Route, Routes, When},
    event, names, owed,
};
use crate::{
    alert::{
        event::EventKind,
        plant::{Category, Severity},
    },
    config::{
        file,
        names::{CONFIG, Names},
        section::{Problems, Section},
        when::Known,
    },
    delivery::calendar::Calendar,
};

fn read(text: &str) -> (Routes, Vec<String>) {
    let problems = Problems::new();
    let tree = file::parse(&"a.toml".into(), text).unwrap();
    let tree = Names::new(CONFIG).split(tree, &problems).remove(0);
    let known = Known {
        machines: names(&["mill-1", "mill-2"]).into_iter().collect(),
        rules: names(&["r"]).into_iter().collect(),
        ..Known::default()
    };
    let root = Section::root(&tree, &problems);
    let calendar = Calendar::read(&root, jiff::tz::TimeZone::UTC);
    let routes = Routes::read(&root, names(&["ops", "pager", "log"]), calendar, &known);
    let said = problems.into_sorted();
    let said = said.iter().map(|one| {
        format!(
            "{}{}",
            if one.warning { "warning: " } else { "" },
            one.message
        )
    });
    (routes, said.collect())
}

#[test]
fn routes_are_read_as_they_are_written() {
    let (routes, said) = read(
        r#"
        [[hours]]
        id = "day"
        [[route]]
        when = { severity = ["critical", "error"], machine = ["mill-1"], label = { hall = ["2"] }, event = ["triggered", "escalated"], hours = "day", category = ["process"] }
        to = ["ops", "pager"]
        continue = true
        [[route]]
        default = true
        to = ["log"]
        "#,
    );
    assert!(said.is_empty(), "{said:?}");
    let when = When {
        severity: vec![Severity::Critical, Severity::Error],
        machine: names(&["mill-1"]),
        label: BTreeMap::from([("hall".into(), names(&["2"]))]),
        category: vec![Category::Process],
        ..When::default()
    };
    let first = Route {
        when,
        event: vec![EventKind::Triggered, EventKind::Escalated],
        hours: names(&["day"]),
        to: names(&["ops", "pager"]),
        goes_on: true,
        number: 1,
        place: routes.routes[0].place.clone(),
    };
    assert_eq!(routes.routes, [first]);
    assert_eq!(routes.routes[0].place.as_ref().unwrap().line, 4);
    assert_eq!(routes.default, Some(names(&["log"])));
}

#[test]
fn no_routes_at_all_send_everything_everywhere_without_a_word() {
    let (routes, said) = read("");
    assert!(said.is_empty());
    let event = event(EventKind::Triggered, Severity::Info);
    assert_eq!(owed(&routes, &event, &[]), "ops pager log");
}

#[test]
fn mistakes_in_routes_are_named() {
    let catch_all = "[[route]]\nto = [\"ops\"]\n";
    let default = "[[route]]\ndefault = true\nto = [\"log\"]\n";
    let unreachable =
        "warning: is never reached: an earlier route without `continue` takes all of it";
    let table: [(String, &[&str]); 15] = [
        (
            format!("[[route]]\nwhen = {{ severity = [\"info\"] }}\nto = [\"pagre\"]\n{default}"),
            &["names \"pagre\", but there is no such destination; did you mean \"pager\"?"],
        ),
        (
            format!("{catch_all}[[route]]\nwhen = {{ rule = [\"r\"] }}\nto = [\"log\"]\n"),
            &[unreachable],
        ),
        (format!("{catch_all}{default}"), &[unreachable]),
        (
            format!("{default}{default}"),
            &["is set twice; only one route can be the default"],
        ),
        (
            "[[route]]\ndefault = true\ncontinue = true\nto = [\"log\"]\n".to_owned(),
            &["takes what no other route decides, so it has neither `when` nor `continue`"],
        ),
        (
            "[[route]]\nwhen = { severity = [\"error\"] }\nto = [\"log\"]\n".to_owned(),
            &[
                "warning: has no default: what no route takes goes to every destination; say so with `default = true`",
            ],
        ),
        (
            format!(
                "[[route]]\nwhen = {{ severity = [\"fatal\", \"info\"] }}\nto = [\"log\"]\n{default}"
            ),
            &["is \"fatal\", must be one of critical, error, warning, info"],
        ),
        (
            format!("[[route]]\nwhen = {{ event = [\"resolve\"] }}\nto = [\"log\"]\n{default}"),
            &["is \"resolve\", must be one of triggered, updated, acknowledged, escalated, resolved, reopened, shelved, unshelved, closed; did you mean \"resolved\"?"],
        ),
        (
            format!("[[route]]\nwhen = {{ event = [], hours = [] }}\nto = [\"log\"]\n{default}"),
            &[
                "is an empty list, which would match everything; leave the key out",
                "is an empty list, which would match everything; leave the key out",
            ],
        ),
        (
            format!("[[hours]]\nid = \"night\"\n[[route]]\nwhen = {{ hours = \"nihgt\" }}\nto = [\"log\"]\n{default}"),
            &["names \"nihgt\", but there are no such [[hours]]; did you mean \"night\"?"],
        ),
        (
            format!("[[route]]\nwhen = {{ category = [\"agnet\"] }}\nto = [\"log\"]\n{default}"),
            &["is \"agnet\", must be one of process, blind, agent; did you mean \"agent\"?"],
        ),
        (
            format!("[[route]]\nwhen = {{ category = [\"agent\"], rule = [\"r\"] }}\nto = [\"log\"]\n{default}"),
            &["warning: is that of none of the rules in `rule`, so nothing matches both"],
        ),
        // One mistake, one message: what such a route was meant to take or to tell is not guessed.
        (
            format!("[[route]]\n[[route]]\nwhen = {{ rule = [\"r\"] }}\nto = 5\n{default}"),
            &[
                "is missing; it must be a list",
                "must be a list, not a whole number",
            ],
        ),
        (
            "[[route]]\nwhen = { severity = [\"fatl\"] }\nto = [\"log\"]\n[[route]]\nwhen = { rule = [\"r\"] }\nto = [\"log\"]\n".to_owned(),
            &["is \"fatl\", must be one of critical, error, warning, info"],
        ),
        (
            "[[route]]\ndefault = true\nto = []\ncontinu = false\n".to_owned(),
            &[
                "warning: is empty: nobody is told about what this route takes",
                "is not a key that exists here; did you mean `continue`?",
            ],
        ),
    ];
    for (text, expected) in table {
        let (_, mut said) = read(&text);
        said.sort();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(said, expected, "{text}");
    }
}

#[test]
fn a_route_behind_a_narrower_one_or_one_that_goes_on_is_reached() {
    let text = r#"
        [[route]]
        to = ["log"]
        continue = true
        [[route]]
        when = { severity = ["critical"], rule = ["r"] }
        to = ["ops"]
        [[route]]
        when = { severity = ["critical"] }
        to = ["ops"]
        [[route]]
        default = true
        to = ["log"]
        "#;
    assert_eq!(read(text).1, Vec::<String>::new());
}

#[test]
fn routes_that_leave_nothing_together_make_the_next_unreachable() {
    let hours = "[[hours]]\nid = \"day\"\n[[hours]]\nid = \"night\"\n";
    let route = |when: &str| format!("[[route]]\nwhen = {{ {when} }}\nto = [\"ops\"]\n");
    let table = [
        (
            [
                "severity = [\"critical\", \"error\"]",
                "severity = [\"warning\", \"info\"]",
                "rule = [\"r\"]",
            ],
            true,
        ),
        (
            [
                "category = [\"process\"]",
                "category = [\"blind\", \"agent\"]",
                "machine = [\"mill-1\"]",
            ],
            true,
        ),
        // What a rule is about is known.
        (
            [
                "category = [\"process\"]",
                "category = [\"blind\"]",
                "rule = [\"r\"]",
            ],
            true,
        ),
        (
            [
                "category = [\"process\"]",
                "category = [\"blind\"]",
                "rule = [\"andon.disk\"]",
            ],
            false,
        ),
        (
            [
                "event = [\"triggered\"]",
                "event = [\"updated\", \"reopened\", \"unshelved\"]",
                "rule = [\"r\"]",
            ],
            true,
        ),
        (
            [
                "event = [\"triggered\"]",
                "event = [\"updated\"]",
                "rule = [\"r\"]",
            ],
            false,
        ),
        (
            [
                "severity = [\"info\"]",
                "severity = [\"error\"]",
                "event = [\"escalated\"]",
            ],
            false,
        ),
        (
            [
                "hours = [\"day\", \"night\"]",
                "severity = [\"info\"]",
                "hours = \"night\", rule = [\"r\"]",
            ],
            true,
        ),
        (
            [
                "hours = \"day\"",
                "severity = [\"info\"]",
                "hours = [\"night\", \"day\"]",
            ],
            false,
        ),
        (
            ["hours = \"day\"", "severity = [\"info\"]", "rule = [\"r\"]"],
            false,
        ),
    ];
    for (whens, unreachable) in table {
        let routes: String = whens.iter().map(|when| route(when)).collect();
        let said = read(&format!(
            "{hours}{routes}[[route]]\ndefault = true\nto = [\"log\"]\n"
        ))
        .1;
        let said = said.iter().any(|said| said.contains("is never reached"));
        assert_eq!(said, unreachable, "{whens:?}");
    }
}
