//! What was decided and what arrived, and whether that is the same: the demo's judgement of the agent.
//!
//! Pure: it is told, it compares, and it names what is missing. It keeps one round and counts the rest.

use std::collections::{BTreeMap, BTreeSet};

use super::receiver::Letter;
use crate::api::history::{DeliveryView, EventView};

/// How many faults are named; more are a flood of the same.
const FAULTS: usize = 20;

/// The book of one demo.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// What was decided in this round, by the event's id, with number, rule and kind.
    decided: BTreeMap<String, Decided>,
    /// What arrived first in this round.
    letters: Vec<Letter>,
    /// By destination and number: the id under which it came.
    ids: BTreeMap<(String, u64), String>,
    /// By destination and watch: the last number.
    last: BTreeMap<(String, String), u64>,
    boxes: BTreeMap<String, Mailbox>,
    faults: Vec<String>,
    /// Over all rounds.
    pub(super) counts: Counts,
}

/// How much there was, over all rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that the agent decided.
    pub decided: u64,
    /// Requests that were the first with their number.
    pub delivered: u64,
    /// Requests that came again; at-least-once allows them.
    pub repeats: u64,
    /// Requests with a good signature, repeats included.
    pub genuine: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Decided {
    rule: String,
    kind: String,
}

/// The numbers that one receiver holds.
#[derive(Debug, Default)]
struct Mailbox {
    stream: String,
    /// All up to this one are held, or will never come.
    whole: u64,
    beyond: BTreeSet<u64>,
}

impl Mailbox {
    fn holds(&self, number: u64) -> bool {
        number <= self.whole || self.beyond.contains(&number)
    }

    fn hold(&mut self, number: u64) {
        if self.holds(number) {
            return;
        }
        self.beyond.insert(number);
        while self.beyond.remove(&(self.whole + 1)) {
            self.whole += 1;
        }
    }
}

impl Ledger {
    /// Takes a decision down; false if it is known.
    pub(super) fn decided(&mut self, rule: &str, event: &EventView) -> bool {
        let decided = Decided {
            rule: rule.to_owned(),
            kind: event.kind.clone(),
        };
        let new = self.decided.insert(event.id.clone(), decided).is_none();
        self.counts.decided += u64::from(new);
        new
    }

    /// Takes a letter in; false if it came before.
    pub(super) fn received(&mut self, letter: &Letter) -> bool {
        let (to, payload) = (&letter.to, &letter.payload);
        let what = format!("{} of {} to {to}", payload.event, payload.alert.number);
        if !letter.genuine {
            self.fault(format!("{what} had a wrong signature"));
            return true;
        }
        self.counts.genuine += 1;
        if letter.webhook_id != payload.id || payload.id.is_empty() {
            self.fault(format!("{what} had another id in its header than inside"));
        }
        let key = (to.clone(), payload.sequence);
        let known = self.boxes.entry(to.clone()).or_default();
        if known.stream.is_empty() {
            known.stream.clone_from(&payload.stream);
        }
        let strange = known.stream != payload.stream;
        let again = known.holds(payload.sequence);
        known.hold(payload.sequence);
        for range in &payload.given_up {
            (range.from..=range.to).for_each(|number| known.hold(number));
        }
        if strange {
            self.fault(format!("{what} came from another stream"));
        }
        if again {
            self.counts.repeats += 1;
            if self.ids.get(&key).is_some_and(|id| *id != payload.id) {
                self.fault(format!("{what} was repeated under another id"));
            }
            return false;
        }
        self.counts.delivered += 1;
        let same_id =
            |((other, _), id): (&(String, u64), &String)| other == to && *id == payload.id;
        if self.ids.iter().any(same_id) {
            self.fault(format!("{what} came under an id that was used before"));
        }
        self.ids.insert(key, payload.id.clone());
        let lane = (to.clone(), payload.dedup_key.clone());
        let before = self.last.insert(lane, payload.sequence);
        if before.is_some_and(|before| before > payload.sequence) {
            self.fault(format!("{what} came after what was decided later"));
        }
        self.letters.push(letter.clone());
        true
    }

