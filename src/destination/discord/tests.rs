//! What Discord is sent, and what its answers mean.

use serde_json::Value as Json;

use crate::{
    alert::event::EventKind,
    destination::{
        Answer, Destination, Outcome,
        testbed::{attempt, notice, read, sent},
    },
};

const HOOK: &str =
    "type = \"discord\"\nurl = \"https://discord.com/api/webhooks/223704706495545344/x\"\n";
const MESSAGE: &str = "334385199974967042";

fn meant(
    destination: &Destination,
    (kind, thread): (EventKind, Option<&str>),
    (status, step, body): (u16, usize, &str),
) -> (Outcome, Option<String>) {
    let (notice, attempt) = (notice(kind), attempt());
    let answer = Answer {
        status,
        step,
        body: body.to_owned(),
        synchronised: true,
        ..Answer::default()
    };
    destination.interpret(&destination.told(&notice, &attempt, thread), &answer)
}

#[test]
fn what_was_lost_is_told_anew_and_what_cannot_be_changed_stays() {
    let hook = read(HOOK).expect("a destination");
    let code = |code: u32| format!("{{\"code\":{code},\"message\":\"x\"}}");
    let anew = Some(String::new());
    for (kind, step, status, body, goes_on, kept) in [
        (
            EventKind::Acknowledged,
            0,
            404,
            code(10008),
            false,
            anew.clone(),
        ),
        (EventKind::Acknowledged, 0, 400, code(30046), false, anew),
        (EventKind::Escalated, 0, 400, code(30046), true, None),
        (EventKind::Escalated, 0, 404, code(10015), false, None),
        (EventKind::Escalated, 1, 401, code(50027), false, None),
    ] {
        let (outcome, thread) = meant(&hook, (kind, Some(MESSAGE)), (status, step, &body));
        let accepted = matches!(outcome, Outcome::Accepted { .. });
        assert_eq!((accepted, thread), (goes_on, kept), "{body}: {outcome:?}");
        assert!(!matches!(outcome, Outcome::Refused { give_up: true, .. }));
    }
}

#[test]
fn an_embed_is_never_larger_than_all_may_be_together_and_mentions_nobody() {
    let hook = read(HOOK).expect("a destination");
    let mut long = notice(EventKind::Acknowledged);
    long.by.as_mut().expect("somebody").note = Some("*".repeat(1000));
    long.alert.message = "<@80351110224678912> @everyone ".repeat(300);
    long.alert.action = "🚨".repeat(1000);
    long.alert.machine_name = "`".repeat(200);
    long.text = "@here <@&165511591545143296> *".repeat(60);
    let body: Json =
        serde_json::from_str(&sent(&hook, &long, &attempt(), None)[0].body).expect("JSON");
    let long = |text: &Json| text.as_str().expect("a text").chars().count();
    let embed = &body["embeds"][0];
    let fields = embed["fields"].as_array().expect("fields");
    assert!(long(&body["content"]) <= 2000 && long(&embed["title"]) <= 256);
    let mut all = long(&embed["title"]);
    for field in fields {
        assert!((1..=1024).contains(&long(&field["value"])), "{field}");
        all += long(&field["name"]) + long(&field["value"]);
    }
    assert!(all <= 6000 && fields.len() > 3, "{all}");
    let allowed = &body["allowed_mentions"];
    assert_eq!(allowed.to_string(), r#"{"parse":[],"roles":[],"users":[]}"#);
    for calling in ["@everyone", "@here", "\"<@", " <@"] {
        assert!(!body.to_string().contains(calling), "{calling}: {body}");
    }
}

#[test]
fn a_thread_is_where_the_configuration_says() {
    let thread = read(&format!("{HOOK}thread_id = \"334385199974967043\"\n")).expect("one");
    let urls = |destination: &Destination, kept| {
        let sent = sent(destination, &notice(EventKind::Escalated), &attempt(), kept);
        let urls = sent
            .iter()
            .map(|sent| sent.url.rsplit_once("x").expect("x").1.to_owned());
        urls.collect::<Vec<_>>()
    };
    assert_eq!(
        urls(&thread, None),
        ["?wait=true&thread_id=334385199974967043"]
    );
    assert_eq!(
        urls(&thread, Some(MESSAGE)),
        [
            "/messages/334385199974967042?thread_id=334385199974967043",
            "?wait=true&thread_id=334385199974967043"
        ]
    );
    // What was kept is not trusted to be an id.
    let hook = read(HOOK).expect("one");
    assert_eq!(urls(&hook, Some("../../x 1")), ["?wait=true"]);
}
