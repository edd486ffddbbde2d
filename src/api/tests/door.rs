//! Starting, stopping, and an agent that does not answer.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use super::{Fake, Script};
use crate::api::{self, DoorError};

#[tokio::test]
async fn a_second_agent_is_refused_and_the_first_goes_on() {
    let fake = Fake::start();
    let error = api::bind(&fake.socket).unwrap_err();
    assert!(matches!(error, DoorError::InUse(_)), "{error}");
    assert_eq!(fake.get("/v1/status").await.0, 200);
}

#[tokio::test]
async fn the_socket_of_an_agent_that_ended_is_taken_over() {
    let mut fake = Fake::start();
    fake.stop.cancel();
    (&mut fake.server).await.unwrap().unwrap();
    assert!(UnixStream::connect(&fake.socket).await.is_err());
    let _listener = api::bind(&fake.socket).unwrap();
    assert!(UnixStream::connect(&fake.socket).await.is_ok());
}

#[tokio::test]
async fn a_caller_that_never_finishes_its_request_does_not_hold_up_the_stop() {
    let mut fake = Fake::start();
    let mut stuck = UnixStream::connect(&fake.socket).await.unwrap();
    stuck.write_all(b"POST /v1/reload HT").await.unwrap();
    // The stuck one was accepted before this one.
    assert_eq!(fake.get("/v1/status").await.0, 200);
    // From here on nothing waits for the network, so that the grace may pass in no time.
    tokio::time::pause();
    fake.stop.cancel();
    (&mut fake.server).await.unwrap().unwrap();
    drop(stuck);
}

#[tokio::test]
async fn a_caller_that_says_nothing_is_shown_out() {
    let fake = Fake::start();
    let mut silent = UnixStream::connect(&fake.socket).await.unwrap();
    // The silent one was accepted before this one.
    assert_eq!(fake.get("/v1/status").await.0, 200);
    tokio::time::pause();
    let mut said = Vec::new();
    silent.read_to_end(&mut said).await.unwrap();
    assert!(said.is_empty());
}

#[tokio::test]
async fn an_agent_that_is_gone_is_told_at_once() {
    let fake = Fake::with(Script {
        no_agent: true,
        ..Script::default()
    });
    for path in ["/v1/status", "/v1/alerts", "/v1/destinations"] {
        let (status, body) = fake.get(path).await;
        assert_eq!(status, 503);
        assert!(body["error"].as_str().unwrap().contains("does not answer"));
    }
}
