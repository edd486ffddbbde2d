//! What registers and bits mean: raw words to a reading.
//!
//! Pure. Nothing that is not a finite number inside the tag's `valid` range, or a bit, leaves this file as good.

use crate::sample::{Bad, Reading, Value};

/// How a value is laid down in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One coil or discrete input.
    Bool,
    /// One register.
    I16,
    /// One register.
    U16,
    /// Two registers.
    I32,
    /// Two registers.
    U32,
    /// Two registers, IEEE 754.
    F32,
}

impl Form {
    /// All of them by the word that the configuration uses.
    pub const WORDS: [(&'static str, Form); 6] = [
        ("bool", Form::Bool),
        ("i16", Form::I16),
        ("u16", Form::U16),
        ("i32", Form::I32),
        ("u32", Form::U32),
        ("f32", Form::F32),
    ];

    /// How many addresses it takes.
    pub fn width(self) -> u16 {
        match self {
            Self::Bool | Self::I16 | Self::U16 => 1,
            Self::I32 | Self::U32 | Self::F32 => 2,
        }
    }
}

/// In which order the four bytes of a 32-bit value arrive; `a` is the most significant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Big-endian, as the protocol would have it.
    #[default]
    Abcd,
    /// Bytes swapped in each register.
    Badc,
    /// Registers swapped: the commonest deviation.
    Cdab,
    /// Little-endian.
    Dcba,
}

impl Order {
    /// All of them by the word that the configuration uses.
    pub const WORDS: [(&'static str, Order); 4] = [
        ("abcd", Order::Abcd),
        ("badc", Order::Badc),
        ("cdab", Order::Cdab),
        ("dcba", Order::Dcba),
    ];

    fn arrange(self, first: u16, second: u16) -> [u8; 4] {
        let ([p, q], [r, s]) = (first.to_be_bytes(), second.to_be_bytes());
        match self {
            Self::Abcd => [p, q, r, s],
            Self::Badc => [q, p, s, r],
            Self::Cdab => [r, s, p, q],
            Self::Dcba => [s, r, q, p],
        }
    }
}

/// How one tag is made of what its addresses hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoder {
    /// Layout.
    pub form: Form,
    /// Byte order of 32-bit forms.
    pub order: Order,
    /// Value = raw × scale + offset. Finite, not 0.
    pub scale: f64,
    /// In the tag's unit. Finite.
    pub offset: f64,
    /// The least and the greatest value that a working sensor gives, in the tag's unit.
    pub valid: Option<(f64, f64)>,
    /// Values by which the device says that its sensor is broken, in the tag's unit (after scale and offset).
    pub invalid: Vec<f64>,
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
    /// Reads the value that starts `at` so many addresses into the answer. A value that is not wholly in it is malformed.
    pub fn decode(&self, answer: &Answer, at: usize) -> Reading {
        let raw = match answer {
            Answer::Bits(bits) => {
                return match (self.form, bits.get(at)) {
                    (Form::Bool, Some(bit)) => Reading::Good(Value::Bool(*bit)),
                    _ => Reading::Bad(Bad::Malformed),
                };
            }
            Answer::Registers(words) => self.raw(words.get(at..).unwrap_or_default()),
        };
        match raw.map(|raw| self.judge(raw)) {
            Some(reading) => reading,
            None => Reading::Bad(Bad::Malformed),
        }
    }

    fn raw(&self, words: &[u16]) -> Option<f64> {
        let first = *words.first()?;
        let pair = || Some(self.order.arrange(first, *words.get(1)?));
        Some(match self.form {
            Form::Bool => return None,
            Form::I16 => f64::from(first.cast_signed()),
            Form::U16 => f64::from(first),
            Form::I32 => f64::from(i32::from_be_bytes(pair()?)),
            Form::U32 => f64::from(u32::from_be_bytes(pair()?)),
            Form::F32 => shortest(f32::from_be_bytes(pair()?)),
        })
    }

    fn judge(&self, raw: f64) -> Reading {
        let scaled = scale(raw, self.scale);
        let value = scaled + self.offset;
        if !value.is_finite() {
            return Reading::Bad(Bad::Malformed);
        }
        // Neighbouring raw values of 32 bits are 2e-10 of the greatest apart, and an f32 is exact to 6e-8.
        let exactness = if self.form == Form::F32 { 1e-7 } else { 1e-11 };
        let near = exactness * (scaled.abs() + self.offset.abs());
        let outside = self
            .valid
            .is_some_and(|(least, most)| value < least || value > most);
        if outside || self.invalid.iter().any(|mark| (value - mark).abs() <= near) {
            return Reading::Bad(Bad::SensorFault);
        }
        Reading::Good(Value::Number(value))
    }
}

/// Multiplies, or divides where the factor is one over a whole number: 853 × 0.1 is 85.30000000000001, and would lie
/// above a limit of 85.3; 853 ÷ 10 is 85.3.
fn scale(raw: f64, factor: f64) -> f64 {
    let divisor = (1.0 / factor).round();
    if factor.abs() < 1.0 && divisor.abs() < 1e12 && 1.0 / divisor == factor {
        raw / divisor
    } else {
        raw * factor
    }
}

/// The number that people would write for it: 97.3, where the plain conversion gives 97.30000305175781.
fn shortest(raw: f32) -> f64 {
    raw.to_string().parse().unwrap_or(f64::from(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(form: Form) -> Decoder {
        Decoder {
            form,
            order: Order::Abcd,
            scale: 1.0,
            offset: 0.0,
            valid: None,
            invalid: Vec::new(),
        }
    }

    fn number(value: f64) -> Reading {
        Reading::Good(Value::Number(value))
    }

    #[test]
    fn every_form_in_every_order() {
        use {Form::*, Order::*};
        let cases: &[(Form, Order, &[u16], f64)] = &[
            (U16, Abcd, &[0xFFFF], 65535.0),
            (I16, Abcd, &[0xFFFF], -1.0),
            (I16, Abcd, &[0x8000], -32768.0),
            (U32, Abcd, &[0x0102, 0x0304], f64::from(0x0102_0304)),
            (U32, Badc, &[0x0201, 0x0403], f64::from(0x0102_0304)),
            (U32, Cdab, &[0x0304, 0x0102], f64::from(0x0102_0304)),
            (U32, Dcba, &[0x0403, 0x0201], f64::from(0x0102_0304)),
            (U32, Abcd, &[0xFFFF, 0xFFFF], 4_294_967_295.0),
            (I32, Abcd, &[0xFFFF, 0xFFFE], -2.0),
            (I32, Badc, &[0xFFFF, 0xFEFF], -2.0),
            (I32, Cdab, &[0xFFFE, 0xFFFF], -2.0),
            (I32, Dcba, &[0xFEFF, 0xFFFF], -2.0),
            (F32, Abcd, &[0x42C2, 0x999A], 97.3),
            (F32, Badc, &[0xC242, 0x9A99], 97.3),
            (F32, Cdab, &[0x999A, 0x42C2], 97.3),
            (F32, Dcba, &[0x9A99, 0xC242], 97.3),
        ];
        for (form, order, words, expected) in cases {
            let decoder = Decoder {
                order: *order,
                ..plain(*form)
            };
            let mut answer = vec![7, 7];
            answer.extend_from_slice(words);
            let reading = decoder.decode(&Answer::Registers(answer), 2);
            assert_eq!(reading, number(*expected), "{form:?} {order:?}");
        }
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
