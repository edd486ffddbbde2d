//! What a source says of itself beside its samples: how its connection stands, what it has counted, and what people should be
//! alerted to.
//!
//! It decides nothing. A source adds to it as it goes, without a lock and without a word to the loop; the loop reads it when somebody
//! asks. It lives as long as the agent runs, over restarts of the source and reloads of the configuration.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::clock::Mono;

/// What a source counts. A new one is a variant, and a line of [`COUNTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Messages that a broker sent.
    Messages,
    /// Connections that broke or could not be made.
    Disconnects,
    /// Payloads of which something is not understood.
    Malformed,
    /// Messages for machines that are not configured.
    UnknownMachine,
    /// Messages at QoS 0 that the loop had no room for.
    Dropped,
    /// Topic filters that the broker refused.
    FilterLost,
    /// Connections for which the broker had forgotten the session of an earlier one, with what waited in it.
    SessionsForgotten,
    /// Connections and subscriptions for which the broker grants less than was asked for.
    LessGranted,
    /// Times that messages of a Sparkplug node were missing.
    Gaps,
    /// Times that a Sparkplug node was asked to be born again.
    Rebirths,
    /// Polls that were left out because the link was slow or busy.
    PollsLeftOut,
}

/// Of each count: its word in JSON, and what people read behind the number. Nobody needs to read of what is no trouble.
const COUNTS: [(Count, &str, Option<&str>); 11] = {
    use Count::*;
    [
        (Messages, "messages", None),
        (
            Disconnects,
            "disconnects",
            Some("connections lost or refused"),
        ),
        (Malformed, "malformed", Some("payloads not understood")),
        (
            UnknownMachine,
            "unknown_machine",
            Some("messages for machines that are not configured"),
        ),
        (Dropped, "dropped", Some("messages at QoS 0 dropped")),
        (FilterLost, "filters_lost", Some("topic filters refused")),
        (
            SessionsForgotten,
            "sessions_forgotten",
            Some("sessions forgotten by the broker"),
        ),
        (
            LessGranted,
            "less_granted",
            Some("times that the broker granted less than was asked for"),
        ),
        (
            Gaps,
            "gaps",
            Some("times that messages of a node were missing"),
        ),
        (Rebirths, "rebirths", None),
        (PollsLeftOut, "polls_left_out", Some("polls left out")),
    ]
};

/// The last reason for a count is put into words at most this often.
const SAY_EVERY: Duration = Duration::from_millis(250);
/// The most characters of what is put into words: topics and errors come from outside.
const LONGEST: usize = 300;

/// What one source says of itself. Cheap to clone; all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    counts: [AtomicU64; COUNTS.len()],
    /// When the last reason for each was put into words, in nanoseconds since boot.
    said: [AtomicI64; COUNTS.len()],
    words: Mutex<Words>,
    /// Changes with the complaints, so that the loop need not lock to see that nothing has.
    version: AtomicU64,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            counts: Default::default(),
            said: std::array::from_fn(|_| AtomicI64::new(i64::MIN)),
            words: Mutex::default(),
            version: AtomicU64::new(0),
        }
    }
}

#[derive(Debug, Default)]
struct Words {
    standing: Option<Standing>,
    last: [Option<Last>; COUNTS.len()],
    complaints: BTreeMap<&'static str, Complaint>,
    notes: BTreeMap<&'static str, String>,
}

/// How a connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// As it should; people need not read of it then.
    pub fine: bool,
    /// `connected to 10.0.0.5:1883`
    pub words: String,
}

/// The last time that something was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// When.
    pub at: Mono,
    /// Why.
    pub why: String,
}

/// A condition of a source that people should be alerted to while it lasts. All that a source complains of is one alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What happens: `messages at QoS 0 are dropped: they come faster than they are dealt with`.
    pub message: String,
    /// What to do.
    pub action: &'static str,
}

/// A count as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Its word in JSON.
    pub word: &'static str,
    /// How many since the agent started.
    pub number: u64,
    /// What people read behind the number; none where it is no trouble.
    pub trouble: Option<&'static str>,
    /// The last one, if its reason was given.
    pub last: Option<Last>,
}

impl Tally {
    /// Counts something.
    pub fn add(&self, what: Count, number: u64) {
        self.0.counts[what as usize].fetch_add(number, Relaxed);
    }

    /// Counts one trouble and keeps its reason, if it is to be put into words at all by now.
    pub fn trouble(&self, what: Count, now: Mono, why: impl FnOnce() -> String) {
        self.add(what, 1);
        let said = &self.0.said[what as usize];
        let last = said.load(Relaxed);
        if last != i64::MIN && now.since(Mono::from_nanos(last)) < SAY_EVERY {
            return;
        }
        said.store(now.as_nanos(), Relaxed);
        let why = cut(why());
        self.words().last[what as usize] = Some(Last { at: now, why });
    }

    /// The connection is as it should be: `connected to 10.0.0.5:1883`.
    pub fn stands(&self, words: impl Into<String>) {
        self.standing_is(true, words.into());
    }

    /// The connection is not as it should be: `on its backup address 10.0.0.6:502`, `not connected: connection refused`.
    pub fn falters(&self, words: impl Into<String>) {
        self.standing_is(false, words.into());
    }

