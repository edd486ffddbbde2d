//! From the bytes of a payload to readings. Pure, and never in doubt: what is not understood is bad, not guessed.
//!
//! `pick` finds values in JSON, `json` and `senml` know where they stand there, `judge` what they mean, `quality` and `stamp` what stands
//! beside them; `keys` reads all of it from the configuration.

mod json;
mod judge;
mod keys;
mod pick;
mod quality;
mod senml;
mod stamp;

#[cfg(test)]
mod tests;

use crate::{
    clock::Wall,
    sample::{Bad, Reading},
};

pub use judge::MqttTag;
pub(super) use keys::read_means;
pub use quality::{Good, Listed, Quality};

use json::JsonReader;
use pick::Found;
use senml::SenmlReader;

/// How deep JSON may nest.
const DEPTH: usize = 32;
/// So many samples may come of one payload. One with more is malformed: what is left of it would be a guess.
pub const MOST_SAMPLES: usize = 10_000;

/// How a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `97.3` as text.
    Number,
    /// `true`, `false`, `1`, `0`, `on`, `off` as text.
    Bool,
    /// A word that the tag's `values` lists.
    Text,
    /// A JSON document.
    Json,
    /// Sensor Measurement Lists as JSON (RFC 8428).
    Senml,
}

/// Where things stand in a JSON payload, beside the values themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// The array whose elements are read one by one; none where the document is one sample of each tag.
    pub each: Option<String>,
    /// In an element the name that says whose value it has; none where each has all tags.
    pub name: Option<String>,
    /// The time of an element or of the document.
    pub time: Option<String>,
}

/// Reads the payloads of one subscription.
#[derive(Clone, Debug)]
pub struct Reader(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Number,
    Bool,
    Text,
    Json(JsonReader),
    Senml(SenmlReader),
}

/// What a payload says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// In the order in which they are to be evaluated. A tag that a JSON payload does not mention has none: it goes stale by itself.
    pub readings: Vec<TagReading>,
    /// What in it is not understood first.
    pub fault: Option<Fault>,
}

/// A reading of one tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TagReading {
    /// The index of the tag among those of the subscription.
    pub tag: usize,
    /// Its value, or why there is none.
    pub reading: Reading,
    /// The time that the payload gives it.
    pub stamp: Option<Wall>,
}

/// Something that is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The index of the tag that it is about; none where it is about the payload as a whole.
    pub tag: Option<usize>,
    /// `it is not JSON`, or of a tag `null`.
    pub why: &'static str,
}

impl Fault {
    /// In words, with the tag's name.
    pub fn say(&self, tags: &[MqttTag]) -> String {
        match self.tag.and_then(|tag| tags.get(tag)) {
            Some(tag) => format!("the value of {} is {}", tag.tag, self.why),
            None => self.why.to_owned(),
        }
    }
}

impl Contents {
    /// A payload of which nothing can be said: every tag of it is bad.
    pub fn malformed(tags: &[MqttTag], why: &'static str) -> Self {
        let malformed = |tag| TagReading {
            tag,
            reading: Reading::Bad(Bad::Malformed),
            stamp: None,
        };
        Self {
            readings: (0..tags.len()).map(malformed).collect(),
            fault: Some(Fault { tag: None, why }),
        }
    }

    /// Adds what was found for a tag.
    fn take(&mut self, tag: usize, read: (Reading, Option<&'static str>), stamp: Option<Wall>) {
        let (reading, why) = read;
        if let (Some(why), None) = (why, self.fault) {
            let tag = Some(tag);
            self.fault = Some(Fault { tag, why });
        }
        self.readings.push(TagReading {
            tag,
            reading,
            stamp,
        });
    }

    /// Notes what is not understood and concerns no tag.
    fn blame(&mut self, why: &'static str) {
        let tag = None;
        self.fault = self.fault.or(Some(Fault { tag, why }));
    }

    /// Puts readings that all have a stamp into the order of their stamps: within one payload no other order was ever there.
    fn in_order(mut self) -> Self {
        if self.readings.iter().all(|reading| reading.stamp.is_some()) {
            self.readings.sort_by_key(|reading| reading.stamp);
        }
        self
    }
}

impl Reader {
    /// A reader of payloads with these tags.
    pub fn new(format: Format, tags: &[MqttTag], layout: &Layout) -> Self {
        Self(match format {
            Format::Number => Kind::Number,
            Format::Bool => Kind::Bool,
            Format::Text => Kind::Text,
            Format::Json => Kind::Json(JsonReader::new(tags, layout)),
            Format::Senml => Kind::Senml(SenmlReader::new(tags)),
        })
    }

    /// Reads a payload with the tags that the reader was made for. `now` is a clock that never jumps: what a payload says of times
    /// that are so and so long ago is counted from it.
    pub fn read(&self, payload: &[u8], tags: &[MqttTag], now: Wall) -> Contents {
        let Ok(text) = std::str::from_utf8(payload) else {
            return Contents::malformed(tags, "it is not UTF-8");
        };
        let (found, why) = match &self.0 {
            Kind::Json(_) | Kind::Senml(_) if is_deeper_than(text, DEPTH) => {
                return Contents::malformed(tags, "its JSON nests more than 32 deep");
            }
            Kind::Json(reader) => return reader.read(text, tags),
            Kind::Senml(reader) => return reader.read(text, tags, now),
            Kind::Number => {
                let number: Option<f64> = text.trim().parse().ok();
                let number = number.filter(|number| number.is_finite());
                (number.map(Found::Number), "it is not a number")
            }
            Kind::Bool => (
                read_bool(text.trim()).map(Found::Bool),
                "it is none of true, false, 1, 0, on, off",
            ),
            Kind::Text => (Some(Found::Text(text.into())), ""),
        };
        let Some(found) = found else {
            return Contents::malformed(tags, why);
        };
        let mut contents = Contents::default();
        for (index, tag) in tags.iter().enumerate() {
            contents.take(index, tag.read(&found), None);
        }
        contents
    }
}

fn read_bool(text: &str) -> Option<bool> {
    const WORDS: [(&str, bool); 6] = [
        ("true", true),
        ("false", false),
        ("1", true),
        ("0", false),
        ("on", true),
        ("off", false),
    ];
    let found = WORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value)
}

/// Whether brackets nest deeper than this, texts aside. Looked at before parsing, which recurses.
fn is_deeper_than(text: &str, limit: usize) -> bool {
    let opens = |byte: &u8| matches!(byte, b'[' | b'{');
    if text.as_bytes().iter().filter(|byte| opens(byte)).count() <= limit {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}
