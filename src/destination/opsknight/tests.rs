//! What becomes of what is told there.

use super::*;
use crate::destination::testbed::{meant, read};

#[test]
fn what_is_ignored_there_is_said_in_the_record() {
    let ops = read(
        "type = \"opsknight\"\nurl = \"https://opsknight.example.com/api/events\"\nintegration_key = \"canary\"",
    );
    let ops = ops.expect("a destination");
    for (body, said) in [
        (
            r#"{"status":"success","result":{"action":"ignored"}}"#,
            "taken by OpsKnight and ignored: nothing is open there",
        ),
        (
            r#"{"status":"success","result":{"action":"deduplicated"}}"#,
            "accepted by OpsKnight: deduplicated",
        ),
        ("ok", "accepted by OpsKnight (202)"),
    ] {
        let answer = Answer {
            status: 202,
            body: body.to_owned(),
            synchronised: true,
            ..Answer::default()
        };
        let (outcome, _) = meant(&ops, EventKind::Acknowledged, &answer);
        let Outcome::Accepted { detail, .. } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(detail, said);
    }
}
