//! Discord, as its webhooks answer.

use super::{
    Case, Step, Verdict,
    case::Expected,
    stand_in::{Mood, Reply, Seen, http, reply, usual},
};

const NEW: &str = "POST /api/webhooks/223704706495545344/canary-0001?wait=true";
const CHANGE: &str =
    "PATCH /api/webhooks/223704706495545344/canary-0001/messages/334385199974967042";
const QUIET: &str = "/flags = 4096";
/// Nobody is called by what is no configured mention.
const CALLS_KIM: &str =
    "/allowed_mentions = {\"parse\":[],\"roles\":[],\"users\":[\"80351110224678912\"]}";
const CHANGED: Expected = &[
    CHANGE,
    "/allowed_mentions = {\"parse\":[]}",
    "lacks 80351110224678912",
];

const POST: &str =
    "POST /api/webhooks/223704706495545344/canary-0001?wait=true&thread_id=334385199974967043";
const CHANGED_POST: Expected = &[
    "PATCH /api/webhooks/223704706495545344/canary-0001/messages/334385199974967042?thread_id=334385199974967043",
];

fn answers(mood: Mood, seen: &Seen) -> Reply {
    match mood {
        Mood::Well if seen.line.starts_with("PATCH ") => reply(
            200,
            r#"{"id":"334385199974967042","channel_id":"334385199974967043"}"#,
        ),
        Mood::Well if seen.line.contains("wait=true") => reply(
            200,
            r#"{"type":0,"id":"334385199974967042","channel_id":"334385199974967043"}"#,
        ),
        Mood::Well => reply(204, ""),
        Mood::Busy => reply(
            429,
            r#"{"message":"You are being rate limited.","retry_after":6.57,"global":false}"#,
        )
        .with("retry-after", "99"),
        Mood::BusyUnsaid => reply(429, "<html>"),
        Mood::Wrong => reply(
            400,
            r#"{"code":50035,"message":"Invalid Form Body","errors":{}}"#,
        ),
        Mood::Denied => reply(404, r#"{"message":"Unknown Webhook","code":10015}"#),
        mood => usual(mood),
    }
}

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "discord",
        kind: "discord",
        config: "url = \"{url}/api/webhooks/223704706495545344/canary-0001\"\nmention = { critical = [\"<@80351110224678912>\"] }",
        stand_in: || http(answers),
        tells: &[
            (
                Step::Trigger,
                &[&[
                    NEW,
                    CALLS_KIM,
                    "has [CRITICAL]",
                    "has <@80351110224678912>",
                    "/flags = 0",
                    "/embeds/0/color = 13840175",
                ]],
            ),
            (Step::Escalate, &[CHANGED, &[NEW, CALLS_KIM, "/flags = 0"]]),
            (Step::Acknowledge, &[CHANGED]),
            (
                Step::Resolve,
                &[
                    CHANGED,
                    &[
                        NEW,
                        QUIET,
                        "/embeds/0/color = 3706428",
                        "lacks 80351110224678912",
                    ],
                ],
            ),
            (Step::JoinLate, &[&[NEW, CALLS_KIM, "has [CRITICAL]"]]),
            (Step::Test, &[&[NEW, "has [TEST]"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::GivesUp, "Invalid Form Body"),
            (Mood::Denied, Verdict::Waits, "make a new webhook"),
        ],
    },
    Case {
        name: "discord-forum",
        kind: "discord",
        config: "url = \"{url}/api/webhooks/223704706495545344/canary-0001\"\nforum = true",
        stand_in: || http(answers),
        tells: &[
            (
                Step::Trigger,
                &[&[NEW, "/thread_name = [CRITICAL] CNC Mill #1, Plant 7"]],
            ),
            (
                Step::Escalate,
                &[CHANGED_POST, &[POST, "lacks thread_name"]],
            ),
            (Step::Acknowledge, &[CHANGED_POST]),
            (Step::Resolve, &[CHANGED_POST, &[POST, QUIET]]),
            (Step::JoinLate, &[&[NEW, "has thread_name"]]),
            (Step::Test, &[&[NEW, "has thread_name"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::GivesUp, "Invalid Form Body"),
            (Mood::Denied, Verdict::Waits, "make a new webhook"),
        ],
    },
];
