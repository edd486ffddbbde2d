//! Harp; what it answers is not documented, so this is what most services do.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, http, usual},
};

const WHERE: &str = "POST /integrations/canary-0001";

pub(crate) const CASES: &[Case] = &[Case {
    name: "harp",
    kind: "harp",
    config: "url = \"{url}/integrations/canary-0001\"\nsource = \"Plant 7\"\nseverities = { critical = \"urgent\" }",
    stand_in: || http(|mood, _| usual(mood)),
    tells: &[
        (
            Step::Trigger,
            &[&[
                WHERE,
                "/alert_name = spindle-overtemp",
                "/alert_severity = urgent",
                "/source = Plant 7",
                "/object = mill-1",
            ]],
        ),
        (
            Step::Escalate,
            &[&[WHERE, "/alert_severity = urgent", "/object = mill-1"]],
        ),
        (
            Step::Resolve,
            &[&[
                WHERE,
                "/alert_name = spindle-overtemp",
                "/alert_severity = ok",
                "/source = Plant 7",
                "/object = mill-1",
            ]],
        ),
        (Step::JoinLate, &[&[WHERE, "/alert_severity = urgent"]]),
        (
            Step::Test,
            &[&[WHERE, "/alert_severity = information", "has [TEST]"]],
        ),
        (Step::EndTest, &[&[WHERE, "/alert_severity = ok"]]),
    ],
    troubles: &[
        (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
        (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
        (Mood::Wrong, Verdict::GivesUp, "HTTP 400"),
        (Mood::Denied, Verdict::Waits, "the url of the integration"),
    ],
}];
