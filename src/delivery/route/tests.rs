//! Who is owed which event, and what is said about mistakes in routes.

use std::{collections::BTreeMap, time::Duration};

use ulid::Ulid;

use super::*;
use crate::{
    alert::{
        event::{DedupKey, Escalation},
        plant::Severity,
    },
    clock::Wall,
    config::{
        file,
        names::{CONFIG, Names},
        section::{Problems, Section},
        when::Known,
    },
};

fn event(kind: EventKind, severity: Severity) -> Event {
    Event {
        id: Ulid::nil(),
        kind,
        at: Wall::default(),
        synchronised: true,
        alert: Alert {
            id: Ulid::nil(),
            number: 1,
            dedup_key: DedupKey::new("plant-7", "overtemp", "mill-1"),
            rule: "overtemp".into(),
            machine: "mill-1".into(),
            machine_name: "Mill 1".into(),
            class: None,
            labels: BTreeMap::new(),
            severity,
            state: if kind.is_end() {
                State::Resolved
            } else {
                State::Active
            },
            shelved: kind == EventKind::Shelved,
            level: None,
            measured: None,
            occurrences: 1,
            created: Wall::default(),
            ended: None,
            lasted: Duration::ZERO,
            message: "".into(),
            action: "".into(),
            runbook: None,
        },
        previous_severity: None,
        by: None,
        why: None,
        escalation: (kind == EventKind::Escalated).then(|| Escalation {
            policy: "p".into(),
            policy_name: "P".into(),
            step: 1,
            repeat: 0,
            waited: Duration::ZERO,
            to: vec!["sms".into(), "ops".into(), "sms".into()],
        }),
        until: None,
        after_unknown_downtime: false,
    }
}

fn names(list: &[&str]) -> Vec<Arc<str>> {
    list.iter().map(|name| Arc::from(*name)).collect()
}

fn route(severity: &[Severity], to: &[&str], goes_on: bool) -> Route {
    Route {
        when: When {
            severity: severity.to_vec(),
            ..When::default()
        },
        to: names(to),
        goes_on,
    }
}

/// Critical to ops and pager, warnings on to chat and then to ops, the rest to log.
fn routes() -> Routes {
    Routes {
        routes: vec![
            route(&[Severity::Critical], &["ops", "pager"], false),
            route(&[Severity::Warning], &["chat"], true),
            route(
                &[Severity::Warning, Severity::Error],
                &["ops", "chat"],
                false,
            ),
        ],
        default: Some(names(&["log"])),
        only: BTreeMap::new(),
        all: names(&["ops", "pager", "chat", "log", "sms"]),
    }
}

/// `ops` for a plain delivery, `+ops` as a trigger, `ops?` if it can be withdrawn.
fn owed(routes: &Routes, event: &Event, audience: &[&str]) -> String {
    let audience = names(audience).into_iter().collect();
    let shown = |owed: Owed| {
        let plus = if owed.as_trigger { "+" } else { "" };
        let mark = if owed.withdrawable { "?" } else { "" };
        format!("{plus}{}{mark}", owed.destination)
    };
    let list: Vec<String> = routes
        .route(event, &audience)
        .into_iter()
        .map(shown)
        .collect();
    list.join(" ")
}

#[test]
fn the_first_route_that_matches_decides_and_continue_goes_on() {
    let table = [
        (Severity::Critical, "ops pager"),
        (Severity::Warning, "chat ops"),
        (Severity::Error, "ops chat"),
        (Severity::Info, "log"),
    ];
    for (severity, expected) in table {
        let event = event(EventKind::Triggered, severity);
        assert_eq!(owed(&routes(), &event, &[]), expected, "{severity:?}");
    }
}

#[test]
fn what_only_went_on_is_still_taken_by_the_default() {
    let mut routes = routes();
    routes.routes.truncate(2);
    let event = event(EventKind::Triggered, Severity::Warning);
    assert_eq!(owed(&routes, &event, &[]), "chat log");
    routes.default = None;
    assert_eq!(owed(&routes, &event, &[]), "chat");
}

