//! What SNS answers, and what it is sent.

use super::{target::region_of, *};
use crate::destination::testbed::{self, attempt, notice, read, sent};

const CONFIG: &str = include_str!("../../../tests/formats/sns.toml");

/// What this answer means: an end, a wait, a retry, or acceptance.
fn verdict(status: u16, body: &str) -> &'static str {
    testbed::verdict(CONFIG, status, body)
}

#[test]
fn the_code_in_the_answer_says_what_is_to_be_mended_and_what_is_not() {
    for (status, code, said, expected) in [
        (400, "Throttling", "Rate exceeded", "pause"),
        (400, "ThrottledException", "", "pause"),
        (
            400,
            "InvalidParameter",
            "Invalid parameter: Message too long",
            "given up",
        ),
        (
            400,
            "InvalidParameter",
            "Invalid parameter: TopicArn",
            "mended",
        ),
        (403, "SignatureDoesNotMatch", "", "mended"),
        (403, "ExpiredToken", "", "mended"),
        (404, "NotFound", "Topic does not exist", "mended"),
        (500, "InternalError", "", "retry"),
    ] {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{said}</Message></Error></ErrorResponse>"
        );
        assert_eq!(verdict(status, &body), expected, "{code} {said}");
    }
    let body = "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>";
    assert_eq!(verdict(200, body), "accepted");
    assert_eq!(inside(body, "MessageId"), Some("m-1"));
}

#[test]
fn each_event_of_an_alert_is_another_message_of_one_group() {
    let destination = read(CONFIG).expect("a destination");
    let form = |kind| {
        let mut notice = notice(kind);
        notice.id += kind.word();
        let request = sent(&destination, &notice, &attempt(), None).remove(0);
        let form = url::form_urlencoded::parse(request.body.as_bytes()).into_owned();
        form.collect::<std::collections::BTreeMap<String, String>>()
    };
    let (first, last) = (form(EventKind::Triggered), form(EventKind::Resolved));
    assert_eq!(first["MessageGroupId"], last["MessageGroupId"]);
    assert_ne!(
        first["MessageDeduplicationId"],
        last["MessageDeduplicationId"]
    );
    assert_eq!(first["MessageDeduplicationId"].len(), 64);
    assert_eq!(last["Subject"], "[OK] CNC Mill #1, Plant 7");
}

#[test]
fn a_region_stands_in_the_name_of_a_topic() {
    for (arn, region) in [
        (
            "arn:aws:sns:eu-central-1:123456789012:alerts",
            Some("eu-central-1"),
        ),
        (
            "arn:aws-cn:sns:cn-north-1:123456789012:a.fifo",
            Some("cn-north-1"),
        ),
        ("arn:aws:sns:eu-central-1:12345678901:alerts", None),
        ("arn:aws:sns:evil.example/:123456789012:alerts", None),
        ("arn:aws:sns:eu-central-1:123456789012:", None),
        ("arn:aws:sns:eu-central-1:123456789012:a b", None),
    ] {
        assert_eq!(region_of(arn), region, "{arn}");
    }
    let china = CONFIG.replace("arn:aws:sns:eu-central-1", "arn:aws-cn:sns:cn-north-1");
    let china = read(&china).expect("a destination");
    let url = &china.access().expect("over HTTP").url;
    assert_eq!(
        url.plain(),
        Some("https://sns.cn-north-1.amazonaws.com.cn/")
    );
}
