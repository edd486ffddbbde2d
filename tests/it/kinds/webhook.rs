//! Webhooks: the native one, and formats that others understand.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, http, usual},
};

/// What may be mended waits: only `give_up_on` says otherwise.
const TROUBLES: &[(Mood, Verdict, &str)] = &[
    (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
    (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
    (Mood::Wrong, Verdict::Waits, "HTTP 400"),
    (Mood::Denied, Verdict::Waits, "HTTP 401"),
];

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "webhook",
        kind: "webhook",
        config: "url = \"{url}/andon\"\nsign = { scheme = \"bearer\", secret = \"canary\" }",
        stand_in: || http(|mood, _| usual(mood)),
        tells: &[
            (
                Step::Trigger,
                &[&[
                    "POST /andon",
                    "header authorization: Bearer canary",
                    "/event = alert.triggered",
                    "/dedup_key = {key}",
                ]],
            ),
            (
                Step::Escalate,
                &[&[
                    "POST /andon",
                    "/event = alert.escalated",
                    "/escalation/step = 1",
                ]],
            ),
            (
                Step::Acknowledge,
                &[&["POST /andon", "/event = alert.acknowledged"]],
            ),
            (
                Step::Resolve,
                &[&["POST /andon", "/event = alert.resolved"]],
            ),
            (
                Step::JoinLate,
                &[&["POST /andon", "/event = alert.triggered"]],
            ),
            (
                Step::Test,
                &[&["POST /andon", "/event = alert.triggered", "/test = true"]],
            ),
            (
                Step::EndTest,
                &[&["POST /andon", "/event = alert.resolved", "/test = true"]],
            ),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429: slow down"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::Waits, "HTTP 400: that is wrong"),
            (Mood::Denied, Verdict::Waits, "HTTP 401: who are you"),
        ],
    },
    Case {
        name: "haltless",
        kind: "webhook",
        config: "url = \"{url}/\"\nformat = \"haltless\"\nsign = { scheme = \"header\", secret = \"canary\" }",
        stand_in: || http(|mood, _| usual(mood)),
        tells: &[
            (
                Step::Trigger,
                &[&[
                    "POST /",
                    "header x-webhook-secret: canary",
                    "/event = alert.triggered",
                    "/alert/severity = critical",
                ]],
            ),
            (
                Step::Escalate,
                &[&[
                    "POST /",
                    "/event = alert.escalated",
                    "/escalation/wait_minutes = {minutes}",
                ]],
            ),
            (Step::JoinLate, &[&["POST /", "/event = alert.triggered"]]),
            (Step::Test, &[&["POST /", "/event = alert.triggered"]]),
        ],
        troubles: TROUBLES,
    },
    Case {
        name: "hasp",
        kind: "webhook",
        config: "url = \"{url}/\"\nformat = \"hasp\"\nheaders = { X-Key = \"canary\" }",
        stand_in: || http(|mood, _| usual(mood)),
        tells: &[
            (
                Step::Trigger,
                &[&[
                    "POST /",
                    "header user-agent: Hasp-Alert/1.0",
                    "header x-hasp-alert-event-type: spindle-overtemp.triggered",
                    "header content-type: application/json",
                    "header x-key: canary",
                    "/event_type = spindle-overtemp.triggered",
                    "/category = process",
                    "/org_id = plant-7",
                    "/resource = {\"id\":\"mill-1\",\"type\":\"machine\"}",
                    "/metadata/dedup_key = {key}",
                ]],
            ),
            (
                Step::Escalate,
                &[&["POST /", "/event_type = spindle-overtemp.escalated"]],
            ),
            (
                Step::Acknowledge,
                &[&["POST /", "/event_type = spindle-overtemp.acknowledged"]],
            ),
            (
                Step::Resolve,
                &[&["POST /", "/event_type = spindle-overtemp.resolved"]],
            ),
            (
                Step::JoinLate,
                &[&["POST /", "/event_type = spindle-overtemp.triggered"]],
            ),
            (
                Step::Test,
                &[&[
                    "POST /",
                    "header x-hasp-alert-event-type: alerting.test_delivery",
                    "/event_type = alerting.test_delivery",
                    "/resource/type = agent",
                ]],
            ),
        ],
        troubles: TROUBLES,
    },
    Case {
        name: "webhook-alertmanager",
        kind: "webhook",
        config: "url = \"{url}/\"\nformat = \"alertmanager\"\nsign = { scheme = \"basic\", user = \"andon\", secret = \"canary\" }",
        stand_in: || http(|mood, _| usual(mood)),
        tells: &[
            (
                Step::Trigger,
                &[&[
                    "POST /",
                    // andon:canary
                    "header authorization: Basic YW5kb246Y2FuYXJ5",
                    "/version = 4",
                    "/status = firing",
                    "/alerts/0/labels/machine = mill-1",
                    "/alerts/0/startsAt = {began}",
                ]],
            ),
            (
                Step::Escalate,
                &[&[
                    "POST /",
                    "/status = firing",
                    "/alerts/0/annotations/policy = Critical, 15min escalation",
                ]],
            ),
            (
                Step::Resolve,
                &[&["POST /", "/status = resolved", "/alerts/0/endsAt = {ended}"]],
            ),
            (Step::JoinLate, &[&["POST /", "/status = firing"]]),
            (
                Step::Test,
                &[&["POST /", "/alerts/0/annotations/test = true"]],
            ),
            (Step::EndTest, &[&["POST /", "/status = resolved"]]),
        ],
        troubles: TROUBLES,
    },
    Case {
        name: "webhook-opsknight",
        kind: "webhook",
        config: "url = \"{url}/\"\nformat = \"opsknight\"\nsign = { scheme = \"opsknight\", secret = \"canary\" }",
        stand_in: || http(|mood, _| usual(mood)),
        tells: &[
            (
                Step::Trigger,
                &[&[
                    "POST /",
                    "/event = incident.triggered",
                    "/incident/status = OPEN",
                    "/incident/urgency = HIGH",
                    "/incident/service/id = mill-1",
                ]],
            ),
            (
                Step::Escalate,
                &[&["POST /", "/event = incident.triggered"]],
            ),
            (
                Step::Acknowledge,
                &[&[
                    "POST /",
                    "/event = incident.acknowledged",
                    "/incident/assignee/name = Jo",
                ]],
            ),
            (
                Step::Resolve,
                &[&[
                    "POST /",
                    "/event = incident.resolved",
                    "/incident/status = RESOLVED",
                ]],
            ),
            (
                Step::JoinLate,
                &[&["POST /", "/event = incident.triggered"]],
            ),
            (
                Step::Test,
                &[&["POST /", "/event = incident.triggered", "has [TEST]"]],
            ),
            (Step::EndTest, &[&["POST /", "/event = incident.resolved"]]),
        ],
        troubles: TROUBLES,
    },
    Case {
        name: "cloudevents",
        kind: "webhook",
        config: "url = \"{url}/\"\nformat = \"cloudevents\"\nheaders = { X-Key = \"canary\" }",
        stand_in: || http(|mood, _| usual(mood)),
        tells: &[
            (
                Step::Trigger,
                &[&[
                    "POST /",
                    "header content-type: application/cloudevents+json",
                    "/type = andon.alert.triggered",
                    "/partitionkey = {key}",
                ]],
            ),
            (
                Step::Escalate,
                &[&[
                    "POST /",
                    "/type = andon.alert.escalated",
                    "/data/escalation/step = 1",
                ]],
            ),
            (
                Step::Acknowledge,
                &[&["POST /", "/type = andon.alert.acknowledged"]],
            ),
            (
                Step::Resolve,
                &[&["POST /", "/type = andon.alert.resolved"]],
            ),
            (
                Step::JoinLate,
                &[&["POST /", "/type = andon.alert.triggered"]],
            ),
            (Step::Test, &[&["POST /", "/data/test = true"]]),
            (
                Step::EndTest,
                &[&["POST /", "/type = andon.alert.resolved"]],
            ),
        ],
        troubles: TROUBLES,
    },
];
