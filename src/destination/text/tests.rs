//! Every sentence, as people get it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use ulid::Ulid;

use super::{of as sentence, *};
use crate::{
    alert::{
        event::{Alert, By, DedupKey, Escalation, State},
        plant::Severity,
    },
    destination::notice::{NoticeAlert, Site},
};

/// 2026-04-04T08:30:05.120Z, which is 10:30 in Berlin.
const AT: i64 = 1_775_291_405_120;

pub(in crate::destination) fn site() -> Site {
    Site {
        id: "plant-7".to_owned(),
        name: "Plant 7".to_owned(),
        agent: "01JQAGENT00000000000000000".to_owned(),
        timezone: TimeZone::get("Europe/Berlin").expect("a bundled zone"),
        page_url: None,
    }
}

/// The story of one alert, at the step of `kind`.
pub(in crate::destination) fn event(kind: EventKind) -> Event {
    let minute = Duration::from_secs(60);
    let (after, state, value) = match kind {
        EventKind::Triggered => (Duration::ZERO, State::Active, 97.3),
        EventKind::Resolved => (14 * minute, State::Resolved, 82.1),
        EventKind::Closed => (20 * minute, State::Resolved, 97.3),
        EventKind::Acknowledged => (5 * minute, State::Acknowledged, 97.3),
        _ => (15 * minute, State::Active, 97.3),
    };
    let created = Wall::from_millis(AT);
    let person = matches!(
        kind,
        EventKind::Acknowledged | EventKind::Shelved | EventKind::Closed
    );
    let why = match kind {
        EventKind::Acknowledged => Some("on my way"),
        EventKind::Shelved => Some("sensor is being changed"),
        EventKind::Closed => Some("scrapped"),
        _ => None,
    };
    Event {
        id: Ulid::from_parts(1, 2),
        kind,
        at: created + after,
        synchronised: true,
        alert: Alert {
            id: Ulid::from_parts(3, 4),
            number: 1042,
            dedup_key: DedupKey::new("plant-7", "spindle-overtemp", "mill-1"),
            rule: "spindle-overtemp".into(),
            machine: "mill-1".into(),
            machine_name: "CNC Mill #1".into(),
            class: Some("cnc-mill".into()),
            labels: BTreeMap::from([("hall".into(), "2".into())]),
            severity: Severity::Critical,
            state,
            shelved: kind == EventKind::Shelved,
            level: Some("hihi".into()),
            measured: Some(Measured {
                tag: "spindle_temp".into(),
                unit: "°C".into(),
                decimals: 1,
                labels: crate::sample::Labels::default(),
                value: Some(Value::Number(value)),
                limit: Some(95.0),
                peak: Some(98.9),
                peak_is_low: false,
            }),
            occurrences: if kind == EventKind::Reopened { 3 } else { 1 },
            created,
            ended: kind.is_end().then(|| created + after),
            lasted: after,
            message: "spindle {value}, limit {limit}".into(),
            action: "reduce feed.".into(),
            runbook: None,
        },
        previous_severity: (kind == EventKind::Updated).then_some(Severity::Warning),
        by: person.then(|| By {
            name: "Kim".into(),
            claimed: true,
            via: "page".into(),
        }),
        why: why.map(Arc::from),
        escalation: (kind == EventKind::Escalated).then(|| Escalation {
            policy: "critical-15".into(),
            policy_name: "Critical, 15min escalation".into(),
            step: 1,
            repeat: 0,
            waited: 15 * minute,
            to: vec!["manager-sms".into()],
            new_incident: false,
        }),
        until: (kind == EventKind::Shelved).then(|| created + after + 120 * minute),
        after_unknown_downtime: false,
    }
}

fn of(event: &Event, site: &Site) -> String {
    sentence(event, site, &message(event, site))
}

fn said(change: impl FnOnce(&mut Event)) -> String {
    let mut event = event(EventKind::Triggered);
    change(&mut event);
    of(&event, &site())
}

