//! What a metric says: its value by its type, and its quality. What does not fit its type is not guessed.

use prost::Message as _;
use thiserror::Error;

use super::wire::{Metric, PropertySet, Value};

/// The property that says how good a value is (6.4.9).
const QUALITY: &str = "Quality";
/// The number of the type of booleans.
pub(super) const BOOLEAN: u32 = 11;
/// The most bytes of the properties of one metric; decoded, they take many times of it.
const MOST_PROPERTIES: usize = 64 << 10;

/// What a metric says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// An integer, a floating point number, or a time as milliseconds since the epoch.
    Number(f64),
    /// A boolean.
    Bool(bool),
    /// A text or a UUID.
    Text(String),
    /// There is no value now.
    Null,
    /// Quality 500: the node says that this was true once.
    Stale,
    /// The node says that the value is bad.
    Bad,
}

/// Why a metric is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(in crate::source::mqtt) enum Misfit {
    /// No type was ever said.
    #[error("a metric has no type")]
    NoType,
    /// A type of the specification whose values no tag can have.
    #[error("a metric is of type {0}, which no tag can be")]
    NotATag(&'static str),
    /// A number that stands for no type.
    #[error("a metric is of a type that Sparkplug does not have")]
    NoSuchType,
    /// The value is of another kind than the type says, or beyond its range.
    #[error("the value of a metric does not fit its type")]
    Value,
    /// The properties cannot be read.
    #[error("the properties of a metric are not understood")]
    Properties,
}

/// The types of values that a tag can have (6.4.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Signed(u32),
    Unsigned(u32),
    Float,
    Bool,
    Text,
}

/// Every type by its number. Types of properties only, which no metric can be, are among those without a tag.
const TYPES: [Result<Type, &str>; 35] = [
    Err("Unknown"),
    Ok(Type::Signed(8)),
    Ok(Type::Signed(16)),
    Ok(Type::Signed(32)),
    Ok(Type::Signed(64)),
    Ok(Type::Unsigned(8)),
    Ok(Type::Unsigned(16)),
    Ok(Type::Unsigned(32)),
    Ok(Type::Unsigned(64)),
    Ok(Type::Float),
    Ok(Type::Float),
    Ok(Type::Bool),
    Ok(Type::Text),
    // DateTime
    Ok(Type::Unsigned(64)),
    Ok(Type::Text),
    // UUID
    Ok(Type::Text),
    Err("DataSet"),
    Err("Bytes"),
    Err("File"),
    Err("Template"),
    Err("PropertySet"),
    Err("PropertySetList"),
    Err("Int8Array"),
    Err("Int16Array"),
    Err("Int32Array"),
    Err("Int64Array"),
    Err("UInt8Array"),
    Err("UInt16Array"),
    Err("UInt32Array"),
    Err("UInt64Array"),
    Err("FloatArray"),
    Err("DoubleArray"),
    Err("BooleanArray"),
    Err("StringArray"),
    Err("DateTimeArray"),
];

/// Reads the value of a metric. `known` is the type that its birth said, if the metric says none itself.
///
/// # Errors
/// Why it is not understood.
pub(super) fn read(metric: &Metric, known: Option<u32>) -> Result<Told, Misfit> {
    let datatype = metric.datatype.or(known).ok_or(Misfit::NoType)?;
    let kind = TYPES.get(usize::try_from(datatype).unwrap_or(usize::MAX));
    let kind = kind.ok_or(Misfit::NoSuchType)?.map_err(Misfit::NotATag)?;
    match quality(metric)? {
        // The good ones of OPC: the specification has only 192, but Ignition's others come in practice.
        None | Some(192..=255) => {}
        Some(500) => return Ok(Told::Stale),
        Some(_) => return Ok(Told::Bad),
    }
    if metric.is_null == Some(true) {
        return Ok(Told::Null);
    }
    let fits = match (kind, &metric.value) {
        (Type::Float, Some(Value::Float(number))) => Some(Told::Number(f64::from(*number))),
        (Type::Float, Some(Value::Double(number))) => Some(Told::Number(*number)),
        (Type::Bool, Some(Value::Boolean(bit))) => Some(Told::Bool(*bit)),
        (Type::Text, Some(Value::Text(text))) => Some(Told::Text(text.clone())),
        (Type::Signed(bits), Some(Value::Int(raw))) => {
            // A small negative number may be sent in its own width or, as most do, in that of the field.
            let number =
                signed(u64::from(*raw), bits).or_else(|| within(i64::from(*raw as i32), bits));
            number.map(|number| Told::Number(number as f64))
        }
        (Type::Signed(bits), Some(Value::Long(raw))) => {
            let number = signed(*raw, bits).or_else(|| within(*raw as i64, bits));
            number.map(|number| Told::Number(number as f64))
        }
        (Type::Unsigned(bits), Some(Value::Int(raw))) => unsigned(u64::from(*raw), bits),
        (Type::Unsigned(bits), Some(Value::Long(raw))) => unsigned(*raw, bits),
        _ => None,
    };
    fits.ok_or(Misfit::Value)
}

