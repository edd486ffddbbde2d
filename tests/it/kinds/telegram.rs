//! Telegram, as its Bot API answers.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, http, reply, usual},
};

const WHERE: &str = "POST /bot123456789:AAEcanarycanarycanary/sendMessage";
const CHAT: &str = "/chat_id = -1001234567890";
const HTML: &str = "/parse_mode = HTML";
const REPLY: &str = "/reply_parameters = {\"allow_sending_without_reply\":true,\"message_id\":77}";
const LOUD: &str = "/disable_notification = false";
const QUIET: &str = "/disable_notification = true";

pub(crate) const CASES: &[Case] = &[Case {
    name: "telegram",
    kind: "telegram",
    config: "url = \"{url}\"\ntoken = \"123456789:AAEcanarycanarycanary\"\nchat_id = -1001234567890\ntopic = 5\n\
             mention = { critical = [\"@kim_lee\", \"Jo <tg://user?id=42>\"] }",
    stand_in: || {
        http(|mood, _| match mood {
            Mood::Well => reply(
                200,
                r#"{"ok":true,"result":{"message_id":77,"chat":{"id":-1001234567890}}}"#,
            ),
            Mood::Busy => reply(
                429,
                r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#,
            ),
            Mood::Wrong => reply(
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: x"}"#,
            ),
            Mood::Denied => reply(
                401,
                r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
            ),
            mood => usual(mood),
        })
    },
    tells: &[
        (
            Step::Trigger,
            &[&[
                WHERE,
                CHAT,
                HTML,
                LOUD,
                "/message_thread_id = 5",
                "has <b>[CRITICAL]",
                "lacks reply_parameters",
                "has @kim_lee <a href=\\\"tg://user?id=42\\\">Jo</a>",
            ]],
        ),
        (
            Step::Escalate,
            &[&[
                WHERE,
                CHAT,
                REPLY,
                LOUD,
                "has Critical, 15min escalation",
                "has @kim_lee",
            ]],
        ),
        (
            Step::Acknowledge,
            &[&[WHERE, CHAT, REPLY, QUIET, "lacks @kim_lee"]],
        ),
        (Step::Resolve, &[&[WHERE, CHAT, REPLY, QUIET, "has [OK]"]]),
        (
            Step::JoinLate,
            &[&[
                WHERE,
                CHAT,
                LOUD,
                "has [CRITICAL]",
                "lacks reply_parameters",
            ]],
        ),
        (Step::Test, &[&[WHERE, CHAT, "has [TEST]"]]),
    ],
    troubles: &[
        (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
        (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
        (Mood::Wrong, Verdict::GivesUp, "parse entities"),
        (Mood::Denied, Verdict::Waits, "BotFather"),
    ],
}];
