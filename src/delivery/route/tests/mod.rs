//! Who is owed which event. What is said about mistakes in routes is in [`reading`], what always holds in [`promises`].

use std::{collections::BTreeMap, time::Duration};

use ulid::Ulid;

use super::*;
use crate::{
    alert::{
        event::{Alert, DedupKey, Escalation},
        plant::Category,
    },
    clock::Wall,
};

mod promises;
mod reading;

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
            new_incident: false,
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
        ..Route::default()
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
        all: names(&["ops", "pager", "chat", "log", "sms"]),
        ..Routes::default()
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

#[test]
fn a_destination_that_takes_only_some_kinds_is_told_no_others() {
    let mut routes = routes();
    let ops: Arc<str> = "ops".into();
    let limits = Limits {
        min_severity: Severity::Info,
        kinds: vec![EventKind::Triggered, EventKind::Escalated],
    };
    routes.limits.insert(ops.clone(), limits);
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

/// A route to `to` at these events and hours only.
fn at(event: &[EventKind], hours: &[&str], to: &[&str]) -> Route {
    Route {
        event: event.to_vec(),
        hours: names(hours),
        to: names(to),
        ..Route::default()
    }
}

#[test]
fn a_route_that_names_events_takes_at_those_and_tells_who_joins_the_state_first() {
    use EventKind as K;
    let table = [
        (K::Triggered, "boss log"),
        (K::Updated, "+log"),
        (K::Reopened, "+log"),
        (K::Unshelved, "+log"),
        // The end alone: there is no state after it that could be told as a trigger.
        (K::Resolved, "boss"),
        (K::Closed, ""),
        (K::Acknowledged, "+boss boss"),
        (K::Shelved, "+boss boss"),
        // As a step of a policy calls, and so it can be withdrawn.
        (K::Escalated, "+sms? sms? +ops? ops? +boss? boss?"),
    ];
    let named = [
        K::Triggered,
        K::Resolved,
        K::Acknowledged,
        K::Shelved,
        K::Escalated,
    ];
    let routes = Routes {
        routes: vec![Route {
            goes_on: true,
            ..at(&named, &[], &["boss"])
        }],
        default: Some(names(&["log"])),
        all: names(&["boss", "log", "sms", "ops"]),
        ..Routes::default()
    };
    for (kind, expected) in table {
        let event = event(kind, Severity::Critical);
        assert_eq!(owed(&routes, &event, &[]), expected, "{kind:?}");
    }
}

#[test]
fn who_has_heard_of_an_alert_hears_all_of_it_although_the_route_names_one_event() {
    let routes = Routes {
        routes: vec![at(&[EventKind::Triggered], &[], &["ops"])],
        default: Some(names(&[])),
        ..Routes::default()
    };
    for kind in EventKind::ALL {
        let mut event = event(kind, Severity::Info);
        event.escalation = None;
        let expected = match kind {
            EventKind::Escalated => "",
            _ => "ops",
        };
        assert_eq!(owed(&routes, &event, &["ops"]), expected, "{kind:?}");
    }
}

#[test]
fn a_route_by_category_takes_what_the_rule_is_about() {
    let mut route = route(&[], &["care"], false);
    route.when.category = vec![Category::Agent];
    let routes = Routes {
        routes: vec![route],
        default: Some(names(&["ops"])),
        ..Routes::default()
    };
    let mut event = event(EventKind::Triggered, Severity::Error);
    for (rule, expected) in [
        ("overtemp", "ops"),
        ("andon.blind", "ops"),
        ("andon.disk", "care"),
    ] {
        event.alert.rule = rule.into();
        assert_eq!(owed(&routes, &event, &[]), expected, "{rule}");
    }
}

/// By day to ops, by night to the guard, all to the log; 2026-04-04 is a Saturday.
fn by_hours() -> Routes {
    let hours = |id: &str, from, to| crate::delivery::calendar::Hours {
        id: id.into(),
        days: [true; 7],
        from,
        to,
        dates: BTreeSet::new(),
        holidays: BTreeSet::new(),
    };
    Routes {
        routes: vec![at(&[], &["day"], &["ops"]), at(&[], &["night"], &["guard"])],
        default: Some(names(&["log"])),
        all: names(&["ops", "guard", "log"]),
        calendar: Calendar {
            zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
            hours: vec![hours("day", 360, 1320), hours("night", 1320, 240)],
        },
        ..Routes::default()
    }
}

fn wall(text: &str) -> Wall {
    Wall::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

#[test]
fn a_route_takes_at_its_hours_only_and_then_the_next_is_asked() {
    let mut event = event(EventKind::Triggered, Severity::Info);
    let table = [
        ("2026-04-04T12:00:00+02:00", "ops"),
        ("2026-04-04T23:00:00+02:00", "guard"),
        ("2026-04-05T05:00:00+02:00", "log"),
    ];
    for (at, expected) in table {
        event.at = wall(at);
        assert_eq!(owed(&by_hours(), &event, &[]), expected, "{at}");
    }
}

#[test]
fn while_the_clock_is_not_synchronised_everybody_is_told_who_would_be_at_any_hour() {
    let mut event = event(EventKind::Triggered, Severity::Info);
    event.synchronised = false;
    event.at = wall("2026-04-04T12:00:00+02:00");
    assert_eq!(owed(&by_hours(), &event, &[]), "ops guard log");
}

#[test]
fn a_destination_is_not_called_below_its_severity_and_joins_when_the_alert_gets_that_bad() {
    let mut routes = routes();
    let limits = Limits {
        min_severity: Severity::Error,
        kinds: EventKind::ALL.to_vec(),
    };
    routes.limits.insert("chat".into(), limits.clone());
    routes.limits.insert("sms".into(), limits);
    let warned = event(EventKind::Triggered, Severity::Warning);
    assert_eq!(owed(&routes, &warned, &[]), "ops");
    let worse = event(EventKind::Updated, Severity::Error);
    assert_eq!(owed(&routes, &worse, &["ops"]), "ops +chat");
    // Once it knows the alert, it hears of it, however mild it becomes.
    let milder = event(EventKind::Updated, Severity::Warning);
    assert_eq!(owed(&routes, &milder, &["chat", "ops"]), "chat ops");
    // A policy does not call it either.
    let step = event(EventKind::Escalated, Severity::Warning);
    assert_eq!(owed(&routes, &step, &["ops"]), "ops?");
}
