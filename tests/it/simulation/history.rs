//! Random histories: what happens in them follows from a seed. A history that fails is made as short as it can be and
//! still fail.

use fastrand::Rng;

use super::act::{Act, Boot, Mode, Point};

const MOST: usize = 80;

/// The history of this luck.
pub(super) fn history(luck: &mut Rng) -> Vec<Act> {
    let length = luck.usize(1..MOST);
    (0..length).map(|_| act(luck)).collect()
}

/// One act, by how often it happens among 43.
fn act(luck: &mut Rng) -> Act {
    match luck.u8(..43) {
        0..12 => Act::Good(luck.u8(..6), value(luck)),
        12..24 => Act::Wait(long(luck)),
        24..28 => Act::Mode(luck.u8(..3), mode(luck)),
        28..31 => Act::Ack(luck.u8(..8)),
        31..33 => Act::Bad(luck.u8(..6)),
        33..35 => Act::Close(luck.u8(..8)),
        35..37 => {
            let (point, boot) = (one(luck, &Point::ALL), one(luck, &Boot::ALL));
            Act::Crash(point, boot, long(luck))
        }
        37 => Act::Shelve(luck.u8(..4), luck.u64(60..4000)),
        38 => Act::Unshelve(luck.u8(..4)),
        39 => Act::Signal(luck.bool()),
        40 => Act::Plant(luck.u8(..3)),
        41 => Act::Drop(luck.u8(..8)),
        _ => Act::Sleep(long(luck)),
    }
}

fn one<T: Copy>(luck: &mut Rng, of: &[T]) -> T {
    of[luck.usize(..of.len())]
}

fn value(luck: &mut Rng) -> f64 {
    match luck.u8(..5) {
        0 => 0.0,
        1 => 50.0,
        2 => 90.0,
        3 => 100.0,
        // A few digits, so that it is read and written as it is.
        _ => f64::from(luck.u32(8_000..10_000)) / 100.0,
    }
}

/// Seconds.
fn long(luck: &mut Rng) -> u64 {
    match luck.u8(..8) {
        0..4 => luck.u64(..30),
        4..7 => luck.u64(..400),
        _ => luck.u64(..4000),
    }
}

fn mode(luck: &mut Rng) -> Mode {
    match luck.u8(..13) {
        0..3 => Mode::Accept,
        3..5 => Mode::Unreachable,
        5..7 => Mode::Fail,
        7 => Mode::Refuse,
        8 => Mode::RefuseForGood,
        9..11 => Mode::Hang,
        11 => Mode::Busy,
        _ => Mode::Fickle,
    }
}

/// The shortest part of a history that still fails, as far as leaving out acts leads; at most so many are tried.
pub(super) fn shortened<T: Clone>(
    history: &[T],
    mut tries: u32,
    fails: impl Fn(&[T]) -> bool,
) -> Vec<T> {
    let mut short = history.to_vec();
    let mut width = short.len().div_ceil(2);
    while width > 0 {
        let (mut at, before) = (0, short.len());
        while at < short.len() && tries > 0 {
            tries -= 1;
            let mut without = short.clone();
            without.drain(at..(at + width).min(short.len()));
            if fails(&without) {
                short = without;
            } else {
                at += width;
            }
        }
        if width > 1 || short.len() == before || tries == 0 {
            width /= 2;
        }
    }
    short
}

#[test]
fn a_history_that_fails_is_cut_down_to_what_makes_it_fail() {
    let history: Vec<u32> = (0..100).collect();
    let fails = |part: &[u32]| part.contains(&7) && part.contains(&93);
    assert_eq!(shortened(&history, 1000, fails), [7, 93]);
    assert_eq!(history_of(5), history_of(5));
}

#[cfg(test)]
fn history_of(seed: u64) -> String {
    format!("{:?}", history(&mut Rng::with_seed(seed)))
}
