//! OpsKnight, as its Events API answers.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, Reply, StandIn, http, reply, usual},
};

const WHERE: &str = "POST /api/events";
const TOKEN: &str = "header authorization: Token token=0123456789abcdef0123456789abcdef";

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
        config: "url = \"{url}/api/events\"\nintegration_key = \"0123456789abcdef0123456789abcdef\"\n\
            sign = { scheme = \"x-signature\", secret = \"s3cret\" }",
        stand_in,
        tells: &[
            (
                Step::Trigger,
                &[&[
                    WHERE,
                    TOKEN,
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
        name: "opsknight-api",
        kind: "opsknight",
        config: "url = \"{url}/api/events\"\napi_key = \"s3cret\"\nservice_id = \"hall-2\"\nevents = [\"triggered\"]",
        stand_in,
        tells: &[
            (
                Step::Trigger,
                &[&[
                    WHERE,
                    "header authorization: Bearer s3cret",
                    "/service_id = hall-2",
                ]],
            ),
            (Step::JoinLate, &[&[WHERE, "/event_action = trigger"]]),
            (Step::Test, &[&[WHERE, "/service_id = hall-2"]]),
        ],
        troubles: TROUBLES,
    },
];
