//! The contract of the link: an answer that it gives belongs to the request, and nothing that went wrong outlives its connection.

use std::{sync::atomic::Ordering, time::Duration};

use super::hostile::{Hostile, Manner, bit, register};
use crate::source::modbus::{
    config::Address,
    decode::Answer,
    link::{Link, LinkError},
    plan::{Kind, Span},
};

/// Long enough for a proper answer on a busy machine.
const TIMEOUT: Duration = Duration::from_millis(250);

fn address(port: u16) -> Address {
    Address::Tcp {
        host: "127.0.0.1".into(),
        port,
    }
}

fn link(port: u16) -> Link {
    Link::new(address(port), TIMEOUT)
}

fn span(kind: Kind, start: u16, count: u16) -> Span {
    Span { kind, start, count }
}

/// What a proper device answers.
fn right(unit: u8, span: Span) -> Answer {
    let function = match span.kind {
        Kind::Coil => 1,
        Kind::Discrete => 2,
        Kind::Holding => 3,
        Kind::Input => 4,
    };
    let addresses = span.start..span.start + span.count;
    if span.kind.is_bits() {
        Answer::Bits(
            addresses
                .map(|address| bit(unit, function, address))
                .collect(),
        )
    } else {
        Answer::Registers(
            addresses
                .map(|address| register(unit, function, address))
                .collect(),
        )
    }
}

fn class(error: &LinkError) -> &'static str {
    match error {
        LinkError::Connect { .. } => "connect",
        LinkError::ConnectTimeout { .. } => "connect timeout",
        LinkError::NoAnswer { .. } => "no answer",
        LinkError::Broken { .. } => "broken",
        LinkError::Mismatch { .. } => "mismatch",
        LinkError::WrongLength { .. } => "wrong length",
        LinkError::Exception { .. } => "exception",
    }
}

