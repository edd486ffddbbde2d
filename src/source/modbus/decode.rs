//! What registers and bits mean: raw words to a reading.
//!
//! Pure. Nothing that is not a finite number inside the tag's `valid` range, or a bit, leaves this file as good. How a number lies
//! in its registers is in [`super::form`].

use crate::sample::{Bad, Labels, Reading, Value};

use super::form::Raw;
pub use super::{
    form::{Form, Order},
    point::Part,
};

/// How one tag is made of what its addresses hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoder {
    /// Layout.
    pub form: Form,
    /// Byte order.
    pub order: Order,
    /// Which part of the register: a bit for [`Form::Bool`], a byte for [`Form::I8`] and [`Form::U8`], the whole for all others.
    pub part: Part,
    /// Only these bits count, shifted down so that the lowest of them is 1; for forms without a sign. At least one bit.
    pub mask: Option<u64>,
    /// Value = raw × scale + offset. Finite, not 0.
    pub scale: f64,
    /// In the tag's unit. Finite.
    pub offset: f64,
    /// The least and the greatest value that a working sensor gives, in the tag's unit.
    pub valid: Option<(f64, f64)>,
    /// Values by which the device says that its sensor is broken, in the tag's unit (after scale and offset).
    pub invalid: Vec<f64>,
    /// Names of its numbers. A text is the number that it names, and nothing without one.
    pub labels: Labels,
}

/// What a block's answer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Of a block of registers.
    Registers(Vec<u16>),
    /// Of a block of bits.
    Bits(Vec<bool>),
}

impl Decoder {
    /// The value as it lies there, of a form that fills whole addresses.
    pub fn plain(form: Form, order: Order) -> Self {
        Self {
            form,
            order,
            part: Part::Whole,
            mask: None,
            scale: 1.0,
            offset: 0.0,
            valid: None,
            invalid: Vec::new(),
            labels: Labels::default(),
        }
    }

    /// Reads the value that starts `at` so many addresses into the answer. A value that is not wholly in it is malformed.
    pub fn decode(&self, answer: &Answer, at: usize) -> Reading {
        let reading = match answer {
            Answer::Bits(bits) => match self.form {
                Form::Bool => bits.get(at).copied().map(bit),
                _ => None,
            },
            Answer::Registers(words) => {
                let words = words.get(at..).unwrap_or_default();
                match self.form {
                    Form::Bool => self.bit(words),
                    Form::Text(length) => words.get(..length.into()).map(|words| self.text(words)),
                    _ => self.raw(words).map(|raw| self.judge(raw)),
                }
            }
        };
        reading.unwrap_or(Reading::Bad(Bad::Malformed))
    }

    fn bit(&self, words: &[u16]) -> Option<Reading> {
        match self.part {
            Part::Bit(at @ 0..=15) => words.first().map(|word| bit(word >> at & 1 == 1)),
            _ => None,
        }
    }

    fn text(&self, words: &[u16]) -> Reading {
        let text = text(self.order, words);
        match self.labels.number(&text) {
            Some(number) => Reading::Good(Value::Number(number)),
            None => Reading::Bad(Bad::Unlisted),
        }
    }

    fn raw(&self, words: &[u16]) -> Option<Raw> {
        let raw = match self.form {
            Form::I8 => Raw::Signed(self.byte(words)?.cast_signed().into()),
            Form::U8 => Raw::Unsigned(self.byte(words)?.into()),
            form => form.number(self.order, words)?,
        };
        Some(match (raw, self.mask) {
            (Raw::Unsigned(number), Some(mask)) => {
                // No bit at all would shift by 64.
                Raw::Unsigned((number & mask).checked_shr(mask.trailing_zeros())?)
            }
            _ => raw,
        })
    }

    fn byte(&self, words: &[u16]) -> Option<u8> {
        let [high, low] = words.first()?.to_be_bytes();
        match self.part {
            Part::High => Some(high),
            Part::Low => Some(low),
            _ => None,
        }
    }

    fn judge(&self, raw: Raw) -> Reading {
        let raw = raw.number();
        let scaled = scale(raw, self.scale);
        let value = scaled + self.offset;
        if !value.is_finite() {
            return Reading::Bad(Bad::Malformed);
        }
        let near = self.exactness() * (scaled.abs() + self.offset.abs());
        let outside = self
            .valid
            .is_some_and(|(least, most)| value < least || value > most);
        if outside || self.invalid.iter().any(|mark| (value - mark).abs() <= near) {
            return Reading::Bad(Bad::SensorFault);
        }
        Reading::Good(Value::Number(value))
    }

    /// How far, of its own size, a value may lie from a mark that is meant to be it. A float's last digit may be written in two
    /// ways; what is scaled may be off by its last binary digits; what is neither is exact.
    fn exactness(&self) -> f64 {
        match self.form {
            Form::F16 => 1e-4,
            Form::F32 => 1e-7,
            _ if self.scale == 1.0 && self.offset == 0.0 => 0.0,
            _ => 4.0 * f64::EPSILON,
        }
    }
}

