//! Following the chain from entry to entry.

use super::{ChainReport, Problems};
use crate::verify::{
    chain::{self, Hash},
    rows::{Account, Entry, Point},
};

#[derive(Clone, Debug)]
pub(super) struct Links {
    start: i64,
    /// The entry that has to come next.
    next: i64,
    /// The hash of the one before it; none if that is not known.
    before: Option<Hash>,
    head: Point,
    /// A head that was kept elsewhere, and whether it was found.
    known: Option<Point>,
    known_holds: Option<bool>,
    /// The highest entry.
    highest: i64,
    covered: u64,
    uncovered: u64,
    pruned: u64,
    broken: u64,
}

impl Links {
    pub(super) fn new(account: &Account, known: Option<Point>, problems: &mut Problems) -> Self {
        let mut links = Self {
            start: account.start.seq,
            next: account.start.seq + 1,
            before: chain::from_hex(&account.start.hash),
            head: account.head.clone(),
            known,
            known_holds: None,
            highest: account.start.seq,
            covered: 0,
            uncovered: 0,
            pruned: 0,
            broken: 0,
        };
        if links.before.is_none() {
            links.fault(problems, "the start of the chain cannot be read".to_owned());
        }
        links.arrive(account.start.seq, links.before, problems);
        links
    }

    pub(super) fn take(&mut self, entry: &Entry, problems: &mut Problems) {
        self.highest = self.highest.max(entry.seq);
        if entry.seq <= self.start {
            self.uncovered += 1;
            return;
        }
        if entry.seq < self.next {
            let text = format!(
                "event {} is there twice, or again after it was pruned",
                entry.seq
            );
            self.fault(problems, text);
            return;
        }
        if entry.seq > self.next {
            let (from, to) = (self.next, entry.seq - 1);
            let text = match from == to {
                true => format!("event {from} is gone, and it was not pruned"),
                false => format!("events {from} to {to} are gone, and they were not pruned"),
            };
            self.fault(problems, text);
            self.before = None;
        }
        let digest = chain::from_hex(&entry.digest);
        let stored = entry.hash.as_deref().and_then(chain::from_hex);
        let computed = match (&self.before, &digest) {
            (Some(before), Some(digest)) => Some(chain::link(before, digest)),
            _ => None,
        };
        match &entry.event {
            Some(_) => {
                self.covered += 1;
                if stored.is_none() {
                    let text = format!("event {} has no hash", entry.seq);
                    self.fault(problems, text);
                } else if computed.is_some() && computed != stored {
                    let text = format!(
                        "event {} is not what was written, or does not follow the one before it",
                        entry.seq
                    );
                    self.fault(problems, text);
                }
            }
            None => self.pruned += 1,
        }
        // What was stored, so that one change is one problem.
        let hash = stored.or(computed);
        self.arrive(entry.seq, hash, problems);
        self.before = hash;
        self.next = entry.seq + 1;
    }

    /// Compares the hash of an event with what is known of it from elsewhere.
    fn arrive(&mut self, seq: i64, hash: Option<Hash>, problems: &mut Problems) {
        let same = |point: &Point| hash.is_some() && hash == chain::from_hex(&point.hash);
        if seq == self.head.seq && !same(&self.head) {
            let text =
                format!("the head of the chain, event {seq}, is not the one that was written last");
            self.fault(problems, text);
        }
        if let Some(known) = self.known.clone().filter(|known| known.seq == seq) {
            let holds = same(&known);
            self.known_holds = Some(holds);
            if !holds {
                let text = format!(
                    "event {seq} had the hash {} once: what was decided up to it has been rewritten",
                    known.hash
                );
                self.fault(problems, text);
            }
        }
    }

    pub(super) fn finish(
        &mut self,
        account: &Account,
        later: &Account,
        problems: &mut Problems,
    ) -> ChainReport {
        let last = self.next - 1;
        if last < self.head.seq {
            let text = format!(
                "the record ends at event {last}, and event {} was written",
                self.head.seq
            );
            self.fault(problems, text);
        }
        if self.highest > later.head.seq {
            let text = format!(
                "event {} is there, and only {} were written",
                self.highest, later.head.seq
            );
            self.fault(problems, text);
        }
        if let Some(known) = self.known.clone().filter(|_| self.known_holds.is_none()) {
            let text = match known.seq < self.start {
                true => format!(
                    "event {} cannot be checked any more: the chain begins after event {}",
                    known.seq, self.start
                ),
                false => format!(
                    "event {} was written once, and the record ends before it: it was cut, or an older copy was restored",
                    known.seq
                ),
            };
            self.fault(problems, text);
        }
        ChainReport {
            intact: self.broken == 0,
            head: account.head.clone(),
            start: account.start.clone(),
            start_why: account.start_why.clone(),
            covered: self.covered,
            pruned: self.pruned,
            uncovered: self.uncovered,
            known_head_holds: self.known_holds,
        }
    }

    fn fault(&mut self, problems: &mut Problems, text: String) {
        self.broken += 1;
        problems.add("chain", text);
    }
}
