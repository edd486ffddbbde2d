//! Slack, as its incoming webhooks and its API answer.

use super::{
    Case, Step, Verdict,
    case::Expected,
    stand_in::{Mood, http, reply, usual},
};

const WHERE: &str = "POST /services/T000/B000/canary-0001";
const POST: &str = "POST /api/chat.postMessage";
const TOKEN: &str = "header authorization: Bearer xoxb-canary";
const BELOW: &str = "/thread_ts = 1503435956.000247";
const IN: &str = "/channel = C024BE91L";
/// The first message shows how things are, and calls nobody.
const CHANGE: Expected = &[
    "POST /api/chat.update",
    TOKEN,
    IN,
    "/ts = 1503435956.000247",
    "lacks <@U024BE7LH>",
];

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "slack",
        kind: "slack",
        config: "url = \"{url}/services/T000/B000/canary-0001\"\nmention = { critical = [\"<@U024BE7LH>\"] }",
        stand_in: || {
            http(|mood, _| match mood {
                Mood::Well => reply(200, "ok"),
                Mood::Wrong => reply(400, "invalid_blocks"),
                Mood::Denied => reply(404, "no_service"),
                mood => usual(mood),
            })
        },
        tells: &[
            (
                Step::Trigger,
                &[&[
                    WHERE,
                    "/attachments/0/color = #D32F2F",
                    "has [CRITICAL]",
                    "has <@U024BE7LH>",
                ]],
            ),
            (
                Step::Escalate,
                &[&[WHERE, "has Critical, 15min escalation"]],
            ),
            (
                Step::Acknowledge,
                &[&[WHERE, "has [ACK]", "lacks <@U024BE7LH>"]],
            ),
            (
                Step::Resolve,
                &[&[WHERE, "/attachments/0/color = #388E3C", "has [OK]"]],
            ),
            (Step::JoinLate, &[&[WHERE, "has [CRITICAL]"]]),
            (Step::Test, &[&[WHERE, "has [TEST]"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::GivesUp, "invalid_blocks"),
            (Mood::Denied, Verdict::Waits, "no_service"),
        ],
    },
    Case {
        name: "slack-bot",
        kind: "slack-bot",
        config: "url = \"{url}/api\"\ntoken = \"xoxb-canary\"\nchannel = \"#line-2\"\nmention = { critical = [\"<@U024BE7LH>\"] }",
        stand_in: || {
            http(|mood, seen| match mood {
                // Each message has a time of its own; only that of the first one is asked for again.
                Mood::Well if seen.line.ends_with("/chat.update") => reply(
                    200,
                    r#"{"ok":true,"channel":"C024BE91L","ts":"1503435956.000247","text":"x"}"#,
                ),
                Mood::Well if seen.body.contains("thread_ts") => reply(
                    200,
                    r#"{"ok":true,"channel":"C024BE91L","ts":"1503435999.000100","message":{}}"#,
                ),
                Mood::Well => reply(
                    200,
                    r#"{"ok":true,"channel":"C024BE91L","ts":"1503435956.000247","message":{}}"#,
                ),
                Mood::Busy => {
                    reply(429, r#"{"ok":false,"error":"ratelimited"}"#).with("retry-after", "7")
                }
                Mood::BusyUnsaid => reply(200, r#"{"ok":false,"error":"ratelimited"}"#),
                Mood::Wrong => reply(
                    200,
                    r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["must be less than 3001 characters"]}}"#,
                ),
                Mood::Denied => reply(200, r#"{"ok":false,"error":"invalid_auth"}"#),
                mood => usual(mood),
            })
        },
        tells: &[
            (
                Step::Trigger,
                &[&[
                    POST,
                    TOKEN,
                    "/channel = #line-2",
                    "has <@U024BE7LH>",
                    "lacks thread_ts",
                ]],
            ),
            (
                Step::Escalate,
                &[
                    CHANGE,
                    &[
                        POST,
                        BELOW,
                        IN,
                        "/reply_broadcast = true",
                        "has <@U024BE7LH>",
                    ],
                ],
            ),
            (
                Step::Acknowledge,
                &[
                    CHANGE,
                    &[POST, BELOW, IN, "/reply_broadcast = false", "has [ACK]"],
                ],
            ),
            (
                Step::Resolve,
                &[
                    CHANGE,
                    &[
                        POST,
                        BELOW,
                        IN,
                        "/attachments/0/color = #388E3C",
                        "lacks <@U024BE7LH>",
                    ],
                ],
            ),
            (
                Step::JoinLate,
                &[&[POST, "/channel = #line-2", "has [CRITICAL]"]],
            ),
            (Step::Test, &[&[POST, TOKEN, "has [TEST]"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "ratelimited"),
            (Mood::Wrong, Verdict::GivesUp, "invalid_blocks"),
            (Mood::Denied, Verdict::Waits, "put it into `token`"),
        ],
    },
];
