//! What is told at each step: one alert of a mill that runs hot.

use andon::{
    clock::Now,
    destination::notice::{Attempt, Notice, NoticeAlert, NoticeBy, NoticeEscalation},
};

use super::{Step, case::Facts};

/// The key of the alert.
const KEY: &str = "f1d2d2f924e986ac86fdf7b36c94bcdf32beec15f1d2d2f924e986ac86fdf7b3";
/// What is said in a test send and at its end.
const OF_A_TEST: &str = "Plant 7: test of the destination ops, nothing is wrong.";
/// When it began, in milliseconds.
const BEGAN: i64 = 1_775_291_405_120;

/// What is true of it.
pub(super) fn facts() -> Facts {
    Facts {
        key: KEY.to_owned(),
        number: "A-1042".to_owned(),
        began: "2026-04-04T08:30:05.120Z".to_owned(),
        ended: "2026-04-04T08:44:05.120Z".to_owned(),
        minutes: 15,
    }
}

/// What happened.
pub(super) fn notice(step: Step) -> Notice {
    let is_test = matches!(step, Step::Test | Step::EndTest);
    let (kind, state, text) = match step {
        Step::Trigger => (
            "triggered",
            "active",
            "[CRITICAL] Plant 7, CNC Mill #1: spindle 97.3 °C, limit 95.0 °C",
        ),
        Step::Test => ("triggered", "active", OF_A_TEST),
        Step::EndTest => ("resolved", "resolved", OF_A_TEST),
        Step::Escalate | Step::JoinLate | Step::Ring => (
            "escalated",
            "active",
            "[CRITICAL] Plant 7, CNC Mill #1: not acknowledged for 15 min. A-1042",
        ),
        Step::Acknowledge | Step::TakeRung => (
            "acknowledged",
            "acknowledged",
            "[ACK] Plant 7, CNC Mill #1: Jo is on it. A-1042",
        ),
        Step::Resolve | Step::EndRung => (
            "resolved",
            "resolved",
            "[OK] Plant 7, CNC Mill #1: back to 82.1 °C. A-1042",
        ),
    };
    let escalation = (kind == "escalated").then(|| NoticeEscalation {
        policy: "critical-15".to_owned(),
        policy_name: "Critical, 15min escalation".to_owned(),
        waited_ms: 15 * 60 * 1000,
        step: 1,
        repeat: 0,
        new_incident: step == Step::Ring,
    });
    let about = if is_test { test(state) } else { alert(state) };
    Notice {
        id: "01KNC1BP60Z5WFM062EF07CYF6".to_owned(),
        kind: kind.to_owned(),
        at: BEGAN,
        synchronised: true,
        site: "plant-7".to_owned(),
        site_name: "Plant 7".to_owned(),
        agent: "01JQAGENT00000000000000000".to_owned(),
        dedup_key: KEY.to_owned(),
        text: text.to_owned(),
        test: is_test,
        drill: false,
        durable: true,
        alert: about,
        by: (kind == "acknowledged").then(|| NoticeBy {
            name: "Jo".to_owned(),
            via: "cli".to_owned(),
            ..NoticeBy::default()
        }),
        escalation,
    }
}

fn alert(state: &str) -> NoticeAlert {
    NoticeAlert {
        id: "01KNC1BP60Z5WFM062EF07CYF7".to_owned(),
        number: 1042,
        machine: "mill-1".to_owned(),
        machine_name: "CNC Mill #1".to_owned(),
        class: Some("cnc-mill".to_owned()),
        severity: "critical".to_owned(),
        state: state.to_owned(),
        message: "spindle 97.3 °C, limit 95.0 °C".to_owned(),
        action: "Reduce feed.".to_owned(),
        tag: Some("spindle_temp".to_owned()),
        value: Some(97.3.into()),
        unit: "°C".to_owned(),
        limit: Some(95.0),
        rule: "spindle-overtemp".to_owned(),
        occurrences: 1,
        created: BEGAN,
        ended: (state == "resolved").then_some(BEGAN + 840_000),
        ..NoticeAlert::default()
    }
}

/// A test is about the agent.
fn test(state: &str) -> NoticeAlert {
    let name = "andon".to_owned();
    NoticeAlert {
        machine: name.clone(),
        machine_name: name,
        class: None,
        severity: "info".to_owned(),
        message: "test, nothing is wrong".to_owned(),
        action: String::new(),
        tag: None,
        value: None,
        unit: String::new(),
        limit: None,
        rule: "andon.test".to_owned(),
        number: 0,
        ..alert(state)
    }
}

/// What belongs to this attempt.
pub(super) fn attempt(step: Step, now: Now) -> Attempt {
    Attempt {
        stream: "01JQSTREAM0000000000000000".to_owned(),
        sequence: 42,
        as_trigger: step == Step::JoinLate,
        now_seconds: now.wall.as_seconds(),
        ..Attempt::default()
    }
}
