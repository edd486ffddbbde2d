//! `andon verify --received FILE`: the receiver's side of the proof. It needs no agent and no configuration.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
};

use super::Args;
use crate::{
    cli::{
        exit::{Exit, Failure},
        table::Table,
        terminal::Terminal,
    },
    destination::text::harmless,
    verify::received::{Checker, Places, Report, StreamReport},
};

/// The longest line that is read, in bytes: a digest of thousands of events.
const LONGEST: u64 = 16 << 20;

pub(super) fn run(path: &Path, args: &Args, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    for pointer in [&args.by, &args.body].into_iter().flatten() {
        if !pointer.starts_with('/') {
            return Err(Failure::usage(format!(
                "{pointer:?} is no JSON pointer; write /{pointer}"
            )));
        }
    }
    let places = Places {
        body: args.body.clone(),
        by: args.by.clone(),
    };
    let mut checker = Checker::new(places, args.tail);
    lines(path, |number, line| checker.take(number, line))?;
    if checker.needs_second_look() {
        lines(path, |_, line| checker.take_again(line))?;
    }
    let report = checker.report();
    match args.json {
        true => terminal.json(&report)?,
        false => show(&report, args.by.is_some(), terminal)?,
    }
    Ok(match report.fine {
        true => Exit::Fine,
        false => Exit::NotFine,
    })
}

/// Goes through the lines of a file, which is gone through a second time, so it cannot be a pipe.
fn lines(path: &Path, mut each: impl FnMut(u64, Option<&[u8]>)) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::not_fine(format!("{} cannot be read: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        let text = format!(
            "{} is not a file; what is checked is read twice",
            path.display()
        );
        return Err(Failure::usage(text));
    }
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut reader).take(LONGEST).read_until(b'\n', &mut line);
        if read.map_err(failed)? == 0 {
            break;
        }
        let whole = line.ends_with(b"\n") || (line.len() as u64) < LONGEST;
        if !whole {
            skip(&mut reader).map_err(failed)?;
        }
        each(number, whole.then_some(line.as_slice()));
    }
    Ok(())
}

/// Leaves out the rest of a line.
fn skip(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let room = reader.fill_buf()?;
        let end = room.iter().position(|byte| *byte == b'\n');
        let length = room.len();
        reader.consume(end.map_or(length, |end| end + 1));
        if end.is_some() || length == 0 {
            return Ok(());
        }
    }
}

fn show(report: &Report, divided: bool, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let mut table = Table::new(&[
        "STREAM",
        "OF",
        "NUMBERS",
        "RECEIVED",
        "REPEATED",
        "GIVEN UP",
        "MISSING",
        "CONFLICTS",
        "DISORDERS",
    ]);
    for one in &report.streams {
        let of = if divided { one.by.as_str() } else { "-" };
        let count = |number: u64| number.to_string();
        table.row([
            &one.stream,
            of,
            &format!("{}-{}", one.first, one.last),
            &count(one.received),
            &count(one.repeated),
            &count(one.given_up),
            &count(one.missing),
            &count(one.conflicts),
            &count(one.disorders),
        ]);
    }
    table.print(terminal)?;
    for one in &report.streams {
        offenders(one, terminal)?;
    }
    let mut beside = Vec::new();
    for (count, what) in [
        (report.tests, "tests"),
        (report.foreign, "lines of others"),
        (report.malformed, "lines that cannot be read"),
        (report.not_compared, "repeats too many to compare"),
    ] {
        if count > 0 {
            beside.push(format!("{count} {what}"));
        }
    }
    if !beside.is_empty() {
        terminal.line(format!("beside: {}", beside.join(", ")))?;
    }
    if !report.malformed_lines.is_empty() {
        let numbers: Vec<String> = report.malformed_lines.iter().map(u64::to_string).collect();
        terminal.line(format!("cannot be read: line {}", numbers.join(", ")))?;
    }
    let verdict = match (report.streams.is_empty(), report.fine) {
        (true, _) => "no event of andon is in this file",
        (false, true) => {
            "every number up to the last is here or was given up; a repeat bears the same id; watches are in order"
        }
        (false, false) => "this file does not hold everything that was sent to it, in order",
    };
    terminal.line(verdict)?;
    Ok(())
}

fn offenders(one: &StreamReport, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let name = harmless(&one.stream, 100);
    let name = match one.by.is_empty() {
        true => name,
        false => format!("{name} of {}", harmless(&one.by, 100)),
    };
    if one.missing > 0 {
        let numbers = &one.missing_numbers;
        terminal.line(format!("{name}: missing {numbers}"))?;
        if one.missing_numbers.starts_with("1-") || one.missing_numbers.starts_with("1,") {
            terminal.line("  if this file begins later than the stream, say --tail")?;
        }
    }
    for conflict in &one.conflicting {
        terminal.foreign(&format!(
            "{name}: number {} came as {} and as {}",
            conflict.sequence, conflict.id, conflict.other
        ))?;
    }
    for disorder in &one.disordered {
        terminal.line(format!(
            "{name}: number {} came after {} of the same watch, in line {}",
            disorder.sequence, disorder.after, disorder.line
        ))?;
    }
    Ok(())
}