#[tokio::test]
async fn every_kind_is_read_whole_even_byte_by_byte() {
    let hostile = Hostile::start(|asked| [Manner::Proper, Manner::Trickled][asked.nth % 2]).await;
    let mut link = link(hostile.port);
    for kind in [Kind::Holding, Kind::Input, Kind::Coil, Kind::Discrete] {
        for count in [1, 2, 9, kind.limit()] {
            for unit in [0, 1, 247, 255] {
                let span = span(kind, 77, count);
                assert_eq!(link.read(unit, span).await.unwrap(), right(unit, span));
            }
        }
    }
    assert_eq!(hostile.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn no_misbehaviour_is_taken_for_a_value_nor_spoils_the_next_read() {
    let cases = [
        (Manner::Late(270), "no answer"),
        (Manner::Never, "no answer"),
        (Manner::LengthMax, "no answer"),
        (Manner::WrongTransaction, "mismatch"),
        (Manner::WrongUnit, "mismatch"),
        (Manner::WrongFunction, "mismatch"),
        (Manner::Short, "wrong length"),
        (Manner::Long, "wrong length"),
        (Manner::Truncated, "broken"),
        (Manner::Reset, "broken"),
        (Manner::LengthZero, "broken"),
        (Manner::NotModbus, "broken"),
        (Manner::Exception(2), "exception"),
    ];
    for (manner, expected) in cases {
        for (kind, count) in [(Kind::Holding, 4), (Kind::Discrete, 9)] {
            let hostile = Hostile::start(move |asked| {
                if asked.nth == 0 {
                    manner
                } else {
                    Manner::Proper
                }
            })
            .await;
            let mut link = link(hostile.port);
            let error = link.read(3, span(kind, 100, count)).await.unwrap_err();
            assert_eq!(class(&error), expected, "{manner:?} {kind:?}: {error}");
            for start in [101, 102] {
                let span = span(kind, start, count);
                assert_eq!(
                    link.read(3, span).await.unwrap(),
                    right(3, span),
                    "after {manner:?}"
                );
            }
            let connections = if expected == "exception" { 1 } else { 2 };
            assert_eq!(
                hostile.connections.load(Ordering::SeqCst),
                connections,
                "{manner:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_connection_that_the_device_closed_meanwhile_is_replaced_unnoticed() {
    let hostile = Hostile::start(|asked| match asked.nth {
        0 => Manner::Hangup,
        3 => Manner::Twice,
        _ => Manner::Proper,
    })
    .await;
    let mut link = link(hostile.port);
    for start in 0..9 {
        let span = span(Kind::Input, start, 2);
        assert_eq!(link.read(1, span).await.unwrap(), right(1, span));
    }
}

#[tokio::test]
async fn a_read_that_is_cancelled_leaves_no_connection_behind() {
    let hostile = Hostile::start(|asked| {
        if asked.nth == 0 {
            Manner::Late(20)
        } else {
            Manner::Proper
        }
    })
    .await;
    let mut link = link(hostile.port);
    let cancelled = tokio::time::timeout(
        Duration::from_millis(5),
        link.read(1, span(Kind::Holding, 100, 1)),
    );
    assert!(cancelled.await.is_err());
    let asked = span(Kind::Holding, 200, 1);
    assert_eq!(link.read(1, asked).await.unwrap(), right(1, asked));
    assert_eq!(hostile.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_refused_connection_is_an_outage_and_a_silent_unit_is_none() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let error = link(port)
        .read(1, span(Kind::Coil, 1, 1))
        .await
        .unwrap_err();
    assert!(error.is_outage());
    assert_eq!(
        error.to_string(),
        format!("cannot connect to 127.0.0.1:{port}")
    );

    let hostile = Hostile::start(|_| Manner::Never).await;
    let error = link(hostile.port)
        .read(1, span(Kind::Coil, 1, 1))
        .await
        .unwrap_err();
    assert!(!error.is_outage());
    assert_eq!(
        error.to_string(),
        format!(
            "unit 1 at 127.0.0.1:{} did not answer within 250ms",
            hostile.port
        )
    );
    assert_eq!(
        hostile.requests.load(Ordering::SeqCst),
        1,
        "a silent unit is not asked twice"
    );
}

/// Random manners: whatever happens, a value that is accepted is the one that was asked for.
#[tokio::test]
async fn a_late_reply_is_never_matched() {
    let mut runs = tokio::task::JoinSet::new();
    for seed in 0..8 {
        runs.spawn(read_in_any_weather(seed));
    }
    let accepted: usize = runs.join_all().await.into_iter().sum();
    assert!(accepted > 200, "the test must see answers too: {accepted}");
}

async fn read_in_any_weather(seed: u64) -> usize {
    let hostile = Hostile::start(move |asked| {
        let mut random = fastrand::Rng::with_seed(seed * 1_000 + asked.nth as u64);
        match random.u8(0..40) {
            0 => Manner::Late(random.u64(50..75)),
            1 => Manner::Never,
            2 => Manner::WrongTransaction,
            3 => Manner::WrongUnit,
            4 => Manner::WrongFunction,
            5 => Manner::Short,
            6 => Manner::Long,
            7 => Manner::Truncated,
            8 => Manner::Reset,
            9 => Manner::Hangup,
            10..14 => Manner::Twice,
            14 => Manner::Exception(6),
            15 => Manner::LengthZero,
            16 => Manner::LengthMax,
            17 => Manner::NotModbus,
            18 => Manner::Trickled,
            19..24 => Manner::Late(random.u64(0..3)),
            _ => Manner::Proper,
        }
    })
    .await;
    let (mut link, mut random) = (
        Link::new(address(hostile.port), Duration::from_millis(60)),
        fastrand::Rng::with_seed(seed),
    );
    let mut accepted = 0;
    for _ in 0..80 {
        let (_, kind) = Kind::WORDS[random.usize(0..4)];
        let span = span(kind, random.u16(0..2000), random.u16(1..=3));
        let unit = random.u8(1..4);
        if let Ok(answer) = link.read(unit, span).await {
            assert_eq!(answer, right(unit, span), "seed {seed}");
            accepted += 1;
        }
    }
    accepted
}