#[test]
fn without_a_default_what_no_route_takes_goes_everywhere() {
    let mut routes = routes();
    routes.default = None;
    let event = event(EventKind::Triggered, Severity::Info);
    assert_eq!(owed(&routes, &event, &[]), "ops pager chat log sms");
}

#[test]
fn who_has_heard_of_it_hears_all_that_follows_and_who_is_new_hears_the_state_first() {
    use EventKind as K;
    let table = [
        (K::Triggered, "log ops pager"),
        (K::Updated, "log +ops +pager"),
        (K::Reopened, "log +ops +pager"),
        (K::Acknowledged, "log"),
        (K::Resolved, "log"),
        (K::Closed, "log"),
        (K::Shelved, "log"),
        (K::Unshelved, "log +ops +pager"),
        (K::Escalated, "+sms? sms? +ops? ops?"),
    ];
    assert_eq!(table.len(), K::ALL.len());
    for (kind, expected) in table {
        let event = event(kind, Severity::Critical);
        assert_eq!(owed(&routes(), &event, &["log"]), expected, "{kind:?}");
    }
}

#[test]
fn a_destination_that_has_left_the_configuration_is_still_owed_the_end() {
    let event = event(EventKind::Resolved, Severity::Critical);
    assert_eq!(owed(&routes(), &event, &["gone", "ops"]), "gone ops");
}

#[test]
fn an_escalation_is_told_plainly_to_who_has_heard_of_the_alert() {
    let event = event(EventKind::Escalated, Severity::Critical);
    assert_eq!(owed(&routes(), &event, &["ops"]), "+sms? sms? ops?");
}

#[test]
fn a_shelved_alert_calls_nobody_new_but_its_audience_hears_on() {
    for kind in EventKind::ALL {
        let mut event = event(kind, Severity::Critical);
        event.alert.shelved = true;
        let expected = if kind == EventKind::Escalated {
            "ops?"
        } else {
            "ops"
        };
        assert_eq!(owed(&routes(), &event, &["ops"]), expected, "{kind:?}");
        assert_eq!(owed(&routes(), &event, &[]), "", "{kind:?}");
    }
}

#[test]
fn what_is_over_when_its_shelf_ends_calls_nobody() {
    let mut event = event(EventKind::Unshelved, Severity::Critical);
    event.alert.state = State::Resolved;
    assert_eq!(owed(&routes(), &event, &["log"]), "log");
}

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
    let routes = Routes::read(&root, names(&["ops", "pager", "log"]), &known);
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
        [[route]]
        when = { severity = ["critical", "error"], machine = ["mill-1"], label = { hall = ["2"] } }
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
        ..When::default()
    };
    let first = Route {
        when,
        to: names(&["ops", "pager"]),
        goes_on: true,
    };
    assert_eq!(routes.routes, [first]);
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
    let table: [(String, &[&str]); 10] = [
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
fn a_destination_that_takes_only_some_kinds_is_told_no_others() {
    let mut routes = routes();
    let ops: Arc<str> = "ops".into();
    let only = vec![EventKind::Triggered, EventKind::Escalated];
    routes.only.insert(ops.clone(), only);
    let owed = |destination: &Arc<str>, as_trigger| Owed {
        destination: Arc::clone(destination),
        as_trigger,
        withdrawable: false,
    };
    assert!(routes.tells(&owed(&ops, false), EventKind::Triggered));
    assert!(!routes.tells(&owed(&ops, false), EventKind::Resolved));
    // Who joins late is told a trigger, whatever the event is.
    assert!(routes.tells(&owed(&ops, true), EventKind::Updated));
    assert!(routes.tells(&owed(&"pager".into(), false), EventKind::Resolved));
}
