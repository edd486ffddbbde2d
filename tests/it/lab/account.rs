//! The account of a run: was anything lost, invented, told out of order or told too often?
//!
//! **What may count.** A message that the agent acknowledged to the broker counts, once. Over one connection messages
//! count in order up to some point that lies at or behind the last acknowledged one and not behind the last sent one: a crash
//! may fall between commit and acknowledgement. A message that was not acknowledged is sent again over the next
//! connection, so it may count there once more. Each way of choosing these points is allowed, and nothing else is. With
//! inputs that alternate between up and down each message that counts in its turn is one event, which bears its number.
//!
//! **Lost** is an acknowledged message whose event a destination never accepted. **Phantom** is a watch whose events, in the order of
//! their numbers, come out of no allowed choice. **Out of order** is an event that was attempted before the one before it
//! in its lane was accepted, or after a later one. A **repeat** is a request that its receiver had accepted already; it must say the same
//! and lie behind a restart of the agent, and no more events may be repeated after each restart to each destination than its
//! concurrency. A receiver that refuses the repeat of what it had accepted gets that one again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::ledger::{Entry, Line};
use crate::support::text;

/// What belongs to the attempt and not to the event.
const OF_THE_ATTEMPT: [&str; 4] = ["late_seconds", "already_resolved", "given_up", "text"];

/// The rule whose events are accounted for; the rest is what the agent says about itself.
const RULE: &str = "spindle-overtemp";

/// How many findings are told in words.
const TOLD: usize = 10;

/// The result.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Account {
    /// How often the agent was ended and started again.
    pub(super) restarts: u64,
    pub(super) acknowledged: u64,
    /// Different events of the rule, over all destinations.
    pub(super) deliveries: u64,
    pub(super) requests: u64,
    pub(super) repeats: u64,
    /// The most events that were repeated to one destination because of one restart.
    pub(super) most_per_restart: u64,
    /// The same of destinations with concurrency 1.
    pub(super) most_alone: u64,
    pub(super) lost: u64,
    /// Which ones.
    pub(super) lost_numbers: BTreeSet<u64>,
    pub(super) phantom: u64,
    pub(super) disorder: u64,
    /// Repeats that no restart explains, that are too many, or that say something else.
    pub(super) wrong_repeats: u64,
    /// Numbers that a destination neither heard nor was told to be given up.
    pub(super) gaps: u64,
    /// Events that were sent before they were on disk.
    pub(super) not_durable: u64,
    /// The first findings, in words.
    pub(super) told: Vec<String>,
}

/// A destination as it is configured.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) name: &'static str,
    pub(super) concurrency: u64,
}

impl Account {
    fn begin(starts: &[u64]) -> Self {
        Self {
            restarts: starts.len().saturating_sub(1) as u64,
            ..Self::default()
        }
    }

    /// Whether every promise was kept.
    pub(super) fn is_clean(&self) -> bool {
        let bad = [
            self.lost,
            self.phantom,
            self.disorder,
            self.wrong_repeats,
            self.gaps,
        ];
        bad == [0; 5]
    }

    /// Adds another run.
    pub(super) fn add(&mut self, other: &Self) {
        self.restarts += other.restarts;
        self.acknowledged += other.acknowledged;
        self.deliveries += other.deliveries;
        self.requests += other.requests;
        self.repeats += other.repeats;
        self.most_per_restart = self.most_per_restart.max(other.most_per_restart);
        self.most_alone = self.most_alone.max(other.most_alone);
        self.lost += other.lost;
        self.lost_numbers.extend(&other.lost_numbers);
        self.phantom += other.phantom;
        self.disorder += other.disorder;
        self.wrong_repeats += other.wrong_repeats;
        self.gaps += other.gaps;
        self.not_durable += other.not_durable;
        let room = TOLD.saturating_sub(self.told.len());
        self.told.extend(other.told.iter().take(room).cloned());
    }

    fn tell(&mut self, finding: String) {
        if self.told.len() < TOLD {
            self.told.push(finding);
        }
    }
}

/// An input as it was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Input {
    number: u64,
    up: bool,
}

