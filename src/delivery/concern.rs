//! Telling people that a destination is in trouble: alerts of the rule `andon.destination`, one per destination.
//!
//! A receiver that refuses is told at once, because nothing will mend itself; one that fails or cannot be reached only after a
//! while, because networks come and go. Either ends with the next acceptance, also that of a later run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::sync::mpsc;

use super::schedule::Status;
use crate::{
    alert::{plant::Severity, signal::Signal},
    clock::Mono,
    destination::Outcome,
};

/// The rule of these alerts.
pub const DESTINATION_RULE: &str = "andon.destination";

/// The rule of alerts about destinations that are deactivated.
pub const DEACTIVATED_RULE: &str = "andon.deactivated";

/// How long nothing is accepted before that is an alert.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// What is known about the troubles of destinations.
pub(super) struct Concerns {
    signals: mpsc::Sender<Signal>,
    known: BTreeMap<Arc<str>, Known>,
}

#[derive(Default)]
struct Known {
    trouble: Option<String>,
    /// Since when nothing was accepted.
    since: Option<Mono>,
    accepted: bool,
    refused: bool,
    /// What was said last. Until something was, the alert of an earlier run may be open.
    raised: Option<bool>,
    /// The same about its deactivation.
    deactivated: Option<bool>,
    /// What could not be said yet, because the loop was behind; at most the last of each kind.
    unsaid: BTreeMap<Arc<str>, Signal>,
}

impl Concerns {
    pub(super) fn new(signals: mpsc::Sender<Signal>) -> Self {
        Self {
            signals,
            known: BTreeMap::new(),
        }
    }

    /// What the last attempt that was not accepted brought.
    pub(super) fn trouble(&self, destination: &str) -> Option<String> {
        self.known
            .get(destination)
            .and_then(|known| known.trouble.clone())
    }

    /// Takes note of an outcome.
    pub(super) fn heard(&mut self, destination: &Arc<str>, outcome: &Outcome, now: Mono) {
        let known = self.known.entry(Arc::clone(destination)).or_default();
        let had_trouble = known.trouble.is_some();
        match outcome {
            Outcome::Accepted { .. } => {
                if had_trouble {
                    tracing::info!(destination = &**destination, "accepts again");
                }
                known.trouble = None;
                known.refused = false;
                known.since = None;
                known.accepted = true;
                return;
            }
            Outcome::Unreachable { why } | Outcome::Failed { why, .. } => {
                if !had_trouble {
                    tracing::warn!(destination = &**destination, "does not accept: {why}");
                }
                known.trouble = Some(why.clone());
            }
            Outcome::Refused { why, .. } => {
                if !known.refused {
                    tracing::warn!(destination = &**destination, "refuses: {why}");
                }
                known.refused = true;
                known.trouble = Some(why.clone());
            }
        }
        known.since.get_or_insert(now);
    }

    /// Says what is new about them.
    pub(super) fn look(&mut self, statuses: impl Iterator<Item = Status>, now: Mono) {
        let mut gone: BTreeSet<Arc<str>> = self.known.keys().cloned().collect();
        for status in statuses.filter(|status| !status.orphaned) {
            gone.remove(&status.destination);
            let known = self
                .known
                .entry(Arc::clone(&status.destination))
                .or_default();
            let lasts = known
                .since
                .is_some_and(|since| now.since(since) >= PATIENCE);
            let bad = known.refused || lasts;
            let news = match known.raised {
                Some(raised) => raised != bad,
                None => bad || known.accepted,
            };
            if news {
                known.raised = Some(bad);
                let why = bad.then_some(known.trouble.as_deref()).flatten();
                known.say(signal(&status.destination, why));
            }
            let off = status.deactivated.is_some();
            let news = match known.deactivated {
                Some(before) => before != off,
                None => off || known.accepted,
            };
            if news {
                known.deactivated = Some(off);
                known.say(deactivation(&status, known.trouble.as_deref()));
            }
            while let Some((rule, signal)) = known.unsaid.pop_first() {
                if let Err(error) = self.signals.try_send(signal) {
                    known.unsaid.insert(rule, error.into_inner());
                    break;
                }
            }
        }
        // One that is not configured any more is nobody's trouble; the loop ends its alert at the reload.
        for destination in gone {
            self.known.remove(&destination);
        }
    }
}

impl Known {
    fn say(&mut self, signal: Signal) {
        self.unsaid.insert(signal.rule.clone(), signal);
    }
}

fn deactivation(status: &Status, trouble: Option<&str>) -> Signal {
    let name = &status.destination;
    if status.deactivated.is_none() {
        return Signal::gone(DEACTIVATED_RULE, name);
    }
    let why = trouble.map_or_else(String::new, |why| format!(", the last: {why}"));
    Signal::raised(
        DEACTIVATED_RULE,
        name,
        Severity::Error,
        format!(
            "destination {name} is deactivated after {} attempts in a row that failed or were refused{why}",
            status.failures
        ),
        "What is owed to it waits, and it is probed now and then. Mend the receiver or its configuration; `andon outbox retry` tries at once.",
    )
}

fn signal(destination: &str, trouble: Option<&str>) -> Signal {
    match trouble {
        Some(why) => Signal::raised(
            DESTINATION_RULE,
            destination,
            Severity::Error,
            format!("destination {destination} does not accept: {why}"),
            "Run `andon destinations test` with its name; what is owed to it waits.",
        ),
        None => Signal::gone(DESTINATION_RULE, destination),
    }
}