    /// Something people should be alerted to, named by a word of the source's own. Said again, it replaces what was said.
    pub fn complain(&self, of: &'static str, complaint: Complaint) {
        let message = cut(complaint.message);
        let action = complaint.action;
        let complaint = Complaint { message, action };
        let before = self.words().complaints.insert(of, complaint.clone());
        if before != Some(complaint) {
            self.0.version.fetch_add(1, Relaxed);
        }
    }

    /// It is over. Called as often as one likes.
    pub fn settle(&self, of: &'static str) {
        if self.words().complaints.remove(of).is_some() {
            self.0.version.fetch_add(1, Relaxed);
        }
    }

    /// What is not as it should be behind the connection, named by a word of the source's own; `None` when it is over. People read of
    /// it when they look, and are not alerted: `no answer from unit 3`.
    pub fn note(&self, of: &'static str, note: Option<String>) {
        let mut words = self.words();
        match note {
            Some(note) => words.notes.insert(of, cut(note)),
            None => words.notes.remove(of),
        };
    }

    /// What was noted and is not over, in the order of the source's words for it.
    pub fn notes(&self) -> Vec<String> {
        self.words().notes.values().cloned().collect()
    }

    /// The source starts anew: how it stood, what it noted and what it complained of is over, what it counted is not.
    pub fn restart(&self) {
        let mut words = self.words();
        words.standing = None;
        words.notes.clear();
        if !std::mem::take(&mut words.complaints).is_empty() {
            self.0.version.fetch_add(1, Relaxed);
        }
    }

    /// How the connection stands, once that was said.
    pub fn standing(&self) -> Option<Standing> {
        self.words().standing.clone()
    }

    /// Everything that is counted.
    pub fn counted(&self) -> Vec<Counted> {
        let words = self.words();
        let counted = COUNTS.iter().map(|(what, word, trouble)| Counted {
            word,
            number: self.0.counts[*what as usize].load(Relaxed),
            trouble: *trouble,
            last: words.last[*what as usize].clone(),
        });
        counted.collect()
    }

    /// Another number whenever the complaints have changed.
    pub fn version(&self) -> u64 {
        self.0.version.load(Relaxed)
    }

    /// What the source complains of, in the order of its words for it.
    pub fn complaints(&self) -> Vec<Complaint> {
        self.words().complaints.values().cloned().collect()
    }

    fn standing_is(&self, fine: bool, words: String) {
        let words = cut(words);
        self.words().standing = Some(Standing { fine, words });
    }

    /// Never held over more than an assignment.
    fn words(&self) -> MutexGuard<'_, Words> {
        self.0.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}..", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Mono {
        Mono::from_nanos(millis * 1_000_000)
    }

    fn counted(tally: &Tally, what: Count) -> Counted {
        tally.counted().swap_remove(what as usize)
    }

    #[test]
    fn every_count_stands_in_the_table_at_its_place_and_has_a_word_of_its_own() {
        for (place, (what, word, _)) in COUNTS.iter().enumerate() {
            assert_eq!(*what as usize, place);
            assert_eq!(
                COUNTS.iter().filter(|(_, other, _)| other == word).count(),
                1
            );
        }
    }

    #[test]
    fn all_are_counted_and_the_reason_is_that_of_a_moment_ago() {
        let tally = Tally::default();
        for millis in 0..1000 {
            tally.trouble(Count::Malformed, at(millis), || format!("number {millis}"));
        }
        tally.add(Count::Messages, 5);
        let malformed = counted(&tally, Count::Malformed);
        assert_eq!(malformed.number, 1000);
        let why = "number 750".to_owned();
        assert_eq!(malformed.last, Some(Last { at: at(750), why }));
        let messages = counted(&tally, Count::Messages);
        assert_eq!((messages.number, messages.last), (5, None));
    }

    #[test]
    fn what_comes_from_outside_is_cut() {
        let tally = Tally::default();
        tally.falters("é".repeat(1000));
        let standing = tally.standing().unwrap();
        assert_eq!(
            (standing.fine, standing.words.chars().count()),
            (false, 302)
        );
    }

    #[test]
    fn complaints_are_told_apart_and_a_repeated_one_is_no_news() {
        let tally = Tally::default();
        let say = |of, message: &str| {
            let (message, action) = (message.to_owned(), "Look.");
            tally.complain(of, Complaint { message, action });
            tally.version()
        };
        let first = say("drops", "one");
        assert_eq!(say("drops", "one"), first);
        assert_ne!(say("drops", "two"), first);
        say("filter", "three");
        let messages = |tally: &Tally| -> Vec<String> {
            let complaints = tally.complaints().into_iter();
            complaints.map(|complaint| complaint.message).collect()
        };
        assert_eq!(messages(&tally), ["two", "three"]);
        tally.settle("drops");
        assert_eq!(messages(&tally), ["three"]);
        tally.stands("connected");
        tally.note("silent", Some("no answer from unit 3".to_owned()));
        tally.note("refused", Some("1 tag".to_owned()));
        tally.note("refused", None);
        assert_eq!(tally.notes(), ["no answer from unit 3"]);
        let before = tally.version();
        tally.restart();
        assert!(tally.complaints().is_empty() && tally.standing().is_none());
        assert!(tally.notes().is_empty());
        assert_ne!(tally.version(), before);
    }
}
