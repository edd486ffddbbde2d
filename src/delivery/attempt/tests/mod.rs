//! Whole attempts against a real receiver, which verifies with the reference library of Standard Webhooks.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use tokio::sync::Mutex;

use super::*;
use crate::{
    clock::{Clock, Synchronised},
    destination::{
        notice::{Attempt, Notice},
        testbed::read,
    },
};

mod command;
mod mqtt;
mod rotation;
mod syslog;

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn now() -> Now {
    Clock::system(Synchronised::Assume).now()
}

fn notice() -> Notice {
    Notice {
        id: "01JQEVENT00000000000000000".to_owned(),
        kind: "triggered".to_owned(),
        ..Notice::default()
    }
}

type Heard = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A receiver that takes what is signed with [`KEY`] and answers 401 to all else.
async fn receiver() -> (SocketAddr, Heard) {
    let heard = Heard::default();
    let keep = Arc::clone(&heard);
    let take = move |headers: HeaderMap, body: String| async move {
        let verifier = standardwebhooks::Webhook::new(KEY).expect("a key");
        let good = verifier.verify(body.as_bytes(), &headers).is_ok();
        keep.lock().await.push((headers, body));
        if good {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::UNAUTHORIZED
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/hook", post(take))).await },
    );
    (address, heard)
}

fn destination(address: SocketAddr, more: &str) -> (Destination, Contact) {
    let destination = read(&format!(
        "type = \"webhook\"\nurl = \"http://{address}/hook\"\nallow_http = true\nallow_addresses = [\"{}/32:{}\"]\n{more}",
        address.ip(),
        address.port()
    ))
    .expect("a destination");
    let client = Contact::new(&destination, None).expect("a client");
    (destination, client)
}

async fn tell(ops: &Destination, contact: &Contact, notice: &Notice, now: Now) -> Exchange {
    let attempt = Attempt::default();
    carry(ops, contact, &ops.told(notice, &attempt, None), now).await
}

#[test]
fn of_several_instances_the_answer_counts_that_leaves_most_hope() {
    let refused = |give_up| Outcome::Refused {
        why: "no".to_owned(),
        give_up,
    };
    let failed = Outcome::Failed {
        why: "busy".to_owned(),
        retry_after: None,
    };
    let unreachable = Outcome::Unreachable {
        why: "away".to_owned(),
    };
    let accepted = Outcome::Accepted {
        detail: "HTTP 200".to_owned(),
        provider_id: None,
    };
    let rising = [refused(true), refused(false), unreachable, failed, accepted];
    for (worse, better) in rising.iter().zip(&rising[1..]) {
        let (a, b) = (Exchange::of(worse.clone()), Exchange::of(better.clone()));
        assert_eq!(a.clone().or(b.clone()).outcome, *better);
        assert_eq!(b.or(a).outcome, *better);
    }
}

#[tokio::test]
async fn a_signed_webhook_is_accepted_by_a_receiver_that_verifies_it() {
    let (address, heard) = receiver().await;
    let (ops, client) = destination(
        address,
        &format!("sign = {{ scheme = \"standard-webhooks\", secret = \"{KEY}\" }}"),
    );
    let Exchange { outcome, .. } = tell(&ops, &client, &notice(), now()).await;
    assert_eq!(
        outcome,
        Outcome::Accepted {
            detail: "HTTP 204".to_owned(),
            provider_id: None
        }
    );
    let heard = heard.lock().await;
    let (headers, body) = &heard[0];
    assert_eq!(headers["webhook-id"], "01JQEVENT00000000000000000");
    assert_eq!(headers["content-type"], "application/json");
    assert!(body.starts_with("{\"event\":\"alert.triggered\""), "{body}");
}

#[tokio::test]
async fn a_signature_that_is_too_old_is_the_clocks_fault_while_the_clock_is_wrong() {
    let (address, _heard) = receiver().await;
    let (ops, client) = destination(
        address,
        &format!("sign = {{ scheme = \"standard-webhooks\", secret = \"{KEY}\" }}"),
    );
    let right = now();
    let wrong = Now {
        wall: right.wall - Duration::from_secs(3600),
        synchronised: false,
        ..right
    };
    let Exchange { outcome, .. } = tell(&ops, &client, &notice(), wrong).await;
    assert!(
        matches!(outcome, Outcome::Unreachable { .. }),
        "{outcome:?}"
    );
    let Exchange { outcome, .. } = tell(
        &ops,
        &client,
        &notice(),
        Now {
            synchronised: true,
            ..wrong
        },
    )
    .await;
    assert!(
        matches!(outcome, Outcome::Refused { give_up: false, .. }),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_sends_nothing_and_waits_for_a_person() {
    let (address, heard) = receiver().await;
    let missing = "sign = { scheme = \"header\", secret = { file = \"/nonexistent/andon.key\" } }";
    let (ops, client) = destination(address, missing);
    let Exchange { outcome, .. } = tell(&ops, &client, &notice(), now()).await;
    let Outcome::Unreachable { why } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(why.contains("/nonexistent/andon.key"), "{why}");
    assert!(heard.lock().await.is_empty());
}

#[tokio::test]
async fn a_notice_that_can_never_be_rendered_is_given_up() {
    let (address, heard) = receiver().await;
    let (ops, client) = destination(address, "");
    let strange = Notice {
        kind: "promoted".to_owned(),
        ..notice()
    };
    let Exchange { outcome, .. } = tell(&ops, &client, &strange, now()).await;
    assert!(
        matches!(outcome, Outcome::Refused { give_up: true, .. }),
        "{outcome:?}"
    );
    assert!(heard.lock().await.is_empty());
}
