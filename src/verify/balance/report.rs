//! What a balance says in the end.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Balance, Tally};
use crate::verify::rows::{Point, STATES, Total};

/// The whole balance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Everything holds.
    pub fine: bool,
    /// Names the database that sequence numbers count in.
    pub stream: String,
    /// Figures are of what was decided since, milliseconds since the Unix epoch.
    pub since: Option<i64>,
    /// Events decided, pruned ones only without `since`.
    pub events: u64,
    /// Events that were pruned.
    pub events_pruned: u64,
    /// What was before is not wholly known, milliseconds since the Unix epoch.
    pub unknown_before: Option<i64>,
    /// Alerts of these events.
    pub alerts: u64,
    /// Deliveries that were owed and are neither there nor counted as pruned: 0, or the record does not hold.
    pub lost: u64,
    /// Each destination.
    pub destinations: Vec<DestinationReport>,
    /// The chain of events.
    pub chain: ChainReport,
    /// How many things do not hold.
    pub problems_count: u64,
    /// The first of them.
    pub problems: Vec<Problem>,
}

/// What became of what one destination was owed. Pruned deliveries are counted only without `since`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DestinationReport {
    /// Its name.
    pub name: String,
    /// Deliveries owed.
    pub owed: u64,
    /// Its server said that it has it.
    pub accepted: u64,
    /// It had just been told the same.
    pub deduplicated: u64,
    /// Withdrawn, or a later one said more.
    pub superseded: u64,
    /// Grew too old.
    pub expired: u64,
    /// Its attempts were used up.
    pub failed: u64,
    /// It would not have it.
    pub refused: u64,
    /// A person or a limit of the store gave it up.
    pub dropped: u64,
    /// Still owed.
    pub pending: u64,
    /// Of these nothing is known: they were pruned by an earlier version, or their database was replaced.
    pub unknown: u64,
    /// Numbers that were given and are neither rows nor counted as pruned.
    pub lost: u64,
    /// The first of the numbers that are not rows, where some are lost.
    pub lost_among: String,
    /// The last number of this stream.
    pub last_number: u64,
    /// Numbers of this stream that are not rows.
    pub numbers_absent: u64,
    /// Numbers of this stream that were counted when they were pruned; the same, or something does not hold.
    pub numbers_pruned: u64,
    /// Attempts beyond the first that may have been heard.
    pub repeats: u64,
    /// From decided to accepted, by the wall clock, milliseconds.
    pub lag_median: Option<u64>,
    /// The longest.
    pub lag_worst: Option<u64>,
    /// Accepted deliveries that it is not known of, because the clock was not synchronised.
    pub lag_unknown: u64,
    /// What was answered when it was accepted, and how often: `HTTP 202`.
    pub answers: BTreeMap<String, u64>,
}

/// The chain of events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// No event was changed, taken away, added or moved.
    pub intact: bool,
    /// The last event.
    pub head: Point,
    /// Where it begins.
    pub start: Point,
    /// Why there.
    pub start_why: String,
    /// Events that it covers.
    pub covered: u64,
    /// Pruned events whose digests are kept.
    pub pruned: u64,
    /// Events before its start.
    pub uncovered: u64,
    /// Whether a head that was kept elsewhere is part of it.
    pub known_head_holds: Option<bool>,
}

/// Something that does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `chain`, `number`, `lost`, `state`, `follow-through`.
    pub what: String,
    /// In words, naming the offender.
    pub text: String,
}

pub(super) fn make(balance: Balance, chain: ChainReport) -> Report {
    let Balance {
        account,
        since,
        through,
        tallies,
        events,
        mut problems,
        ..
    } = balance;
    let mut destinations = Vec::with_capacity(tallies.len());
    for (name, tally) in tallies {
        let totals: Vec<&Total> = account
            .totals
            .iter()
            .filter(|total| total.destination == name)
            .collect();
        let numbered = account.destinations.iter().find(|of| of.name == name);
        let last = numbered.map_or(0, |of| of.last);
        let one = destination(name, last, tally, &totals, since.is_none());
        if one.lost > 0 {
            let text = format!(
                "{} was given numbers up to {last}: {} are lost, among {}",
                one.name, one.lost, one.lost_among
            );
            problems.add("lost", text);
        } else if one.numbers_absent < one.numbers_pruned {
            let text = format!(
                "{}: more deliveries are counted as pruned than are not there",
                one.name
            );
            problems.add("number", text);
        }
        destinations.push(one);
    }
    Report {
        fine: problems.count == 0,
        stream: account.stream,
        since,
        events: match since {
            Some(_) => events,
            None => events + account.pruned,
        },
        events_pruned: account.pruned,
        unknown_before: account.pruned_to,
        alerts: through.alerts(),
        lost: destinations.iter().map(|one| one.lost).sum(),
        destinations,
        chain,
        problems_count: problems.count,
        problems: problems.named,
    }
}

fn destination(
    name: String,
    last: u64,
    mut tally: Tally,
    totals: &[&Total],
    with_pruned: bool,
) -> DestinationReport {
    let absent = match last {
        0 => Default::default(),
        _ => tally.numbers.holes(1, last),
    };
    let pruned: u64 = totals.iter().map(|total| total.numbered).sum();
    let of = |state: &str| {
        let place = STATES.iter().position(|known| *known == state);
        let rows = place.map_or(0, |place| tally.states[place]);
        let gone = totals
            .iter()
            .filter(|total| with_pruned && total.state == state);
        rows + gone.map(|total| total.deliveries).sum::<u64>()
    };
    let sum = |part: fn(&Total) -> u64| -> u64 {
        let all = totals.iter().filter(|_| with_pruned);
        all.map(|total| part(total)).sum()
    };
    let mut report = DestinationReport {
        owed: tally.owed + sum(|total| total.deliveries),
        accepted: of("accepted"),
        deduplicated: of("deduplicated"),
        superseded: of("superseded"),
        expired: of("expired"),
        failed: of("failed"),
        refused: of("refused"),
        dropped: of("dropped"),
        pending: of("pending"),
        unknown: of("unknown"),
        lost: absent.count().saturating_sub(pruned),
        lost_among: match absent.count() > pruned {
            true => absent.to_string(),
            false => String::new(),
        },
        numbers_absent: absent.count(),
        last_number: last,
        numbers_pruned: pruned,
        repeats: tally.repeats + sum(|total| total.repeats),
        lag_worst: tally.lags.iter().max().copied(),
        lag_unknown: tally.lag_unknown,
        answers: std::mem::take(&mut tally.answers),
        name,
        lag_median: None,
    };
    if let Some(middle) = tally.lags.len().checked_sub(1).map(|last| last / 2) {
        report.lag_median = Some(*tally.lags.select_nth_unstable(middle).1);
    }
    report
}
