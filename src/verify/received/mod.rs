//! The receiver's side of the proof: whether what a receiver stored holds every number of every stream.
//!
//! It takes the lines of a file one by one, each a native body or a digest, and remembers ranges of numbers, not lines, so that
//! files of gigabytes are no burden. Whether a repeat bears the same id is found by a second look, only at numbers that came more
//! than once. It trusts nothing in the file: a line that is not ours is counted, one that cannot be read is named.

mod line;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use serde::Serialize;

use self::line::Line;
pub use self::line::Places;
use super::ranges::Ranges;

/// Most offenders of a kind that are named.
const NAMED: usize = 20;
/// Most streams of one file, and most numbers that came more than once: beyond it the rest is counted as not compared.
const MOST: usize = 1_000_000;

/// Takes the lines of one file.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    places: Places,
    /// The file begins in the middle: numbers before the first one of each stream are not expected.
    tail: bool,
    streams: BTreeMap<(String, String), Stream>,
    lines: u64,
    tests: u64,
    foreign: u64,
    malformed: u64,
    malformed_lines: Vec<u64>,
    not_compared: u64,
    repeated: usize,
}

#[derive(Clone, Debug, Default)]
struct Stream {
    received: Ranges,
    given_up: Ranges,
    /// Arrived although it had been given up: a person has had it tried again.
    returned: u64,
    repeats: u64,
    repeated: BTreeSet<u64>,
    /// The ids of repeated numbers, filled by the second look.
    ids: HashMap<u64, String>,
    conflicts: u64,
    conflicting: Vec<Conflict>,
    /// The highest number of each watch.
    lanes: HashMap<u64, u64>,
    disorders: u64,
    disordered: Vec<Disorder>,
}

/// One number with two ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The number.
    pub sequence: u64,
    /// The id that it came with first.
    pub id: String,
    /// Another one.
    pub other: String,
}

/// A number that came after a higher one of the same watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disorder {
    /// The number.
    pub sequence: u64,
    /// The higher one.
    pub after: u64,
    /// The line that it is in, counted from 1.
    pub line: u64,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Nothing is missing, out of order or in conflict.
    pub fine: bool,
    /// Lines, empty ones left out.
    pub lines: u64,
    /// Tests, which have no number.
    pub tests: u64,
    /// Valid JSON of somebody else.
    pub foreign: u64,
    /// Lines that cannot be read.
    pub malformed: u64,
    /// The first of them, counted from 1.
    pub malformed_lines: Vec<u64>,
    /// Repeats whose ids were too many to compare.
    pub not_compared: u64,
    /// Each stream, by what the file is divided by.
    pub streams: Vec<StreamReport>,
}

/// What a file holds of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// What the file is divided by; empty if by nothing.
    pub by: String,
    /// The stream.
    pub stream: String,
    /// The first number that is expected.
    pub first: u64,
    /// The last number that is known of.
    pub last: u64,
    /// Different numbers that came.
    pub received: u64,
    /// Lines that brought a number again.
    pub repeated: u64,
    /// Numbers that were given up and did not come.
    pub given_up: u64,
    /// Numbers that came after they had been given up.
    pub returned: u64,
    /// Numbers that neither came nor were given up.
    pub missing: u64,
    /// The first of them: `3, 7-9`.
    pub missing_numbers: String,
    /// Numbers that came with several ids.
    pub conflicts: u64,
    /// The first of them.
    pub conflicting: Vec<Conflict>,
    /// Numbers that came after a higher one of the same watch.
    pub disorders: u64,
    /// The first of them.
    pub disordered: Vec<Disorder>,
}

impl Checker {
    /// One that has seen nothing. With `tail`, the file begins somewhere in the middle.
    pub fn new(places: Places, tail: bool) -> Self {
        Self {
            places,
            tail,
            ..Self::default()
        }
    }

