//! Random misbehaviour, ten thousand times over each framing, or with `ANDON_LONG` a million times, among as many proper answers: a value
//! that is accepted is the one that was asked for, and was said after it was asked.
//!
//! The clock is stopped and moves when nobody has anything to do, so that lateness is exact however busy the machine is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    hostile::{Asked, Framing, Hostile, Manner, bit, register},
    link::span,
};
use crate::source::modbus::{
    address::Address,
    decode::Answer,
    link::{Link, LinkSettings},
    plan::{Kind, Span},
};

const TIMEOUT: Duration = Duration::from_millis(60);
const MAX_RESPONSE: u64 = 250;
const RUNS: u64 = 8;

/// How many hostile answers are given over one framing.
fn answers() -> usize {
    match std::env::var_os("ANDON_LONG") {
        Some(_) => 1_000_000,
        None => 10_000,
    }
}

fn any_manner(random: &mut fastrand::Rng, latest: u64) -> Manner {
    match random.u8(0..60) {
        0..3 => Manner::Late(random.u64(0..latest)),
        3 => Manner::Late(random.u64(55..65)),
        4 => Manner::Never,
        5 => Manner::WrongTransaction,
        6 => Manner::WrongUnit,
        7 => Manner::WrongFunction,
        8 => Manner::Short,
        9 => Manner::Long,
        10 => Manner::Truncated,
        11 => Manner::Reset,
        12 => Manner::Hangup,
        13..15 => Manner::Twice,
        15 => Manner::Exception(random.u8(..)),
        16 => Manner::LengthZero,
        17 => Manner::LengthMax,
        18 => Manner::NotModbus,
        19..22 => Manner::Trickled,
        22 => Manner::BadChecksum,
        23 => Manner::Noise(random.u8(1..)),
        24 => Manner::Endless(random.u64(1..300)),
        25 => Manner::HalfOpen,
        26..30 => Manner::Late(random.u64(0..3)),
        _ => Manner::Proper,
    }
}

/// What each framing cannot tell, so that it is not asked to: a device of a serial line that numbers nothing.
fn in_framing(framing: Framing, manner: Manner) -> Manner {
    match (framing, manner) {
        (
            Framing::Rtu,
            Manner::WrongTransaction | Manner::LengthZero | Manner::LengthMax | Manner::NotModbus,
        ) => Manner::BadChecksum,
        // Over TCP the checksum is TCP's, and what comes before an answer is one to another request.
        (Framing::Tcp, Manner::BadChecksum) => Manner::WrongTransaction,
        (_, manner) => manner,
    }
}

/// How many answers were asked for until so many were hostile, and how many of all were accepted.
async fn weather(framing: Framing, latest: u64, seed: u64, hostile: usize) -> (usize, usize) {
    let given = Arc::new(AtomicUsize::new(0));
    let counted = given.clone();
    let device = Hostile::new(framing, true, move |asked: Asked| {
        let mut random = fastrand::Rng::with_seed(seed << 32 | asked.nth as u64);
        let manner = in_framing(framing, any_manner(&mut random, latest));
        counted.fetch_add(usize::from(manner != Manner::Proper), Ordering::Relaxed);
        manner
    });
    let text = match framing {
        Framing::Tcp => "tcp://device",
        Framing::Rtu => "rtu+tcp://device:1",
    };
    let mut settings = LinkSettings::new(Address::parse(text).unwrap(), TIMEOUT);
    settings.max_response = Duration::from_millis(MAX_RESPONSE);
    settings.memory = Some(device.memory());
    let (mut link, mut random) = (Link::new(settings), fastrand::Rng::with_seed(seed));
    let mut accepted = 0;
    while given.load(Ordering::Relaxed) < hostile {
        let (_, kind) = Kind::WORDS[random.usize(0..4)];
        // Few units and shapes: most of what comes late would fit the next request.
        let span = span(kind, random.u16(0..200), random.u16(1..=2) * 16);
        let unit = random.u8(1..3);
        let before = device.asked();
        let patience = match random.u8(0..50) {
            0 => random.u64(0..80),
            _ => 100_000,
        };
        let read = tokio::time::timeout(Duration::from_millis(patience), link.read(unit, span));
        if let Ok(Ok(answer)) = read.await {
            assert_right(&answer, unit, span, before, device.asked());
            accepted += 1;
        }
    }
    (device.asked(), accepted)
}

/// The answer is of this unit and span, and given to one of the requests that were made since.
fn assert_right(answer: &Answer, unit: u8, span: Span, before: usize, after: usize) {
    let function = match span.kind {
        Kind::Coil => 1,
        Kind::Discrete => 2,
        Kind::Holding => 3,
        Kind::Input => 4,
    };
    let addresses = span.start..span.start + span.count;
    match answer {
        Answer::Bits(bits) => {
            let right: Vec<bool> = addresses.map(|at| bit(unit, function, at)).collect();
            assert_eq!(*bits, right);
        }
        Answer::Registers(words) => {
            let stamp = |(at, word): (u16, &u16)| word.wrapping_sub(register(unit, function, at));
            let stamps: Vec<u16> = addresses.zip(words).map(stamp).collect();
            let fits = (before..after).any(|nth| stamps.iter().all(|stamp| *stamp == nth as u16));
            assert!(fits, "{stamps:?} are not from {before}..{after}");
        }
    }
}

async fn in_any_weather(framing: Framing, latest: u64) {
    let each = answers() / RUNS as usize;
    let (mut asked, mut accepted) = (0, 0);
    for seed in 0..RUNS {
        let (of, were) = weather(framing, latest, seed, each).await;
        (asked, accepted) = (asked + of, accepted + were);
    }
    println!(
        "{} hostile answers among {asked}, {accepted} accepted",
        answers()
    );
    assert!(
        accepted > asked / 4,
        "the test must see answers too: {accepted} of {asked}"
    );
}

#[tokio::test(start_paused = true)]
async fn over_tcp_no_late_or_wrong_answer_is_ever_taken() {
    // Ten times as late as anything waits.
    in_any_weather(Framing::Tcp, 10 * MAX_RESPONSE).await;
}

#[tokio::test(start_paused = true)]
async fn over_a_serial_line_no_answer_up_to_max_response_is_taken_for_another() {
    in_any_weather(Framing::Rtu, MAX_RESPONSE).await;
}
