//! What must hold for any input whatsoever: the bodies of the fuzz targets in `fuzz/`, which the tests below run with random input.
//!
//! Nothing of the agent uses this. A promise that does not hold is a panic.

mod wire;

use std::collections::BTreeMap;

use crate::sample::{Bad, Labels, Reading, Value};

use super::{
    address::Address,
    decode::{Answer, Decoder, Form, Order, Part},
    plan::{Kind, Span},
    point::Point,
    probe::guess,
};

pub use self::wire::{frames, messages};

/// Reads bytes as a tag and as the answer that it is read from.
///
/// # Panics
/// When what comes out as good is not finite, not plausible, or not of the tag's type.
pub fn values(data: &[u8]) {
    let mut bytes = Bytes(data);
    let (_, form) = Form::WORDS[usize::from(bytes.byte()) % Form::WORDS.len()];
    let form = match form {
        Form::Text(_) => Form::Text(bytes.byte().clamp(1, 125)),
        form => form,
    };
    let part = match bytes.byte() % 4 {
        0 => Part::Whole,
        1 => Part::Bit(bytes.byte()),
        2 => Part::High,
        _ => Part::Low,
    };
    let mask = bytes.word();
    let decoder = Decoder {
        part,
        mask: (mask != 0).then_some(u64::from(mask) << (mask % 49)),
        scale: bytes.float().unwrap_or(1.0),
        offset: bytes.float().unwrap_or(0.0),
        valid: bytes.float().zip(bytes.float()),
        invalid: bytes.float().into_iter().collect(),
        labels: Labels::new(vec![(1.0, "RUN".into()), (2.0, "STOP".into())]),
        ..Decoder::plain(form, Order::WORDS[usize::from(bytes.byte() % 4)].1)
    };
    let (at, is_bits) = (usize::from(bytes.byte() % 8), bytes.byte() % 8 == 0);
    let words: Vec<u16> = bytes
        .0
        .chunks(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))
        .collect();
    let answer = match is_bits {
        true => Answer::Bits(words.iter().map(|word| word & 1 == 1).collect()),
        false => Answer::Registers(words.clone()),
    };
    match decoder.decode(&answer, at) {
        Reading::Good(Value::Bool(_)) => assert_eq!(form, Form::Bool),
        Reading::Good(Value::Number(number)) => {
            assert!(number.is_finite() && form != Form::Bool && !is_bits);
            assert!(
                at + usize::from(form.width()) <= words.len(),
                "a value that is not there"
            );
            if let (false, Some((least, most))) = (matches!(form, Form::Text(_)), decoder.valid) {
                assert!((least..=most).contains(&number));
            }
            if matches!(form, Form::Text(_)) {
                assert!(decoder.labels.of(number).is_some());
            }
        }
        Reading::Bad(bad) => {
            assert!(matches!(
                bad,
                Bad::Malformed | Bad::SensorFault | Bad::Unlisted
            ));
        }
    }
    let words: BTreeMap<u16, u16> = (65_500..=u16::MAX).zip(words).collect();
    for guess in guess::all(Kind::Holding, &words) {
        assert!(guess.raw.number().is_finite() && !guess.shown().is_empty());
        assert!(u32::from(guess.at.start) + u32::from(guess.form.width()) <= 65_536);
    }
    for (span, ..) in guess::texts(Kind::Input, &words) {
        assert!(span.count > 0 && span.end() <= 65_536);
    }
}

/// Reads a text as each kind of address.
///
/// # Panics
/// When one that is accepted is not read again from how it is shown.
pub fn texts(text: &str) {
    if let Ok(point) = Point::parse(text) {
        assert_eq!(Point::parse(&point.to_string()), Ok(point));
    }
    if let Ok(span) = Span::parse(text) {
        assert!(span.count > 0 && span.end() <= 65_536);
        assert_eq!(Span::parse(&span.to_string()), Ok(span));
    }
    if let Ok(address) = Address::parse(text) {
        assert!(!address.to_string().is_empty());
        assert!(
            address
                .peer()
                .is_none_or(|(host, port)| !host.is_empty() && port > 0)
        );
    }
}

/// Bytes that are used up; zeros where there are none left.
struct Bytes<'d>(&'d [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A finite number that is not 0, as the configuration lets through.
    fn float(&mut self) -> Option<f64> {
        let bits = [(); 4].map(|()| self.byte());
        let number = f64::from(f32::from_be_bytes(bits));
        (number.is_finite() && number != 0.0).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_registers_read_by_any_tag_are_good_only_if_they_can_be(data in prop::collection::vec(any::<u8>(), 0..80)) {
            super::values(&data);
        }

        #[test]
        fn nothing_but_the_whole_answer_is_taken_for_one(data in prop::collection::vec(any::<u8>(), 0..300)) {
            super::frames(&data);
            super::messages(&data);
        }

        #[test]
        fn any_text_is_an_address_only_if_it_is_one(
            text in "(holding|input|coil|tcp|rtu|rtu\\+tcp)?:?(//)?[a-z0-9./?&=\\[\\]:-]{0,20}|\\PC{0,20}"
        ) {
            super::texts(&text);
        }
    }
}