fn bit(bit: bool) -> Reading {
    Reading::Good(Value::Bool(bit))
}

/// The characters in these registers, up to the first NUL, without spaces at either end. What is no UTF-8 is replaced by a mark that
/// no label has.
pub fn text(order: Order, words: &[u16]) -> String {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| order.pair(*word)).collect();
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

/// Multiplies, or divides where the factor is one over a whole number: 853 × 0.1 is 85.30000000000001, and would lie
/// above a limit of 85.3; 853 ÷ 10 is 85.3.
pub fn scale(raw: f64, factor: f64) -> f64 {
    let divisor = (1.0 / factor).round();
    if factor.abs() < 1.0 && divisor.abs() < 1e12 && 1.0 / divisor == factor {
        raw / divisor
    } else {
        raw * factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(form: Form) -> Decoder {
        Decoder::plain(form, Order::Abcd)
    }

    fn number(value: f64) -> Reading {
        Reading::Good(Value::Number(value))
    }

    #[test]
    fn bits_and_bytes_of_a_register_are_counted_from_the_least_significant() {
        let answer = Answer::Registers(vec![0, 0x80F1]);
        for (at, expected) in [(0, true), (1, false), (4, true), (15, true), (14, false)] {
            let decoder = Decoder {
                part: Part::Bit(at),
                ..plain(Form::Bool)
            };
            assert_eq!(decoder.decode(&answer, 1), bit(expected), "bit {at}");
        }
        for (form, part, expected) in [
            (Form::U8, Part::High, 128.0),
            (Form::I8, Part::High, -128.0),
            (Form::U8, Part::Low, 241.0),
            (Form::I8, Part::Low, -15.0),
        ] {
            let decoder = Decoder {
                part,
                ..plain(form)
            };
            assert_eq!(decoder.decode(&answer, 1), number(expected), "{form:?}");
        }
    }

    #[test]
    fn a_mask_takes_bits_and_shifts_them_down() {
        let masked = |form, mask| Decoder {
            mask: Some(mask),
            ..plain(form)
        };
        let answer = Answer::Registers(vec![0x1230, 0xFF80, 0, 1]);
        for (form, mask, expected) in [
            (Form::U16, 0x00F0, 3.0),
            (Form::U16, 0xF000, 1.0),
            (Form::U16, 0xFFFF, 4656.0),
            (Form::U16, 0x0202, 256.0),
            (Form::U32, 0xFF80, 511.0),
            (Form::U64, 1, 1.0),
            (Form::U64, 1 << 63, 0.0),
        ] {
            let reading = masked(form, mask).decode(&answer, 0);
            assert_eq!(reading, number(expected), "{form:?} {mask:#x}");
        }
        let bottomless = masked(Form::U64, 0).decode(&answer, 0);
        assert_eq!(bottomless, Reading::Bad(Bad::Malformed));
    }

    #[test]
    fn a_text_is_the_number_that_it_names_and_nothing_else() {
        let labels = Labels::new(vec![(1.0, "RUN".into()), (2.0, "Störung".into())]);
        let decoder = Decoder {
            labels,
            ..plain(Form::Text(4))
        };
        let words = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(8, 0);
            let pairs = bytes.chunks_exact(2);
            pairs
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect::<Vec<u16>>()
        };
        let unlisted = Reading::Bad(Bad::Unlisted);
        for (text, expected) in [
            ("RUN", number(1.0)),
            ("RUN     ", number(1.0)),
            ("  RUN", number(1.0)),
            ("RUN\0xyz", number(1.0)),
            ("Störung", number(2.0)),
            ("run", unlisted),
            ("RUNNING", unlisted),
            ("", unlisted),
        ] {
            let answer = Answer::Registers(words(text));
            assert_eq!(decoder.decode(&answer, 0), expected, "{text:?}");
        }
        let swapped = words("RUN").iter().map(|word| word.swap_bytes()).collect();
        let badc = Decoder {
            order: Order::Badc,
            ..decoder.clone()
        };
        assert_eq!(badc.decode(&Answer::Registers(swapped), 0), number(1.0));
        let latin = Answer::Registers(vec![0x5374, 0xF672, 0x756E, 0x6700]);
        assert_eq!(decoder.decode(&latin, 0), unlisted, "no UTF-8");
        let short = Answer::Registers(vec![0x5255, 0x4E00]);
        assert_eq!(decoder.decode(&short, 0), Reading::Bad(Bad::Malformed));
    }

    #[test]
    fn what_is_beyond_exact_numbers_is_the_nearest_one() {
        let words = |number: u64| {
            let shifted = [48, 32, 16, 0].map(|shift| (number >> shift) as u16);
            Answer::Registers(shifted.to_vec())
        };
        let plain = plain(Form::U64);
        let exact = 1 << 53;
        assert_eq!(plain.decode(&words(exact), 0), number(exact as f64));
        assert_eq!(plain.decode(&words(exact + 1), 0), number(exact as f64));
        assert_eq!(
            plain.decode(&words(exact + 2), 0),
            number(exact as f64 + 2.0)
        );
        let marked = Decoder {
            invalid: vec![18_446_744_073_709_551_615.0],
            ..plain
        };
        let fault = Reading::Bad(Bad::SensorFault);
        assert_eq!(marked.decode(&words(u64::MAX), 0), fault);
        let lower = u64::MAX - 4096;
        assert_ne!(marked.decode(&words(lower), 0), fault, "not its own value");
    }

    #[test]
    fn a_scaled_value_is_the_decimal_number_that_was_meant() {
        let cases = [
            (853_u16, 0.1, 0.0, 85.3),
            (853, 0.01, 0.0, 8.53),
            (1234, 0.001, 0.0, 1.234),
            (853, -0.1, 0.0, -85.3),
            (100, 0.1, -40.0, -30.0),
            (100, 2.5, 1.0, 251.0),
        ];
        for (raw, scale, offset, expected) in cases {
            let decoder = Decoder {
                scale,
                offset,
                ..plain(Form::U16)
            };
            let reading = decoder.decode(&Answer::Registers(vec![raw]), 0);
            assert_eq!(reading, number(expected), "{raw} x {scale} + {offset}");
        }
    }

    #[test]
    fn implausible_values_are_a_sensor_fault() {
        let (fault, valid) = (Reading::Bad(Bad::SensorFault), Some((-40.0, 150.0)));
        let tenths = Decoder {
            scale: 0.1,
            valid,
            invalid: vec![85.0],
            ..plain(Form::I16)
        };
        let cases = [
            (1500, number(150.0)),
            (1501, fault),
            (-400, number(-40.0)),
            (-401, fault),
            (850, fault),
            (849, number(84.9)),
            (851, number(85.1)),
        ];
        for (raw, expected) in cases {
            let answer = Answer::Registers(vec![i16::cast_unsigned(raw)]);
            assert_eq!(tenths.decode(&answer, 0), expected, "{raw}");
        }
    }

    #[test]
    fn a_mark_matches_its_own_raw_value_only() {
        let fault = Reading::Bad(Bad::SensorFault);
        let counter = Decoder {
            invalid: vec![4_294_967_295.0],
            ..plain(Form::U32)
        };
        let of = |low| Answer::Registers(vec![0xFFFF, low]);
        assert_eq!(counter.decode(&of(0xFFFF), 0), fault);
        assert_eq!(counter.decode(&of(0xFFFE), 0), number(4_294_967_294.0));
        let scaled = Decoder {
            scale: 0.1,
            offset: -3276.7,
            invalid: vec![0.0],
            ..plain(Form::U16)
        };
        assert_eq!(scaled.decode(&Answer::Registers(vec![32767]), 0), fault);
        assert_ne!(scaled.decode(&Answer::Registers(vec![32768]), 0), fault);
        let zero = Decoder {
            invalid: vec![0.0],
            ..plain(Form::U16)
        };
        assert_eq!(zero.decode(&Answer::Registers(vec![0]), 0), fault);
    }

    #[test]
    fn what_is_no_number_is_malformed() {
        let malformed = Reading::Bad(Bad::Malformed);
        for words in [[0x7FC0, 0], [0x7F80, 0], [0xFF80, 0]] {
            let answer = Answer::Registers(words.to_vec());
            assert_eq!(plain(Form::F32).decode(&answer, 0), malformed);
        }
        let huge = Decoder {
            scale: 1e308,
            ..plain(Form::U16)
        };
        assert_eq!(huge.decode(&Answer::Registers(vec![9]), 0), malformed);
    }

    #[test]
    fn a_value_that_is_not_wholly_there_is_malformed() {
        let malformed = Reading::Bad(Bad::Malformed);
        let words = Answer::Registers(vec![1, 2]);
        assert_eq!(plain(Form::U16).decode(&words, 2), malformed);
        assert_eq!(plain(Form::U64).decode(&words, 0), malformed);
        assert_eq!(plain(Form::U32).decode(&words, 1), malformed);
        assert_eq!(plain(Form::Bool).decode(&words, 0), malformed);
        let bits = Answer::Bits(vec![true, false]);
        assert_eq!(plain(Form::Bool).decode(&bits, 2), malformed);
        assert_eq!(plain(Form::U16).decode(&bits, 0), malformed);
        assert_eq!(
            plain(Form::Bool).decode(&bits, 1),
            Reading::Good(Value::Bool(false))
        );
    }
}