/// An event that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) machine: String,
    /// Its alert's id.
    pub(super) alert: String,
    /// The number of the input that decided it.
    pub(super) number: u64,
    pub(super) up: bool,
}

impl Told {
    fn of(request: &Heard<'_>) -> Self {
        let Input { number, up } = request.label();
        Self {
            machine: text(&request.body, "/alert/machine_id").to_owned(),
            alert: text(&request.body, "/alert/id").to_owned(),
            number,
            up,
        }
    }
}

/// What went over one connection about one machine.
#[derive(Clone, Debug, Default)]
struct Passage {
    sent: Vec<Input>,
    /// How many of them were acknowledged, counted up to the last one.
    acknowledged: usize,
}

/// A request as its receiver wrote it down.
#[derive(Debug)]
struct Heard<'a> {
    id: &'a str,
    accepted: bool,
    /// The number of restarts before the connection was opened.
    run: u64,
    body: Value,
}

impl Heard<'_> {
    fn sequence(&self) -> u64 {
        self.body["sequence"].as_u64().unwrap_or_default()
    }

    fn is_of_a_machine(&self) -> bool {
        text(&self.body, "/alert/rule_id") == RULE
    }

    fn label(&self) -> Input {
        let value = self.body.pointer("/alert/metric_value");
        let value = value.and_then(Value::as_f64).unwrap_or_default();
        let up = matches!(
            text(&self.body, "/event"),
            "alert.triggered" | "alert.reopened"
        );
        Input {
            number: number_of(value),
            up,
        }
    }
}

/// The value that is published for an input: far above or far below the limit, with the number in it.
pub(super) fn value_of(number: u64, up: bool) -> String {
    let number = i64::try_from(number).expect("a small number");
    let value = if up { 1000 + number } else { -1000 - number };
    value.to_string()
}

fn number_of(value: f64) -> u64 {
    // Whole numbers of this size are exact.
    (value.abs() - 1000.0).max(0.0) as u64
}

/// Makes the account of a ledger. A `lossy` network may deliver a request after the agent has given it up and sent it anew, so a
/// repeat of what was accepted then needs no restart and no order.
pub(super) fn account(entries: &[Entry], destinations: &[Expected], lossy: bool) -> Account {
    let starts = starts(entries);
    let mut account = Account::begin(&starts);
    let passages = passages(entries, &mut account);
    for expected in destinations {
        let heard = heard(entries, expected.name, &starts);
        told(&heard, expected, lossy, &mut account);
        truth(&heard, &passages, expected, &mut account);
    }
    account
}

/// The account of how destinations were told, without a word about what should have been decided; and the events of machines that each
/// has accepted, once, in the order in which they were decided.
pub(super) fn account_of_telling(
    entries: &[Entry],
    destinations: &[Expected],
) -> (Account, Vec<Vec<Told>>) {
    let starts = starts(entries);
    let mut account = Account::begin(&starts);
    let of = |expected: &Expected| {
        let heard = heard(entries, expected.name, &starts);
        told(&heard, expected, false, &mut account);
        let accepted = heard.iter().filter(|request| request.accepted);
        let events = accepted
            .filter(|request| request.is_of_a_machine())
            .map(|request| (request.sequence(), Told::of(request)));
        let events: BTreeMap<u64, Told> = events.collect();
        account.deliveries += events.len() as u64;
        events.into_values().collect()
    };
    let told = destinations.iter().map(of).collect();
    (account, told)
}

/// When each process of the agent began.
fn starts(entries: &[Entry]) -> Vec<u64> {
    let started = entries.iter().filter(|entry| entry.line == Line::Started);
    started.map(|entry| entry.at).collect()
}

