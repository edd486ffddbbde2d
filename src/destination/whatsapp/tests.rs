//! What an answer means, and what a message is.

use super::*;
use crate::destination::{
    testbed::{self, attempt, notice, read, sent},
    tests::golden::HOSTILE,
};

const CONFIG: &str = include_str!("../../../tests/formats/whatsapp.toml");

fn verdict(status: u16, body: &str) -> &'static str {
    testbed::verdict(CONFIG, status, body)
}

#[test]
fn the_code_in_the_body_decides_whatever_the_status() {
    for (status, code, expected) in [
        (400, 130_429, "pause"),
        (400, 131_056, "pause"),
        (400, 131_016, "retry"),
        (500, 2, "retry"),
        (401, 190, "mended"),
        (400, 131_047, "mended"),
        (404, 132_001, "mended"),
        (400, 131_009, "given up"),
        (200, 131_026, "mended"),
    ] {
        let body = format!(
            "{{\"error\": {{\"message\": \"no\", \"type\": \"OAuthException\", \"code\": {code}}}}}"
        );
        assert_eq!(verdict(status, &body), expected, "{code}");
    }
    assert_eq!(
        verdict(200, r#"{"messages": [{"id": "wamid.1"}]}"#),
        "accepted"
    );
    assert_eq!(verdict(503, "<html>"), "retry");
}

#[test]
fn a_parameter_is_one_line_that_fits_and_keeps_the_number() {
    let mut notice = notice(EventKind::Triggered);
    notice.text = format!("a\n\tb      c {}", HOSTILE.repeat(50));
    let destination = read(CONFIG).expect("a destination");
    let request = sent(&destination, &notice, &attempt(), None).remove(0);
    let body: Json = serde_json::from_str(&request.body).expect("JSON");
    let text = body["template"]["components"][0]["parameters"][0]["text"].as_str();
    let text = text.expect("a text");
    assert!(text.starts_with("a b c <!channel>"), "{text}");
    assert!(!text.contains("     ") && !text.chars().any(char::is_control));
    assert!(
        text.chars().count() <= 900 && text.ends_with("… A-1042"),
        "{text}"
    );
    assert_eq!(body["to"], "491701234567");
}
