//! What goes to people by a service: Twilio, SNS, SendGrid, Resend, OneSignal and WhatsApp, as each answers.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, http, reply, usual},
};

const SMS: &str = "POST /2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json";
/// `AC01..:canary`
const BASIC: &str =
    "header authorization: Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpjYW5hcnk=";
const PUSH: &str = "POST /notifications";
const CHAT: &str = "POST /v22.0/106540352242922/messages";
const GRID: &str = "POST /v3/mail/send";
const RESEND: &str = "POST /emails";
const FORM: &str = "header content-type: application/x-www-form-urlencoded; charset=utf-8";
const GROUP: &str = "has &MessageGroupId={key}&MessageDeduplicationId=";

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "twilio",
        kind: "twilio",
        config: "url = \"{url}/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json\"\naccount = \"AC0123456789abcdef0123456789abcdef\"\nauth_token = \"canary\"\nfrom = \"+4915735980000\"\nto = \"+491701234567\"",
        stand_in: || {
            http(|mood, _| match mood {
                Mood::Well => reply(201, r#"{"sid": "SM1", "status": "queued"}"#),
                Mood::Wrong => reply(
                    400,
                    r#"{"code": 21617, "message": "too long", "status": 400}"#,
                ),
                Mood::Denied => reply(
                    401,
                    r#"{"code": 20003, "message": "Authenticate", "status": 401}"#,
                ),
                mood => usual(mood),
            })
        },
        tells: &[
            (
                Step::Trigger,
                &[&[
                    SMS,
                    BASIC,
                    "has To=%2B491701234567&From=%2B4915735980000&Body=%5BCRITICAL%5D",
                ]],
            ),
            (Step::Escalate, &[&[SMS, BASIC, "has Body="]]),
            (Step::Resolve, &[&[SMS, BASIC, "has Body=%5BOK%5D"]]),
            (Step::JoinLate, &[&[SMS, "has Body="]]),
            (Step::Test, &[&[SMS, "has Body=%5BTEST%5D"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::GivesUp, "too long"),
            (Mood::Denied, Verdict::Waits, "`auth_token`"),
        ],
    },
    Case {
        name: "sns",
        kind: "sns",
        config: "url = \"{url}/\"\ntopic = \"arn:aws:sns:eu-central-1:123456789012:alerts.fifo\"\naccess_key_id = \"AKIDEXAMPLE012345678\"\nsecret_access_key = \"canary\"",
        stand_in: || {
            http(|mood, _| match mood {
                Mood::Well => reply(
                    200,
                    "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>",
                ),
                // A throttled account answers 400.
                Mood::BusyUnsaid => reply(
                    400,
                    "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>",
                ),
                Mood::Wrong => reply(
                    400,
                    "<ErrorResponse><Error><Code>InvalidParameter</Code><Message>Message too long</Message></Error></ErrorResponse>",
                ),
                Mood::Denied => reply(
                    403,
                    "<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>",
                ),
                mood => usual(mood),
            })
        },
        tells: &[
            (
                Step::Trigger,
                &[&["POST /", FORM, GROUP, "has Subject=%5BCRITICAL%5D"]],
            ),
            (Step::Escalate, &[&["POST /", FORM, GROUP]]),
            (
                Step::Acknowledge,
                &[&["POST /", GROUP, "has Subject=%5BACK%5D"]],
            ),
            (Step::Resolve, &[&["POST /", GROUP, "has Subject=%5BOK%5D"]]),
            (Step::JoinLate, &[&["POST /", GROUP]]),
            (Step::Test, &[&["POST /", "has %5BTEST%5D"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "Throttling"),
            (Mood::Wrong, Verdict::GivesUp, "too long"),
            (Mood::Denied, Verdict::Waits, "`secret_access_key`"),
        ],
    },
    Case {
        name: "sendgrid",
        kind: "sendgrid",
        config: "url = \"{url}/v3/mail/send\"\napi_key = \"SG.canary\"\nfrom = \"andon <andon@plant-7.example.com>\"\nto = [\"ops@example.com\"]",
        stand_in: || {
            http(|mood, _| match mood {
                Mood::Well => reply(202, "").with("x-message-id", "m-1"),
                Mood::Wrong => reply(
                    400,
                    r#"{"errors": [{"message": "bad subject", "field": "subject"}]}"#,
                ),
                Mood::Denied => reply(401, r#"{"errors": [{"message": "no", "field": null}]}"#),
                mood => usual(mood),
            })
        },
        tells: &[
            (
                Step::Trigger,
                &[&[
                    GRID,
                    "header authorization: Bearer SG.canary",
                    "/personalizations/0/to/0/email = ops@example.com",
                    "/content/0/type = text/plain",
                    "has \"subject\":\"[CRITICAL]",
                    "lacks In-Reply-To",
                ]],
            ),
            (Step::Escalate, &[&[GRID, "has In-Reply-To"]]),
            (Step::Acknowledge, &[&[GRID, "has \"subject\":\"[ACK]"]]),
            (
                Step::Resolve,
                &[&[GRID, "has \"subject\":\"[OK]", "has In-Reply-To"]],
            ),
            (Step::JoinLate, &[&[GRID, "has \"subject\":\"[CRITICAL]"]]),
            (Step::Test, &[&[GRID, "has \"subject\":\"[TEST]"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::GivesUp, "bad subject"),
            (Mood::Denied, Verdict::Waits, "`api_key`"),
        ],
    },
    Case {
        name: "resend",
        kind: "resend",
        config: "url = \"{url}/emails\"\napi_key = \"re_canary\"\nfrom = \"andon <andon@plant-7.example.com>\"\nto = [\"ops@example.com\"]",
        stand_in: || {
            http(|mood, _| match mood {
                Mood::Well => reply(200, r#"{"id": "m-1"}"#),
                Mood::Wrong => reply(
                    422,
                    r#"{"statusCode": 422, "name": "invalid_parameter", "message": "bad subject"}"#,
                ),
                Mood::Denied => reply(
                    403,
                    r#"{"statusCode": 403, "name": "invalid_api_key", "message": "no"}"#,
                ),
                mood => usual(mood),
            })
        },
        tells: &[
            (
                Step::Trigger,
                &[&[
                    RESEND,
                    "header authorization: Bearer re_canary",
                    "/from = \"andon\" <andon@plant-7.example.com>",
                    "/to/0 = ops@example.com",
                    "has \"subject\":\"[CRITICAL]",
                ]],
            ),
            (Step::Escalate, &[&[RESEND, "has In-Reply-To"]]),
            (Step::Acknowledge, &[&[RESEND, "has \"subject\":\"[ACK]"]]),
            (
                Step::Resolve,
                &[&[RESEND, "has \"subject\":\"[OK]", "has In-Reply-To"]],
            ),
            (Step::JoinLate, &[&[RESEND, "has \"subject\":\"[CRITICAL]"]]),
            (Step::Test, &[&[RESEND, "has \"subject\":\"[TEST]"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::GivesUp, "bad subject"),
            (Mood::Denied, Verdict::Waits, "`api_key`"),
        ],
    },
    Case {
        name: "onesignal",
        kind: "onesignal",
        config: "url = \"{url}/notifications\"\napp_id = \"01234567-89ab-cdef-0123-456789abcdef\"\napi_key = \"canary\"\nexternal_ids = [\"maintenance\"]",
        stand_in: || {
            http(|mood, _| match mood {
                Mood::Well => reply(200, r#"{"id": "n-1"}"#),
                // Nobody was reached, and that is a 200.
                Mood::Wrong => reply(
                    200,
                    r#"{"id": "", "errors": ["All included players are not subscribed"]}"#,
                ),
                Mood::Denied => reply(403, r#"{"errors": ["Access denied"]}"#),
                mood => usual(mood),
            })
        },
        tells: &[
            (
                Step::Trigger,
                &[&[
                    PUSH,
                    "header authorization: Key canary",
                    "/collapse_id = {key}",
                    "/include_aliases/external_id/0 = maintenance",
                    "/priority = 10",
                    "has [CRITICAL]",
                ]],
            ),
            (Step::Escalate, &[&[PUSH, "/collapse_id = {key}"]]),
            (
                Step::Resolve,
                &[&[PUSH, "/collapse_id = {key}", "has [OK]", "lacks priority"]],
            ),
            (Step::JoinLate, &[&[PUSH, "/collapse_id = {key}"]]),
            (Step::Test, &[&[PUSH, "has [TEST]"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::GivesUp, "to nobody"),
            (Mood::Denied, Verdict::Waits, "`api_key`"),
        ],
    },
    // As its older keys want it.
    Case {
        name: "onesignal-basic",
        kind: "onesignal",
        config: "url = \"{url}/notifications\"\napp_id = \"01234567-89ab-cdef-0123-456789abcdef\"\napi_key = \"canary\"\nauth = \"basic\"\nsegments = [\"maintenance\"]\nevents = [\"triggered\"]",
        stand_in: || {
            http(|mood, _| match mood {
                Mood::Well => reply(200, r#"{"id": "n-1"}"#),
                mood => usual(mood),
            })
        },
        tells: &[
            (
                Step::Trigger,
                &[&[
                    PUSH,
                    "header authorization: Basic canary",
                    "/included_segments/0 = maintenance",
                ]],
            ),
            (Step::JoinLate, &[&[PUSH, "has [CRITICAL]"]]),
            (Step::Test, &[&[PUSH, "has [TEST]"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
            (Mood::Wrong, Verdict::GivesUp, "HTTP 400"),
            (Mood::Denied, Verdict::Waits, "`api_key`"),
        ],
    },
    Case {
        name: "whatsapp",
        kind: "whatsapp",
        config: "url = \"{url}/v22.0/106540352242922/messages\"\nphone_number_id = \"106540352242922\"\ntoken = \"canary\"\nto = \"+491701234567\"\ntemplate = \"machine_alert\"",
        stand_in: || {
            http(|mood, _| match mood {
                Mood::Well => reply(
                    200,
                    r#"{"messaging_product": "whatsapp", "messages": [{"id": "wamid.1"}]}"#,
                ),
                // Too much for one number, with a status that does not say so.
                Mood::BusyUnsaid => reply(
                    400,
                    r#"{"error": {"message": "pair rate", "code": 131056}}"#,
                ),
                Mood::Wrong => reply(
                    400,
                    r#"{"error": {"message": "bad value", "code": 131009}}"#,
                ),
                Mood::Denied => reply(401, r#"{"error": {"message": "expired", "code": 190}}"#),
                mood => usual(mood),
            })
        },
        tells: &[
            (
                Step::Trigger,
                &[&[
                    CHAT,
                    "header authorization: Bearer canary",
                    "/to = 491701234567",
                    "/template/name = machine_alert",
                    "has [CRITICAL]",
                ]],
            ),
            (Step::Escalate, &[&[CHAT, "/type = template"]]),
            (Step::Resolve, &[&[CHAT, "has [OK]"]]),
            (Step::JoinLate, &[&[CHAT, "/type = template"]]),
            (Step::Test, &[&[CHAT, "has [TEST]"]]),
        ],
        troubles: &[
            (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
            (Mood::BusyUnsaid, Verdict::Rests(30), "pair rate"),
            (Mood::Wrong, Verdict::GivesUp, "bad value"),
            (Mood::Denied, Verdict::Waits, "`token`"),
        ],
    },
];