/// The number that these low bits are in two's complement, if there are no others.
fn signed(raw: u64, bits: u32) -> Option<i64> {
    let unused = 64 - bits;
    (raw.leading_zeros() >= unused).then_some(((raw << unused) as i64) >> unused)
}

fn within(number: i64, bits: u32) -> Option<i64> {
    let unused = 64 - bits;
    ((number << unused) >> unused == number).then_some(number)
}

fn unsigned(raw: u64, bits: u32) -> Option<Told> {
    (raw.leading_zeros() >= 64 - bits).then_some(Told::Number(raw as f64))
}

fn quality(metric: &Metric) -> Result<Option<u64>, Misfit> {
    let Some(bytes) = &metric.properties else {
        return Ok(None);
    };
    if bytes.len() > MOST_PROPERTIES {
        return Err(Misfit::Properties);
    }
    let set = PropertySet::decode(&bytes[..]).map_err(|_| Misfit::Properties)?;
    let Some(at) = set.keys.iter().position(|key| key == QUALITY) else {
        return Ok(None);
    };
    let value = set.values.get(at).ok_or(Misfit::Properties)?;
    let code = value.int.map(u64::from).or(value.long);
    code.ok_or(Misfit::Properties).map(Some)
}

/// A whole number that a metric like `bdSeq` carries, whatever type it says.
pub(super) fn whole(metric: &Metric) -> Option<u64> {
    match metric.value {
        Some(Value::Int(number)) => Some(u64::from(number)),
        Some(Value::Long(number)) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::wire::PropertyValue, *};

    fn metric(datatype: u32, value: Option<Value>) -> Metric {
        Metric {
            datatype: Some(datatype),
            value,
            ..Metric::default()
        }
    }

    fn check(datatype: u32, value: Value, expected: Result<Told, Misfit>) {
        let shown = format!("{datatype} {value:?}");
        assert_eq!(
            read(&metric(datatype, Some(value)), None),
            expected,
            "{shown}"
        );
    }

    #[test]
    fn integers_are_read_in_two_s_complement_of_their_width_or_of_the_field() {
        let number = |number| Ok(Told::Number(number));
        for (datatype, value, expected) in [
            (1, Value::Int(0x7f), number(127.0)),
            (1, Value::Int(0xff), number(-1.0)),
            (1, Value::Int(0xffff_ffff), number(-1.0)),
            (1, Value::Int(0xffff_ff80), number(-128.0)),
            (1, Value::Int(0x100), Err(Misfit::Value)),
            (1, Value::Int(0xffff_ff7f), Err(Misfit::Value)),
            (2, Value::Int(0x8000), number(-32768.0)),
            (2, Value::Int(0xffff_8000), number(-32768.0)),
            (3, Value::Int(0xffff_ffff), number(-1.0)),
            (3, Value::Long(u64::MAX), number(-1.0)),
            (3, Value::Long(1 << 32), Err(Misfit::Value)),
            (4, Value::Long(u64::MAX), number(-1.0)),
            (4, Value::Long(1 << 63), number(-9.223_372_036_854_776e18)),
            (4, Value::Int(0xffff_ffff), number(4_294_967_295.0)),
            (5, Value::Int(255), number(255.0)),
            (5, Value::Int(256), Err(Misfit::Value)),
            (6, Value::Int(65_535), number(65_535.0)),
            (7, Value::Int(u32::MAX), number(4_294_967_295.0)),
            (7, Value::Long(4_294_967_295), number(4_294_967_295.0)),
            (7, Value::Long(1 << 32), Err(Misfit::Value)),
            (
                8,
                Value::Long(u64::MAX),
                number(18_446_744_073_709_551_615.0),
            ),
            (
                13,
                Value::Long(1_486_144_502_122),
                number(1_486_144_502_122.0),
            ),
        ] {
            check(datatype, value, expected);
        }
    }

    #[test]
    fn other_values_are_read_only_from_their_own_field() {
        let text = || Value::Text("RUN".to_owned());
        check(9, Value::Float(1.5), Ok(Told::Number(1.5)));
        check(9, Value::Double(1.5), Ok(Told::Number(1.5)));
        check(10, Value::Double(0.1), Ok(Told::Number(0.1)));
        check(10, Value::Int(1), Err(Misfit::Value));
        check(11, Value::Boolean(true), Ok(Told::Bool(true)));
        check(11, Value::Int(1), Err(Misfit::Value));
        for datatype in [12, 14, 15] {
            check(datatype, text(), Ok(Told::Text("RUN".to_owned())));
            check(datatype, Value::Int(1), Err(Misfit::Value));
        }
        check(3, text(), Err(Misfit::Value));
        for (datatype, why) in [
            (0, Misfit::NotATag("Unknown")),
            (16, Misfit::NotATag("DataSet")),
            (19, Misfit::NotATag("Template")),
            (34, Misfit::NotATag("DateTimeArray")),
            (35, Misfit::NoSuchType),
            (u32::MAX, Misfit::NoSuchType),
        ] {
            check(datatype, Value::Int(1), Err(why));
            assert_eq!(read(&metric(datatype, None), None), Err(why));
        }
        assert_eq!(read(&metric(3, None), None), Err(Misfit::Value));
    }

    #[test]
    fn the_type_is_that_of_the_birth_unless_the_metric_says_one() {
        let untyped = Metric {
            value: Some(Value::Int(0xffff_ffff)),
            ..Metric::default()
        };
        assert_eq!(read(&untyped, None), Err(Misfit::NoType));
        assert_eq!(read(&untyped, Some(3)), Ok(Told::Number(-1.0)));
        let typed = metric(7, untyped.value.clone());
        assert_eq!(read(&typed, Some(3)), Ok(Told::Number(4_294_967_295.0)));
    }

    #[test]
    fn quality_and_null_come_before_the_value() {
        let quality = |code: Option<u32>, keys: &[&str]| {
            let values = vec![
                PropertyValue {
                    int: code,
                    ..PropertyValue::default()
                };
                1
            ];
            let keys = keys.iter().map(|&key| key.to_owned()).collect();
            Metric {
                properties: Some(PropertySet { keys, values }.encode_to_vec()),
                ..metric(3, Some(Value::Int(7)))
            }
        };
        let seven = Ok(Told::Number(7.0));
        for (code, expected) in [
            (Some(192), seven.clone()),
            (Some(216), seven.clone()),
            (Some(500), Ok(Told::Stale)),
            (Some(0), Ok(Told::Bad)),
            (Some(64), Ok(Told::Bad)),
            (None, Err(Misfit::Properties)),
        ] {
            assert_eq!(
                read(&quality(code, &["Quality"]), None),
                expected,
                "{code:?}"
            );
        }
        assert_eq!(read(&quality(Some(0), &["engUnit"]), None), seven);
        assert_eq!(
            read(&quality(Some(0), &["engUnit", "Quality"]), None),
            Err(Misfit::Properties)
        );
        let huge = Metric {
            properties: Some(vec![0; MOST_PROPERTIES + 1]),
            ..metric(3, Some(Value::Int(7)))
        };
        assert_eq!(read(&huge, None), Err(Misfit::Properties));
        let null = Metric {
            is_null: Some(true),
            ..metric(3, None)
        };
        assert_eq!(read(&null, None), Ok(Told::Null));
    }
}