    /// Takes the next line, without its end; none stands for one that is too long to be read.
    pub fn take(&mut self, number: u64, line: Option<&[u8]>) {
        let line = line.map(<[u8]>::trim_ascii);
        if line.is_some_and(<[u8]>::is_empty) {
            return;
        }
        self.lines += 1;
        match line.map_or(Line::Malformed, |line| line::read(line, &self.places)) {
            Line::Messages(messages) => {
                for message in messages {
                    self.take_message(message, number);
                }
            }
            Line::Test => self.tests += 1,
            Line::Foreign => self.foreign += 1,
            Line::Malformed => {
                self.malformed += 1;
                if self.malformed_lines.len() < NAMED {
                    self.malformed_lines.push(number);
                }
            }
        }
    }

    fn take_message(&mut self, message: line::Message, line: u64) {
        let key = (message.by, message.stream);
        if self.streams.len() >= MOST && !self.streams.contains_key(&key) {
            self.not_compared += 1;
            return;
        }
        let stream = self.streams.entry(key).or_default();
        let sequence = message.sequence;
        if !stream.received.insert(sequence) {
            stream.repeats += 1;
            if self.repeated < MOST {
                self.repeated += usize::from(stream.repeated.insert(sequence));
            } else if !stream.repeated.contains(&sequence) {
                self.not_compared += 1;
            }
        } else {
            let highest = stream.lanes.entry(hash(&message.dedup_key)).or_default();
            if stream.given_up.contains(sequence) {
                stream.returned += 1;
            } else if sequence < *highest {
                stream.disorders += 1;
                if stream.disordered.len() < NAMED {
                    stream.disordered.push(Disorder {
                        sequence,
                        after: *highest,
                        line,
                    });
                }
            }
            *highest = sequence.max(*highest);
        }
        for (from, to) in message.given_up {
            stream.given_up.insert_range(from.max(1), to);
        }
    }

    /// Whether the lines have to be gone through once more, with [`Checker::take_again`].
    pub fn needs_second_look(&self) -> bool {
        self.repeated > 0
    }

    /// Looks at a line again: whether repeats bear the same id.
    pub fn take_again(&mut self, line: Option<&[u8]>) {
        let Some(Line::Messages(messages)) = line.map(|line| line::read(line, &self.places)) else {
            return;
        };
        for message in messages {
            let key = (message.by, message.stream);
            let Some(stream) = self.streams.get_mut(&key) else {
                continue;
            };
            if !stream.repeated.contains(&message.sequence) {
                continue;
            }
            let first = stream
                .ids
                .entry(message.sequence)
                .or_insert_with(|| message.id.clone());
            if *first != message.id {
                stream.conflicts += 1;
                if stream.conflicting.len() < NAMED {
                    stream.conflicting.push(Conflict {
                        sequence: message.sequence,
                        id: first.clone(),
                        other: message.id,
                    });
                }
            }
        }
    }

    /// What came of it.
    pub fn report(&self) -> Report {
        let streams: Vec<StreamReport> = self
            .streams
            .iter()
            .map(|((by, name), stream)| stream.report(by, name, self.tail))
            .collect();
        let is_fine =
            |one: &StreamReport| one.missing == 0 && one.conflicts == 0 && one.disorders == 0;
        Report {
            fine: streams.iter().all(is_fine),
            lines: self.lines,
            tests: self.tests,
            foreign: self.foreign,
            malformed: self.malformed,
            malformed_lines: self.malformed_lines.clone(),
            not_compared: self.not_compared,
            streams,
        }
    }
}

impl Stream {
    fn report(&self, by: &str, name: &str, tail: bool) -> StreamReport {
        let first = match tail {
            true => self.received.first().unwrap_or(1),
            false => 1,
        };
        let last = self.received.last().max(self.given_up.last()).unwrap_or(0);
        let absent = self.received.holes(first, last);
        let missing = absent.without(&self.given_up);
        StreamReport {
            by: by.to_owned(),
            stream: name.to_owned(),
            first,
            last,
            received: self.received.count(),
            repeated: self.repeats,
            given_up: absent.count() - missing.count(),
            returned: self.returned,
            missing: missing.count(),
            missing_numbers: missing.to_string(),
            conflicts: self.conflicts,
            conflicting: self.conflicting.clone(),
            disorders: self.disorders,
            disordered: self.disordered.clone(),
        }
    }
}

fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
