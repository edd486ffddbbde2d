//! The texts that name addresses: `holding:100` of a tag, `holding:100..120` of a probe.
//!
//! Pure. Addresses count from 0, as they travel; a manual that begins at 1 or at 40001 is off by one, and messages say so.

use std::fmt;

use super::plan::{Kind, Span};

/// Where a tag is read: an address, and which part of the register there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Which address space.
    pub kind: Kind,
    /// The first address.
    pub start: u16,
    /// What of it.
    pub part: Part,
}

/// What of an address a tag takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All of it: `holding:100`, `coil:3`.
    #[default]
    Whole,
    /// One bit of a register, 0 (the least significant) to 15: `holding:100.3`.
    Bit(u8),
    /// The more significant byte of a register: `holding:100.hi`.
    High,
    /// The less significant byte: `holding:100.lo`.
    Low,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word(), self.start)?;
        match self.part {
            Part::Whole => Ok(()),
            Part::Bit(bit) => write!(f, ".{bit}"),
            Part::High => f.write_str(".hi"),
            Part::Low => f.write_str(".lo"),
        }
    }
}

const RIGHT: &str = "must be like \"holding:100\": holding, input, coil or discrete, and an address from 0 to 65535";

impl Point {
    /// Reads `holding:100`, `holding:100.3`, `holding:100.hi` or `coil:5`.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, rest) = split(text)?;
        let (address, part) = match rest.split_once('.') {
            None => (rest, Part::Whole),
            Some((address, part)) => {
                let bit = |part: &str| number(part).and_then(|bit| u8::try_from(bit).ok());
                let part = match part {
                    "hi" => Part::High,
                    "lo" => Part::Low,
                    _ => match bit(part) {
                        Some(bit @ 0..=15) => Part::Bit(bit),
                        _ => {
                            return Err(format!(
                                "\"{text}\": after the dot comes a bit of the register, 0 (the least significant) to 15, or hi or lo for one of its bytes"
                            ));
                        }
                    },
                };
                (address, part)
            }
        };
        let Some(start) = number(address) else {
            return Err(format!("{RIGHT}, not \"{text}\""));
        };
        if kind.is_bits() && part != Part::Whole {
            return Err(format!(
                "\"{text}\": a {} is one bit already; leave out what comes after the dot",
                kind.word()
            ));
        }
        Ok(Self { kind, start, part })
    }
}

impl Span {
    /// Reads `holding:100` or `holding:100..120`, of which both ends are meant.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        const RANGE: &str = "must be like \"holding:100\" or \"holding:100..120\", both ends included: holding, input, coil or discrete, and addresses from 0 to 65535";
        let refused = || format!("{RANGE}, not \"{text}\"");
        let (kind, rest) = split(text).map_err(|message| match message.strip_prefix(RIGHT) {
            Some(rest) => format!("{RANGE}{rest}"),
            None => message,
        })?;
        let (first, last) = rest.split_once("..").unwrap_or((rest, rest));
        let (first, last) = number(first).zip(number(last)).ok_or_else(refused)?;
        let count = last.checked_sub(first).and_then(|more| more.checked_add(1));
        let count = count.ok_or_else(refused)?;
        Ok(Self {
            kind,
            start: first,
            count,
        })
    }
}

/// The kind, and what comes after its colon.
fn split(text: &str) -> Result<(Kind, &str), String> {
    let Some((word, rest)) = text.split_once(':') else {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let hint = if digits && text.len() >= 5 {
            "; a number like 40101 counts from 1, that one is \"holding:100\""
        } else {
            ""
        };
        return Err(format!("{RIGHT}, not \"{text}\"{hint}"));
    };
    let kind = Kind::WORDS.iter().find(|(name, _)| *name == word);
    match kind {
        Some((_, kind)) => Ok((*kind, rest)),
        None => Err(format!("{RIGHT}, not \"{text}\"")),
    }
}

/// Digits and nothing else, up to 65535.
fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_written_as_it_is_read() {
        for text in [
            "holding:0",
            "input:65535",
            "coil:7",
            "discrete:3",
            "holding:100.0",
            "input:100.15",
            "holding:100.hi",
            "holding:100.lo",
        ] {
            assert_eq!(Point::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_point_is_explained() {
        for (text, message) in [
            ("holding:65536", "from 0 to 65535"),
            ("holding:", "from 0 to 65535"),
            ("holding:+1", "from 0 to 65535"),
            ("holding:1 ", "from 0 to 65535"),
            ("register:1", "holding, input, coil or discrete"),
            ("40101", "counts from 1"),
            ("400101", "counts from 1"),
            ("holding:100.16", "0 (the least significant) to 15"),
            ("holding:100.", "0 (the least significant) to 15"),
            ("holding:100.high", "hi or lo"),
            ("coil:1.0", "is one bit already"),
        ] {
            let said = Point::parse(text).unwrap_err();
            assert!(said.contains(message), "{text}: {said}");
        }
    }

    #[test]
    fn a_range_includes_both_ends() {
        let span = |start, count| Span {
            kind: Kind::Input,
            start,
            count,
        };
        assert_eq!(Span::parse("input:100..120"), Ok(span(100, 21)));
        assert_eq!(Span::parse("input:100"), Ok(span(100, 1)));
        assert_eq!(Span::parse("input:65535..65535"), Ok(span(65535, 1)));
        for text in [
            "input:2..1",
            "input:0..65535",
            "input:1..",
            "input:..1",
            "input:1...2",
            "input:1-2",
            "1..2",
            "holding:1.3",
        ] {
            let said = Span::parse(text).unwrap_err();
            assert!(said.contains("both ends included"), "{text}: {said}");
        }
    }
}
