//! What is expected of one kind of destination, as data.

use serde_json::Value;

use super::stand_in::{Mood, Seen, StandIn};

/// One kind, or one mode of it.
pub(crate) struct Case {
    /// Unique: `slack-bot`.
    pub(crate) name: &'static str,
    /// Its `type`.
    pub(crate) kind: &'static str,
    /// Its other lines in the configuration; `{url}` is where the stand-in is, and what else that fills in.
    pub(crate) config: &'static str,
    /// Who answers: [`super::stand_in::http`], or what a kind that does not speak HTTP brings along.
    pub(crate) stand_in: fn() -> Box<dyn StandIn>,
    /// What each step sends, request by request; see [`matches`]. A step that is not taken sends nothing and has no line.
    pub(crate) tells: &'static [(Step, &'static [Expected])],
    /// What comes of a trigger that meets this, and words that are said of it. [`Mood::Gone`] and [`Mood::Broken`] are as everywhere
    /// where they have no line.
    pub(crate) troubles: &'static [(Mood, Verdict, &'static str)],
}

/// What one request must be: its first line like `POST /v2/enqueue` (a `*` at its end stands for any rest), and then in any number
///
/// - `/payload/severity = critical`: what is there in its JSON; text, or anything as it is written in JSON,
/// - `header authorization: Bearer abc`,
/// - `signed x-signature: sha256=`: that header holds this and the digits of an HMAC-SHA256 of the body by the key `canary`,
/// - `has abc`: in the body, and `lacks abc`.
///
/// What differs from one alert to the next stands as a word in braces, which [`Facts`] has.
pub(crate) type Expected = &'static [&'static str];

/// What is true of the alert that is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// `{key}`: its `dedup_key`.
    pub(crate) key: String,
    /// `{number}`: `A-1042`
    pub(crate) number: String,
    /// `{began}`, `{ended}`: when, as UTC with milliseconds.
    pub(crate) began: String,
    pub(crate) ended: String,
    /// `{minutes}`: how long nobody acknowledged it.
    pub(crate) minutes: u64,
}

impl Facts {
    fn fill(&self, text: &str) -> String {
        text.replace("{key}", &self.key)
            .replace("{number}", &self.number)
            .replace("{began}", &self.began)
            .replace("{ended}", &self.ended)
            .replace("{minutes}", &self.minutes.to_string())
    }
}

/// A step in the life of an alert. Those that have to be told by everybody come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Trigger,
    Escalate,
    Acknowledge,
    Resolve,
    /// An escalation at a destination that did not know of the alert: it is told as a trigger.
    JoinLate,
    /// An escalation that is an incident of its own.
    Ring,
    /// Somebody takes it after [`Step::Ring`].
    TakeRung,
    /// The end after that.
    EndRung,
    /// A test send.
    Test,
    /// Its end.
    EndTest,
}

impl Step {
    pub(crate) const ALL: [Self; 10] = [
        Self::Trigger,
        Self::Escalate,
        Self::Acknowledge,
        Self::Resolve,
        Self::JoinLate,
        Self::Ring,
        Self::TakeRung,
        Self::EndRung,
        Self::Test,
        Self::EndTest,
    ];
}

/// What an attempt ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It fails, and asks the destination to rest for so many seconds.
    Rests(u64),
    /// It fails and is tried again.
    Fails,
    /// It is refused and never tried again.
    GivesUp,
    /// It is refused, and tried again when somebody may have mended it.
    Waits,
    /// Nobody was reached.
    Unreachable,
    /// This kind cannot meet that.
    Never,
}

impl Case {
    /// What a step sends.
    pub(crate) fn told(&self, step: Step) -> &'static [Expected] {
        let found = self.tells.iter().find(|(told, _)| *told == step);
        found.map_or(&[], |(_, expected)| expected)
    }

    /// What comes of a mood.
    pub(crate) fn trouble(&self, mood: Mood) -> (Verdict, &'static str) {
        let found = self.troubles.iter().find(|(met, ..)| *met == mood);
        match (found, mood) {
            (Some((_, verdict, said)), _) => (*verdict, said),
            (None, Mood::Gone) => (Verdict::Unreachable, ""),
            (None, Mood::Broken) => (Verdict::Fails, "HTTP 500"),
            (None, _) => panic!("{}: say what comes of {mood:?}", self.name),
        }
    }
}

/// Asserts that these are the requests that are expected.
pub(crate) fn matches(what: &str, seen: &[Seen], expected: &[Expected], facts: &Facts) {
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    assert_eq!(lines.len(), expected.len(), "{what}: {lines:?}");
    for (seen, expected) in seen.iter().zip(expected) {
        let (line, rest) = expected.split_first().expect("a first line");
        let line = facts.fill(line);
        match line.strip_suffix('*') {
            Some(begin) => assert!(seen.line.starts_with(begin), "{what}: {}", seen.line),
            None => assert_eq!(seen.line, line, "{what}"),
        }
        for detail in rest {
            let wrong = unmet(seen, &facts.fill(detail));
            assert!(wrong.is_none(), "{what}: {detail}: {wrong:?} in {seen:#?}");
        }
    }
}

/// What is there instead of what is wanted.
fn unmet(seen: &Seen, wanted: &str) -> Option<String> {
    if let Some(part) = wanted.strip_prefix("has ") {
        return (!seen.body.contains(part)).then(|| "not there".to_owned());
    }
    if let Some(part) = wanted.strip_prefix("lacks ") {
        return seen.body.contains(part).then(|| "there".to_owned());
    }
    if let Some(signed) = wanted.strip_prefix("signed ") {
        let (header, prefix) = signed.split_once(": ").expect("a name and a prefix");
        let expected = format!("{prefix}{}", hmac_of(&seen.body));
        let found = seen.headers.get(header).cloned();
        return (found.as_ref() != Some(&expected)).then(|| format!("{found:?}, not {expected}"));
    }
    let (found, value) = if let Some(header) = wanted.strip_prefix("header ") {
        let (name, value) = header.split_once(": ").expect("a name and a value");
        (seen.headers.get(name).cloned(), value)
    } else {
        let (pointer, value) = wanted.split_once(" = ").expect("a pointer and a value");
        let body: Value = serde_json::from_str(&seen.body).unwrap_or_default();
        let found = body.pointer(pointer).map(|found| match found {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        (found, value)
    };
    match found {
        Some(found) if found == value => None,
        other => Some(other.unwrap_or_else(|| "nothing".to_owned())),
    }
}

fn hmac_of(body: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"canary").expect("a key");
    mac.update(body.as_bytes());
    let digits = mac.finalize().into_bytes();
    digits.iter().map(|byte| format!("{byte:02x}")).collect()
}
