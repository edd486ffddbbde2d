//! What Telegram is sent, and what its answers mean.

use serde_json::Value as Json;

use crate::{
    alert::event::EventKind,
    destination::{
        Answer, Destination, Outcome,
        testbed::{attempt, notice, read, sent},
    },
};

const BOT: &str =
    "type = \"telegram\"\ntoken = \"123456789:AAEcanarycanarycanary\"\nchat_id = -42\n";

fn meant(
    destination: &Destination,
    thread: Option<&str>,
    status: u16,
    body: &str,
) -> (Outcome, Option<String>) {
    let (notice, attempt) = (notice(EventKind::Escalated), attempt());
    let answer = Answer {
        status,
        body: body.to_owned(),
        synchronised: true,
        ..Answer::default()
    };
    destination.interpret(&destination.told(&notice, &attempt, thread), &answer)
}

fn body(destination: &Destination, thread: Option<&str>) -> Json {
    let sent = sent(
        destination,
        &notice(EventKind::Escalated),
        &attempt(),
        thread,
    );
    serde_json::from_str(&sent[0].body).expect("JSON")
}

#[test]
fn a_group_that_moved_is_told_where_it_is_now_and_so_is_the_operator() {
    let bot = read(BOT).expect("a destination");
    let moved = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001234567890}}"#;
    let (outcome, thread) = meant(&bot, None, 400, moved);
    assert!(
        matches!(&outcome, Outcome::Failed { why, .. } if why.contains("set chat_id = -1001234567890")),
        "{outcome:?}"
    );
    let thread = thread.expect("where it is");
    let again = body(&bot, Some(&thread));
    assert_eq!(again["chat_id"], -1_001_234_567_890_i64);
    assert!(again["reply_parameters"].is_null());
    let ok = r#"{"ok":true,"result":{"message_id":7,"text":"cut o"#;
    let (_, kept) = meant(&bot, Some(&thread), 200, ok);
    assert_eq!(kept.as_deref(), Some("-1001234567890 7"));
    let reply = body(&bot, kept.as_deref());
    assert_eq!(reply["reply_parameters"]["message_id"], 7);
    // Replies belong below the first message.
    assert_eq!(meant(&bot, kept.as_deref(), 200, ok).1, None);
}

#[test]
fn what_somebody_can_mend_is_not_given_up() {
    let bot = read(BOT).expect("a destination");
    for (status, said, gives_up) in [
        (400, "Bad Request: chat not found", false),
        (400, "Bad Request: can't parse entities: unclosed tag", true),
        (400, "Bad Request: message is too long", true),
        (403, "Forbidden: bot was kicked from the group chat", false),
        (404, "Not Found", false),
    ] {
        let body = format!("{{\"ok\":false,\"error_code\":{status},\"description\":\"{said}\"}}");
        let (outcome, _) = meant(&bot, None, status, &body);
        let refused = matches!(outcome, Outcome::Refused { give_up, .. } if give_up == gives_up);
        assert!(refused, "{outcome:?}");
    }
}

#[test]
fn a_text_has_room_in_a_message_and_its_tags_are_ours() {
    let one = |at: u32| format!("\"{} <tg://user?id={at}>\"", "é".repeat(40));
    let people = (0..20).map(one).collect::<Vec<_>>().join(", ");
    let bot = read(&format!("{BOT}mention = {{ critical = [{people}] }}\n")).expect("one");
    let mut long = notice(EventKind::Triggered);
    long.alert.message = "&".repeat(1000);
    long.alert.action = "🚨".repeat(1000);
    long.text = "<b>@kim_lee</b> jo@example.com ".repeat(40);
    let sent = sent(&bot, &long, &attempt(), None);
    let body: Json = serde_json::from_str(&sent[0].body).expect("JSON");
    let text = body["text"].as_str().expect("a text");
    assert!(text.encode_utf16().count() <= 4096);
    assert!(!text.contains("@kim_lee") && text.contains("jo@example.com"));
    let tags = text.split('<').skip(1);
    for tag in tags {
        let ours = ["b>", "/b>", "a href=\"tg://user?id=", "/a>"]
            .iter()
            .any(|ours| tag.starts_with(ours));
        assert!(ours, "{tag}");
    }
}
