//! Prometheus Alertmanager, as its API v2 answers.

use super::{
    Case, Step, Verdict,
    stand_in::{Mood, http, reply, usual},
};

const WHERE: &str = "POST /am/api/v2/alerts";
/// Its identity, the same from the first to the last.
const ALERT: &str = "/0/labels/alertname = spindle-overtemp";
const MACHINE: &str = "/0/labels/machine = mill-1";

pub(crate) const CASES: &[Case] = &[Case {
    name: "alertmanager",
    kind: "alertmanager",
    config: "urls = [\"{url}/am/\", \"{url}/am\"]",
    stand_in: || {
        http(|mood, _| match mood {
            Mood::Wrong => reply(400, "\"label name is invalid\""),
            mood => usual(mood),
        })
    },
    // To each instance.
    tells: &[
        (
            Step::Trigger,
            &[
                &[WHERE, ALERT, MACHINE, "/0/startsAt = {began}"],
                &[WHERE, ALERT, MACHINE],
            ],
        ),
        (
            Step::Escalate,
            &[
                &[
                    WHERE,
                    ALERT,
                    MACHINE,
                    "/0/annotations/policy = Critical, 15min escalation",
                ],
                &[WHERE],
            ],
        ),
        (
            Step::Resolve,
            &[
                &[
                    WHERE,
                    ALERT,
                    MACHINE,
                    "/0/startsAt = {began}",
                    "/0/endsAt = {ended}",
                ],
                &[WHERE],
            ],
        ),
        (Step::JoinLate, &[&[WHERE, ALERT, MACHINE], &[WHERE]]),
        (
            Step::Test,
            &[&[WHERE, "/0/annotations/test = true"], &[WHERE]],
        ),
        (
            Step::EndTest,
            &[&[WHERE, "/0/annotations/event = alert.resolved"], &[WHERE]],
        ),
    ],
    troubles: &[
        (Mood::Busy, Verdict::Rests(7), "HTTP 429"),
        (Mood::BusyUnsaid, Verdict::Rests(30), "HTTP 429"),
        (Mood::Wrong, Verdict::GivesUp, "label name is invalid"),
        (Mood::Denied, Verdict::Waits, "HTTP 401"),
    ],
}];
