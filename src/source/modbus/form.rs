//! How a value lies in registers: its type, and the order of its bytes. Raw words to a raw number, and nothing more.
//!
//! Pure. What the number means (scale, plausibility, labels) is in [`super::decode`].

/// How a value is laid down. A bit or a byte of a register is told by where it is read, `holding:100.3` or `holding:100.hi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// One coil or discrete input, or one bit of a register.
    Bool,
    /// One byte of a register.
    I8,
    /// One byte of a register.
    U8,
    /// One register.
    I16,
    /// One register.
    U16,
    /// Two registers.
    I32,
    /// Two registers.
    U32,
    /// Four registers.
    I64,
    /// Four registers.
    U64,
    /// One register, IEEE 754.
    F16,
    /// Two registers, IEEE 754.
    F32,
    /// Four registers, IEEE 754.
    F64,
    /// One register, four decimal digits of four bits each.
    Bcd16,
    /// Two registers, eight decimal digits.
    Bcd32,
    /// So many registers with two characters each, the first in the high byte.
    Text(u8),
}

/// A number as it lies in the registers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Raw {
    /// Of the types without a sign.
    Unsigned(u64),
    /// Of the types with one.
    Signed(i64),
    /// Of the floats; may be infinite or no number.
    Float(f64),
}

impl Raw {
    /// The nearest number that the program calculates with: whole numbers are exact up to 2^53.
    pub fn number(self) -> f64 {
        match self {
            Self::Unsigned(number) => number as f64,
            Self::Signed(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

impl Form {
    /// All of them by the word that the configuration uses; `length` says how long a string is.
    pub const WORDS: [(&'static str, Form); 15] = [
        ("bool", Form::Bool),
        ("i8", Form::I8),
        ("u8", Form::U8),
        ("i16", Form::I16),
        ("u16", Form::U16),
        ("i32", Form::I32),
        ("u32", Form::U32),
        ("i64", Form::I64),
        ("u64", Form::U64),
        ("f16", Form::F16),
        ("f32", Form::F32),
        ("f64", Form::F64),
        ("bcd16", Form::Bcd16),
        ("bcd32", Form::Bcd32),
        ("string", Form::Text(1)),
    ];

    /// The word that the configuration uses.
    pub fn word(self) -> &'static str {
        let same = |known: Form| match self {
            Self::Text(_) => matches!(known, Self::Text(_)),
            _ => known == self,
        };
        let found = Self::WORDS.iter().find(|(_, known)| same(*known));
        found.map_or("", |(word, _)| word)
    }

    /// How many addresses it takes.
    pub fn width(self) -> u16 {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::Bcd16 => 1,
            Self::I32 | Self::U32 | Self::F32 | Self::Bcd32 => 2,
            Self::I64 | Self::U64 | Self::F64 => 4,
            Self::Text(registers) => registers.into(),
        }
    }

    /// Whether it is one byte of a register.
    pub fn is_byte(self) -> bool {
        matches!(self, Self::I8 | Self::U8)
    }

    /// Whether it has digits after the point of its own.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }

    /// The greatest value of a type of which `mask` may take bits.
    pub fn most_masked(self) -> Option<u64> {
        match self {
            Self::U8 => Some(u8::MAX.into()),
            Self::U16 => Some(u16::MAX.into()),
            Self::U32 => Some(u32::MAX.into()),
            Self::U64 => Some(u64::MAX),
            _ => None,
        }
    }

    /// The number of a form that fills whole registers, if all of them are there. `None` also for a digit above 9.
    pub fn number(self, order: Order, words: &[u16]) -> Option<Raw> {
        use Raw::{Float, Signed, Unsigned};
        Some(match self {
            Self::U16 => Unsigned(u16::from_be_bytes(order.bytes(words)?).into()),
            Self::U32 => Unsigned(u32::from_be_bytes(order.bytes(words)?).into()),
            Self::U64 => Unsigned(u64::from_be_bytes(order.bytes(words)?)),
            Self::I16 => Signed(i16::from_be_bytes(order.bytes(words)?).into()),
            Self::I32 => Signed(i32::from_be_bytes(order.bytes(words)?).into()),
            Self::I64 => Signed(i64::from_be_bytes(order.bytes(words)?)),
            Self::F16 => Float(half(u16::from_be_bytes(order.bytes(words)?))),
            Self::F32 => Float(shortest(f32::from_be_bytes(order.bytes(words)?))),
            Self::F64 => Float(f64::from_be_bytes(order.bytes(words)?)),
            Self::Bcd16 => Unsigned(digits(&order.bytes::<2>(words)?)?),
            Self::Bcd32 => Unsigned(digits(&order.bytes::<4>(words)?)?),
            Self::Bool | Self::I8 | Self::U8 | Self::Text(_) => return None,
        })
    }
}

/// In which order the bytes of a value arrive; `a` is the most significant of four.
///
/// Each word says two things, and so holds for every width: whether the two bytes of each register are swapped, and whether the
/// last register comes first. For the eight bytes `abcdefgh` of 64 bits that makes `abcdefgh`, `badcfehg`, `ghefcdab` and
/// `hgfedcba`; one register and strings know only the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Big-endian, as the protocol would have it.
    #[default]
    Abcd,
    /// Bytes swapped in each register.
    Badc,
    /// Last register first: the commonest deviation.
    Cdab,
    /// Both, which is little-endian.
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

    /// The word that the configuration uses.
    pub fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, known)| *known == self);
        found.map_or("", |(word, _)| word)
    }

    /// Whether the last register comes first.
    pub fn swaps_registers(self) -> bool {
        matches!(self, Self::Cdab | Self::Dcba)
    }

    /// The bytes of one register, in their right order.
    pub fn pair(self, word: u16) -> [u8; 2] {
        match self {
            Self::Abcd | Self::Cdab => word.to_be_bytes(),
            Self::Badc | Self::Dcba => word.to_le_bytes(),
        }
    }

    /// The first `N` bytes of these registers, the most significant first; `None` if there are not so many.
    fn bytes<const N: usize>(self, words: &[u16]) -> Option<[u8; N]> {
        let words = words.get(..N / 2)?;
        let mut bytes = [0; N];
        for (at, pair) in bytes.chunks_exact_mut(2).enumerate() {
            let from = match self.swaps_registers() {
                true => words.len() - 1 - at,
                false => at,
            };
            pair.copy_from_slice(&self.pair(words[from]));
        }
        Some(bytes)
    }
}

