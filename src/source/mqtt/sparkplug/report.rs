//! From the bytes of a payload to its metrics, one after the other.
//!
//! A payload is never held as a whole list of decoded metrics: of a hostile one that list would take fifty times the room of its bytes.

use prost::{
    Message as _,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use thiserror::Error;

use super::wire::{METRICS, Metric, SEQ, TIMESTAMP, UUID};
use crate::clock::Wall;

/// The most metrics of one payload.
const MOST_METRICS: usize = 100_000;

/// Why a payload is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(in crate::source::mqtt) enum Unreadable {
    /// It ends in the middle of something, or a text in it is not UTF-8.
    #[error("it is not a Sparkplug B payload")]
    NoPayload,
    /// The specification allows 0 to 255.
    #[error("its sequence number is larger than 255")]
    Seq,
    /// Its real payload is in its body, as a library for edge nodes does it that goes beyond the specification.
    #[error("it is compressed, which is no part of Sparkplug; switch that off at the node")]
    Compressed,
    /// More than 100,000.
    #[error("it has more than 100000 metrics")]
    TooMany,
}

/// What the `uuid` of such a payload is.
const COMPRESSED: &[u8] = b"SPBV1.0_COMPRESSED";

/// A payload whose frame was read. Its metrics are decoded when they are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report<'b> {
    bytes: &'b [u8],
    /// When it was sent, by the node's clock.
    pub(super) timestamp: Option<Wall>,
    /// Its place in the order of all messages of the node.
    pub(super) seq: Option<u8>,
}

impl<'b> Report<'b> {
    /// Reads the frame of a payload.
    ///
    /// # Errors
    /// Why it is not understood.
    pub(super) fn read(bytes: &'b [u8]) -> Result<Self, Unreadable> {
        let mut report = Self {
            bytes,
            timestamp: None,
            seq: None,
        };
        let (mut fields, mut metrics) = (Fields(bytes), 0_usize);
        while let Some(field) = fields.next()? {
            match field {
                Field::Metric(_) => metrics += 1,
                Field::Timestamp(millis) => report.timestamp = wall(millis),
                Field::Seq(seq) => {
                    report.seq = Some(u8::try_from(seq).map_err(|_| Unreadable::Seq)?);
                }
            }
        }
        if metrics > MOST_METRICS {
            return Err(Unreadable::TooMany);
        }
        Ok(report)
    }

    /// Its metrics. After an error the payload as a whole is not to be trusted.
    pub(super) fn metrics(&self) -> impl Iterator<Item = Result<Metric, Unreadable>> + use<'b> {
        let mut fields = Fields(self.bytes);
        std::iter::from_fn(move || {
            loop {
                match fields.next() {
                    Ok(Some(Field::Metric(bytes))) => {
                        return Some(Metric::decode(bytes).map_err(|_| Unreadable::NoPayload));
                    }
                    Ok(Some(_)) => {}
                    // The frame was read before.
                    Ok(None) | Err(_) => return None,
                }
            }
        })
    }
}

/// Milliseconds since the epoch; beyond the year 9999 it is no time.
pub(super) fn wall(millis: u64) -> Option<Wall> {
    const LATEST: i64 = 253_402_300_799_999;
    let millis = i64::try_from(millis).ok()?;
    (millis <= LATEST).then(|| Wall::from_millis(millis))
}

/// A field of a payload that matters here.
enum Field<'b> {
    Timestamp(u64),
    Metric(&'b [u8]),
    Seq(u64),
}

