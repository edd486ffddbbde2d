//! What Google Chat is sent.

use super::{MESSAGE, uuid};
use crate::{
    alert::event::EventKind,
    destination::testbed::{attempt, notice, read, sent},
};

const HOOK: &str = "type = \"google-chat\"\nurl = \"https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t\"\n";

#[test]
fn a_repeat_has_the_id_of_the_first_request_and_another_event_another() {
    let one = uuid("01KNC1BP60Z5WFM062EF07CYF6");
    assert_eq!(one, uuid("01KNC1BP60Z5WFM062EF07CYF6"));
    assert_ne!(one, uuid("01KNC1BP60Z5WFM062EF07CYF7"));
    let parts: Vec<usize> = one.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
    assert_eq!(&one[14..15], "4");
    assert!("89ab".contains(&one[19..20]));
}

#[test]
fn a_message_is_cut_to_what_google_takes() {
    let hook = read(HOOK).expect("a destination");
    let mut long = notice(EventKind::Acknowledged);
    long.by.as_mut().expect("somebody").note = Some("<".repeat(30_000));
    long.alert.message = "🚨".repeat(30_000);
    long.text = "\"".repeat(30_000);
    let body = sent(&hook, &long, &attempt(), None)[0].body.clone();
    assert!(
        body.len() <= MESSAGE && body.contains("A-1042"),
        "{}",
        body.len()
    );
}

#[test]
fn no_text_is_a_mention_a_link_or_a_tag() {
    let hook = read(HOOK).expect("a destination");
    let mut hostile = notice(EventKind::Triggered);
    hostile.text = "<users/all> <https://evil.example|x> *b* spindle_temp".to_owned();
    hostile.alert.message = "<a href='https://evil.example'>x</a>".to_owned();
    let body = sent(&hook, &hostile, &attempt(), None)[0].body.clone();
    let seen = body.replace('\u{200b}', "|");
    assert!(
        seen.contains("<|users/all> <|https://evil.example|x> |*|b|*| spindle_temp"),
        "{seen}"
    );
    assert!(
        body.contains("&lt;a href='https://evil.example'&gt;x&lt;/a&gt;"),
        "{body}"
    );
}
