//! How what a probe found is shown: a table of addresses with their plausible readings, and what could be the expected value.

use std::io;

use serde::Serialize;

use crate::{
    cli::{
        status::count,
        table::Table,
        terminal::{Terminal, Tone},
    },
    sample::Bad,
    source::modbus::{
        form::{Form, Order},
        plan::Span,
        probe::{
            End, Found, Largest,
            guess::{self, Guess},
            rank::Match,
        },
    },
};

/// So many matches are shown.
const MATCHES: usize = 10;
/// So many bits stand in one line.
const BITS: usize = 16;

/// One address.
#[derive(Debug, Serialize)]
pub(super) struct Register {
    read: String,
    /// As the register says it; 0 or 1 of a bit.
    raw: u16,
    readings: Vec<Reading>,
}

#[derive(Debug, Serialize)]
struct Reading {
    #[serde(rename = "type")]
    form: &'static str,
    order: &'static str,
    value: f64,
}

/// Characters that lie in registers.
#[derive(Debug, Serialize)]
pub(super) struct Text {
    read: String,
    order: &'static str,
    text: String,
}

/// Addresses that do not exist.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    read: String,
    /// The exception code; none where nothing was answered.
    exception: Option<u8>,
    why: String,
}

/// The longest block.
#[derive(Debug, Serialize)]
pub(super) struct Block {
    read: String,
    count: u16,
    /// `protocol`, `device` or `addresses`: why no longer one was answered.
    end: &'static str,
    /// The line for the unit, if its limit is less than the protocol's.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

/// What could be the expected value.
#[derive(Debug, Serialize)]
pub(super) struct Candidate {
    tag: String,
    value: f64,
    /// It shows the same digits.
    same: bool,
    beside: i32,
}

pub(super) fn registers(span: Span, found: &Found) -> Vec<Register> {
    let guesses = guess::all(span.kind, &found.words);
    let words = found.words.iter();
    words
        .map(|(&at, &raw)| Register {
            read: one(span, at),
            raw,
            readings: if span.kind.is_bits() {
                Vec::new()
            } else {
                let readings = plausible(&guesses, at).map(|guess| Reading {
                    form: guess.form.word(),
                    order: guess.order.word(),
                    value: guess.raw.number(),
                });
                readings.collect()
            },
        })
        .collect()
}

pub(super) fn texts(span: Span, found: &Found) -> Vec<Text> {
    if span.kind.is_bits() {
        return Vec::new();
    }
    let texts = guess::texts(span.kind, &found.words).into_iter();
    let text = |(span, order, text): (Span, Order, String)| Text {
        read: span.to_string(),
        order: order.word(),
        text,
    };
    texts.map(text).collect()
}

pub(super) fn refused(found: &Found) -> Vec<Refused> {
    let runs = found.refused.iter();
    let refused = |(span, why): &(Span, Bad)| Refused {
        read: span.to_string(),
        exception: match why {
            Bad::Exception(code) => Some(*code),
            _ => None,
        },
        why: why.to_string(),
    };
    runs.map(refused).collect()
}

pub(super) fn block(largest: Largest) -> Block {
    Block {
        read: largest.span.to_string(),
        count: largest.span.count,
        end: match largest.end {
            End::Protocol => "protocol",
            End::Device => "device",
            End::Addresses => "addresses",
        },
        unit: super::cap(largest),
    }
}

pub(super) fn candidates(matches: &[Match], tag: &str) -> Vec<Candidate> {
    let candidate = |of: &Match| Candidate {
        tag: of.entry(tag),
        value: of.value,
        same: of.same,
        beside: of.beside,
    };
    matches.iter().take(MATCHES).map(candidate).collect()
}

/// Every address with its readings.
pub(super) fn found(span: Span, found: &Found, terminal: &mut Terminal<'_>) -> io::Result<()> {
    if span.kind.is_bits() {
        bits(span, found, terminal)?;
    } else {
        let guesses = guess::all(span.kind, &found.words);
        let mut table = Table::new(&["ADDRESS", "HEX", "TEXT", "U16", "I16", "FROM HERE ON"]);
        for (&at, &word) in &found.words {
            let shown = |form: Form| {
                let found = plausible(&guesses, at).find(|guess| guess.form == form);
                found.map_or_else(String::new, Guess::number)
            };
            let more: Vec<String> = plausible(&guesses, at)
                .filter(|guess| !matches!(guess.form, Form::U16 | Form::I16))
                .map(Guess::shown)
                .collect();
            table.row([
                &one(span, at),
                &format!("{word:04X}"),
                &characters(word),
                &word.to_string(),
                &shown(Form::I16),
                &more.join(", "),
            ]);
        }
        table.print(terminal)?;
        for text in texts(span, found) {
            let order = if text.order == "abcd" {
                ""
            } else {
                ", order badc"
            };
            terminal.foreign(&format!("text at {}{order}: \"{}\"", text.read, text.text))?;
        }
    }
    for refused in refused(found) {
        terminal.foreign(&format!("refused: {}, {}", refused.read, refused.why))?;
    }
    Ok(())
}

fn bits(span: Span, found: &Found, terminal: &mut Terminal<'_>) -> io::Result<()> {
    let all: Vec<(&u16, &u16)> = found.words.iter().collect();
    let width = one(span, u16::MAX).len();
    for line in all.chunk_by(|one, other| one.0 + 1 == *other.0) {
        for line in line.chunks(BITS) {
            let values: Vec<String> = line.iter().map(|(_, bit)| bit.to_string()).collect();
            terminal.line(format!(
                "{:width$}  {}",
                one(span, *line[0].0),
                values.join(" ")
            ))?;
        }
    }
    Ok(())
}

/// The longest block, and what to write if the device takes less than usual.
pub(super) fn largest(largest: Largest, terminal: &mut Terminal<'_>) -> io::Result<()> {
    let Largest { span, end } = largest;
    let what = match span.kind.is_bits() {
        true => "bit",
        false => "register",
    };
    let long = count(span.count.into(), what);
    let said = match end {
        End::Protocol => format!("longest block: {long}, all that fit in one request"),
        End::Addresses => format!(
            "longest block: {span}, {long}; nothing lies after it, so more may fit in one request"
        ),
        End::Device => format!(
            "longest block: {long}, although there are more: the device takes no longer ones"
        ),
    };
    terminal.line(said)?;
    if let Some(line) = super::cap(largest) {
        terminal.line(format!("for its entry in `units`: {line}"))?;
    }
    Ok(())
}

/// What could be the expected value, the likeliest last words first, and the line to paste.
pub(super) fn matches(
    matches: &[Match],
    expected: &str,
    tag: &str,
    terminal: &mut Terminal<'_>,
) -> io::Result<()> {
    terminal.heading(&format!("What could be {expected}"))?;
    let Some(best) = matches.first() else {
        return terminal.line("nothing that was read, in any type, order or usual scale, nor one address beside it; is it another range, input: for holding:, or another unit?");
    };
    let mut table = Table::new(&["VALUE", "ADDRESS", "TYPE", "ORDER", "SCALE", ""]);
    for of in matches.iter().take(MATCHES) {
        let note = match (of.same, of.beside) {
            (true, 0) => "",
            (false, 0) => "near, if it moves",
            (_, ..0) => "one before: the manual may count from 1",
            (_, 1..) => "one after",
        };
        table.row([
            &shown(of.value),
            &of.guess.at.to_string(),
            of.guess.form.word(),
            if of.guess.form.is_byte() {
                ""
            } else {
                of.guess.order.word()
            },
            &of.scale.to_string(),
            note,
        ]);
    }
    table.print(terminal)?;
    let more = matches.len().saturating_sub(MATCHES);
    if more > 0 {
        terminal.line(format!(
            "and {more} more; let the value change and look again with another --expect"
        ))?;
    }
    terminal.line("\nFor `tags`, if the first is right:")?;
    let line = terminal.paint(&best.entry(tag), Tone::Good);
    terminal.line(line)
}

fn plausible(guesses: &[Guess], at: u16) -> impl Iterator<Item = &Guess> {
    let here = move |guess: &&Guess| guess.at.start == at && guess.is_plausible();
    guesses.iter().filter(here)
}

fn one(span: Span, at: u16) -> String {
    let one = Span {
        start: at,
        count: 1,
        ..span
    };
    one.to_string()
}

fn shown(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The two characters of a register; what is not printed is a dot.
fn characters(word: u16) -> String {
    let printed = |byte: u8| match byte {
        0x21..0x7F => char::from(byte),
        _ => '.',
    };
    word.to_be_bytes().map(printed).iter().collect()
}
