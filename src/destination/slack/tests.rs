//! What Slack is sent, and what its answers mean.

use std::time::Duration;

use serde_json::Value as Json;

use crate::{
    alert::event::EventKind,
    destination::{
        Answer, Destination, Outcome,
        testbed::{attempt, notice, read, sent},
    },
};

const HOOK: &str = "type = \"slack\"\nurl = \"https://hooks.slack.com/services/T0/B0/x\"\n";
const BOT: &str = "type = \"slack-bot\"\ntoken = \"xoxb-canary\"\nchannel = \"#line-2\"\n";
const MENTION: &str =
    "mention = { critical = [\"<@U1ABC>\"], escalated = [\"<!subteam^S1ABC>\", \"<@U1ABC>\"] }\n";
const THREAD: &str = "C1 15.000247";

fn destination(text: &str) -> Destination {
    read(text).expect("a destination")
}

fn bodies(destination: &Destination, kind: EventKind, thread: Option<&str>) -> Vec<Json> {
    let sent = sent(destination, &notice(kind), &attempt(), thread);
    let body = |body: &str| serde_json::from_str(body).expect("JSON");
    sent.iter().map(|sent| body(&sent.body)).collect()
}

fn meant(
    destination: &Destination,
    thread: Option<&str>,
    answer: Answer,
) -> (Outcome, Option<String>) {
    let (notice, attempt) = (notice(EventKind::Escalated), attempt());
    destination.interpret(&destination.told(&notice, &attempt, thread), &answer)
}

fn answer(status: u16, step: usize, body: &str) -> Answer {
    Answer {
        status,
        step,
        body: body.to_owned(),
        synchronised: true,
        ..Answer::default()
    }
}

#[test]
fn the_word_of_a_webhook_decides_and_not_its_status() {
    let hook = destination(HOOK);
    for (status, body, expected) in [
        (200, "ok", "accepted"),
        (200, "<html>log in</html>", "failed"),
        (200, "", "failed"),
        (200, "no_service", "refused"),
        (400, "invalid_payload", "given up"),
        (403, "invalid_blocks", "given up"),
        (400, "channel_not_found", "refused"),
        (410, "channel_is_archived", "refused"),
        (403, "action_prohibited", "refused"),
        (500, "rollup_error", "failed"),
        (400, "rollup_error", "failed"),
        (404, "no_team", "refused"),
        (429, "", "failed"),
        (503, "", "failed"),
        (404, "", "refused"),
    ] {
        let (outcome, thread) = meant(&hook, None, answer(status, 0, body));
        assert_eq!(
            (name(&outcome), thread),
            (expected, None),
            "{status} {body}"
        );
    }
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
fn only_the_configuration_mentions_and_only_where_somebody_is_called() {
    let hook = destination(&format!("{HOOK}{MENTION}"));
    for (kind, begins) in [
        (EventKind::Triggered, "<@U1ABC> [CRITICAL]"),
        (EventKind::Escalated, "<!subteam^S1ABC> <@U1ABC> [CRITICAL]"),
        (EventKind::Acknowledged, "[ACK]"),
        (EventKind::Resolved, "[OK]"),
    ] {
        let body = &bodies(&hook, kind, None)[0];
        for text in [&body["text"], &body["blocks"][1]["text"]["text"]] {
            assert!(text.as_str().expect("a text").starts_with(begins), "{text}");
        }
    }
}

#[test]
fn a_follow_up_changes_the_first_message_and_then_replies_below_it() {
    let bot = destination(&format!("{BOT}{MENTION}"));
    let first = &bodies(&bot, EventKind::Triggered, None);
    assert_eq!((first.len(), &first[0]["channel"]), (1, &"#line-2".into()));
    for (kind, loud) in [
        (EventKind::Escalated, true),
        (EventKind::Reopened, true),
        (EventKind::Resolved, false),
    ] {
        let all = bodies(&bot, kind, Some(THREAD));
        let [change, reply] = all.as_slice() else {
            panic!("{all:?}");
        };
        assert_eq!(
            (&change["ts"], &change["channel"]),
            (&"15.000247".into(), &"C1".into())
        );
        assert_eq!(
            (&reply["thread_ts"], &reply["channel"]),
            (&"15.000247".into(), &"C1".into())
        );
        assert_eq!(reply["reply_broadcast"], loud, "{kind:?}");
        assert!(!change.to_string().contains("U1ABC"));
        assert_eq!(reply.to_string().contains("U1ABC"), loud);
    }
}

#[test]
fn a_refusal_inside_a_200_is_one() {
    let bot = destination(BOT);
    let ok = r#"{"ok":true,"channel":"C1","ts":"15.000247","message":{"text":"cut off"#;
    let says = |error: &str| format!("{{\"ok\":false,\"error\":\"{error}\"}}");
    let kept = Some(THREAD.to_owned());
    let gone = Some(String::new());
    for (thread, step, body, expected, keeps) in [
        (None, 0, ok.to_owned(), "accepted", kept),
        (Some(THREAD), 0, ok.to_owned(), "accepted", None),
        (Some(THREAD), 1, ok.to_owned(), "accepted", None),
        (
            Some(THREAD),
            0,
            says("message_not_found"),
            "failed",
            gone.clone(),
        ),
        (
            Some(THREAD),
            1,
            says("thread_not_found"),
            "failed",
            gone.clone(),
        ),
        (
            Some(THREAD),
            0,
            says("cant_update_message"),
            "accepted",
            None,
        ),
        (Some(THREAD), 0, says("is_archived"), "refused", gone),
        (None, 0, says("not_in_channel"), "refused", None),
        (None, 0, says("invalid_auth"), "refused", None),
        (None, 0, says("invalid_blocks"), "given up", None),
        (None, 0, says("internal_error"), "failed", None),
        (None, 0, says("something_new"), "refused", None),
        (None, 0, "<html>".to_owned(), "failed", None),
    ] {
        let (outcome, keeps_now) = meant(&bot, thread, answer(200, step, &body));
        assert_eq!((name(&outcome), keeps_now), (expected, keeps), "{body}");
    }
    let (outcome, _) = meant(&bot, None, answer(200, 0, &says("ratelimited")));
    let wait = Some(Duration::from_secs(30));
    assert!(matches!(outcome, Outcome::Failed { retry_after, .. } if retry_after == wait));
}

#[test]
fn a_bot_wants_a_token_of_a_bot_a_channel_and_mentions_as_slack_writes_them() {
    for (more, wrong) in [
        (
            "token = \"https://hooks\"\nchannel = \"C1\"",
            "no token of a bot",
        ),
        (
            "token = \"xoxb-1\"\nchannel = \"line 2\"",
            "must be a channel's id",
        ),
        (
            "token = \"xoxb-1\"\nchannel = \"C1\"\nmention = { critical = [\"@kim\"] }",
            "as Slack writes it",
        ),
        (
            "token = \"xoxb-1\"\nchannel = \"C1\"\nmention = { fatal = [] }",
            "is not a key",
        ),
    ] {
        let found = read(&format!("type = \"slack-bot\"\n{more}\n")).expect_err("a mistake");
        assert!(found.iter().any(|said| said.contains(wrong)), "{found:?}");
    }
}
