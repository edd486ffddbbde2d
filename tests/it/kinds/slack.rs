//! Slack, as its incoming webhooks answer.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, http, reply, usual},
};

const WHERE: &str = "POST /services/T000/B000/canary";

pub(crate) const CASES: &[Case] = &[Case {
    name: "slack",
    kind: "slack",
    config: "url = \"{url}/services/T000/B000/canary\"",
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
            &[&[WHERE, "/attachments/0/color = #D32F2F", "has [CRITICAL]"]],
        ),
        (
            Step::Escalate,
            &[&[WHERE, "has Critical, 15min escalation"]],
        ),
        (Step::Acknowledge, &[&[WHERE, "has [ACK]"]]),
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
}];
