//! What registers could mean: every decoding of what lies there, which of them look like something, and which are what is expected.
//!
//! Pure. A guess is a tag that our own reader would take.

use std::collections::BTreeMap;

use super::super::{
    decode::{Form, Order, Part, scale, text},
    form::Raw,
    plan::{Kind, Span},
    point::Point,
};

/// One way to read one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// Where it begins.
    pub at: Point,
    /// As what.
    pub form: Form,
    /// In which order.
    pub order: Order,
    /// What it would be.
    pub raw: Raw,
}

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
/// What is met most comes first.
const FORMS: [Form; 13] = [
    Form::F32,
    Form::U16,
    Form::I16,
    Form::U32,
    Form::I32,
    Form::F64,
    Form::U64,
    Form::I64,
    Form::Bcd16,
    Form::Bcd32,
    Form::F16,
    Form::U8,
    Form::I8,
];
const ORDERS: [Order; 4] = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];

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

/// Every decoding of registers, by address; of two that are the same number at one place, the likelier one.
pub fn all(kind: Kind, words: &BTreeMap<u16, u16>) -> Vec<Guess> {
    let mut guesses = Vec::new();
    for &start in words.keys() {
        let here: Vec<u16> = (start..=u16::MAX)
            .map_while(|at| words.get(&at).copied())
            .take(4)
            .collect();
        let from = guesses.len();
        for form in FORMS {
            for (part, order, raw) in readings(form, &here) {
                let at = Point { kind, start, part };
                let again = |known: &Guess| {
                    known.form.width() == form.width() && known.raw.number() == raw.number()
                };
                if !guesses[from..].iter().any(again) {
                    guesses.push(Guess {
                        at,
                        form,
                        order,
                        raw,
                    });
                }
            }
        }
    }
    guesses
}

fn readings(form: Form, words: &[u16]) -> Vec<(Part, Order, Raw)> {
    if form.is_byte() {
        let Some([high, low]) = words.first().map(|word| word.to_be_bytes()) else {
            return Vec::new();
        };
        let raw = |byte: u8| match form {
            Form::I8 => Raw::Signed(byte.cast_signed().into()),
            _ => Raw::Unsigned(byte.into()),
        };
        return [(Part::High, high), (Part::Low, low)]
            .map(|(part, byte)| (part, Order::Abcd, raw(byte)))
            .to_vec();
    }
    let orders = ORDERS.into_iter();
    let orders = orders.filter(|order| form.width() > 1 || !order.swaps_registers());
    orders
        .filter_map(|order| Some((Part::Whole, order, form.number(order, words)?)))
        .filter(|(_, _, raw)| raw.number().is_finite())
        .collect()
}

impl Guess {
    /// Whether it looks like something that somebody measures or counts, beyond what its register shows as it is.
    pub fn is_plausible(&self) -> bool {
        let number = self.raw.number();
        let size = number.abs();
        let usual = matches!(self.order, Order::Abcd | Order::Cdab);
        match self.form {
            Form::U16 | Form::I16 => {
                self.order == Order::Abcd && (self.form == Form::U16 || number < 0.0)
            }
            Form::F32 | Form::F64 => (1e-3..1e7).contains(&size),
            Form::U32 => size > 65_535.0 && size < if usual { 1e8 } else { 1e6 },
            Form::I32 => number < -32_768.0 && size < if usual { 1e7 } else { 1e6 },
            Form::U64 => size > 4_294_967_295.0 && size < 1e12,
            Form::I64 => number < -2_147_483_648.0 && size < 1e12,
            Form::Bcd16 => self.order == Order::Abcd && size >= 10.0,
            Form::Bcd32 => usual && size >= 10_000.0,
            // Whatever lies in a register is some half float and two bytes.
            Form::F16 | Form::U8 | Form::I8 | Form::Bool | Form::Text(_) => false,
        }
    }

    /// `f32 cdab 97.3`
    pub fn shown(&self) -> String {
        let order = match self.order {
            Order::Abcd => String::new(),
            order => format!(" {}", order.word()),
        };
        format!("{}{order} {}", self.form.word(), self.number())
    }

