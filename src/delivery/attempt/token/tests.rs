//! Issuers that answer in every way. That andon speaks what others speak is tested against Authlib, with the whole agent.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, http::HeaderMap, routing::post};

use super::*;
use crate::{
    clock::{Clock, Synchronised},
    config::{
        secret::Secret,
        section::Read as _,
        tree::{Node, Place, Value},
    },
    link::guard::Guard,
};

type Heard = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// An issuer with these answers, the last one for ever.
async fn issuer(answers: &[(u16, &str)]) -> (SocketAddr, Heard) {
    let heard = Heard::default();
    let keep = Arc::clone(&heard);
    let answers: VecDeque<(u16, String)> = answers
        .iter()
        .map(|(status, text)| (*status, (*text).to_owned()))
        .collect();
    let answers = Arc::new(Mutex::new(answers));
    let take = move |headers: HeaderMap, body: String| async move {
        keep.lock().expect("no panic").push((headers, body));
        let mut answers = answers.lock().expect("no panic");
        let (status, text) = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().expect("an answer"),
        };
        let status = axum::http::StatusCode::from_u16(status).expect("a status");
        (status, text)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().route("/token", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, heard)
}

fn tokens(address: SocketAddr, auth: ClientAuth) -> Tokens {
    let place = Place {
        file: "a.toml".into(),
        line: 1,
    };
    let secret = Secret::read(&Node {
        value: Value::Text("s:e +%ä".to_owned()),
        place,
    });
    let oauth2 = OAuth2 {
        token_url: format!("http://{address}/token"),
        client_id: "andon".to_owned(),
        client_secret: secret.expect("a secret"),
        scope: Some("alerts write".to_owned()),
        audience: Some("https://ops.example.com/".to_owned()),
        auth,
        allow_http: true,
        allow_addresses: Vec::new(),
    };
    let guard = Guard {
        allow_http: true,
        allow: vec![(address.ip().into(), address.port())],
        own: Vec::new(),
    };
    Tokens::new(&oauth2, Settings::new(guard, Duration::from_secs(10))).expect("tokens")
}

fn now() -> Now {
    Clock::system(Synchronised::Assume).now()
}

fn later(now: Now, seconds: u64) -> Now {
    Now {
        mono: now.mono + Duration::from_secs(seconds),
        ..now
    }
}

const GOOD: &str = r#"{"access_token":"t-1","token_type":"bearer","expires_in":3600}"#;
const NEXT: &str = r#"{"access_token":"t-2","token_type":"Bearer","expires_in":"3600"}"#;

#[tokio::test]
async fn a_token_is_fetched_once_for_all_and_anew_shortly_before_its_end() {
    let (address, heard) = issuer(&[(200, GOOD), (200, NEXT)]).await;
    let tokens = Arc::new(tokens(address, ClientAuth::Basic));
    let start = now();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let tokens = Arc::clone(&tokens);
        asking.spawn(async move { tokens.get(start).await.expect("a token") });
    }
    let got = asking.join_all().await;
    assert!(got.iter().all(|token| token == "t-1"), "{got:?}");
    assert_eq!(heard.lock().expect("no panic").len(), 1);
    let token = tokens.get(later(start, 3600 - 61)).await;
    assert_eq!(token.expect("a token"), "t-1");
    let token = tokens.get(later(start, 3600 - 59)).await;
    assert_eq!(token.expect("a token"), "t-2");
    assert_eq!(heard.lock().expect("no panic").len(), 2);
}

#[tokio::test]
async fn a_token_that_was_refused_is_forgotten_but_not_a_newer_one() {
    let (address, heard) = issuer(&[(200, GOOD), (200, NEXT)]).await;
    let tokens = tokens(address, ClientAuth::Basic);
    let now = now();
    assert_eq!(tokens.get(now).await.expect("a token"), "t-1");
    tokens.forget("t-1").await;
    assert_eq!(tokens.get(now).await.expect("a token"), "t-2");
    tokens.forget("t-1").await;
    assert_eq!(tokens.get(now).await.expect("a token"), "t-2");
    assert_eq!(heard.lock().expect("no panic").len(), 2);
    assert!(!format!("{tokens:?}").contains("t-2"));
}

#[tokio::test]
async fn the_secret_goes_where_the_issuer_wants_it() {
    let form = "grant_type=client_credentials&scope=alerts%20write&audience=https%3A%2F%2Fops.example.com%2F";
    let with_secret = format!("{form}&client_id=andon&client_secret=s%3Ae%20%2B%25%C3%A4");
    for (auth, authorization, body) in [
        // andon:s%3Ae%20%2B%25%C3%A4
        (
            ClientAuth::Basic,
            Some("Basic YW5kb246cyUzQWUlMjAlMkIlMjUlQzMlQTQ="),
            form,
        ),
        (ClientAuth::Body, None, &with_secret),
    ] {
        let (address, heard) = issuer(&[(200, GOOD)]).await;
        tokens(address, auth).get(now()).await.expect("a token");
        let heard = heard.lock().expect("no panic");
        let (headers, said) = &heard[0];
        let found = headers.get("authorization");
        assert_eq!(
            found.map(|value| value.to_str().expect("text")),
            authorization
        );
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(said, body);
    }
}

#[tokio::test]
async fn what_is_no_token_is_told_without_repeating_it() {
    let long = format!(r#"{{"access_token":"{}"}}"#, "canary".repeat(10_000));
    for (status, answer, expected) in [
        (
            401,
            r#"{"error":"invalid_client","error_description":"canary"}"#,
            "HTTP 401, invalid_client; look at",
        ),
        (400, r#"{"error":"canary s:e"}"#, "HTTP 400; look at"),
        (500, "canary", "HTTP 500; look at"),
        (302, "canary", "HTTP 302; look at"),
        (200, "canary", "is not the JSON with an access_token"),
        (
            200,
            r#"{"access_token":7,"canary":1}"#,
            "is not the JSON with an access_token",
        ),
        (
            200,
            r#"{"access_token":""}"#,
            "signs that no token can have",
        ),
        (
            200,
            r#"{"access_token":"canary\r\nx-b: c"}"#,
            "signs that no token can have",
        ),
        (
            200,
            r#"{"access_token":"canary","token_type":"mac"}"#,
            "not of the type Bearer",
        ),
        (200, &long, "too long or broke off"),
    ] {
        let (address, _) = issuer(&[(status, answer)]).await;
        let error = tokens(address, ClientAuth::Basic)
            .get(now())
            .await
            .unwrap_err();
        let text = format!("{:#}", anyhow::Error::from(error));
        assert!(
            text.starts_with(&format!("no token from http://{address}: ")),
            "{text}"
        );
        assert!(
            text.contains(expected) && !text.contains("canary"),
            "{text}"
        );
    }
}

#[test]
fn a_life_that_is_unsaid_or_nonsense_is_a_short_one_and_none_is_for_ever() {
    let seconds = |said: Option<Seconds>| usable_for(said.as_ref()).as_secs();
    for (said, expected) in [
        (None, 240),
        (Some(Seconds::Number(3600.0)), 3540),
        (Some(Seconds::Number(60.0)), 45),
        (Some(Seconds::Number(0.0)), 0),
        (Some(Seconds::Number(-5.0)), 0),
        (Some(Seconds::Number(f64::NAN)), 0),
        (Some(Seconds::Number(1e300)), 240),
        (Some(Seconds::Number(1e9)), 24 * 3600 - 60),
        (Some(Seconds::Text("7200".to_owned())), 7140),
        (Some(Seconds::Text("soon".to_owned())), 240),
    ] {
        assert_eq!(seconds(said), expected);
    }
}