/// How one destination was told, whatever it was told of.
fn told(heard: &[Heard<'_>], expected: &Expected, lossy: bool, account: &mut Account) {
    account.requests += heard.len() as u64;
    repeats(heard, expected, lossy, account);
    order(heard, expected, lossy, account);
    sequence(heard, expected, account);
}

/// What went over each connection, by machine.
fn passages(entries: &[Entry], account: &mut Account) -> BTreeMap<String, BTreeMap<u64, Passage>> {
    let mut inputs: HashMap<u64, (&str, Input)> = HashMap::new();
    let mut passages: BTreeMap<String, BTreeMap<u64, Passage>> = BTreeMap::new();
    for entry in entries {
        match &entry.line {
            Line::Intended {
                number,
                machine,
                up,
            } => {
                let input = Input {
                    number: *number,
                    up: *up,
                };
                inputs.insert(*number, (machine, input));
            }
            Line::Sent { number, connection } => {
                let (machine, input) = inputs[number];
                let of_machine = passages.entry(machine.to_owned()).or_default();
                of_machine.entry(*connection).or_default().sent.push(input);
            }
            Line::Acknowledged { number, connection } => {
                let (machine, input) = inputs[number];
                account.acknowledged += 1;
                let passage = passages
                    .get_mut(machine)
                    .and_then(|of_machine| of_machine.get_mut(connection))
                    .expect("what is acknowledged was sent");
                let at = passage.sent.iter().position(|sent| *sent == input);
                let at = at.expect("what is acknowledged was sent over this connection");
                passage.acknowledged = passage.acknowledged.max(at + 1);
            }
            _ => {}
        }
    }
    passages
}

fn heard<'a>(entries: &'a [Entry], name: &str, starts: &[u64]) -> Vec<Heard<'a>> {
    let mut all = Vec::new();
    for entry in entries {
        if let Line::Heard {
            destination,
            connected,
            id,
            body,
            accepted,
        } = &entry.line
            && destination == name
        {
            all.push(Heard {
                id,
                accepted: *accepted,
                run: starts.iter().filter(|start| *start <= connected).count() as u64,
                body: serde_json::from_str(body).expect("a body is JSON"),
            });
        }
    }
    all
}

