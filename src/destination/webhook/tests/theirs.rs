//! What others send in the same format, beside ours.

use super::*;

/// What Alertmanager 0.25.0 itself sent to a webhook, firing and resolved.
const ALERTMANAGER: &str = include_str!("../../../../tests/formats/alertmanager-0.25.0.jsonl");

#[test]
fn alertmanager_sends_the_same_fields_in_the_same_order() {
    let destination = of_format("format = \"alertmanager\"\nreceiver = \"plant\"");
    let kinds = [EventKind::Triggered, EventKind::Resolved];
    assert_eq!(ALERTMANAGER.lines().count(), kinds.len());
    for (theirs, kind) in ALERTMANAGER.lines().zip(kinds) {
        let ours = request(&destination, &notice(kind), &attempt()).body;
        let (ours_read, theirs_read): (Json, Json) = (
            serde_json::from_str(&ours).expect("JSON"),
            serde_json::from_str(theirs).expect("JSON"),
        );
        assert_eq!(keys(&ours), keys(theirs), "{kind:?}");
        for same in [
            "/version",
            "/status",
            "/receiver",
            "/truncatedAlerts",
            "/groupLabels",
            "/groupKey",
            "/alerts/0/status",
        ] {
            assert_eq!(ours_read.pointer(same), theirs_read.pointer(same), "{same}");
        }
        let ends = |of: &Json| of["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z";
        assert_eq!(ends(&ours_read), ends(&theirs_read));
        let digits = |of: &Json| of["alerts"][0]["fingerprint"].as_str().map(str::len);
        assert_eq!(digits(&ours_read), digits(&theirs_read));
    }
}

/// The names of all fields of a JSON text as they come, without those inside labels and annotations.
fn keys(text: &str) -> Vec<&str> {
    const FREE: [&str; 5] = [
        "labels",
        "annotations",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
    ];
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find("\":") {
        let name = &rest[rest[..end].rfind('"').map_or(0, |at| at + 1)..end];
        found.push(name);
        rest = &rest[end + 2..];
        if FREE.contains(&name) {
            rest = &rest[rest.find('}').expect("its end")..];
        }
    }
    found
}

fn of_format(more: &str) -> Destination {
    read(&format!("{NATIVE}{more}")).expect("a destination")
}

#[test]
fn whoever_is_not_told_of_a_kind_of_event_says_so() {
    let told = |more: &str| {
        let destination = of_format(more);
        let kinds = EventKind::ALL.into_iter();
        let left_out = kinds.filter(|kind| !destination.wants(*kind));
        left_out.map(EventKind::word).collect::<Vec<_>>().join(" ")
    };
    for (format, expected) in [
        (
            "haltless",
            "updated acknowledged resolved shelved unshelved closed",
        ),
        ("alertmanager", "acknowledged shelved"),
        ("native", ""),
        ("hasp", ""),
        ("cloudevents", ""),
    ] {
        assert_eq!(told(&format!("format = \"{format}\"")), expected);
    }
}
