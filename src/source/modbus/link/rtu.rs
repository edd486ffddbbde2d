//! Modbus RTU frames: a request as bytes, and the one answer that belongs to it.
//!
//! Pure. It is stricter than tokio-modbus, which skips bytes until something has a right checksum: here an answer begins with
//! the first byte, is from the unit and of the function that were asked, as long as was asked, and nothing follows it.

use thiserror::Error;

use super::super::{
    decode::Answer,
    plan::{Kind, Span},
};

const CRC: crc::Crc<u16> = crc::Crc::<u16>::new(&crc::CRC_16_MODBUS);
/// A frame has at most so many bytes (MODBUS over Serial Line V1.02, section 2.3).
pub(super) const LONGEST: usize = 256;
/// Of a request to read: unit, function, address, count, checksum.
pub(super) const REQUEST: usize = 8;
const EXCEPTION: u8 = 0x80;

/// Why bytes are not the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(in crate::source::modbus) enum FrameError {
    /// Another unit speaks, or the line is disturbed.
    #[error("unit {asked} was asked, and {answered} stands where the unit should")]
    Unit { asked: u8, answered: u8 },
    /// Neither the function that was asked for nor its exception.
    #[error("function {asked} was asked for, and {answered} was answered")]
    Function { asked: u8, answered: u8 },
    /// The values are more or fewer than were asked for.
    #[error("{asked} bytes of values were asked for, and {sent} are said to come")]
    Length { asked: usize, sent: usize },
    /// Disturbed on the way, or cut.
    #[error("the checksum is wrong; check wiring, termination, baud rate and parity")]
    Checksum,
    /// An answer of another request, or noise.
    #[error("{0} bytes follow the answer")]
    More(usize),
    /// With `echo`, what came back first was not what was sent.
    #[error("the echo of the request is not what was sent; does this adapter echo at all?")]
    Echo,
}

/// What the bytes so far are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source::modbus) enum Frame {
    /// The beginning of the answer.
    Part,
    /// The answer.
    Answer(Answer),
    /// The unit refused.
    Exception(u8),
}

/// The request to read a span. There is no other request: nothing is ever written to a device.
pub(super) fn request(unit: u8, span: Span) -> [u8; REQUEST] {
    let ([start_high, start_low], [count_high, count_low]) =
        (span.start.to_be_bytes(), span.count.to_be_bytes());
    let function = function(span.kind);
    let body = [unit, function, start_high, start_low, count_high, count_low];
    let [low, high] = CRC.checksum(&body).to_le_bytes();
    let [a, b, c, d, e, f] = body;
    [a, b, c, d, e, f, low, high]
}

/// Judges the bytes that came since the request was sent.
///
/// # Errors
/// As soon as they cannot become the answer any more.
pub(in crate::source::modbus) fn read(
    unit: u8,
    span: Span,
    bytes: &[u8],
) -> Result<Frame, FrameError> {
    let asked = function(span.kind);
    let Some(&answered_by) = bytes.first() else {
        return Ok(Frame::Part);
    };
    if answered_by != unit {
        return Err(FrameError::Unit {
            asked: unit,
            answered: answered_by,
        });
    }
    let Some(&answered) = bytes.get(1) else {
        return Ok(Frame::Part);
    };
    let refused = answered == asked | EXCEPTION;
    if answered != asked && !refused {
        return Err(FrameError::Function { asked, answered });
    }
    let Some(&third) = bytes.get(2) else {
        return Ok(Frame::Part);
    };
    let values = if refused { 0 } else { values(span) };
    if !refused && usize::from(third) != values {
        return Err(FrameError::Length {
            asked: values,
            sent: third.into(),
        });
    }
    let end = 3 + values;
    let (Some(body), Some(&[low, high])) = (bytes.get(..end), bytes.get(end..end + 2)) else {
        return Ok(Frame::Part);
    };
    if u16::from_le_bytes([low, high]) != CRC.checksum(body) {
        return Err(FrameError::Checksum);
    }
    if bytes.len() > end + 2 {
        return Err(FrameError::More(bytes.len() - end - 2));
    }
    let values = &body[3..];
    Ok(match (refused, span.kind.is_bits()) {
        (true, _) => Frame::Exception(third),
        (false, true) => Frame::Answer(Answer::Bits(bits(values, span.count))),
        (false, false) => Frame::Answer(Answer::Registers(words(values))),
    })
}

/// How many bytes the whole answer has.
pub(super) fn answer_length(span: Span) -> usize {
    5 + values(span)
}

fn values(span: Span) -> usize {
    let count = usize::from(span.count);
    if span.kind.is_bits() {
        count.div_ceil(8)
    } else {
        count * 2
    }
}

