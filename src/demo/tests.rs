//! The whole story, told fast, over real sockets.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;

const FAST: Pace = Pace {
    speed: 4.0,
    pause: Duration::ZERO,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_comes_to_its_end_and_everything_arrived() {
    let mut out = Vec::new();
    let told = run_at(
        FAST,
        Some(Duration::ZERO),
        &mut out,
        CancellationToken::new(),
    )
    .await;
    let text = String::from_utf8(out).unwrap();
    let verdict = told.unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    assert!(verdict.is_success(), "{text}");
    assert_eq!(verdict.rounds, 1, "{text}");
    for line in ["machine", "decided", "delivered", "operator", "andon init"] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[tokio::test]
async fn who_stops_it_gets_an_end_at_once() {
    let mut out = Vec::new();
    let stop = CancellationToken::new();
    stop.cancel();
    let verdict = run_at(FAST, None, &mut out, stop).await.unwrap();
    assert!(verdict.is_success());
    assert_eq!(verdict.rounds, 0);
}
