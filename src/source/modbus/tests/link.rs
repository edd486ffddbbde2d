//! The contract of the link: an answer that it gives belongs to the request, and nothing that went wrong outlives its connection.

use std::{sync::atomic::Ordering, time::Duration};

use super::hostile::{Hostile, Manner, bit, register};
use crate::{
    port::Port,
    source::modbus::{
        address::Address,
        decode::Answer,
        link::{Link, LinkError, LinkSettings},
        plan::{Kind, Span},
    },
};

/// Long enough for a proper answer on a busy machine.
const TIMEOUT: Duration = Duration::from_millis(250);

pub(super) fn address(port: u16) -> Address {
    Address::Tcp {
        host: "127.0.0.1".into(),
        port,
    }
}

fn link(port: u16) -> Link {
    Link::new(LinkSettings::new(address(port), TIMEOUT))
}

pub(super) fn span(kind: Kind, start: u16, count: u16) -> Span {
    Span { kind, start, count }
}

/// What a proper device answers.
pub(super) fn right(unit: u8, span: Span) -> Answer {
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

pub(super) fn class(error: &LinkError) -> &'static str {
    match error {
        LinkError::Connect { .. } => "connect",
        LinkError::ConnectTimeout { .. } => "connect timeout",
        LinkError::NoAnswer { .. } => "no answer",
        LinkError::Broken { .. } => "broken",
        LinkError::NeverSilent { .. } => "never silent",
        LinkError::Mismatch { .. } => "mismatch",
        LinkError::Garbled { .. } => "garbled",
        LinkError::WrongLength { .. } => "wrong length",
        LinkError::Exception { .. } => "exception",
    }
}

#[tokio::test]
async fn every_kind_is_read_whole_even_byte_by_byte() {
    let hostile = Hostile::start(|asked| [Manner::Proper, Manner::Trickled][asked.nth % 2]).await;
    // Every answer comes, and on a busy machine it takes as long as it takes.
    let mut link = Link::new(LinkSettings::new(address(hostile.port), TIMEOUT * 100));
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
async fn the_end_of_a_connection_is_called_that() {
    let hostile = Hostile::start(|_| Manner::Reset).await;
    let asked = span(Kind::Holding, 100, 1);
    let error = link(hostile.port).read(3, asked).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "the other side ended it");
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
    let closed = Port::reserve();
    let port = closed.number;
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