fn bits(bytes: &[u8], count: u16) -> Vec<bool> {
    let bit = |at: usize| bytes[at / 8] >> (at % 8) & 1 == 1;
    (0..usize::from(count)).map(bit).collect()
}

fn words(bytes: &[u8]) -> Vec<u16> {
    let (pairs, _) = bytes.as_chunks();
    pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect()
}

fn function(kind: Kind) -> u8 {
    match kind {
        Kind::Coil => 1,
        Kind::Discrete => 2,
        Kind::Holding => 3,
        Kind::Input => 4,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOLDING: Span = Span {
        kind: Kind::Holding,
        start: 0x006B,
        count: 3,
    };

    fn framed(body: &[u8]) -> Vec<u8> {
        let crc = CRC.checksum(body).to_le_bytes();
        [body, &crc].concat()
    }

    #[test]
    fn a_request_and_its_answer_are_those_of_the_standard() {
        // The example of section 6.3 of the application protocol, with the checksum that a serial line adds.
        let sent = request(0x11, HOLDING);
        assert_eq!(sent, [0x11, 3, 0, 0x6B, 0, 3, 0x76, 0x87]);
        let answer = framed(&[0x11, 3, 6, 0x02, 0x2B, 0, 0, 0, 0x64]);
        let words = vec![0x022B, 0, 0x64];
        assert_eq!(
            read(0x11, HOLDING, &answer),
            Ok(Frame::Answer(Answer::Registers(words)))
        );
        assert_eq!(answer.len(), answer_length(HOLDING));
        let coils = Span {
            kind: Kind::Coil,
            start: 0x13,
            count: 11,
        };
        let expected = [
            true, false, true, true, false, false, true, true, true, true, false,
        ];
        assert_eq!(
            read(1, coils, &framed(&[1, 1, 2, 0xCD, 0x6B])),
            Ok(Frame::Answer(Answer::Bits(expected.to_vec())))
        );
        assert_eq!(
            read(1, coils, &framed(&[1, 0x81, 2])),
            Ok(Frame::Exception(2))
        );
    }

    #[test]
    fn what_is_not_the_answer_is_named() {
        let right = framed(&[1, 3, 6, 0, 1, 0, 2, 0, 3]);
        let mut disturbed = right.clone();
        disturbed[4] ^= 1;
        for (bytes, expected) in [
            (
                vec![2],
                FrameError::Unit {
                    asked: 1,
                    answered: 2,
                },
            ),
            (
                vec![1, 4],
                FrameError::Function {
                    asked: 3,
                    answered: 4,
                },
            ),
            (
                vec![1, 0x84],
                FrameError::Function {
                    asked: 3,
                    answered: 0x84,
                },
            ),
            (vec![1, 3, 4], FrameError::Length { asked: 6, sent: 4 }),
            (disturbed, FrameError::Checksum),
            ([right.clone(), vec![0]].concat(), FrameError::More(1)),
            (
                [vec![0], right].concat(),
                FrameError::Unit {
                    asked: 1,
                    answered: 0,
                },
            ),
        ] {
            assert_eq!(read(1, HOLDING, &bytes), Err(expected), "{bytes:?}");
        }
    }

    fn any_span() -> impl Strategy<Value = Span> {
        (0_usize..4, any::<u16>(), 1_u16..=2000).prop_map(|(kind, start, count)| {
            let (_, kind) = Kind::WORDS[kind];
            let count = count.min(kind.limit());
            Span { kind, start, count }
        })
    }

    proptest! {
        #[test]
        fn an_answer_is_accepted_whole_and_no_sooner(unit: u8, span in any_span(), seed: u8) {
            let values: Vec<u8> = (0..values(span)).map(|at| (at as u8).wrapping_mul(31) ^ seed).collect();
            let head = [unit, function(span.kind), values.len() as u8];
            let answer = framed(&[&head[..], &values].concat());
            for end in 0..answer.len() {
                prop_assert_eq!(read(unit, span, &answer[..end]), Ok(Frame::Part));
            }
            let Ok(Frame::Answer(read)) = read(unit, span, &answer) else {
                return Err(TestCaseError::fail("refused"));
            };
            let count = match &read {
                Answer::Registers(words) => words.len(),
                Answer::Bits(bits) => bits.len(),
            };
            prop_assert_eq!(count, usize::from(span.count));
        }

        #[test]
        fn one_wrong_bit_is_always_seen(unit: u8, span in any_span(), at: proptest::sample::Index, bit in 0_u32..8) {
            let values = vec![0xA5; values(span)];
            let mut answer = framed(&[&[unit, function(span.kind), values.len() as u8], &values[..]].concat());
            let at = at.index(answer.len());
            answer[at] ^= 1 << bit;
            prop_assert!(!matches!(read(unit, span, &answer), Ok(Frame::Answer(_))));
        }
    }
}
