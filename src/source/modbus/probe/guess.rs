//! What registers could mean: every decoding of what lies there, and which of them look like something. Pure.

use std::collections::BTreeMap;

use super::super::{
    decode::{Form, Order, Part, text},
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

/// What is met most comes first.
pub(super) const FORMS: [Form; 13] = [
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
pub(super) const ORDERS: [Order; 4] = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];

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
}