fn repeats(heard: &[Heard<'_>], expected: &Expected, lossy: bool, account: &mut Account) {
    let name = expected.name;
    let mut said: HashMap<&str, Value> = HashMap::new();
    let mut accepted: HashMap<&str, u64> = HashMap::new();
    let mut of_restart: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for request in heard {
        let mut body = request.body.clone();
        for key in OF_THE_ATTEMPT {
            body.as_object_mut().expect("an object").remove(key);
        }
        let first = said.entry(request.id).or_insert_with(|| body.clone());
        if *first != body || text(&body, "/id") != request.id {
            account.wrong_repeats += 1;
            account.tell(format!(
                "{name}: {} was told as {first} and as {body}",
                request.id
            ));
        }
        if let Some(run) = accepted.get(request.id).copied() {
            account.repeats += 1;
            if lossy {
                continue;
            }
            if run == request.run {
                account.wrong_repeats += 1;
                account.tell(format!(
                    "{name}: {} was accepted and sent again by run {run}",
                    request.id
                ));
            }
            of_restart.entry(run).or_default().insert(request.id);
        }
        if request.accepted {
            accepted.insert(request.id, request.run);
        }
    }
    for (run, again) in of_restart {
        let count = again.len() as u64;
        account.most_per_restart = account.most_per_restart.max(count);
        if expected.concurrency == 1 {
            account.most_alone = account.most_alone.max(count);
        }
        if count > expected.concurrency {
            account.wrong_repeats += 1;
            account.tell(format!(
                "{name}: {count} repeats after the end of run {run}"
            ));
        }
    }
}

/// No event is attempted before the one before it in its lane was accepted, and none after a later one.
fn order(heard: &[Heard<'_>], expected: &Expected, lossy: bool, account: &mut Account) {
    let mut lanes: HashMap<&str, (u64, bool)> = HashMap::new();
    let mut held = BTreeSet::new();
    for request in heard {
        if lossy && held.contains(request.id) {
            continue;
        }
        if request.accepted {
            held.insert(request.id);
        }
        let sequence = request.sequence();
        let lane = text(&request.body, "/dedup_key");
        let (last, was_accepted) = lanes.entry(lane).or_insert((0, true));
        let fine = match sequence.cmp(last) {
            std::cmp::Ordering::Greater => *was_accepted,
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Less => false,
        };
        if !fine {
            account.disorder += 1;
            let name = expected.name;
            account.tell(format!("{name}: {sequence} came after {last} in {lane}"));
        }
        if sequence > *last {
            (*last, *was_accepted) = (sequence, request.accepted);
        } else if sequence == *last {
            *was_accepted |= request.accepted;
        }
    }
}

/// Who holds each number as received or given up misses nothing.
fn sequence(heard: &[Heard<'_>], expected: &Expected, account: &mut Account) {
    let mut held: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for request in heard.iter().filter(|request| request.accepted) {
        let numbers = held.entry(text(&request.body, "/stream")).or_default();
        numbers.insert(request.sequence());
        for range in request.body["given_up"].as_array().into_iter().flatten() {
            let end = |name: &str| range[name].as_u64().unwrap_or_default();
            numbers.extend(end("from")..=end("to"));
        }
    }
    for (stream, numbers) in held {
        let last = numbers.last().copied().unwrap_or_default();
        let missing: Vec<u64> = (1..=last).filter(|n| !numbers.contains(n)).collect();
        if !missing.is_empty() {
            account.gaps += missing.len() as u64;
            let name = expected.name;
            account.tell(format!("{name}: missing of {stream}: {missing:?}"));
        }
    }
}

fn truth(
    heard: &[Heard<'_>],
    passages: &BTreeMap<String, BTreeMap<u64, Passage>>,
    expected: &Expected,
    account: &mut Account,
) {
    // By machine and number in the destination's sequence: each event once.
    let mut events: BTreeMap<&str, BTreeMap<u64, Input>> = BTreeMap::new();
    let accepted = heard.iter().filter(|request| request.accepted);
    for request in accepted.filter(|request| request.is_of_a_machine()) {
        let machine = text(&request.body, "/alert/machine_id");
        let of_machine = events.entry(machine).or_default();
        if of_machine
            .insert(request.sequence(), request.label())
            .is_none()
        {
            account.deliveries += 1;
            account.not_durable += u64::from(request.body["durable"] == false);
        }
    }
    let name = expected.name;
    let nothing = BTreeMap::new();
    for (machine, of_machine) in passages {
        let told = events.remove(machine.as_str()).unwrap_or_default();
        let told: Vec<Input> = told.into_values().collect();
        let mut lost: Vec<&Input> = Vec::new();
        for passage in of_machine.values() {
            let owed = passage.sent[..passage.acknowledged].iter();
            lost.extend(owed.filter(|input| !told.contains(*input)));
        }
        if !lost.is_empty() {
            account.lost += lost.len() as u64;
            account
                .lost_numbers
                .extend(lost.iter().map(|input| input.number));
            account.tell(format!("{name}: never heard of {machine}: {lost:?}"));
        } else if !explains(of_machine.values(), &told) {
            account.phantom += 1;
            account.tell(format!(
                "{name}: {machine}: {of_machine:?} does not explain {told:?}"
            ));
        }
    }
    for (machine, told) in events {
        if passages.get(machine).unwrap_or(&nothing).is_empty() {
            account.phantom += 1;
            account.tell(format!(
                "{name}: nobody sent anything of {machine}: {told:?}"
            ));
        }
    }
}

/// Whether some allowed choice of what counted gives exactly these events.
fn explains<'p>(passages: impl Iterator<Item = &'p Passage>, told: &[Input]) -> bool {
    // Where the watch may stand: whether it is active, and how many events it has given.
    let mut standing = BTreeSet::from([(false, 0_usize)]);
    for passage in passages {
        let mut after = BTreeSet::new();
        for (mut active, mut given) in std::mem::take(&mut standing) {
            let mut possible = true;
            for (index, input) in passage.sent.iter().enumerate() {
                if index >= passage.acknowledged {
                    after.insert((active, given));
                }
                if input.up != active {
                    possible = told.get(given) == Some(input);
                    if !possible {
                        break;
                    }
                    (active, given) = (input.up, given + 1);
                }
            }
            if possible {
                after.insert((active, given));
            }
        }
        standing = after;
    }
    standing.iter().any(|(_, given)| *given == told.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(number: u64) -> Input {
        Input { number, up: true }
    }

    fn down(number: u64) -> Input {
        Input { number, up: false }
    }

    fn passage(sent: &[Input], acknowledged: usize) -> Passage {
        Passage {
            sent: sent.to_vec(),
            acknowledged,
        }
    }

    #[test]
    fn what_was_not_acknowledged_may_count_or_not_and_nothing_else_may() {
        let first = passage(&[up(1), down(2)], 1);
        let again = passage(&[down(2)], 1);
        let both = [first, again];
        assert!(explains(both.iter(), &[up(1), down(2)]));
        assert!(
            !explains(both.iter(), &[up(1)]),
            "the second is acknowledged"
        );
        assert!(!explains(both.iter(), &[up(1), down(2), up(1), down(2)]));

        // Nothing was acknowledged the first time, so all of it may have counted twice.
        let first = passage(&[up(1), down(2)], 0);
        let again = passage(&[up(1), down(2)], 2);
        let both = [first, again];
        assert!(explains(both.iter(), &[up(1), down(2)]));
        assert!(explains(both.iter(), &[up(1), down(2), up(1), down(2)]));
        assert!(!explains(both.iter(), &[up(1), down(2), up(1)]));
        assert!(!explains(both.iter(), &[up(1), down(3)]));
    }

    #[test]
    fn a_loss_a_phantom_a_repeat_and_disorder_are_found() {
        let body = |event: &str, sequence: u64, value: &str| {
            format!(
                "{{\"event\":\"{event}\",\"id\":\"id-{sequence}\",\"stream\":\"s\",\"sequence\":{sequence},\"dedup_key\":\"k\",\
                 \"alert\":{{\"rule_id\":\"{RULE}\",\"machine_id\":\"m-1\",\"metric_value\":{value}}}}}"
            )
        };
        let heard = |body: &str, at: u64, id: u64| Entry {
            at,
            line: Line::Heard {
                destination: "ops".to_owned(),
                connected: at,
                id: format!("id-{id}"),
                body: body.to_owned(),
                accepted: true,
            },
        };
        let intended = |number, up| Line::Intended {
            number,
            machine: "m-1".to_owned(),
            up,
        };
        let sent = |number| Line::Sent {
            number,
            connection: 1,
        };
        let acknowledged = |number| Line::Acknowledged {
            number,
            connection: 1,
        };
        let lines = [
            Line::Started,
            intended(1, true),
            intended(2, false),
            sent(1),
            sent(2),
            acknowledged(1),
            acknowledged(2),
        ];
        let mut ledger: Vec<Entry> = lines
            .into_iter()
            .map(|line| Entry { at: 1, line })
            .collect();
        let ops = [Expected {
            name: "ops",
            concurrency: 1,
        }];
        let triggered = body("alert.triggered", 1, &value_of(1, true));
        let resolved = body("alert.resolved", 2, &value_of(2, false));

        ledger.push(heard(&triggered, 2, 1));
        let found = account(&ledger, &ops, false);
        assert_eq!((found.lost, found.phantom), (1, 0), "{found:?}");

        ledger.push(heard(&resolved, 3, 2));
        assert!(account(&ledger, &ops, false).is_clean());

        // Again without a restart.
        ledger.push(heard(&resolved, 4, 2));
        let found = account(&ledger, &ops, false);
        assert_eq!((found.repeats, found.wrong_repeats), (1, 1), "{found:?}");
        ledger.pop();

        // Once after a restart is fine, an older one is not.
        ledger.push(Entry {
            at: 5,
            line: Line::Started,
        });
        ledger.push(heard(&resolved, 6, 2));
        let found = account(&ledger, &ops, false);
        assert!(found.is_clean(), "{found:?}");
        assert_eq!((found.repeats, found.most_per_restart), (1, 1));
        ledger.push(heard(&triggered, 7, 1));
        let found = account(&ledger, &ops, false);
        assert_eq!((found.disorder, found.wrong_repeats), (1, 1), "{found:?}");
        ledger.pop();

        // What nobody decided.
        ledger.push(heard(&body("alert.reopened", 3, &value_of(3, true)), 8, 3));
        let found = account(&ledger, &ops, false);
        assert_eq!((found.lost, found.phantom), (0, 1), "{found:?}");
    }
}
