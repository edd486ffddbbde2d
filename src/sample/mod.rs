//! What a source says about a tag: a value, or the reason why there is none.
//!
//! A sample has no name in it: names become a [`TagId`] where samples are made, and its arrival time travels beside it
//! as [`crate::clock::Now`]. Decoding, scaling and plausibility are done by the source, before a sample exists.

mod labels;

use std::{borrow::Cow, fmt};

pub use self::labels::Labels;
use crate::clock::Wall;

/// The index of a tag in the [`crate::alert::plant::Plant`] that the sources were started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagId(pub u32);

/// One value of one tag at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Whose value.
    pub tag: TagId,
    /// The value, or why there is none.
    pub reading: Reading,
    /// The time that the payload itself carried, if it did: the source's clock, not ours.
    pub stamp: Option<Wall>,
    /// Whether it is only what was kept for us, and may be old.
    pub retained: Retained,
}

/// Whether a sample is one that a broker had kept for who comes later: nobody knows how old it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retained {
    /// It was sent now.
    #[default]
    No,
    /// It was kept, and counts as if it were sent now.
    Used,
    /// It was kept, and tells only how things stand: it confirms and ends what there is, and begins nothing.
    State,
}

impl Sample {
    /// A reading of now, without a time of its own.
    pub fn new(tag: TagId, reading: Reading) -> Self {
        Self {
            tag,
            reading,
            stamp: None,
            retained: Retained::No,
        }
    }
}

impl Retained {
    /// Whether it was kept.
    pub fn is_kept(self) -> bool {
        self != Self::No
    }
}

/// A value with its quality.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// Measured, decoded and plausible.
    Good(Value),
    /// Not known, and why.
    Bad(Bad),
}

/// What a tag can measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A finite number, in the tag's engineering unit. Sources never let an infinite one or a NaN through.
    Number(f64),
    /// A coil, a discrete input, a JSON boolean.
    Bool(bool),
}

impl Value {
    /// The value as conditions compare it: `false` is 0, `true` is 1.
    pub fn as_number(self) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::Bool(bit) => f64::from(u8::from(bit)),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Bool(bit) => bit.fmt(f),
        }
    }
}

/// Why a tag has no value. The words are shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bad {
    /// Nothing was heard since the agent started watching, or since the broker is there again.
    NeverHeard,
    /// Nothing was heard for the tag's `stale_after`.
    Stale,
    /// The connection to the device or broker is down.
    Unreachable,
    /// The device did not answer in time.
    NoAnswer,
    /// The device answered with this Modbus exception code.
    Exception(u8),
    /// The answer or payload could not be understood.
    Malformed,
    /// The value lies outside `valid` or is listed in `invalid`: a broken sensor.
    SensorFault,
    /// A text that `values` does not list, so that it has no number.
    Unlisted,
    /// Its sender has said that it goes, or the broker has said so for it.
    Goodbye,
    /// Messages of its sender were lost, so that nobody knows what it is now.
    Gap,
    /// The sender says itself that the value is not good.
    Quality,
}

impl Bad {
    /// Whether this is what a machine that is switched off looks like.
    pub fn is_silence(self) -> bool {
        matches!(
            self,
            Self::NeverHeard | Self::Stale | Self::Unreachable | Self::NoAnswer | Self::Goodbye
        )
    }

    /// Whether the device says that what it is asked for is not there (exceptions 1 to 3): an address or a kind that a person has to mend.
    pub fn is_configuration_fault(self) -> bool {
        matches!(self, Self::Exception(1..=3))
    }

    /// The word of recordings and of the API: `no_answer`, `exception_2`.
    pub fn word(self) -> Cow<'static, str> {
        match self {
            Self::Exception(code) => return format!("{EXCEPTION}{code}").into(),
            Self::NeverHeard => "never_heard",
            Self::Stale => "stale",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no_answer",
            Self::Malformed => "malformed",
            Self::SensorFault => "sensor_fault",
            Self::Unlisted => "unlisted",
            Self::Goodbye => "goodbye",
            Self::Gap => "gap",
            Self::Quality => "bad_quality",
        }
        .into()
    }

    /// The reason with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "never_heard" => Self::NeverHeard,
            "stale" => Self::Stale,
            "unreachable" => Self::Unreachable,
            "no_answer" => Self::NoAnswer,
            "malformed" => Self::Malformed,
            "sensor_fault" => Self::SensorFault,
            "unlisted" => Self::Unlisted,
            "goodbye" => Self::Goodbye,
            "gap" => Self::Gap,
            "bad_quality" => Self::Quality,
            _ => Self::Exception(word.strip_prefix(EXCEPTION)?.parse().ok()?),
        })
    }
}

/// How the word of an exception begins; its code follows.
const EXCEPTION: &str = "exception_";

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverHeard => f.write_str("nothing heard yet"),
            Self::Stale => f.write_str("nothing heard for too long"),
            Self::Unreachable => f.write_str("no connection"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::Exception(code) => {
                // The request is wrong, not the moment: no waiting mends it.
                let fault = match self.is_configuration_fault() {
                    true => "configuration fault: ",
                    false => "",
                };
                let name = exception_name(*code);
                write!(f, "{fault}Modbus exception {code} ({name})")
            }
            Self::Malformed => f.write_str("answer not understood"),
            Self::SensorFault => f.write_str("sensor fault"),
            Self::Unlisted => f.write_str("unlisted text"),
            Self::Goodbye => f.write_str("it said goodbye"),
            Self::Gap => f.write_str("messages were lost"),
            Self::Quality => f.write_str("bad quality"),
        }
    }
}

/// The name of an exception code (MODBUS Application Protocol V1.1b3, section 7).
fn exception_name(code: u8) -> &'static str {
    match code {
        1 => "illegal function",
        2 => "illegal data address",
        3 => "illegal data value",
        4 => "device failure",
        5 => "acknowledge",
        6 => "device busy",
        8 => "memory parity error",
        10 => "gateway path unavailable",
        11 => "gateway target failed to respond",
        _ => "not in the standard",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_compare_as_zero_and_one() {
        assert_eq!(Value::Bool(true).as_number(), 1.0);
        assert_eq!(Value::Bool(false).as_number(), 0.0);
        assert_eq!(Value::Number(2.5).as_number(), 2.5);
    }

    #[test]
    fn only_silence_is_what_a_machine_that_is_off_looks_like() {
        assert!(Bad::NoAnswer.is_silence());
        assert!(!Bad::SensorFault.is_silence());
        assert!(!Bad::Exception(2).is_silence());
    }

    #[test]
    fn every_reason_has_a_word_that_is_read_back() {
        let all = [
            Bad::NeverHeard,
            Bad::Stale,
            Bad::Unreachable,
            Bad::NoAnswer,
            Bad::Exception(2),
            Bad::Exception(255),
            Bad::Malformed,
            Bad::SensorFault,
            Bad::Unlisted,
            Bad::Goodbye,
            Bad::Gap,
            Bad::Quality,
        ];
        for bad in all {
            assert_eq!(Bad::from_word(&bad.word()), Some(bad));
        }
        assert_eq!(Bad::Exception(2).word(), "exception_2");
        for strange in ["", "exception_", "exception_256", "good"] {
            assert_eq!(Bad::from_word(strange), None, "{strange}");
        }
    }

    #[test]
    fn a_bad_reading_says_why_in_words() {
        assert_eq!(
            Bad::Exception(2).to_string(),
            "configuration fault: Modbus exception 2 (illegal data address)"
        );
        assert_eq!(
            Bad::Exception(6).to_string(),
            "Modbus exception 6 (device busy)"
        );
    }
}
