//! Microsoft Teams, as flows and connectors answer.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, http, reply, usual},
};

/// A query that comes back in another spelling would be another signature.
const FLOW: &str = "POST /workflows/x/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=canary_-~";
const CARD: &str = "/attachments/0/content/version = 1.4";
const CONNECTOR: &str = "POST /webhookb2/canary-0001";
const SCHEMA: &str = "/@type = MessageCard";

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "teams",
        kind: "teams",
        config: "url = \"{url}/workflows/x/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=canary_-~\"\n\
                 mention = { critical = [\"Kim Lee <kim.lee@plant.example.com>\"] }",
        stand_in: || {
            http(|mood, _| match mood {
                Mood::Well => reply(202, ""),
                Mood::Wrong => reply(
                    413,
                    r#"{"error":{"code":"RequestEntityTooLarge","message":"too large"}}"#,
                ),
                Mood::Denied => reply(
                    401,
                    r#"{"error":{"code":"DirectApiAuthorizationRequired","message":"no signature"}}"#,
                ),
                mood => usual(mood),
            })
        },
        tells: &[
            (
                Step::Trigger,
                &[&[
                    FLOW,
                    CARD,
                    "has [CRITICAL]",
                    "has kim.lee@plant.example.com",
                ]],
            ),
            (
                Step::Escalate,
                &[&[FLOW, CARD, "has Critical, 15min escalation"]],
            ),
            (
                Step::Acknowledge,
                &[&[FLOW, CARD, "has [ACK]", "lacks kim.lee"]],
            ),
            (
                Step::Resolve,
                &[&[
                    FLOW,
                    CARD,
                    "/attachments/0/content/body/0/color = Good",
                    "lacks kim.lee",
                ]],
            ),
            (Step::JoinLate, &[&[FLOW, CARD, "has [CRITICAL]"]]),
            (Step::Test, &[&[FLOW, CARD, "has [TEST]"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::GivesUp, "too large"),
            (Mood::Denied, Verdict::Waits, "put its url into `url`"),
        ],
    },
    Case {
        name: "teams-connector",
        kind: "teams-connector",
        config: "url = \"{url}/webhookb2/canary-0001\"",
        stand_in: || {
            http(|mood, _| match mood {
                Mood::Well => reply(200, "1"),
                Mood::BusyUnsaid => reply(
                    200,
                    "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x",
                ),
                Mood::Wrong => reply(
                    200,
                    "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 with ContextId x",
                ),
                Mood::Denied => reply(404, "connector is gone"),
                mood => usual(mood),
            })
        },
        tells: &[
            (
                Step::Trigger,
                &[&[CONNECTOR, SCHEMA, "/themeColor = D32F2F", "has [CRITICAL]"]],
            ),
            (
                Step::Escalate,
                &[&[CONNECTOR, SCHEMA, "has Critical, 15min escalation"]],
            ),
            (Step::Acknowledge, &[&[CONNECTOR, SCHEMA, "has [ACK]"]]),
            (
                Step::Resolve,
                &[&[CONNECTOR, SCHEMA, "/themeColor = 388E3C"]],
            ),
            (Step::JoinLate, &[&[CONNECTOR, SCHEMA, "has [CRITICAL]"]]),
            (Step::Test, &[&[CONNECTOR, SCHEMA, "has [TEST]"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::GivesUp, "HTTP 413"),
            (Mood::Denied, Verdict::Waits, "connectors are retired"),
        ],
    },
];