#[test]
fn every_kind_of_event_has_its_sentence() {
    let about = "spindle 97.3 °C, limit 95.0 °C";
    let rest = format!("{about}, since 10:30 CEST. Do: reduce feed. A-1042");
    let ack = "(name not verified)";
    for (kind, expected) in [
        (EventKind::Triggered, format!("[CRITICAL] Plant 7, CNC Mill #1: {rest}")),
        (EventKind::Updated, format!("[CRITICAL] Plant 7, CNC Mill #1: now critical, was warning; {rest}")),
        (EventKind::Acknowledged, format!("[ACK] Plant 7, CNC Mill #1: acknowledged by Kim {ack}, \"on my way\". {about}. A-1042")),
        (EventKind::Escalated, format!("[CRITICAL] Plant 7, CNC Mill #1: nobody acknowledged for 15 min; {rest}")),
        (EventKind::Resolved, "[OK] Plant 7, CNC Mill #1: spindle_temp back to 82.1 °C after 14 min, highest 98.9 °C. A-1042".to_owned()),
        (EventKind::Reopened, format!("[CRITICAL] Plant 7, CNC Mill #1: back again, occurrence 3; {rest}")),
        (EventKind::Shelved, format!("[SHELVED] Plant 7, CNC Mill #1: silenced until 12:45 CEST by Kim {ack}: sensor is being changed. {about}. A-1042")),
        (EventKind::Unshelved, format!("[CRITICAL] Plant 7, CNC Mill #1: no longer shelved; {rest}")),
        (EventKind::Closed, format!("[CLOSED] Plant 7, CNC Mill #1: closed by Kim {ack}, not measured as normal: scrapped. It was: {about}. A-1042")),
    ] {
        assert_eq!(of(&event(kind), &site()), expected);
    }
}

#[test]
fn an_end_because_the_rule_is_gone_says_so_once() {
    let mut event = event(EventKind::Closed);
    event.by = None;
    event.why = Some("rule removed, not measured as normal".into());
    assert_eq!(
        of(&event, &site()),
        "[CLOSED] Plant 7, CNC Mill #1: closed: rule removed, not measured as normal. It was: spindle 97.3 °C, limit 95.0 °C. A-1042"
    );
}

#[test]
fn a_blind_alert_is_told_with_its_own_complete_message() {
    let blind = |event: &mut Event, message: &str| {
        event.alert.rule = "andon.blind".into();
        event.alert.measured = None;
        event.alert.action = "".into();
        event.alert.message = message.into();
    };
    let plain = "no answer from 192.168.10.21 unit 1; not watched: spindle over-temperature. Check power and cable";
    assert_eq!(
        said(|event| blind(event, plain)),
        format!("[BLIND] Plant 7, CNC Mill #1, since 10:30 CEST: {plain}. A-1042")
    );
    assert_eq!(
        said(|event| blind(event, "no answer since {since}; not watched: x")),
        "[BLIND] Plant 7, CNC Mill #1: no answer since 10:30 CEST; not watched: x. A-1042"
    );
    let mut over = event(EventKind::Resolved);
    blind(&mut over, "no answer from unit 1");
    assert_eq!(
        of(&over, &site()),
        "[OK] Plant 7, CNC Mill #1: watched again after 14 min. It was: no answer from unit 1. A-1042"
    );
}

#[test]
fn a_message_is_filled_in_one_pass_and_keeps_what_it_does_not_know() {
    let text = said(|event| {
        event.alert.message = "{tag} on {machine} at {level}: {value} ({unit}) {other} {".into();
        event.alert.machine_name = "{value}".into();
    });
    assert_eq!(
        text,
        "[CRITICAL] Plant 7, {value}: spindle_temp on {value} at hihi: 97.3 °C (°C) {other} {, since 10:30 CEST. Do: reduce feed. A-1042"
    );
}

#[test]
fn a_value_close_to_its_limit_is_shown_with_more_decimals() {
    let number = |value: f64, limit: f64, decimals: u8| {
        let text = said(|event| {
            let measured = event.alert.measured.as_mut().expect("a value");
            (measured.value, measured.limit, measured.decimals) =
                (Some(Value::Number(value)), Some(limit), decimals);
            event.alert.message = "{value}/{limit}".into();
        });
        let (_, rest) = text.split_once(": ").expect("a message");
        rest.split_once(", since").expect("a time").0.to_owned()
    };
    assert_eq!(number(95.04, 95.0, 1), "95.04 °C/95.00 °C");
    assert_eq!(number(95.0, 95.0, 1), "95.0 °C/95.0 °C");
    assert_eq!(number(-0.04, 3.0, 1), "0.0 °C/3.0 °C");
    assert_eq!(number(12.0, 3.0, 0), "12 °C/3 °C");
}

