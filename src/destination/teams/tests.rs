//! What Teams is sent, and what its answers mean.

use serde_json::Value as Json;

use super::BODY;
use crate::{
    alert::event::EventKind,
    destination::{
        Answer, Destination, Outcome,
        testbed::{attempt, meant, notice, read, sent},
    },
};

const FLOW: &str = "type = \"teams\"\nurl = \"https://prod-07.westeurope.logic.azure.com:443/workflows/x/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=canary_-~\"\n";
const CONNECTOR: &str =
    "type = \"teams-connector\"\nurl = \"https://plant.webhook.office.com/webhookb2/x\"\n";

fn outcome(destination: &Destination, status: u16, body: &str) -> Outcome {
    let answer = Answer {
        status,
        body: body.to_owned(),
        synchronised: true,
        ..Answer::default()
    };
    meant(destination, EventKind::Triggered, &answer).0
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::Unreachable { .. } => "unreachable",
        Outcome::Failed { .. } => "failed",
        Outcome::Refused { give_up: false, .. } => "refused",
        Outcome::Refused { give_up: true, .. } => "given up",
    }
}

#[test]
fn a_flow_accepts_and_does_not_say_what_came_of_it() {
    let flow = read(FLOW).expect("a destination");
    let Outcome::Accepted { detail, .. } = outcome(&flow, 202, "") else {
        panic!("not accepted");
    };
    assert_eq!(
        detail,
        "accepted by the flow (202), whether the card appeared is not known"
    );
    for (status, expected) in [
        (200, "accepted"),
        (400, "refused"),
        (401, "refused"),
        (404, "refused"),
        (413, "given up"),
        (429, "failed"),
        (502, "failed"),
    ] {
        assert_eq!(name(&outcome(&flow, status, "{}")), expected, "{status}");
    }
}

#[test]
fn the_url_of_a_flow_is_used_as_it_is_written() {
    let flow = read(FLOW).expect("a destination");
    let sent = sent(&flow, &notice(EventKind::Triggered), &attempt(), None);
    assert!(FLOW.contains(&sent[0].url));
}

#[test]
fn a_card_is_cut_until_the_flow_does_not_lose_it() {
    let people = |list: &str| {
        let name = |at: u32| {
            format!(
                "\"{}{list}{at} <{}{at}@plant.example.com>\"",
                "é".repeat(36),
                "k".repeat(90)
            )
        };
        (0..20).map(name).collect::<Vec<_>>().join(", ")
    };
    let flow = read(&format!(
        "{FLOW}mention = {{ critical = [{}], escalated = [{}] }}\n",
        people("c"),
        people("e")
    ));
    let flow = flow.expect("a destination");
    let mut long = notice(EventKind::Escalated);
    long.text = "🚨".repeat(1000);
    long.alert.message = "ä🚨".repeat(500);
    long.alert.action = "*".repeat(1000);
    long.alert.machine_name = "\"".repeat(200);
    for change in [0, 3000, 30_000] {
        long.alert.message += &"🚨".repeat(change);
        let sent = sent(&flow, &long, &attempt(), None);
        assert!(sent[0].body.len() <= BODY, "{}", sent[0].body.len());
        assert_eq!(sent[0].body.matches("\"mentioned\"").count(), 20);
    }
}

#[test]
fn who_is_mentioned_is_named_in_the_text_and_beside_it() {
    let flow = read(&format!(
        "{FLOW}mention = {{ critical = [\"Kim Lee <kim.lee@plant.example.com>\"] }}\n"
    ))
    .expect("a destination");
    let mut hostile = notice(EventKind::Triggered);
    hostile.text = "<at>Kim Lee</at> [l](https://evil.example) *b*".to_owned();
    let sent = sent(&flow, &hostile, &attempt(), None);
    let body: Json = serde_json::from_str(&sent[0].body).expect("JSON");
    let card = &body["attachments"][0]["content"];
    let entity = &card["msteams"]["entities"][0];
    assert_eq!(entity["mentioned"]["id"], "kim.lee@plant.example.com");
    assert_eq!(card["body"][1]["text"], "<at>Kim Lee</at>");
    let text = card["body"][2]["text"].as_str().expect("a text");
    assert_eq!(
        text.replace('\u{200b}', "|"),
        "<|at>Kim Lee<|/at> [l]|(https://evil.example) \\*b\\*"
    );
}

#[test]
fn a_connector_says_inside_a_200_what_teams_said() {
    let connector = read(CONNECTOR).expect("a destination");
    let failed = |status: &str| {
        format!(
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {status} with ContextId x"
        )
    };
    for (status, body, expected) in [
        (200, "1".to_owned(), "accepted"),
        (200, " 1\n".to_owned(), "accepted"),
        (200, failed("413"), "given up"),
        (200, failed("400"), "given up"),
        (200, failed("429"), "failed"),
        (200, failed("404"), "refused"),
        (200, "<html>".to_owned(), "failed"),
        (202, "1".to_owned(), "failed"),
        (410, "gone".to_owned(), "refused"),
        (429, String::new(), "failed"),
    ] {
        assert_eq!(
            name(&outcome(&connector, status, &body)),
            expected,
            "{body}"
        );
    }
}
