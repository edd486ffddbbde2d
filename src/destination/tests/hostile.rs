//! Texts of machines and messages that want to be obeyed, at every kind: each arrives, and nowhere as markup, as a mention or as anything
//! that ends what it stands in.
//!
//! Programs with nothing of andon in them read what chats and mailboxes get, in `tests/it`; here is what holds for all kinds, so that none
//! is forgotten.

use serde_json::Value as Json;

use super::golden::{examples, hostile};
use crate::destination::{
    kind_words,
    testbed::{Sent, attempt, sent},
};

/// A kind, the texts in its requests in which something means something, and what of the hostile text it would be there.
struct Row {
    kind: &'static str,
    reads: fn(&Sent) -> Vec<String>,
    live: &'static [&'static str],
}

/// What is bold, italic, struck out or code in most chats.
const MARKS: [&str; 4] = ["*b*", "_i_", "~s~", "`c`"];
/// What is a mention or a link in them.
const CALLS: [&str; 4] = ["<!channel>", "<@U1>", "<a href=\"https://evil", "[l](https"];
/// What is a tag where HTML is read.
const TAGS: [&str; 3] = ["<a href=\"https://evil", "</script>", "<!channel>"];

const fn row(
    kind: &'static str,
    reads: fn(&Sent) -> Vec<String>,
    live: &'static [&'static str],
) -> Row {
    Row { kind, reads, live }
}

/// Where nothing in a text means anything, there is nothing to be found.
const NOTHING: [&str; 0] = [];

const ROWS: [Row; 26] = [
    row("alertmanager", texts, &NOTHING),
    row("command", texts, &NOTHING),
    row(
        "discord",
        discord,
        &[
            MARKS[0],
            MARKS[1],
            MARKS[3],
            CALLS[1],
            CALLS[3],
            "@everyone",
            "@here",
        ],
    ),
    row("file", texts, &NOTHING),
    row(
        "google-chat",
        chat_and_cards,
        &[
            MARKS[0], MARKS[1], MARKS[2], MARKS[3], CALLS[0], CALLS[1], CALLS[2],
        ],
    ),
    row("harp", texts, &NOTHING),
    row("jsm", texts, &NOTHING),
    row("mail", page, &TAGS),
    row("mqtt", texts, &NOTHING),
    row("onesignal", texts, &["{{", "{%"]),
    row("opsgenie", texts, &NOTHING),
    row("opshift", texts, &NOTHING),
    row("opsknight", texts, &NOTHING),
    row("pagerduty", texts, &NOTHING),
    row("resend", pages, &TAGS),
    row("sendgrid", pages, &TAGS),
    row(
        "slack",
        slack,
        &[
            MARKS[0], MARKS[1], MARKS[2], MARKS[3], CALLS[0], CALLS[1], CALLS[2],
        ],
    ),
    row(
        "slack-bot",
        slack,
        &[
            MARKS[0], MARKS[1], MARKS[2], MARKS[3], CALLS[0], CALLS[1], CALLS[2],
        ],
    ),
    row("sns", texts, &NOTHING),
    row("syslog", structured, &["[l](", "<a href=\""]),
    row(
        "teams",
        texts,
        &[
            MARKS[0],
            MARKS[1],
            MARKS[2],
            MARKS[3],
            CALLS[3],
            "<at>x</at>",
        ],
    ),
    row(
        "teams-connector",
        texts,
        &[MARKS[0], MARKS[1], MARKS[2], MARKS[3], CALLS[3]],
    ),
    row(
        "telegram",
        texts,
        &[CALLS[0], CALLS[1], CALLS[2], "@everyone", "@here"],
    ),
    row("twilio", texts, &NOTHING),
    row("webhook", texts, &NOTHING),
    row("whatsapp", texts, &MARKS),
];

/// Every text of a body, whatever it is written in.
fn texts(sent: &Sent) -> Vec<String> {
    if let Ok(body) = serde_json::from_str::<Json>(&sent.body) {
        let mut found = Vec::new();
        strings(&body, &|_| true, &mut found);
        return found;
    }
    let form = sent.headers.iter().any(|(name, value)| {
        name == "content-type" && value.starts_with("application/x-www-form-urlencoded")
    });
    match form {
        true => url::form_urlencoded::parse(sent.body.as_bytes())
            .map(|(_, value)| value.into_owned())
            .collect(),
        false => vec![sent.body.clone()],
    }
}

