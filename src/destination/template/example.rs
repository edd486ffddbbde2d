//! Examples of what is told, with every field that there is: a template is tried with them when it is read.

use serde_json::Value as Json;

use crate::{
    alert::event::EventKind,
    destination::{
        notice::{Attempt, Notice, NoticeAlert, NoticeBy, NoticeEscalation},
        webhook::native,
    },
};

/// What can be filled in: every field that there is, whatever kind of event has it.
pub(in crate::destination) fn fields() -> Json {
    let by = notice(EventKind::Acknowledged).by;
    values(&Notice {
        by,
        ..notice(EventKind::Escalated)
    })
}

/// What is filled in for one event of each kind, and for one with as little in it as can be.
pub(super) fn all() -> impl Iterator<Item = Json> {
    let bare = Notice {
        kind: EventKind::Triggered.word().to_owned(),
        ..Notice::default()
    };
    let notices = EventKind::ALL.into_iter().map(notice).chain([bare]);
    notices.map(|notice| values(&notice))
}

fn values(notice: &Notice) -> Json {
    // A payload of texts and numbers is always JSON, and the kinds are known ones.
    native::payload(notice, &attempt())
        .ok()
        .and_then(|payload| serde_json::to_value(payload).ok())
        .unwrap_or_default()
}

/// An attempt that has something to tell of itself.
fn attempt() -> Attempt {
    Attempt {
        stream: "01JQSTREAM0000000000000000".to_owned(),
        sequence: 42,
        late_seconds: 7 * 3600,
        ..Attempt::default()
    }
}

/// An event with every field filled.
fn notice(kind: EventKind) -> Notice {
    /// 2026-04-04T08:30:05.120Z
    const AT: i64 = 1_775_291_405_120;
    let person = matches!(
        kind,
        EventKind::Acknowledged | EventKind::Shelved | EventKind::Unshelved | EventKind::Closed
    );
    let text = |text: &str| Some(text.to_owned());
    Notice {
        id: "01KNC1BP60Z5WFM062EF07CYF6".to_owned(),
        kind: kind.word().to_owned(),
        at: AT,
        synchronised: true,
        site: "plant-7".to_owned(),
        site_name: "Plant 7".to_owned(),
        agent: "01JQAGENT00000000000000000".to_owned(),
        dedup_key: "0".repeat(64),
        text: "[CRITICAL] Plant 7, CNC Mill #1: spindle 97.3 °C, limit 95.0 °C. A-1042".to_owned(),
        durable: true,
        alert: NoticeAlert {
            id: "01KNC1BP60Z5WFM062EF07CYF7".to_owned(),
            number: 1042,
            machine: "mill-1".to_owned(),
            machine_name: "CNC Mill #1".to_owned(),
            class: text("cnc-mill"),
            labels: [("hall".to_owned(), "2".to_owned())].into(),
            severity: "critical".to_owned(),
            previous_severity: text("warning"),
            state: if kind.is_end() { "resolved" } else { "active" }.to_owned(),
            shelved: kind == EventKind::Shelved,
            level: text("hihi"),
            message: "spindle 97.3 °C, limit 95.0 °C".to_owned(),
            action: "Reduce feed.".to_owned(),
            tag: text("spindle_temp"),
            value: Some(97.3.into()),
            label: text("hot"),
            unit: "°C".to_owned(),
            limit: Some(95.0),
            rule: "spindle-overtemp".to_owned(),
            occurrences: 1,
            created: AT,
            ended: kind.is_end().then_some(AT),
            runbook: text("https://wiki.example.com/spindle"),
            url: text("https://gw-7.plant.example.com/alerts/A-1042"),
        },
        by: person.then(|| NoticeBy {
            name: "Kim".to_owned(),
            claimed: true,
            via: "page".to_owned(),
            note: text("on my way"),
        }),
        escalation: (kind == EventKind::Escalated).then(|| NoticeEscalation {
            policy: "critical-15".to_owned(),
            policy_name: "Critical, 15 min escalation".to_owned(),
            waited_ms: 900_000,
            step: 1,
            ..NoticeEscalation::default()
        }),
        ..Notice::default()
    }
}
