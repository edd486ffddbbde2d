//! Which guesses are what a display shows, the likeliest first, and the line that reads them. Pure.
//!
//! A line is a tag that our own reader takes, and that reads the same value.

use super::{
    super::{
        decode::{Form, Order, Part, scale},
        plan::Span,
    },
    guess::{FORMS, Guess, ORDERS},
};

/// What is said to be there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// The value that a display shows.
    pub value: f64,
    /// Half of the last digit that it shows.
    pub half: f64,
}

/// A guess that is what was expected, by this scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// How it is read.
    pub guess: Guess,
    /// What it is multiplied with.
    pub scale: f64,
    /// What that makes.
    pub value: f64,
    /// It shows the same digits; else it is within a hundredth, as a value moves.
    pub same: bool,
    /// How far it lies outside of what was asked: -1 is one address before, 1 one after.
    pub beside: i32,
}

/// Likely first.
const SCALES: [f64; 7] = [1.0, 0.1, 0.01, 0.001, 10.0, 100.0, 1000.0];
/// A value may have moved by so much since somebody read the display.
const MOVED: f64 = 0.01;

impl Expected {
    /// Reads `87.3`; a comma is a point.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.replace(',', ".");
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        let places = text.split_once('.').map_or(0, |(_, places)| places.len());
        let half = 0.5 * 10_f64.powi(-i32::try_from(places).unwrap_or(9));
        Some(Self { value, half })
    }
}

/// The guesses that are what was expected, the likeliest first.
pub fn matching(guesses: &[Guess], expected: Expected, asked: Span) -> Vec<Match> {
    let mut matches = Vec::new();
    for guess in guesses {
        let beside = beside(guess.at.start, asked);
        if beside.abs() > 1 {
            continue;
        }
        for by in SCALES {
            let value = scale(guess.raw.number(), by);
            let off = (value - expected.value).abs();
            // Shown digits are rounded, so that half a digit is still the same.
            let same = off <= expected.half * (1.0 + 1e-9);
            if same || off <= expected.value.abs() * MOVED {
                let guess = *guess;
                matches.push(Match {
                    guess,
                    scale: by,
                    value,
                    same,
                    beside,
                });
            }
            if guess.raw.number() == 0.0 {
                break;
            }
        }
    }
    matches.sort_by(|one, other| {
        let off = |of: &Match| (of.value - expected.value).abs();
        one.rank()
            .cmp(&other.rank())
            .then(off(one).total_cmp(&off(other)))
    });
    matches
}

fn beside(at: u16, asked: Span) -> i32 {
    let (at, first, end) = (i32::from(at), i32::from(asked.start), asked.end() as i32);
    (at - first).min(0) + (at - end + 1).max(0)
}

impl Match {
    /// The less, the likelier.
    fn rank(&self) -> (bool, bool, usize, usize, usize) {
        let place = |found: Option<usize>| found.unwrap_or(usize::MAX);
        let scale = place(SCALES.iter().position(|by| *by == self.scale));
        let form = place(FORMS.iter().position(|form| *form == self.guess.form));
        let order = place(ORDERS.iter().position(|order| *order == self.guess.order));
        // A device that has floats does not scale them, and nobody packs a measurement into a byte or a half float by a factor.
        let odd = self.scale != 1.0 && (self.guess.form.is_float() || self.guess.form.is_byte());
        (
            !self.same,
            odd,
            usize::from(self.beside != 0) + scale + order,
            form,
            scale,
        )
    }

