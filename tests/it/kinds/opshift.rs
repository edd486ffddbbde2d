//! OpShift's signed trigger, as it answers.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, http, reply, usual},
};

const WHERE: &str = "POST /api/alerts/trigger/plant-7";

pub(crate) const CASES: &[Case] = &[Case {
    name: "opshift",
    kind: "opshift",
    config: "url = \"{url}/api/alerts/trigger/plant-7\"\nsecret = \"canary\"\nseverities = { error = \"sev4\" }",
    stand_in: || {
        http(|mood, _| match mood {
            Mood::Well => reply(
                200,
                r#"{"status":"occurrence_added","alertId":"a-1","message":"added","occurrenceCount":3}"#,
            ),
            Mood::Wrong => reply(400, r#"{"error":"title is required"}"#),
            Mood::Denied => reply(404, r#"{"error":"unknown webhook"}"#),
            mood => usual(mood),
        })
    },
    tells: &[
        (
            Step::Trigger,
            &[&[
                WHERE,
                "signed x-webhook-signature: ",
                "/title = CNC Mill #1: spindle 97.3 °C, limit 95.0 °C",
                "/severity = sev0",
                "/group_key = {key}",
                "/metadata/alert = {number}",
            ]],
        ),
        (Step::Escalate, &[&[WHERE, "/group_key = {key}"]]),
        (Step::JoinLate, &[&[WHERE, "/group_key = {key}"]]),
        (Step::Ring, &[&[WHERE, "/group_key = {key}-1.0"]]),
        (Step::Test, &[&[WHERE, "has [TEST]"]]),
    ],
    troubles: &[
        (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
        (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
        (Mood::Wrong, Verdict::GivesUp, "title is required"),
        (Mood::Denied, Verdict::Waits, "make a new one"),
    ],
}];
