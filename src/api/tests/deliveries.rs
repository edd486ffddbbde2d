//! Destinations and the outbox over the API.

use serde_json::json;

use super::Fake;

#[tokio::test]
async fn destinations_are_listed_and_tested() {
    let fake = Fake::start();
    let (status, body) = fake.get("/v1/destinations").await;
    assert_eq!((status, &body[1]["state"]), (200, &json!("unreachable")));
    let (status, body) = fake.post("/v1/destinations/ops/test", "").await;
    assert_eq!((status, &body["accepted"]), (200, &json!(true)));
    let (status, body) = fake.post("/v1/destinations/broken/test", "").await;
    assert_eq!((status, &body["accepted"]), (200, &json!(false)));
    let (status, body) = fake.post("/v1/destinations/none/test", "").await;
    assert_eq!(status, 404);
    assert!(body["error"].as_str().unwrap().contains("\"none\""));
}

#[tokio::test]
async fn deliveries_are_listed_by_destination_and_state_and_shown_with_their_body() {
    let fake = Fake::start();
    let ids = async |query: &str| {
        let (status, body) = fake.get(&format!("/v1/outbox?{query}")).await;
        assert_eq!(status, 200, "{body}");
        let deliveries = body.as_array().unwrap().iter();
        deliveries
            .map(|one| one["id"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("").await, [8, 7]);
    assert_eq!(ids("state=pending").await, [7]);
    assert_eq!(ids("destination=ops&limit=1").await, [8]);
    assert_eq!(ids("destination=pager").await, [0; 0]);
    assert_eq!(ids("before=8").await, [7]);
    let (status, body) = fake.get("/v1/outbox?state=waiting").await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().contains("pending"));
    let (status, body) = fake.get("/v1/outbox/7").await;
    assert_eq!((status, &body["body"]["kind"]), (200, &json!("triggered")));
    assert_eq!(body["log"][0]["attempts"], 1);
    assert_eq!(fake.get("/v1/outbox/9").await.0, 404);
    assert_eq!(fake.get("/v1/outbox/seven").await.0, 400);
}

#[tokio::test]
async fn a_delivery_that_waits_is_tried_again_or_dropped_and_no_other() {
    let fake = Fake::start();
    let why = r#"{ "why": "receiver gone" }"#;
    let (status, body) = fake.post("/v1/outbox/7/retry", "").await;
    let lines = json!({ "lines": ["delivery 7 is tried again now"] });
    assert_eq!((status, body), (200, lines));
    assert_eq!(fake.post("/v1/outbox/7/drop", why).await.0, 200);
    assert_eq!(fake.post("/v1/outbox/7/drop", "").await.0, 400);
    for (path, body) in [("8/retry", ""), ("8/drop", why)] {
        let (status, answer) = fake.post(&format!("/v1/outbox/{path}"), body).await;
        assert_eq!(status, 409);
        assert!(answer["error"].as_str().unwrap().contains("is accepted"));
    }
    assert_eq!(fake.post("/v1/outbox/9/retry", "").await.0, 404);
    assert_eq!(fake.post("/v1/outbox/9/drop", why).await.0, 404);
}