/// What is left of the fields of a payload.
struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn next(&mut self) -> Result<Option<Field<'b>>, Unreadable> {
        let bad = |_| Unreadable::NoPayload;
        while !self.0.is_empty() {
            let (field, wire) = decode_key(&mut self.0).map_err(bad)?;
            let found = match (field, wire) {
                (TIMESTAMP, WireType::Varint) => {
                    Field::Timestamp(decode_varint(&mut self.0).map_err(bad)?)
                }
                (SEQ, WireType::Varint) => Field::Seq(decode_varint(&mut self.0).map_err(bad)?),
                (METRICS, WireType::LengthDelimited) => Field::Metric(self.bytes()?),
                (UUID, WireType::LengthDelimited) => match self.bytes()? {
                    COMPRESSED => return Err(Unreadable::Compressed),
                    _ => continue,
                },
                // One of the three, written as something else.
                (TIMESTAMP | METRICS | SEQ, _) => return Err(Unreadable::NoPayload),
                _ => {
                    let context = DecodeContext::default();
                    skip_field(wire, field, &mut self.0, context).map_err(bad)?;
                    continue;
                }
            };
            return Ok(Some(found));
        }
        Ok(None)
    }

    /// So many bytes as stand before them.
    fn bytes(&mut self) -> Result<&'b [u8], Unreadable> {
        let length = decode_varint(&mut self.0).map_err(|_| Unreadable::NoPayload)?;
        let length = usize::try_from(length).map_err(|_| Unreadable::NoPayload)?;
        let split = self.0.split_at_checked(length);
        let (bytes, rest) = split.ok_or(Unreadable::NoPayload)?;
        self.0 = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::wire::{Payload, Value},
        *,
    };

    fn metric(name: &str) -> Metric {
        Metric {
            name: Some(name.to_owned()),
            value: Some(Value::Int(1)),
            ..Metric::default()
        }
    }

    fn names(report: &Report<'_>) -> Vec<Option<String>> {
        report.metrics().map(|m| m.unwrap().name).collect()
    }

    #[test]
    fn time_sequence_number_and_metrics_are_read_in_any_order_of_fields() {
        let bytes = Payload {
            timestamp: Some(1_486_144_502_122),
            metrics: vec![metric("a"), metric("b")],
            seq: Some(2),
        }
        .encode_to_vec();
        let report = Report::read(&bytes).unwrap();
        assert_eq!(report.seq, Some(2));
        assert_eq!(report.timestamp, Some(Wall::from_millis(1_486_144_502_122)));
        assert_eq!(names(&report), [Some("a".to_owned()), Some("b".to_owned())]);
        // Field 3 first, then a field that nobody knows (5, `body`), then a metric.
        let mixed = [&[0x18, 9, 0x2a, 1, 0xff, 0x12, 3, 0x0a, 1, b'x'][..]].concat();
        let report = Report::read(&mixed).unwrap();
        assert_eq!((report.seq, report.timestamp), (Some(9), None));
        assert_eq!(names(&report), [Some("x".to_owned())]);
        assert_eq!(Report::read(&[]).unwrap().seq, None);
    }

    #[test]
    fn what_is_not_a_payload_is_refused_with_the_reason() {
        for (bytes, why) in [
            (&b"{\"a\": 1}"[..], Unreadable::NoPayload),
            (&[0x12, 200, 1][..], Unreadable::NoPayload),
            (
                &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
                Unreadable::NoPayload,
            ),
            (&[0x10, 1], Unreadable::NoPayload),
            (&[0x18, 0x80], Unreadable::NoPayload),
            (&[0x18, 0x80, 2], Unreadable::Seq),
            (&[0x12, 0].repeat(MOST_METRICS + 1), Unreadable::TooMany),
        ] {
            assert_eq!(
                Report::read(bytes).unwrap_err(),
                why,
                "{:?}",
                &bytes[..bytes.len().min(12)]
            );
        }
        // A name that is not UTF-8 is noticed where the metric is decoded.
        let report = Report::read(&[0x12, 3, 0x0a, 1, 0xff]).unwrap();
        assert_eq!(report.metrics().next(), Some(Err(Unreadable::NoPayload)));
    }

    #[test]
    fn a_time_beyond_any_date_is_none() {
        let bytes = |timestamp| {
            let payload = Payload {
                timestamp: Some(timestamp),
                ..Payload::default()
            };
            payload.encode_to_vec()
        };
        for timestamp in [u64::MAX, 1_000_000_000_000_000] {
            assert_eq!(Report::read(&bytes(timestamp)).unwrap().timestamp, None);
        }
    }
}