#[test]
fn a_state_is_called_by_its_name_and_has_no_highest() {
    let labels = crate::sample::Labels::new(vec![(1.0, "running".into()), (2.0, "stopped".into())]);
    let state = |event: &mut Event, value: Value| {
        let measured = event.alert.measured.as_mut().expect("a value");
        measured.labels = labels.clone();
        (measured.value, measured.limit, measured.decimals) = (Some(value), Some(1.0), 0);
        event.alert.message = "mill is {value}, not {limit}".into();
    };
    let text = said(|event| state(event, Value::Number(2.0)));
    assert!(
        text.contains(": mill is stopped, not running, since"),
        "{text}"
    );
    let text = said(|event| state(event, Value::Bool(true)));
    assert!(text.contains("mill is running, not running"), "{text}");
    // What has no name is the number that it is.
    let text = said(|event| state(event, Value::Number(7.0)));
    assert!(text.contains("mill is 7 °C, not running"), "{text}");
    let mut resolved = event(EventKind::Resolved);
    state(&mut resolved, Value::Number(1.0));
    let text = of(&resolved, &site());
    assert!(
        text.contains("back to running after") && !text.contains("highest"),
        "{text}"
    );
}

#[test]
fn switches_and_values_that_are_not_known_have_words() {
    let measured = |value| {
        said(|event| {
            let measured = event.alert.measured.as_mut().expect("a value");
            (measured.value, measured.limit) = (value, Some(1.0));
            event.alert.message = "door {value}, limit {limit}".into();
        })
    };
    assert!(measured(Some(Value::Bool(true))).contains("door true, limit true,"));
    assert!(measured(None).contains("door unknown, limit 1.0 °C,"));
}

#[test]
fn what_began_on_another_day_or_under_a_doubtful_clock_says_so() {
    let text = said(|event| event.at = event.alert.created + Duration::from_secs(86_400));
    assert!(text.contains("since 2026-04-04 10:30 CEST."), "{text}");
    let text = said(|event| event.synchronised = false);
    assert!(
        text.contains("10:30 CEST (clock not synchronised)."),
        "{text}"
    );
    let text = said(|event| event.after_unknown_downtime = true);
    assert!(text.contains("for how long is not known"), "{text}");
}

#[test]
fn names_cannot_break_the_line_colour_a_terminal_or_turn_the_text() {
    let text = said(|event| {
        event.alert.machine_name = "mill\r\n\u{1b}[31m\u{202e}X\u{0}\u{200b}Y".into();
        event.alert.action = "a\tb".into();
    });
    assert!(
        text.starts_with("[CRITICAL] Plant 7, mill [31m X Y: "),
        "{text}"
    );
    assert!(text.contains("Do: a b."), "{text}");
    assert!(!text.chars().any(char::is_control));
}

#[test]
fn a_text_is_bounded_and_keeps_the_number_at_its_end() {
    let text = said(|event| event.alert.message = "ä".repeat(5000).into());
    assert_eq!(text.chars().count(), LIMIT - MARKS);
    assert!(text.ends_with("… A-1042"), "{text}");
    let notice = Notice {
        text,
        test: true,
        drill: true,
        ..Notice::default()
    };
    let attempt = Attempt {
        late_seconds: 400 * 86_400,
        already_resolved: true,
        ..Attempt::default()
    };
    let sent = for_attempt(&notice, &attempt);
    assert!(sent.chars().count() <= LIMIT);
    assert!(
        sent.starts_with("[LATE 400 d] [TEST] [DRILL] [CRITICAL]"),
        "{sent}"
    );
    assert!(sent.ends_with("… A-1042 (already resolved)"), "{sent}");
}

#[test]
fn only_an_attempt_that_is_late_says_so() {
    let notice = Notice {
        text: "x".to_owned(),
        alert: NoticeAlert::default(),
        ..Notice::default()
    };
    let sent = |late_seconds| {
        for_attempt(
            &notice,
            &Attempt {
                late_seconds,
                ..Attempt::default()
            },
        )
    };
    for (seconds, expected) in [
        (0, "x"),
        (59, "x"),
        (60, "[LATE 1 min] x"),
        (3599, "[LATE 59 min] x"),
        (7 * 3600 + 1800, "[LATE 7 h] x"),
        (50 * 3600, "[LATE 2 d] x"),
    ] {
        assert_eq!(sent(seconds), expected);
    }
}

#[test]
fn durations_have_two_units_at_most() {
    for (seconds, expected) in [
        (0, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (120, "2 min"),
        (14 * 60 + 20, "14 min"),
        (7500, "2 h 5 min"),
        (86_400 + 3 * 3600, "1 d 3 h"),
    ] {
        assert_eq!(lasting(Duration::from_secs(seconds)), expected);
    }
}