    /// Something is not as it was promised.
    pub(super) fn fault(&mut self, what: String) {
        if self.faults.len() < FAULTS {
            self.faults.push(what);
        }
    }

    /// All that is not as it was promised.
    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Whether this kind of event of a rule was decided in this round.
    pub(super) fn has_decided(&self, rule: &str, kind: &str) -> bool {
        let mut all = self.decided.values();
        all.any(|decided| decided.rule == rule && decided.kind == kind)
    }

    /// Whether an event with this id is known.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.decided.contains_key(id)
    }

    /// The letters about a rule to a destination, as kinds in the order of arrival.
    pub(super) fn got(&self, to: &str, rule: &str) -> Vec<&str> {
        let of = |letter: &&Letter| letter.to == to && letter.payload.alert.rule_id == rule;
        let kind = |letter: &Letter| letter.payload.event.len().min("alert.".len());
        self.letters
            .iter()
            .filter(of)
            .map(|letter| &letter.payload.event[kind(letter)..])
            .collect()
    }

    /// Whether a destination heard that an alert of a rule is this bad.
    pub(super) fn heard(&self, to: &str, rule: &str, severity: &str) -> bool {
        self.letters.iter().any(|letter| {
            let alert = &letter.payload.alert;
            letter.to == to && alert.rule_id == rule && alert.severity == severity
        })
    }

    /// The number of the alert of a rule in this round: `A-4`.
    pub(super) fn number(&self, rule: &str) -> Option<String> {
        let mut letters = self.letters.iter().map(|letter| &letter.payload.alert);
        let alert = letters.find(|alert| alert.rule_id == rule)?;
        Some(alert.number.clone())
    }

    /// Compares what the agent owed in this round with what arrived, and what arrived with what the story needs.
    pub(super) fn audit(&mut self, owed: &[DeliveryView], needed: &[(&str, &str, &[&str])]) {
        let mut expected = BTreeSet::new();
        for of in owed {
            let what = format!("{} of {} to {}", of.event, of.alert, of.destination);
            match of.state.as_str() {
                "accepted" => {
                    expected.insert((of.destination.clone(), of.sequence));
                }
                "superseded" => {}
                state => self.fault(format!("alert.{what} is {state}")),
            }
            let arrived = self.boxes.get(&of.destination);
            if !arrived.is_some_and(|held| held.holds(of.sequence)) {
                self.fault(format!("alert.{what} never arrived"));
            }
        }
        let strays: Vec<String> = self
            .letters
            .iter()
            .filter(|letter| !expected.contains(&(letter.to.clone(), letter.payload.sequence)))
            .map(|letter| format!("{} to {} was never owed", letter.payload.event, letter.to))
            .collect();
        strays.into_iter().for_each(|stray| self.fault(stray));
        for (to, rule, kinds) in needed {
            let got = self.got(to, rule);
            if got != *kinds {
                let message = format!(
                    "{to} should have got {} about {rule}, and got {}",
                    list(kinds),
                    list(&got)
                );
                self.fault(message);
            }
        }
        let gaps: Vec<String> = self
            .boxes
            .iter()
            .filter(|(_, held)| !held.beyond.is_empty())
            .map(|(to, held)| format!("{to} misses number {}", held.whole + 1))
            .collect();
        gaps.into_iter().for_each(|gap| self.fault(gap));
    }

    /// Forgets this round; counts and faults stay.
    pub(super) fn next_round(&mut self) {
        self.letters.clear();
        self.decided.clear();
        self.ids.clear();
    }
}

