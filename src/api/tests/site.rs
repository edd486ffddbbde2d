//! The site over the API: its state, its shelves, its configuration.

use std::time::Duration;

use serde_json::json;

use super::{Fake, Script, view};
use crate::{
    alert::command::{Action, Target},
    api::view::View,
};

#[tokio::test]
async fn the_status_is_the_view() {
    let fake = Fake::start();
    let (status, body) = fake.get("/v1/status").await;
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_value::<View>(body).unwrap(), view());
}

#[tokio::test]
async fn shelves_are_put_up_and_taken_down_for_every_kind_of_target() {
    for (text, target) in [
        ("site", Target::Site),
        ("A-1042", Target::Alert(1042)),
        ("mill-1", Target::Machine("mill-1".into())),
    ] {
        let fake = Fake::start();
        let body = json!({ "target": text, "for": "90m", "why": "new spindle" });
        assert_eq!(fake.post("/v1/shelve", &body.to_string()).await.0, 200);
        let duration = Duration::from_secs(90 * 60);
        let reason = "new spindle".into();
        let (expected, target) = (target.clone(), target);
        let action = Action::Shelve {
            target: expected,
            duration,
            reason,
        };
        assert_eq!(fake.command().action, action);
        fake.commands.lock().unwrap().clear();
        let body = json!({ "target": text });
        assert_eq!(fake.post("/v1/unshelve", &body.to_string()).await.0, 200);
        assert_eq!(fake.command().action, Action::Unshelve { target });
    }
}

#[tokio::test]
async fn a_shelf_without_sense_is_refused() {
    let fake = Fake::start();
    for (body, expected, word) in [
        (json!({ "target": "mill-1", "for": "2h" }), 400, "why"),
        (
            json!({ "target": "mill-1", "for": "2h", "why": "" }),
            400,
            "reason",
        ),
        (
            json!({ "target": "mill-1", "for": "two", "why": "x" }),
            400,
            "\"2h\"",
        ),
        (
            json!({ "target": "mill 1", "for": "2h", "why": "x" }),
            400,
            "names nothing",
        ),
        (
            json!({ "target": "mill-1", "for": "30d", "why": "x" }),
            400,
            "up to 7 days",
        ),
    ] {
        let (status, answer) = fake.post("/v1/shelve", &body.to_string()).await;
        assert_eq!(status, expected, "{body}");
        assert!(answer["error"].as_str().unwrap().contains(word), "{answer}");
    }
    let (status, _) = fake
        .post("/v1/unshelve", r#"{ "target": "lathe-2" }"#)
        .await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn a_refused_configuration_is_told_mistake_by_mistake() {
    let (status, body) = Fake::start().post("/v1/reload", "").await;
    assert_eq!((status, &body["hash"]), (200, &json!("3f2a9c01d2e4")));
    let mistakes = vec!["andon.toml:4: agent.site: is missing".to_owned()];
    let fake = Fake::with(Script {
        mistakes: mistakes.clone(),
        ..Script::default()
    });
    let (status, body) = fake.post("/v1/reload", "").await;
    assert_eq!((status, &body["problems"]), (409, &json!(mistakes)));
}

#[tokio::test]
async fn a_path_or_a_method_that_does_not_exist_is_told_as_json() {
    let fake = Fake::start();
    for (method, path, expected) in [
        ("GET", "/", 404),
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/reload", 405),
        ("DELETE", "/v1/alerts/A-1042", 405),
    ] {
        let (status, body) = fake.exchange(method, path, "").await;
        assert_eq!(status, expected, "{method} {path}");
        assert!(body["error"].is_string());
    }
}
