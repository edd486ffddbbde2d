//! OpsKnight, as its Events API answers.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, Reply, StandIn, http, reply, usual},
};

const WHERE: &str = "POST /api/events";
const HOOK: &str = "POST /api/integrations/webhook?integrationId=hall-2";
const TOKEN: &str = "header authorization: Token token=canary0123456789abcdef0123456789";

fn stand_in() -> Box<dyn StandIn> {
    http(|mood, seen| match mood {
        Mood::Well if seen.body.contains("acknowledge") => done("ignored"),
        Mood::Well => done("triggered"),
        Mood::Busy => reply(429, r#"{"error":"Rate limit exceeded."}"#).with("retry-after", "7"),
        Mood::Wrong => reply(400, r#"{"error":"Invalid payload","issues":[]}"#),
        Mood::Denied => reply(403, r#"{"error":"Invalid Integration Key"}"#),
        mood => usual(mood),
    })
}

fn done(action: &str) -> Reply {
    let body = format!(r#"{{"status":"success","result":{{"action":"{action}"}}}}"#);
    reply(202, &body)
}

const TROUBLES: &[(Mood, Verdict, &str)] = &[
    (Mood::Busy, Verdict::Rests(7), "Rate limit exceeded"),
    (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
    (Mood::Wrong, Verdict::GivesUp, "Invalid payload"),
    (Mood::Denied, Verdict::Waits, "integration is disabled"),
];

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "opsknight",
        kind: "opsknight",
        config: "url = \"{url}/api/events\"\nintegration_key = \"canary0123456789abcdef0123456789\"\n\
            sign = { scheme = \"x-signature\", secret = \"canary\" }",
        stand_in,
        tells: &[
            (
                Step::Trigger,
                &[&[
                    WHERE,
                    TOKEN,
                    "signed x-signature: sha256=",
                    "/event_action = trigger",
                    "/dedup_key = {key}",
                    "/payload/severity = critical",
                    "/payload/source = mill-1",
                ]],
            ),
            (
                Step::Escalate,
                &[&[WHERE, "/event_action = trigger", "/dedup_key = {key}"]],
            ),
            // Its program wants all of the payload with every action.
            (
                Step::Acknowledge,
                &[&[
                    WHERE,
                    TOKEN,
                    "/event_action = acknowledge",
                    "/dedup_key = {key}",
                    "/payload/source = mill-1",
                ]],
            ),
            (
                Step::Resolve,
                &[&[
                    WHERE,
                    "/event_action = resolve",
                    "/dedup_key = {key}",
                    "/payload/severity = critical",
                ]],
            ),
            (
                Step::JoinLate,
                &[&[WHERE, "/event_action = trigger", "/dedup_key = {key}"]],
            ),
            (
                Step::Ring,
                &[&[WHERE, "/event_action = trigger", "/dedup_key = {key}-1.0"]],
            ),
            (
                Step::TakeRung,
                &[
                    &[
                        WHERE,
                        "/event_action = acknowledge",
                        "/dedup_key = {key}-1.0",
                    ],
                    &[WHERE, "/event_action = acknowledge", "/dedup_key = {key}"],
                ],
            ),
            (
                Step::EndRung,
                &[
                    &[WHERE, "/event_action = resolve", "/dedup_key = {key}-1.0"],
                    &[WHERE, "/event_action = resolve", "/dedup_key = {key}"],
                ],
            ),
            (
                Step::Test,
                &[&[WHERE, "/event_action = trigger", "has [TEST]"]],
            ),
            (
                Step::EndTest,
                &[&[WHERE, "/event_action = resolve", "has [TEST]"]],
            ),
        ],
        troubles: TROUBLES,
    },
    Case {
        name: "opsknight-webhook",
        kind: "opsknight",
        config: "url = \"{url}/api/integrations/webhook?integrationId=hall-2\"\nvia = \"webhook\"\n\
            integration_key = \"canary0123456789abcdef0123456789\"\n\
            sign = { scheme = \"x-signature\", prefix = \"\", secret = \"canary\" }",
        stand_in,
        tells: &[
            (
                Step::Trigger,
                &[&[
                    HOOK,
                    TOKEN,
                    "signed x-signature: ",
                    "/status = triggered",
                    "/dedup_key = {key}",
                    "/severity = critical",
                    "/source = mill-1",
                    "has \"summary\":\"[CRITICAL]",
                ]],
            ),
            (
                Step::Escalate,
                &[&[HOOK, "/status = triggered", "/dedup_key = {key}"]],
            ),
            (
                Step::Acknowledge,
                &[&[HOOK, TOKEN, "/status = acknowledged", "/dedup_key = {key}"]],
            ),
            (
                Step::Resolve,
                &[&[HOOK, "/status = resolved", "/dedup_key = {key}"]],
            ),
            (
                Step::JoinLate,
                &[&[HOOK, "/status = triggered", "/dedup_key = {key}"]],
            ),
            (
                Step::Ring,
                &[&[HOOK, "/status = triggered", "/dedup_key = {key}-1.0"]],
            ),
            (
                Step::TakeRung,
                &[
                    &[HOOK, "/status = acknowledged", "/dedup_key = {key}-1.0"],
                    &[HOOK, "/status = acknowledged", "/dedup_key = {key}"],
                ],
            ),
            (
                Step::EndRung,
                &[
                    &[HOOK, "/status = resolved", "/dedup_key = {key}-1.0"],
                    &[HOOK, "/status = resolved", "/dedup_key = {key}"],
                ],
            ),
            (Step::Test, &[&[HOOK, "/status = triggered", "has [TEST]"]]),
            (
                Step::EndTest,
                &[&[HOOK, "/status = resolved", "has [TEST]"]],
            ),
        ],
        troubles: TROUBLES,
    },
    Case {
        name: "opsknight-api",
        kind: "opsknight",
        config: "url = \"{url}/api/events\"\napi_key = \"canary\"\nservice_id = \"hall-2\"\nevents = [\"triggered\"]",
        stand_in,
        tells: &[
            (
                Step::Trigger,
                &[&[
                    WHERE,
                    "header authorization: Bearer canary",
                    "/service_id = hall-2",
                ]],
            ),
            (Step::JoinLate, &[&[WHERE, "/event_action = trigger"]]),
            (Step::Test, &[&[WHERE, "/service_id = hall-2"]]),
        ],
        troubles: TROUBLES,
    },
];