    /// The number as people write it.
    pub fn number(&self) -> String {
        match self.raw {
            Raw::Unsigned(number) => number.to_string(),
            Raw::Signed(number) => number.to_string(),
            Raw::Float(number) if number.abs() < 1e-4 || number.abs() >= 1e15 => {
                format!("{number:e}")
            }
            // A float has more digits than anybody measures.
            Raw::Float(number) => {
                let digits = 6 - (number.abs().log10().floor() as i32).clamp(0, 6);
                let text = format!("{number:.*}", usize::try_from(digits).unwrap_or(0));
                match text.contains('.') {
                    true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                    false => text,
                }
            }
        }
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

/// Runs of at least four printable characters, with where they lie and in which order.
pub fn texts(kind: Kind, words: &BTreeMap<u16, u16>) -> Vec<(Span, Order, String)> {
    let mut found = Vec::new();
    for order in [Order::Abcd, Order::Badc] {
        let mut run: Vec<(u16, u16)> = Vec::new();
        let mut last = None;
        let ends = |run: &mut Vec<(u16, u16)>, found: &mut Vec<_>| {
            let words: Vec<u16> = run.iter().map(|(_, word)| *word).collect();
            let shown = text(order, &words);
            if let Some((start, _)) = run.first().filter(|_| shown.len() >= 4) {
                let count = u16::try_from(run.len()).unwrap_or(u16::MAX);
                let start = *start;
                found.push((Span { kind, start, count }, order, shown));
            }
            run.clear();
        };
        for (&at, &word) in words {
            let follows = last.is_none_or(|last: u16| last.checked_add(1) == Some(at));
            last = Some(at);
            let [first, second] = order.pair(word);
            let printed = |byte: u8| (0x20..0x7F).contains(&byte);
            if !follows || !printed(first) {
                ends(&mut run, &mut found);
            }
            if printed(first) && (printed(second) || second == 0) {
                run.push((at, word));
                if second == 0 {
                    ends(&mut run, &mut found);
                }
            }
        }
        ends(&mut run, &mut found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_looks_like_something_is_told_and_noise_is_not() {
        let plausible = |registers: &[u16]| {
            let guesses = all(Kind::Holding, &words(0, registers));
            let first = guesses
                .iter()
                .filter(|guess| guess.at.start == 0 && guess.is_plausible());
            first.map(Guess::shown).collect::<Vec<_>>()
        };
        assert_eq!(plausible(&[0x42AE, 0x999A]), ["f32 87.3", "u16 17070"]);
        assert_eq!(plausible(&[0, 0, 0, 0]), ["u16 0"]);
        assert_eq!(plausible(&[0xFFFB]), ["u16 65531", "i16 -5"]);
        assert_eq!(plausible(&[0x0001, 0x86A0]), ["u16 1", "u32 100000"]);
        let unreadable = all(Kind::Holding, &words(0, &[0x7FC0, 0, 0x7FF8, 0]));
        let finite = |guess: &Guess| guess.raw.number().is_finite();
        assert!(
            unreadable.iter().all(finite),
            "what is no number is no guess"
        );
    }

    #[test]
    fn texts_are_found_in_both_orders_of_their_bytes() {
        let registers = [0, 0x4155, 0x544F, 0x2020, 7, 0x5552, 0x204E, 0x4B4F];
        let found = texts(Kind::Input, &words(10, &registers));
        let found: Vec<_> = found
            .iter()
            .map(|(span, order, text)| (span.to_string(), *order, text.as_str()))
            .collect();
        assert!(
            found.contains(&("input:11..13".into(), Order::Abcd, "AUTO")),
            "{found:?}"
        );
        assert!(
            found.contains(&("input:15..17".into(), Order::Badc, "RUN OK")),
            "{found:?}"
        );
    }

    #[test]
    fn what_lies_beside_is_counted_from_both_ends() {
        let span = asked(100, 3);
        for (at, expected) in [(98, -2), (99, -1), (100, 0), (102, 0), (103, 1), (104, 2)] {
            assert_eq!(beside(at, span), expected, "{at}");
        }
    }
}
