//! PagerDuty, as its Events API answers.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, http, reply, usual},
};

const KEY: &str = "/routing_key = canary0123456789abcdef0123456789";
const WHERE: &str = "POST /v2/enqueue";

pub(crate) const CASES: &[Case] = &[Case {
    name: "pagerduty",
    kind: "pagerduty",
    config: "url = \"{url}/v2/enqueue\"\nrouting_key = \"canary0123456789abcdef0123456789\"",
    stand_in: || {
        http(|mood, _| match mood {
            Mood::Well => reply(
                202,
                r#"{"status":"success","message":"Event processed","dedup_key":"k"}"#,
            ),
            Mood::Wrong => reply(
                400,
                r#"{"status":"invalid event","message":"Event object is invalid","errors":["'payload.summary' is missing or blank"]}"#,
            ),
            Mood::Denied => reply(
                400,
                r#"{"status":"invalid event","message":"Event object is invalid","errors":["Invalid routing_key"]}"#,
            ),
            mood => usual(mood),
        })
    },
    tells: &[
        (
            Step::Trigger,
            &[&[
                WHERE,
                KEY,
                "/event_action = trigger",
                "/dedup_key = {key}",
                "/payload/severity = critical",
            ]],
        ),
        (
            Step::Escalate,
            &[&[WHERE, KEY, "/event_action = trigger", "/dedup_key = {key}"]],
        ),
        (
            Step::Acknowledge,
            &[&[WHERE, "/event_action = acknowledge", "/dedup_key = {key}"]],
        ),
        (
            Step::Resolve,
            &[&[WHERE, KEY, "/event_action = resolve", "/dedup_key = {key}"]],
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
            &[&[WHERE, "/event_action = resolve", "/dedup_key = {key}"]],
        ),
    ],
    troubles: &[
        (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
        (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
        (Mood::Wrong, Verdict::GivesUp, "summary"),
        (Mood::Denied, Verdict::Waits, "routing_key"),
    ],
}];
