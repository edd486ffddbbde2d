//! Opsgenie and Jira Service Management, as their APIs answer.

use super::{
    Case, Expected, Step, Verdict,
    stand_in::{Mood, StandIn, http, reply, usual},
};

const KEY: &str = "header authorization: GenieKey canary";

fn stand_in() -> Box<dyn StandIn> {
    http(|mood, _| match mood {
        Mood::Well => reply(
            202,
            r#"{"result":"Request will be processed","took":0.1,"requestId":"r-1"}"#,
        ),
        Mood::Busy => reply(429, r#"{"message":"You are making too many requests!"}"#)
            .with("x-ratelimit-period-in-sec", "7"),
        Mood::Wrong => reply(422, r#"{"message":"Request body is not processable"}"#),
        Mood::Denied => reply(401, r#"{"message":"Could not authenticate"}"#),
        mood => usual(mood),
    })
}

const TELLS: &[(Step, &[Expected])] = &[
    (
        Step::Trigger,
        &[&[
            "POST /v2/alerts",
            KEY,
            "/alias = {key}",
            "/priority = P1",
            "/message = CNC Mill #1: spindle 97.3 °C, limit 95.0 °C",
            "/entity = mill-1",
            "/details/value = 97.3",
        ]],
    ),
    (
        Step::Escalate,
        &[&[
            "POST /v2/alerts/{key}/notes?identifierType=alias",
            KEY,
            "has 15 min",
        ]],
    ),
    (
        Step::Acknowledge,
        &[&[
            "POST /v2/alerts/{key}/acknowledge?identifierType=alias",
            KEY,
            "/user = Jo",
        ]],
    ),
    (
        Step::Resolve,
        &[&[
            "POST /v2/alerts/{key}/close?identifierType=alias",
            KEY,
            "has [OK]",
        ]],
    ),
    (Step::JoinLate, &[&["POST /v2/alerts", "/alias = {key}"]]),
    (Step::Ring, &[&["POST /v2/alerts", "/alias = {key}-1.0"]]),
    (
        Step::TakeRung,
        &[
            &["POST /v2/alerts/{key}-1.0/acknowledge?identifierType=alias"],
            &["POST /v2/alerts/{key}/acknowledge?identifierType=alias"],
        ],
    ),
    (
        Step::EndRung,
        &[
            &["POST /v2/alerts/{key}-1.0/close?identifierType=alias"],
            &["POST /v2/alerts/{key}/close?identifierType=alias"],
        ],
    ),
    (Step::Test, &[&["POST /v2/alerts", "has [TEST]"]]),
    (
        Step::EndTest,
        &[&["POST /v2/alerts/{key}/close?identifierType=alias"]],
    ),
];

const TROUBLES: &[(Mood, Verdict, &str)] = &[
    (Mood::Busy, Verdict::Rests(7), "too many requests"),
    (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
    (Mood::Wrong, Verdict::GivesUp, "not processable"),
    (Mood::Denied, Verdict::Waits, "of an API integration"),
];

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "opsgenie",
        kind: "opsgenie",
        config: "url = \"{url}\"\napi_key = \"canary\"\nresponders = [\"team:maintenance\"]",
        stand_in,
        tells: TELLS,
        troubles: TROUBLES,
    },
    Case {
        name: "jsm",
        kind: "jsm",
        config: "url = \"{url}\"\napi_key = \"canary\"",
        stand_in,
        tells: TELLS,
        troubles: TROUBLES,
    },
];