/// The number of which each half byte is a decimal digit; `None` where one is above 9.
fn digits(bytes: &[u8]) -> Option<u64> {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves
        .map(|digit| (digit <= 9).then_some(u64::from(digit)))
        .try_fold(0, |number, digit| Some(number * 10 + digit?))
}

/// The number that people would write for it: 97.3, where the plain conversion gives 97.30000305175781.
fn shortest(raw: f32) -> f64 {
    raw.to_string().parse().unwrap_or(f64::from(raw))
}

/// IEEE 754 binary16, as people would write it: with the fewest digits after the point that mean no other.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f64::from(bits & 0x3FF);
    let step = |exponent: i32| 2_f64.powi(exponent);
    let (value, to_the_next) = match i32::from(bits >> 10 & 31) {
        31 if bits & 0x3FF == 0 => return sign * f64::INFINITY,
        31 => return f64::NAN,
        0 => (fraction * step(-24), step(-24)),
        exponent => (
            (1024.0 + fraction) * step(exponent - 25),
            step(exponent - 25),
        ),
    };
    // Below a power of two the steps are half as wide.
    let to_the_last = if fraction == 0.0 {
        to_the_next / 2.0
    } else {
        to_the_next
    };
    // Whole numbers stay what they are; the least number needs eight digits after the point.
    let near = (0..9).find_map(|digits| {
        let short: f64 = format!("{value:.digits$}").parse().ok()?;
        let off = short - value;
        (-to_the_last / 2.0 < off && off < to_the_next / 2.0).then_some(short)
    });
    sign * near.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_in_every_order() {
        use {Form::*, Order::*, Raw::*};
        let cases: &[(Form, Order, &[u16], Raw)] = &[
            (U16, Abcd, &[0x0102], Unsigned(0x0102)),
            (U16, Badc, &[0x0201], Unsigned(0x0102)),
            (I16, Abcd, &[0x8000], Signed(-32768)),
            (I16, Badc, &[0xFEFF], Signed(-2)),
            (U32, Abcd, &[0x0102, 0x0304], Unsigned(0x0102_0304)),
            (U32, Badc, &[0x0201, 0x0403], Unsigned(0x0102_0304)),
            (U32, Cdab, &[0x0304, 0x0102], Unsigned(0x0102_0304)),
            (U32, Dcba, &[0x0403, 0x0201], Unsigned(0x0102_0304)),
            (I32, Abcd, &[0xFFFF, 0xFFFE], Signed(-2)),
            (I32, Badc, &[0xFFFF, 0xFEFF], Signed(-2)),
            (I32, Cdab, &[0xFFFE, 0xFFFF], Signed(-2)),
            (I32, Dcba, &[0xFEFF, 0xFFFF], Signed(-2)),
            (F32, Abcd, &[0x42C2, 0x999A], Float(97.3)),
            (F32, Badc, &[0xC242, 0x9A99], Float(97.3)),
            (F32, Cdab, &[0x999A, 0x42C2], Float(97.3)),
            (F32, Dcba, &[0x9A99, 0xC242], Float(97.3)),
            (Bcd16, Abcd, &[0x1234], Unsigned(1234)),
            (Bcd16, Badc, &[0x3412], Unsigned(1234)),
            (Bcd32, Abcd, &[0x1234, 0x5678], Unsigned(12_345_678)),
            (Bcd32, Cdab, &[0x5678, 0x1234], Unsigned(12_345_678)),
        ];
        for (form, order, words, expected) in cases {
            assert_eq!(
                form.number(*order, words),
                Some(*expected),
                "{form:?} {order:?}"
            );
        }
        let orders = [
            (Abcd, [0x0102, 0x0304, 0x0506, 0x0708]),
            (Badc, [0x0201, 0x0403, 0x0605, 0x0807]),
            (Cdab, [0x0708, 0x0506, 0x0304, 0x0102]),
            (Dcba, [0x0807, 0x0605, 0x0403, 0x0201]),
        ];
        for (order, words) in orders {
            let expected = Some(Unsigned(0x0102_0304_0506_0708));
            assert_eq!(U64.number(order, &words), expected, "{order:?}");
        }
        assert_eq!(I64.number(Abcd, &[0xFFFF; 4]), Some(Signed(-1)));
        let third = 1.0_f64 / 3.0;
        let [a, b, c, d] = [48, 32, 16, 0].map(|shift| (third.to_bits() >> shift) as u16);
        assert_eq!(F64.number(Abcd, &[a, b, c, d]), Some(Float(third)));
        assert_eq!(F64.number(Cdab, &[d, c, b, a]), Some(Float(third)));
    }

    #[test]
    fn a_half_float_is_read_as_people_write_it() {
        for (bits, expected) in [
            (0x0000, 0.0),
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x4A66, 12.8),
            (0x5578, 87.5),
            (0x7BFF, 65504.0),
            (0x3555, 0.3333),
            (0x0001, 6e-8),
            (0x7C00, f64::INFINITY),
            (0xFC00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), expected, "{bits:04x}");
        }
        assert!(half(0x7E00).is_nan());
        // No two of them are read as the same number.
        let mut all: Vec<f64> = (0..0x7C00).map(half).collect();
        let written = all.len();
        all.dedup();
        assert!(all.is_sorted() && all.len() == written);
    }

    #[test]
    fn a_digit_above_nine_is_no_number() {
        for words in [[0x000A_u16, 0], [0xA000, 0], [0x1234, 0x00F0]] {
            assert_eq!(Form::Bcd32.number(Order::Abcd, &words), None);
        }
        assert_eq!(Form::Bcd16.number(Order::Abcd, &[0x123A]), None);
    }

    #[test]
    fn what_is_not_wholly_there_is_no_number() {
        for (word, form) in Form::WORDS {
            assert_eq!(form.word(), word);
            let short = vec![0; usize::from(form.width()) - 1];
            assert_eq!(form.number(Order::Abcd, &short), None, "{word}");
        }
        assert_eq!(Form::Text(7).word(), "string");
        for (word, order) in Order::WORDS {
            assert_eq!(order.word(), word);
        }
    }
}
