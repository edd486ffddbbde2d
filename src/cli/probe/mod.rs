//! `andon probe`: what lies at the addresses of a Modbus device, what it could mean, and how much the device answers at once.
//! It asks the device itself, needs no configuration and no agent, and never writes.

mod show;

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    exit::{Exit, Failure},
    terminal::Terminal,
};
use crate::{
    config::section::{Id, parse_duration},
    source::modbus::{
        plan::Span,
        probe::{
            End, Found, Largest, Probe, ProbeError, guess,
            rank::{self, Expected, Match},
        },
    },
};

/// As many addresses may be looked at together.
const MOST: u16 = 2000;
/// A value of 64 bits that begins at the last address takes three more.
const BEYOND: u32 = 3;

/// What to look at.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the device is, as in `address` of a source: tcp://192.168.10.21:502, or just 192.168.10.21
    address: String,
    /// Its unit id, 0 to 255
    #[arg(long, value_name = "N", default_value_t = 1)]
    unit: u8,
    /// What to read, both ends included: holding:100..120, input:0, coil:0..31, discrete:5
    #[arg(long, value_name = "ADDRESSES")]
    read: String,
    /// What the device's own display shows now: ranks what could be that value, and prints the line for `tags`
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    expect: Option<String>,
    /// The name of the tag in that line
    #[arg(long, value_name = "NAME", default_value = "value")]
    tag: String,
    /// How long connecting or an answer may take
    #[arg(long, value_name = "TIME", default_value = "1s")]
    timeout: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What was found, for `--json`.
#[derive(Debug, Serialize)]
struct Report {
    address: String,
    unit: u8,
    read: String,
    values: Vec<show::Register>,
    texts: Vec<show::Text>,
    refused: Vec<show::Refused>,
    largest: show::Block,
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<Vec<show::Candidate>>,
}

pub(super) async fn run(args: &Args, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let span = Span::parse(&args.read).map_err(|why| Failure::usage(format!("--read {why}")))?;
    if span.count > MOST {
        let message = format!(
            "--read {span} is {} addresses, at most {MOST} are looked at together",
            span.count
        );
        return Err(Failure::usage(message));
    }
    let expected = expected(args, span)?;
    if Id::new(&args.tag).is_none() {
        let message = format!(
            "--tag \"{}\" is no name for a tag: 1 to 64 of a-z, 0-9, `.`, `_` and `-`",
            args.tag
        );
        return Err(Failure::usage(message));
    }
    let mut probe = connected(args)?;
    let mut told = |done: u32, of: u32, what: &str| {
        if !args.json {
            // It is only a look; one that cannot be shown is no reason to stop.
            let _ = terminal.progress(&bar(done, of, what));
        }
    };
    let looked = look(&mut probe, span, expected.is_some(), &mut told).await;
    told(0, 0, "");
    let (found, beside, largest) = looked.map_err(|error| Failure::not_fine(error.to_string()))?;
    let matches = expected.map(|expected| {
        let guesses = guess::all(span.kind, &beside);
        rank::matching(&guesses, expected, span)
    });
    let exit = match &matches {
        Some(matches) if matches.is_empty() => Exit::NotFine,
        _ => Exit::Fine,
    };
    if args.json {
        terminal.json(&report(args, span, &found, largest, matches.as_deref()))?;
        return Ok(exit);
    }
    show::found(span, &found, terminal)?;
    show::largest(largest, terminal)?;
    if let (Some(matches), Some(text)) = (&matches, &args.expect) {
        show::matches(matches, text, &args.tag, terminal)?;
    }
    Ok(exit)
}

fn expected(args: &Args, span: Span) -> Result<Option<Expected>, Failure> {
    let Some(text) = &args.expect else {
        return Ok(None);
    };
    if span.kind.is_bits() {
        let message = format!(
            "--expect is for registers; a {} is 0 or 1 and shows which",
            span.kind.word()
        );
        return Err(Failure::usage(message));
    }
    match Expected::parse(text) {
        Some(expected) => Ok(Some(expected)),
        None => Err(Failure::usage(format!(
            "--expect must be a number like 87.3, not \"{text}\""
        ))),
    }
}

fn connected(args: &Args) -> Result<Probe, Failure> {
    let timeout = parse_duration(&args.timeout);
    let range = Duration::from_millis(50)..=Duration::from_secs(60);
    let timeout = timeout
        .filter(|timeout| range.contains(timeout))
        .ok_or_else(|| {
            Failure::usage(format!(
                "--timeout must be 50ms to 60s, not \"{}\"",
                args.timeout
            ))
        })?;
    let address = match args.address.contains(':') && args.address.contains("//") {
        true => args.address.clone(),
        // What people have at hand is a host.
        false => format!("tcp://{}", args.address),
    };
    Probe::new(&address, args.unit, timeout)
        .map_err(|why| Failure::usage(format!("the address {why}")))
}

/// What lies in the span; the same with what lies around it, where something is expected; and the longest block.
async fn look(
    probe: &mut Probe,
    span: Span,
    around: bool,
    told: &mut dyn FnMut(u32, u32, &str),
) -> Result<(Found, BTreeMap<u16, u16>, Largest), ProbeError> {
    let found = probe
        .read(span, &mut |done, of| told(done, of, "reading"))
        .await?;
    let mut words = found.words.clone();
    if around {
        let before = span.start.checked_sub(1).map(|start| Span {
            start,
            count: 1,
            ..span
        });
        let after = u16::try_from(span.end()).ok().map(|start| Span {
            start,
            count: u16::try_from((BEYOND + 1).min(65_536 - span.end())).unwrap_or(1),
            ..span
        });
        for beside in [before, after].into_iter().flatten() {
            // That nothing is there is the usual case.
            match probe.read(beside, &mut |_, _| told(1, 1, "reading")).await {
                Ok(more) => words.extend(more.words),
                Err(ProbeError::Refused { .. } | ProbeError::Silent { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let start = probe.longest().unwrap_or(span);
    let largest = probe
        .largest(start, &mut |done, of| told(done, of, "longest block"))
        .await?;
    Ok((found, words, largest))
}

fn report(
    args: &Args,
    span: Span,
    found: &Found,
    largest: Largest,
    matches: Option<&[Match]>,
) -> Report {
    Report {
        address: args.address.clone(),
        unit: args.unit,
        read: span.to_string(),
        values: show::registers(span, found),
        texts: show::texts(span, found),
        refused: show::refused(found),
        largest: show::block(largest),
        matches: matches.map(|matches| show::candidates(matches, &args.tag)),
    }
}

fn bar(done: u32, of: u32, what: &str) -> String {
    const WIDTH: u32 = 30;
    if what.is_empty() {
        return String::new();
    }
    let full = (done * WIDTH).checked_div(of).unwrap_or(0).min(WIDTH);
    let (full, empty) = (
        "#".repeat(full as usize),
        ".".repeat((WIDTH - full) as usize),
    );
    format!("{what} [{full}{empty}] {done} of {of}")
}

/// The key for `units`, where the device's own limit is known and less than the protocol's.
fn cap(largest: Largest) -> Option<String> {
    let key = if largest.span.kind.is_bits() {
        "max_bits"
    } else {
        "max_registers"
    };
    (largest.end == End::Device).then(|| format!("{key} = {}", largest.span.count))
}
