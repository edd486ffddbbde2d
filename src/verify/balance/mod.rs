//! The balance of a record: what was decided, what became of it at each destination, and whether anything was lost.
//!
//! It takes entries in the order of their rows, and an account of the record from before the first and after the last of them. The
//! record goes on meanwhile: what is decided after the first account is followed in the chain and not counted. Its memory grows
//! with alerts and destinations, and by eight bytes for each accepted delivery.

mod links;
mod report;
#[cfg(test)]
mod tests;
mod through;

use std::collections::BTreeMap;

pub use self::report::{ChainReport, DestinationReport, Problem, Report};
use self::{links::Links, through::Through};
use super::{
    ranges::Ranges,
    rows::{Account, Delivery, Entry, Event, Point, STATES},
};

/// A balance that is being made.
#[derive(Clone, Debug)]
pub struct Balance {
    account: Account,
    /// Only what was decided since is counted; everything is proven.
    since: Option<i64>,
    links: Links,
    through: Through,
    tallies: BTreeMap<String, Tally>,
    events: u64,
    problems: Problems,
}

/// What is known of one destination.
#[derive(Clone, Debug, Default)]
struct Tally {
    /// Numbers of this stream that are rows.
    numbers: Ranges,
    owed: u64,
    /// By the place of their state in [`STATES`].
    states: [u64; STATES.len()],
    repeats: u64,
    lags: Vec<u64>,
    lag_unknown: u64,
    /// How often acceptance was said how: `HTTP 202`.
    answers: BTreeMap<String, u64>,
}

/// What does not hold, the first of them named.
#[derive(Clone, Debug, Default)]
struct Problems {
    named: Vec<Problem>,
    count: u64,
}

impl Problems {
    const NAMED: usize = 20;

    fn add(&mut self, what: &'static str, text: String) {
        self.count += 1;
        if self.named.len() < Self::NAMED {
            let what = what.to_owned();
            self.named.push(Problem { what, text });
        }
    }
}

/// Most different answers that are counted apart.
const ANSWERS: usize = 8;

impl Balance {
    /// Begins with what the record says of itself. `since` limits the figures, in milliseconds since the Unix epoch; `known` is a
    /// head of the chain that was kept elsewhere.
    pub fn new(account: Account, since: Option<i64>, known: Option<Point>) -> Self {
        let mut problems = Problems::default();
        let links = Links::new(&account, known, &mut problems);
        Self {
            account,
            since,
            links,
            through: Through::default(),
            tallies: BTreeMap::new(),
            events: 0,
            problems,
        }
    }

    /// The row up to which entries are counted.
    pub fn last(&self) -> i64 {
        self.account.head.seq
    }

    /// Takes the next entry.
    pub fn take(&mut self, entry: &Entry) {
        self.links.take(entry, &mut self.problems);
        let Some(event) = &entry.event else {
            return;
        };
        if entry.seq > self.account.head.seq {
            return;
        }
        let covered = entry.seq > self.account.start.seq;
        self.through
            .take(entry.seq, event, covered, &mut self.problems);
        let counted = self.since.is_none_or(|since| event.decided >= since);
        self.events += u64::from(counted);
        for delivery in &event.deliveries {
            self.take_delivery(entry.seq, event, delivery, counted);
        }
    }

    fn take_delivery(&mut self, seq: i64, event: &Event, delivery: &Delivery, counted: bool) {
        let name = &delivery.destination;
        let numbered = self.account.destinations.iter().find(|of| of.name == *name);
        let last = numbered.map_or(0, |of| of.last);
        if !self.tallies.contains_key(name) {
            self.tallies.insert(name.clone(), Tally::default());
        }
        let Some(tally) = self.tallies.get_mut(name) else {
            return;
        };
        // A number beyond the last is of a delivery that was numbered anew after the account.
        let number = delivery.sequence;
        if number > 0 && number <= last && !tally.numbers.insert(number) {
            let text = format!(
                "{name} was given number {number} twice; the second is delivery {} of event {seq}",
                delivery.id
            );
            self.problems.add("number", text);
        }
        let state = STATES.iter().position(|state| *state == delivery.state);
        let Some(state) = state else {
            let text = format!(
                "delivery {} to {name} is in no known state: {:?}",
                delivery.id, delivery.state
            );
            self.problems.add("state", text);
            return;
        };
        if !counted {
            return;
        }
        tally.owed += 1;
        tally.states[state] += 1;
        tally.repeats += u64::from(delivery.attempts.saturating_sub(1));
        if delivery.state == "accepted" {
            tally.accepted(event, delivery);
        }
    }

    /// Whether the record was pruned or begun anew since the account, so that the balance has to be made again.
    pub fn is_overtaken_by(&self, later: &Account) -> bool {
        let now = &self.account;
        (now.pruned, &now.stream, &now.start) != (later.pruned, &later.stream, &later.start)
    }

    /// Ends it, with what the record says of itself after the last entry.
    pub fn finish(mut self, later: &Account) -> Report {
        let chain = self.links.finish(&self.account, later, &mut self.problems);
        for numbered in &self.account.destinations {
            self.tallies.entry(numbered.name.clone()).or_default();
        }
        for total in &self.account.totals {
            self.tallies.entry(total.destination.clone()).or_default();
        }
        report::make(self, chain)
    }
}

impl Tally {
    fn accepted(&mut self, event: &Event, delivery: &Delivery) {
        match delivery.settled.filter(|_| event.synchronised) {
            // The wall clock may have been set between the two.
            Some(at) => self
                .lags
                .push(u64::try_from(at - event.decided).unwrap_or(0)),
            None => self.lag_unknown += 1,
        }
        let answer = delivery.result.as_deref().unwrap_or_default();
        if let Some(count) = self.answers.get_mut(answer) {
            *count += 1;
        } else {
            let is_full = self.answers.len() >= ANSWERS;
            let answer = if is_full { "other" } else { answer };
            *self.answers.entry(answer.to_owned()).or_default() += 1;
        }
    }
}
