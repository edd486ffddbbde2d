//! Google Chat, as its webhooks answer.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, http, reply, usual},
};

/// The id is that of the event in every repeat.
const WHERE: &str = "POST /v1/spaces/AAAA/messages?key=canary&token=canary%3D&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD&requestId=*";
const THREAD: &str = "/thread/threadKey = {key}";

pub(crate) const CASES: &[Case] = &[Case {
    name: "google-chat",
    kind: "google-chat",
    config: "url = \"{url}/v1/spaces/AAAA/messages?key=canary&token=canary%3D\"\nmention = { critical = [\"<users/107946847022116401880>\"] }",
    stand_in: || {
        http(|mood, _| {
            match mood {
            Mood::Well => reply(200, r#"{"name":"spaces/AAAA/messages/x.y","thread":{"name":"spaces/AAAA/threads/x"}}"#),
            Mood::Busy => reply(429, r#"{"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}"#).with("retry-after", "7"),
            Mood::Wrong => reply(400, r#"{"error":{"code":400,"message":"Invalid JSON payload received.","status":"INVALID_ARGUMENT"}}"#),
            Mood::Denied => reply(400, r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}"#),
            mood => usual(mood),
        }
        })
    },
    tells: &[
        (
            Step::Trigger,
            &[&[
                WHERE,
                THREAD,
                "has <users/107946847022116401880> [CRITICAL]",
            ]],
        ),
        (
            Step::Escalate,
            &[&[WHERE, THREAD, "has Critical, 15min escalation"]],
        ),
        (
            Step::Acknowledge,
            &[&[WHERE, THREAD, "has [ACK]", "lacks <users/"]],
        ),
        (
            Step::Resolve,
            &[&[WHERE, THREAD, "has #388E3C", "lacks <users/"]],
        ),
        (Step::JoinLate, &[&[WHERE, THREAD, "has [CRITICAL]"]]),
        (Step::Test, &[&[WHERE, THREAD, "has [TEST]"]]),
    ],
    troubles: &[
        (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
        (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
        (Mood::Wrong, Verdict::GivesUp, "Invalid JSON"),
        (Mood::Denied, Verdict::Waits, "make a new webhook"),
    ],
}];
