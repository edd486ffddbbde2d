//! The contract of a link over a serial line, which has no numbers: what came late, twice or garbled is waited out and never taken.

use std::time::Duration;

use super::{
    hostile::{Asked, Framing, Hostile, Manner},
    link::{class, right, span},
};
use crate::source::modbus::{
    address::Address,
    link::{Link, LinkSettings},
    plan::Kind,
};

const TIMEOUT: Duration = Duration::from_millis(250);
const MAX_RESPONSE: Duration = Duration::from_millis(800);

/// More than the pause before a request.
const GAP: Duration = Duration::from_millis(5);

#[expect(
    clippy::disallowed_methods,
    reason = "the time that a test has stopped"
)]
pub(super) fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

fn settings(address: &str) -> LinkSettings {
    let mut settings = LinkSettings::new(Address::parse(address).unwrap(), TIMEOUT);
    settings.max_response = MAX_RESPONSE;
    settings
}

/// A device in memory, and a link to it.
fn paused(manner: impl Fn(Asked) -> Manner + Send + Sync + 'static) -> (Hostile, Link) {
    let hostile = Hostile::new(Framing::Rtu, false, manner);
    let mut settings = settings("rtu+tcp://device:4001");
    settings.memory = Some(hostile.memory());
    (hostile, Link::new(settings))
}