    /// The line for `tags`, with this name.
    pub fn entry(&self, tag: &str) -> String {
        let Guess {
            at, form, order, ..
        } = self.guess;
        let mut entry = format!("{{ tag = \"{tag}\", read = \"{at}\"");
        let usual = if at.part == Part::Whole {
            Form::U16
        } else {
            Form::U8
        };
        if form != usual {
            entry += &format!(", type = \"{}\"", form.word());
        }
        if order != Order::Abcd {
            entry += &format!(", order = \"{}\"", order.word());
        }
        if self.scale != 1.0 {
            entry += &format!(", scale = {:?}", self.scale);
        }
        entry + " },"
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{
        super::{super::plan::Kind, guess::all},
        *,
    };

    fn words(start: u16, words: &[u16]) -> BTreeMap<u16, u16> {
        (start..).zip(words.iter().copied()).collect()
    }

    fn asked(start: u16, count: u16) -> Span {
        let kind = Kind::Holding;
        Span { kind, start, count }
    }

    /// The line of the likeliest match.
    fn best(start: u16, registers: &[u16], expected: &str, span: Span) -> String {
        let guesses = all(Kind::Holding, &words(start, registers));
        let expected = Expected::parse(expected).unwrap();
        let matches = matching(&guesses, expected, span);
        matches
            .first()
            .map_or_else(String::new, |best| best.entry("t"))
    }

    #[test]
    fn the_likeliest_reading_of_what_a_display_shows_is_found() {
        for (registers, expected, entry) in [
            (
                &[0x42AE, 0x999A][..],
                "87.3",
                r#"{ tag = "t", read = "holding:100", type = "f32" },"#,
            ),
            (
                &[0x999A, 0x42AE],
                "87.3",
                r#"{ tag = "t", read = "holding:100", type = "f32", order = "cdab" },"#,
            ),
            (
                &[0xAE42, 0x9A99],
                "87,3",
                r#"{ tag = "t", read = "holding:100", type = "f32", order = "badc" },"#,
            ),
            (
                &[873],
                "87.3",
                r#"{ tag = "t", read = "holding:100", scale = 0.1 },"#,
            ),
            (&[87], "87", r#"{ tag = "t", read = "holding:100" },"#),
            (
                &[0xFFFB],
                "-5",
                r#"{ tag = "t", read = "holding:100", type = "i16" },"#,
            ),
            (
                &[0x0873],
                "87.3",
                r#"{ tag = "t", read = "holding:100", type = "bcd16", scale = 0.1 },"#,
            ),
            (
                &[0x0001, 0x86A0],
                "100000",
                r#"{ tag = "t", read = "holding:100", type = "u32" },"#,
            ),
            (
                &[0x86A0, 0x0001],
                "1000.00",
                r#"{ tag = "t", read = "holding:100", type = "u32", order = "cdab", scale = 0.01 },"#,
            ),
            (
                &[0, 0, 0, 0x4059],
                "100",
                r#"{ tag = "t", read = "holding:100", type = "f64", order = "cdab" },"#,
            ),
            (
                &[0x2A07],
                "42",
                r#"{ tag = "t", read = "holding:100.hi" },"#,
            ),
        ] {
            assert_eq!(
                best(100, registers, expected, asked(100, 1)),
                entry,
                "{registers:x?}"
            );
        }
        assert_eq!(
            best(100, &[9999], "87.3", asked(100, 1)),
            "",
            "nothing like it"
        );
    }

    #[test]
    fn an_address_that_counts_from_one_is_found_beside_it() {
        let at =
            |address: u16| format!(r#"{{ tag = "t", read = "holding:{address}", scale = 0.1 }},"#);
        assert_eq!(best(99, &[873, 5, 6], "87.3", asked(100, 1)), at(99));
        assert_eq!(best(99, &[5, 6, 873], "87.3", asked(100, 1)), at(101));
        assert_eq!(
            best(98, &[873, 5, 6], "87.3", asked(100, 1)),
            "",
            "two off is another value"
        );
        // What lies where it was asked comes first.
        assert_eq!(best(99, &[873, 873, 873], "87.3", asked(100, 1)), at(100));
    }

    #[test]
    fn a_value_that_moved_since_is_still_found_but_later() {
        let guesses = all(Kind::Holding, &words(0, &[870, 873]));
        let matches = matching(&guesses, Expected::parse("87.3").unwrap(), asked(0, 2));
        let found: Vec<_> = matches
            .iter()
            .map(|of| (of.guess.at.start, of.same))
            .collect();
        assert_eq!(found[..2], [(1, true), (0, false)]);
    }

    #[test]
    fn what_lies_beside_is_counted_from_both_ends() {
        let span = asked(100, 3);
        for (at, expected) in [(98, -2), (99, -1), (100, 0), (102, 0), (103, 1), (104, 2)] {
            assert_eq!(beside(at, span), expected, "{at}");
        }
    }
}