fn list(kinds: &[&str]) -> String {
    if kinds.is_empty() {
        return "nothing".to_owned();
    }
    kinds.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::receiver::{Payload, PayloadAlert};

    fn letter(sequence: u64, id: &str, kind: &str) -> Letter {
        Letter {
            to: "ops".to_owned(),
            genuine: true,
            webhook_id: id.to_owned(),
            payload: Payload {
                event: format!("alert.{kind}"),
                id: id.to_owned(),
                stream: "S".to_owned(),
                sequence,
                dedup_key: "k".to_owned(),
                alert: PayloadAlert {
                    number: "A-1".to_owned(),
                    severity: "warning".to_owned(),
                    rule_id: "hot".to_owned(),
                },
                ..Payload::default()
            },
            ..Letter::default()
        }
    }

    fn owed(sequence: u64, event: &str, state: &str) -> DeliveryView {
        DeliveryView {
            destination: "ops".to_owned(),
            state: state.to_owned(),
            alert: "A-1".to_owned(),
            event: event.to_owned(),
            sequence,
            ..DeliveryView::default()
        }
    }

    const NEEDED: &[(&str, &str, &[&str])] = &[("ops", "hot", &["triggered", "resolved"])];

    #[test]
    fn all_that_was_owed_and_needed_once_or_more_is_no_fault() {
        let mut ledger = Ledger::default();
        assert!(ledger.received(&letter(1, "a", "triggered")));
        assert!(!ledger.received(&letter(1, "a", "triggered")));
        assert!(ledger.received(&letter(2, "b", "resolved")));
        let owed = [
            owed(2, "resolved", "accepted"),
            owed(1, "triggered", "accepted"),
        ];
        ledger.audit(&owed, NEEDED);
        assert_eq!(ledger.faults(), [""; 0]);
        let counts = Counts {
            decided: 0,
            delivered: 2,
            repeats: 1,
            genuine: 3,
        };
        assert_eq!(ledger.counts, counts);
    }

    #[test]
    fn every_broken_promise_is_named() {
        let forged = Letter {
            genuine: false,
            ..letter(1, "a", "triggered")
        };
        let mut given_up = letter(3, "c", "updated");
        given_up.payload.given_up = vec![super::super::receiver::GivenUp { from: 1, to: 2 }];
        for (letters, expected) in [
            (
                vec![forged],
                "alert.triggered of A-1 to ops had a wrong signature",
            ),
            (
                vec![letter(1, "a", "triggered"), letter(2, "a", "resolved")],
                "alert.resolved of A-1 to ops came under an id that was used before",
            ),
            (
                vec![letter(1, "a", "triggered"), letter(1, "b", "triggered")],
                "alert.triggered of A-1 to ops was repeated under another id",
            ),
            (
                vec![letter(2, "b", "resolved"), letter(1, "a", "triggered")],
                "alert.triggered of A-1 to ops came after what was decided later",
            ),
        ] {
            let mut ledger = Ledger::default();
            for letter in &letters {
                ledger.received(letter);
            }
            assert_eq!(ledger.faults(), [expected]);
        }
        let mut ledger = Ledger::default();
        ledger.received(&given_up);
        ledger.audit(&[owed(3, "updated", "accepted")], &[]);
        assert_eq!(ledger.faults(), [""; 0], "what was given up is no gap");
    }

    #[test]
    fn an_audit_finds_what_is_missing_and_what_is_too_much() {
        let mut ledger = Ledger::default();
        ledger.received(&letter(1, "a", "triggered"));
        ledger.received(&letter(3, "c", "updated"));
        ledger.audit(
            &[
                owed(1, "triggered", "accepted"),
                owed(2, "resolved", "pending"),
            ],
            NEEDED,
        );
        assert_eq!(
            ledger.faults(),
            [
                "alert.resolved of A-1 to ops is pending",
                "alert.resolved of A-1 to ops never arrived",
                "alert.updated to ops was never owed",
                "ops should have got triggered, resolved about hot, and got triggered, updated",
                "ops misses number 2",
            ]
        );
    }
}
