//! How a balance is told to people and to spreadsheets.

use std::time::Duration;

use crate::{
    cli::{
        exit::Failure,
        table::Table,
        terminal::{Terminal, Tone},
    },
    clock::Wall,
    destination::text::{harmless, lasting},
    verify::balance::{DestinationReport, Report},
};

/// The columns of a destination, in the order of a table and of CSV.
const HEADS: [&str; 17] = [
    "DESTINATION",
    "OWED",
    "ACCEPTED",
    "DEDUPLICATED",
    "SUPERSEDED",
    "EXPIRED",
    "FAILED",
    "REFUSED",
    "DROPPED",
    "UNKNOWN",
    "PENDING",
    "LOST",
    "REPEATS",
    "NUMBERS",
    "PRUNED",
    "MEDIAN LAG",
    "WORST LAG",
];

pub(super) fn text(report: &Report, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let time = |millis: i64, terminal: &Terminal<'_>| {
        terminal.time(&Wall::from_millis(millis).to_string())
    };
    let since = match report.since {
        Some(since) => format!(" since {}", time(since, terminal)),
        None => String::new(),
    };
    terminal.line(format!(
        "{} events decided{since}, of {} alerts; {} deliveries lost",
        report.events, report.alerts, report.lost
    ))?;
    if let Some(before) = report.unknown_before.filter(|_| report.events_pruned > 0) {
        terminal.line(format!(
            "{} events were pruned: how each delivery ended is counted, the rest is unknown before {}",
            report.events_pruned,
            time(before, terminal)
        ))?;
    }
    if !report.destinations.is_empty() {
        terminal.heading("Destinations")?;
        let mut table = Table::new(&HEADS);
        for one in &report.destinations {
            table.row(cells(one, lag).each_ref().map(String::as_str));
        }
        table.print(terminal)?;
        for one in &report.destinations {
            answers(one, terminal)?;
        }
        terminal.line(
            "accepted is what a server said; whether a person has read it is not known here",
        )?;
    }
    chain(report, terminal)?;
    if !report.problems.is_empty() {
        terminal.heading("What does not hold")?;
        for problem in &report.problems {
            let what = terminal.paint(&problem.what, Tone::Bad);
            terminal.line(format!("{what}: {}", harmless(&problem.text, 600)))?;
        }
        let more = report.problems_count - report.problems.len() as u64;
        if more > 0 {
            terminal.line(format!("and {more} more"))?;
        }
    }
    terminal.heading(match report.fine {
        true => "Everything adds up.",
        false => "The record does not hold.",
    })?;
    Ok(())
}

fn answers(one: &DestinationReport, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let name = harmless(&one.name, 100);
    for (answer, count) in &one.answers {
        let answer = harmless(answer, 100);
        let said = match answer.is_empty() {
            true => String::new(),
            false => format!(" ({answer})"),
        };
        terminal.line(format!("{count} accepted by {name}{said}"))?;
    }
    if one.lag_unknown > 0 {
        terminal.line(format!(
            "{} accepted by {name} while the clock was not synchronised: their lag is unknown",
            one.lag_unknown
        ))?;
    }
    Ok(())
}

fn chain(report: &Report, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let chain = &report.chain;
    terminal.heading("Chain")?;
    let state = match chain.intact {
        true => terminal.paint("intact", Tone::Good),
        false => terminal.paint("broken", Tone::Bad),
    };
    terminal.line(format!(
        "{state}: {} events, and the digests of {} pruned ones, from event {} to {}",
        chain.covered,
        chain.pruned,
        chain.start.seq + 1,
        chain.head.seq
    ))?;
    terminal.line(format!("head {}@{}", chain.head.hash, chain.head.seq))?;
    if !chain.start_why.is_empty() {
        terminal.line(format!(
            "it begins after event {}: {}",
            chain.start.seq,
            harmless(&chain.start_why, 300)
        ))?;
    }
    if chain.uncovered > 0 {
        terminal.line(format!(
            "{} events before that are not covered",
            chain.uncovered
        ))?;
    }
    match chain.known_head_holds {
        Some(true) => terminal.line("the head that was kept elsewhere is part of it")?,
        Some(false) => terminal.line("the head that was kept elsewhere is NOT part of it")?,
        None => {}
    }
    Ok(())
}

/// One line for each destination, with the heads in lower case and lags in milliseconds.
pub(super) fn csv(report: &Report, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let heads = HEADS.map(|head| head.to_lowercase().replace(' ', "_"));
    let heads = heads.map(|head| match head.ends_with("_lag") {
        true => format!("{head}_ms"),
        false => head,
    });
    terminal.line(heads.join(","))?;
    let millis = |lag: Option<u64>| lag.map(|lag| lag.to_string()).unwrap_or_default();
    for one in &report.destinations {
        // Names are ids, without commas or quotes.
        let cells = cells(one, millis).map(|cell| harmless(&cell, 100).replace([',', '"'], "_"));
        terminal.line(cells.join(","))?;
    }
    Ok(())
}

fn cells(one: &DestinationReport, lag: fn(Option<u64>) -> String) -> [String; 17] {
    let count = |count: u64| count.to_string();
    [
        one.name.clone(),
        count(one.owed),
        count(one.accepted),
        count(one.deduplicated),
        count(one.superseded),
        count(one.expired),
        count(one.failed),
        count(one.refused),
        count(one.dropped),
        count(one.unknown),
        count(one.pending),
        count(one.lost),
        count(one.repeats),
        count(one.last_number),
        count(one.numbers_pruned),
        lag(one.lag_median),
        lag(one.lag_worst),
    ]
}

fn lag(lag: Option<u64>) -> String {
    match lag {
        None => "-".to_owned(),
        Some(millis @ 0..1000) => format!("{millis} ms"),
        Some(millis) => lasting(Duration::from_millis(millis)),
    }
}