/// All texts below; an object says whether its own are read.
fn strings(
    value: &Json,
    reads: &dyn Fn(&serde_json::Map<String, Json>) -> bool,
    found: &mut Vec<String>,
) {
    match value {
        Json::String(text) => found.push(text.clone()),
        Json::Array(all) => all.iter().for_each(|one| strings(one, reads, found)),
        Json::Object(fields) => {
            for inner in fields.values() {
                if reads(fields) || !inner.is_string() {
                    strings(inner, reads, found);
                }
            }
        }
        _ => {}
    }
}

/// All but the name of a post, which is plain.
fn discord(sent: &Sent) -> Vec<String> {
    let mut body: Json = serde_json::from_str(&sent.body).expect("JSON");
    body["thread_name"].take();
    let mut found = Vec::new();
    strings(&body, &|_| true, &mut found);
    found
}

/// All but texts that Slack is told to take as they are.
fn slack(sent: &Sent) -> Vec<String> {
    let body: Json = serde_json::from_str(&sent.body).expect("JSON");
    let mut found = Vec::new();
    strings(
        &body,
        &|of| of.get("type").is_none_or(|of| of != "plain_text"),
        &mut found,
    );
    found
}

/// The text and the cards; titles are plain.
fn chat_and_cards(sent: &Sent) -> Vec<String> {
    let mut body: Json = serde_json::from_str(&sent.body).expect("JSON");
    let chat = body["text"].take().as_str().map(str::to_owned);
    let mut cards = Vec::new();
    strings(
        &body["cardsV2"][0]["card"]["sections"],
        &|_| true,
        &mut cards,
    );
    let marks = |text: String| MARKS.iter().fold(text, |text, mark| text.replace(mark, ""));
    chat.into_iter()
        .chain(cards.into_iter().map(marks))
        .collect()
}

/// The page of a mail, which begins after its text.
fn page(sent: &Sent) -> Vec<String> {
    let at = sent.body.find("<!DOCTYPE html>").expect("a page");
    vec![sent.body[at..].to_owned()]
}

/// The pages in a body of JSON.
fn pages(sent: &Sent) -> Vec<String> {
    let texts = texts(sent).into_iter();
    let pages: Vec<String> = texts
        .filter(|text| text.starts_with("<!DOCTYPE html>"))
        .collect();
    assert_eq!(pages.len(), 1);
    pages
}

/// The structured data, in which a bracket and a quotation mark end what they stand in.
fn structured(sent: &Sent) -> Vec<String> {
    let (data, _) = sent.body.split_once("] \u{feff}").expect("a message");
    vec![data.to_owned()]
}

/// What nothing survives as: it moves a terminal or turns the writing around.
fn moves(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && c != '\n') || turns
}

#[test]
fn every_kind_has_a_row() {
    let rows: Vec<&str> = ROWS.iter().map(|row| row.kind).collect();
    assert_eq!(rows, kind_words().collect::<Vec<_>>());
}

#[test]
fn no_name_and_no_message_is_obeyed_anywhere() {
    let notice = hostile();
    for example in examples() {
        let destination = &example.destination;
        let row = ROWS.iter().find(|row| row.kind == destination.kind_word());
        let row = row.expect("a row");
        for thread in [None, example.thread.as_deref()] {
            for request in sent(destination, &notice, &attempt(), thread) {
                let what = format!("{}: {request:#?}", example.name);
                let all = texts(&request).into_iter();
                let all: Vec<String> = all
                    .chain(request.headers.iter().map(|(_, value)| value.clone()))
                    .collect();
                for text in &all {
                    assert!(!text.contains(moves), "{text:?} in {what}");
                }
                for (read, live) in (row.reads)(&request)
                    .iter()
                    .flat_map(|text| row.live.iter().map(move |live| (text, live)))
                {
                    assert!(!read.contains(live), "{live} in {read:?} in {what}");
                }
                let has_it = request.url.contains("evil.example")
                    || all.iter().any(|text| text.contains("evil.e"));
                assert!(
                    has_it || request.body.is_empty(),
                    "it does not arrive: {what}"
                );
            }
        }
    }
}
