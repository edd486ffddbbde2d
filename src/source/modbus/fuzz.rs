//! What must hold for any input whatsoever: the bodies of the fuzz targets in `fuzz/`, which the tests below run with random input.
//!
//! Nothing of the agent uses this. A promise that does not hold is a panic.

use std::collections::BTreeMap;

use crate::sample::{Bad, Labels, Reading, Value};

use super::{
    address::Address,
    decode::{Answer, Decoder, Form, Order, Part},
    link::rtu::{self, Frame},
    plan::{Kind, Span},
    point::Point,
    probe::guess,
};

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

/// Reads bytes as a request over a serial line and as what came back: anything, or the answer with something done to it.
///
/// # Panics
/// When something else than the whole answer to that request is accepted, when the answer is not, or when it is accepted or refused
/// for good before it can be.
pub fn frames(data: &[u8]) {
    let mut bytes = Bytes(data);
    let (_, kind) = Kind::WORDS[usize::from(bytes.byte() % 4)];
    let (unit, count) = (bytes.byte(), bytes.word() % kind.limit() + 1);
    let span = Span {
        kind,
        start: 0,
        count,
    };
    let function = match kind {
        Kind::Coil => 1,
        Kind::Discrete => 2,
        Kind::Holding => 3,
        Kind::Input => 4,
    };
    let values = usize::from(match kind.is_bits() {
        true => count.div_ceil(8),
        false => count * 2,
    });
    let (what, at, flip) = (bytes.byte(), usize::from(bytes.word()), bytes.byte());
    let mut sent = match what % 8 {
        0 => vec![unit, function | 0x80, flip],
        1 => bytes.0.iter().copied().take(300).collect(),
        _ => {
            let head = [unit, function, u8::try_from(values).unwrap_or(u8::MAX)];
            let fill = bytes.0.iter().chain(std::iter::repeat(&0x55));
            head.iter().chain(fill.take(values)).copied().collect()
        }
    };
    if what % 8 != 1 {
        let check = checksum(&sent).to_le_bytes();
        sent.extend(check);
    }
    let length = sent.len();
    match what / 8 % 4 {
        0 if length > 0 => sent[at % length] ^= flip,
        1 => sent.truncate(at % (length + 1)),
        2 => sent.extend(bytes.0.iter().take(at % 4)),
        _ => {}
    }

    let whole = |length: usize| {
        let (body, check) = sent.split_at_checked(length.saturating_sub(2))?;
        let right = checksum(body).to_le_bytes() == *check;
        (sent.len() == length && body.first() == Some(&unit) && right).then(|| &body[1..])
    };
    let answered = whole(5 + values)
        .filter(|body| body[0] == function && usize::from(body[1]) == values)
        .map(|body| &body[2..]);
    let refused = whole(5).filter(|body| body[0] == function | 0x80);
    match rtu::read(unit, span, &sent) {
        Ok(Frame::Answer(Answer::Registers(words))) => {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            assert_eq!(Some(&bytes[..]), answered);
            assert!(!kind.is_bits());
        }
        Ok(Frame::Answer(Answer::Bits(bits))) => {
            let bytes = answered.expect("nothing else is accepted");
            assert!(kind.is_bits() && bits.len() == usize::from(count));
            for (at, bit) in bits.into_iter().enumerate() {
                assert_eq!(bit, bytes[at / 8] >> (at % 8) & 1 == 1);
            }
        }
        Ok(Frame::Exception(code)) => assert_eq!(Some(code), refused.map(|body| body[1])),
        Ok(Frame::Part) | Err(_) => assert!(answered.is_none() && refused.is_none()),
    }
    // What comes in pieces is judged as soon as it can be and not before.
    for end in 0..sent.len() {
        let judged = rtu::read(unit, span, &sent[..end]);
        if answered.is_some() || refused.is_some() {
            assert_eq!(judged, Ok(Frame::Part), "{end} of {} bytes", sent.len());
        }
    }
}

/// The checksum as the standard has it, bit by bit (MODBUS over Serial Line V1.02, section 6.2.2).
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |check, byte| {
        (0..8).fold(check ^ u16::from(*byte), |check, _| {
            check >> 1 ^ if check & 1 == 1 { 0xA001 } else { 0 }
        })
    })
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
        }

        #[test]
        fn any_text_is_an_address_only_if_it_is_one(
            text in "(holding|input|coil|tcp|rtu|rtu\\+tcp)?:?(//)?[a-z0-9./?&=\\[\\]:-]{0,20}|\\PC{0,20}"
        ) {
            super::texts(&text);
        }
    }
}