#[tokio::test]
async fn every_kind_is_read_whole_even_byte_by_byte() {
    let hostile =
        Hostile::start_rtu(|asked| [Manner::Proper, Manner::Trickled][asked.nth % 2]).await;
    let mut settings = settings(&format!("rtu+tcp://127.0.0.1:{}", hostile.port));
    // This is about bytes, and the machine may be busy.
    settings.timeout = Duration::from_secs(10);
    let mut link = Link::new(settings);
    for kind in [Kind::Holding, Kind::Input, Kind::Coil, Kind::Discrete] {
        for count in [1, 2, 9, kind.limit()] {
            for unit in [0, 1, 247, 255] {
                let span = span(kind, 77, count);
                assert_eq!(link.read(unit, span).await.unwrap(), right(unit, span));
            }
        }
    }
    assert_eq!(hostile.connected(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_misbehaviour_is_taken_for_a_value_nor_spoils_the_next_read() {
    let cases = [
        (Manner::Late(251), "no answer"),
        (Manner::Late(1000), "no answer"),
        (Manner::Never, "no answer"),
        (Manner::HalfOpen, "no answer"),
        (Manner::Truncated, "no answer"),
        (Manner::WrongUnit, "garbled"),
        (Manner::WrongFunction, "garbled"),
        (Manner::Short, "garbled"),
        (Manner::Long, "garbled"),
        (Manner::BadChecksum, "garbled"),
        (Manner::Noise(7), "garbled"),
        (Manner::Twice, "garbled"),
        (Manner::Endless(600), "garbled"),
        (Manner::Reset, "broken"),
        (Manner::Exception(2), "exception"),
    ];
    for (manner, expected) in cases {
        for (kind, count) in [(Kind::Holding, 4), (Kind::Discrete, 9)] {
            let (hostile, mut link) = paused(move |asked| match asked.nth {
                0 => manner,
                _ => Manner::Proper,
            });
            let error = link.read(3, span(kind, 100, count)).await.unwrap_err();
            assert_eq!(class(&error), expected, "{manner:?} {kind:?}: {error}");
            for start in [101, 102] {
                let span = span(kind, start, count);
                let read = link.read(3, span).await.unwrap();
                assert_eq!(read, right(3, span), "after {manner:?}");
            }
            let (connections, requests) = match expected {
                "exception" => (1, 3),
                _ => (2, 4),
            };
            let told = (hostile.connected(), hostile.asked());
            assert_eq!(
                told,
                (connections, requests),
                "after {manner:?}: one was asked twice"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_waited_out_and_neighbours_are_not_asked_twice() {
    let (hostile, mut link) = paused(|asked| match asked.nth {
        0 => Manner::Late(1000),
        _ => Manner::Proper,
    });
    let begin = now();
    let asked = span(Kind::Input, 7, 2);
    assert!(link.read(1, asked).await.is_err());
    let told = begin.elapsed();
    assert!(
        told < TIMEOUT + GAP,
        "the failure is told before it is waited out: {told:?}"
    );
    assert_eq!(link.read(2, asked).await.unwrap(), right(2, asked));
    let waited = begin.elapsed();
    let least = TIMEOUT + MAX_RESPONSE + Duration::from_millis(50);
    assert!(waited >= least && waited < least + GAP * 3, "{waited:?}");
    assert_eq!(hostile.asked(), 2, "unit 2 was never in doubt");
    assert_eq!(link.read(1, asked).await.unwrap(), right(1, asked));
    assert_eq!(hostile.asked(), 4, "unit 1 was");
    assert_eq!(link.read(1, asked).await.unwrap(), right(1, asked));
    assert_eq!(hostile.asked(), 5, "and is no more");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_cancelled_is_waited_out_too() {
    let (hostile, mut link) = paused(|asked| match asked.nth {
        0 => Manner::Late(200),
        _ => Manner::Proper,
    });
    let asked = span(Kind::Holding, 100, 1);
    let cancelled = tokio::time::timeout(Duration::from_millis(20), link.read(1, asked));
    assert!(cancelled.await.is_err());
    let begin = now();
    let other = span(Kind::Holding, 200, 1);
    assert_eq!(link.read(1, other).await.unwrap(), right(1, other));
    assert!(begin.elapsed() >= MAX_RESPONSE);
    assert_eq!((hostile.connected(), hostile.asked()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_never_silent_is_an_outage_until_it_is() {
    let (_hostile, mut link) = paused(|asked| match asked.nth {
        0 => Manner::Endless(10_000),
        _ => Manner::Proper,
    });
    let asked = span(Kind::Holding, 1, 1);
    assert_eq!(class(&link.read(1, asked).await.unwrap_err()), "garbled");
    let error = link.connect().await.unwrap_err();
    assert!(error.is_outage());
    assert_eq!(
        error.to_string(),
        "device:4001 is never silent: something sends there without being asked"
    );
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(link.read(1, asked).await.unwrap(), right(1, asked));
}

#[tokio::test(start_paused = true)]
async fn an_echo_is_taken_off_where_there_is_one() {
    // An adapter that echoes: what is sent comes back before the answer does.
    let (mut settings, asked) = (settings("rtu+tcp://device:1"), span(Kind::Holding, 5, 1));
    settings.echo = true;
    let hostile = Hostile::new(Framing::Rtu, false, |_| Manner::Proper);
    let device = hostile.memory();
    settings.memory = Some(crate::source::modbus::link::Memory::leading(move |to| {
        let (here, there) = tokio::io::duplex(1024);
        let (mut reading, mut writing) = tokio::io::split(there);
        let (mut answers, mut requests) = tokio::io::split(device.connect(to)?);
        let writing_back = async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let mut request = [0; 8];
            while reading.read_exact(&mut request).await.is_ok() {
                writing.write_all(&request).await.unwrap();
                requests.write_all(&request).await.unwrap();
                let mut answer = [0; 7];
                answers.read_exact(&mut answer).await.unwrap();
                writing.write_all(&answer).await.unwrap();
            }
        };
        tokio::spawn(writing_back);
        Ok(Box::new(here))
    }));
    let mut link = Link::new(settings.clone());
    for _ in 0..3 {
        assert_eq!(link.read(9, asked).await.unwrap(), right(9, asked));
    }
    settings.echo = false;
    let error = Link::new(settings).read(9, asked).await.unwrap_err();
    assert_eq!(class(&error), "garbled", "an echo is no answer");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_rests_is_closed_and_opened_again() {
    for (close, connections) in [(false, 1), (true, 3)] {
        let hostile = Hostile::new(Framing::Rtu, false, |_| Manner::Proper);
        let mut settings = settings("rtu+tcp://device:1");
        settings.memory = Some(hostile.memory());
        settings.close_after_poll = close;
        let mut link = Link::new(settings);
        for _ in 0..3 {
            let asked = span(Kind::Holding, 5, 1);
            assert_eq!(link.read(1, asked).await.unwrap(), right(1, asked));
            link.rest();
        }
        assert_eq!((hostile.connected(), hostile.asked()), (connections, 3));
    }
}
