//! Webhooks: the native one, and formats that others understand.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, http, usual},
};

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
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::Waits, "HTTP 400"),
            (Mood::Denied, Verdict::Waits, "HTTP 401"),
        ],
    },
];
