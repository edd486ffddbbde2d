//! Alerts over the API, and who acts on them.

use serde_json::json;

use super::{Fake, Script};
use crate::{
    alert::command::{Action, AlertRef},
    api::BODY_LIMIT,
};

#[tokio::test]
async fn open_alerts_come_from_the_view_and_all_of_them_from_the_history_page_by_page() {
    let fake = Fake::start();
    let numbers = async |path: &str| {
        let (status, body) = fake.get(path).await;
        assert_eq!(status, 200, "{body}");
        let alerts = body.as_array().unwrap().iter();
        alerts
            .map(|alert| alert["number"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers("/v1/alerts").await, ["A-1042"]);
    assert_eq!(numbers("/v1/alerts?limit=0").await, [""; 0]);
    assert_eq!(numbers("/v1/alerts?state=all").await, ["A-1042", "A-7"]);
    assert_eq!(numbers("/v1/alerts?state=all&limit=1").await, ["A-1042"]);
    let next = "/v1/alerts?state=all&before=A-1042";
    assert_eq!(numbers(next).await, ["A-7"]);
    for bad in [
        "state=closed",
        "limit=-1",
        "before=A-1042",
        "state=all&before=1042",
        "stat=all",
    ] {
        let (status, body) = fake.get(&format!("/v1/alerts?{bad}")).await;
        assert_eq!(status, 400, "{bad}");
        assert!(body["error"].is_string());
    }
}

#[tokio::test]
async fn one_alert_is_shown_by_number_and_while_it_is_open_by_name() {
    let fake = Fake::start();
    for name in ["A-1042", "mill-1%2Fhot"] {
        let (status, body) = fake.get(&format!("/v1/alerts/{name}")).await;
        assert_eq!((status, &body["alert"]["number"]), (200, &json!("A-1042")));
        assert_eq!(body["events"][1]["by"], "Otto");
        assert_eq!(body["deliveries"][0]["id"], 8);
        assert_eq!(body["deliveries"][0]["provider_id"], "evt-8");
    }
    for (name, expected) in [("A-3", 404), ("mill-1%2Fcold", 404), ("mill-1", 400)] {
        let (status, body) = fake.get(&format!("/v1/alerts/{name}")).await;
        assert_eq!(status, expected, "{name}: {body}");
    }
}

#[tokio::test]
async fn an_acknowledgement_carries_the_user_of_the_socket_whom_the_kernel_vouches_for() {
    let fake = Fake::start();
    let (status, body) = fake.post("/v1/alerts/A-1042/acknowledge", "").await;
    assert_eq!(
        (status, body),
        (200, json!({ "lines": ["A-1042 acknowledged"] }))
    );
    let command = fake.command();
    let uid = rustix::process::geteuid().as_raw();
    let expected = crate::api::users::name(uid).unwrap_or_else(|| format!("uid {uid}"));
    assert_eq!(&*command.by.name, expected);
    assert_eq!((&*command.by.via, command.by.claimed), ("cli", false));
    let alert = AlertRef::Number(1042);
    assert_eq!(command.action, Action::Acknowledge { alert, note: None });
}

#[tokio::test]
async fn a_typed_name_is_recorded_as_claimed_with_the_note() {
    let fake = Fake::start();
    let body = r#"{ "by": " Otto ", "note": "on my way" }"#;
    let (status, _) = fake.post("/v1/alerts/mill-1%2Fhot/acknowledge", body).await;
    assert_eq!(status, 200);
    let command = fake.command();
    assert_eq!((&*command.by.name, command.by.claimed), ("Otto", true));
    let Action::Acknowledge { note, .. } = command.action else {
        panic!("{command:?}");
    };
    assert_eq!(note.as_deref(), Some("on my way"));
}

#[tokio::test]
async fn a_close_needs_a_reason() {
    let fake = Fake::start();
    let path = "/v1/alerts/A-1042/close";
    for body in ["", "{}", r#"{ "why": "  " }"#] {
        let (status, body) = fake.post(path, body).await;
        assert_eq!(status, 400);
        assert!(body["error"].as_str().unwrap().contains("why"), "{body}");
    }
    let (status, _) = fake.post(path, r#"{ "why": "sensor gone" }"#).await;
    assert_eq!(status, 200);
    let why = "sensor gone".into();
    let alert = AlertRef::Number(1042);
    assert_eq!(fake.command().action, Action::Close { alert, why });
}

#[tokio::test]
async fn refusals_say_why_with_a_fitting_status() {
    let fake = Fake::start();
    for (alert, expected, word) in [
        ("A-7", 409, "over already"),
        ("A-8", 409, "by maria already"),
        ("A-9", 404, "no alert"),
        ("A", 400, "names no alert"),
    ] {
        let path = format!("/v1/alerts/{alert}/acknowledge");
        let (status, body) = fake.post(&path, "{}").await;
        assert_eq!(status, expected, "{alert}");
        assert!(body["error"].as_str().unwrap().contains(word), "{body}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_it_reaches_the_agent() {
    let fake = Fake::start();
    let path = "/v1/alerts/A-1042/acknowledge";
    let long = |key: &str, length: usize| format!(r#"{{ "{key}": "{}" }}"#, "x".repeat(length));
    for body in [
        "{".to_owned(),
        r#"{ "notes": "x" }"#.to_owned(),
        r#"{ "note": 5 }"#.to_owned(),
        r#"{ "note": "a\nb" }"#.to_owned(),
        r#"{ "by": "\u001b[2J" }"#.to_owned(),
        long("note", 501),
        long("by", 65),
    ] {
        assert_eq!(fake.post(path, &body).await.0, 400, "{body:.80}");
    }
    let (status, body) = fake.post(path, &" ".repeat(BODY_LIMIT + 1)).await;
    assert_eq!(status, 413);
    assert!(body["error"].as_str().unwrap().contains("64 KiB"));
    assert!(fake.commands.lock().unwrap().is_empty());
    let fits = format!("{{{}}}", " ".repeat(BODY_LIMIT - 2));
    assert_eq!(fake.post(path, &fits).await.0, 200);
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_no_empty_one() {
    let fake = Fake::with(Script {
        no_history: true,
        ..Script::default()
    });
    for path in ["/v1/alerts?state=all", "/v1/alerts/A-1042", "/v1/outbox"] {
        let (status, body) = fake.get(path).await;
        assert_eq!(status, 503, "{path}");
        assert!(body["error"].as_str().unwrap().contains("disk I/O error"));
    }
    assert_eq!(fake.get("/v1/alerts").await.0, 200);
}
