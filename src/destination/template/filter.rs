//! What a place does with its value before it is escaped.

use serde_json::Value as Json;

use super::escape::{Escape, text_of};
use crate::destination::{Reader, text::shorten};

/// The filters, for messages.
pub(super) const FILTERS: &str = "max=160, upper, lower, or=text, map=critical:1,*:2, unix, time, number, number=1, raw, json, url, xml";

/// One filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    /// At most so many characters, the last of them `…` if something was cut.
    Max(usize),
    Upper,
    Lower,
    /// Instead of nothing.
    Or(String),
    /// One of a list of values for another; nothing where it is none of them.
    Map {
        pairs: Vec<(String, Json)>,
        rest: Option<Json>,
    },
    /// A time as whole seconds since 1970.
    Unix,
    /// A time as the people at the destination write it.
    Time,
    /// A number as they write it, with so many decimals, or with those that it has.
    Number(Option<usize>),
}

/// A filter, or how the value is escaped.
pub(super) enum Parsed {
    Filter(Filter),
    Escape(Escape),
}

/// Reads `max=160` and the like.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    let (name, argument) = match text.split_once('=') {
        Some((name, argument)) => (name, Some(argument)),
        None => (text, None),
    };
    let parsed = match (name, argument) {
        ("raw", None) => Parsed::Escape(Escape::Raw),
        ("json", None) => Parsed::Escape(Escape::Json),
        ("url", None) => Parsed::Escape(Escape::Url),
        ("xml", None) => Parsed::Escape(Escape::Xml),
        ("upper", None) => Parsed::Filter(Filter::Upper),
        ("lower", None) => Parsed::Filter(Filter::Lower),
        ("unix", None) => Parsed::Filter(Filter::Unix),
        ("time", None) => Parsed::Filter(Filter::Time),
        ("number", None) => Parsed::Filter(Filter::Number(None)),
        ("number", Some(decimals)) => match decimals.parse() {
            Ok(decimals @ 0..=9) => Parsed::Filter(Filter::Number(Some(decimals))),
            _ => return Err(format!("has `number={decimals}`, which must be 0 to 9")),
        },
        ("or", Some(text)) => Parsed::Filter(Filter::Or(text.to_owned())),
        ("map", Some(pairs)) => Parsed::Filter(map(pairs)?),
        ("max", Some(number)) => match number.parse() {
            Ok(number @ 1..=1000) => Parsed::Filter(Filter::Max(number)),
            _ => return Err(format!("has `max={number}`, which must be 1 to 1000")),
        },
        _ => return Err(format!("has the filter `{text}`; there are {FILTERS}")),
    };
    Ok(parsed)
}

fn map(text: &str) -> Result<Filter, String> {
    let (mut pairs, mut rest) = (Vec::new(), None);
    for pair in text.split(',') {
        let (from, to) = pair.split_once(':').ok_or_else(|| {
            format!("has `map` with \"{pair}\", which is no pair; write it like map=critical:1,*:2")
        })?;
        match from.trim() {
            "*" => rest = Some(constant(to)),
            from => pairs.push((from.to_owned(), constant(to))),
        }
    }
    Ok(Filter::Map { pairs, rest })
}

/// A number stays one, so that it can stand outside of quotes.
fn constant(text: &str) -> Json {
    match serde_json::from_str(text) {
        Ok(value @ (Json::Number(_) | Json::Bool(_) | Json::Null)) => value,
        _ => Json::from(text),
    }
}

impl Filter {
    pub(super) fn apply(&self, value: Json, reader: &Reader) -> Json {
        let text = text_of(&value);
        match self {
            Self::Max(most) => shorten(&text, *most).into(),
            Self::Upper => text.to_uppercase().into(),
            Self::Lower => text.to_lowercase().into(),
            Self::Or(other) if text.is_empty() => other.as_str().into(),
            Self::Or(_) => value,
            Self::Map { pairs, rest } => {
                let found = pairs.iter().find(|(from, _)| *from == text);
                let found = found.map(|(_, to)| to).or(rest.as_ref());
                found.cloned().unwrap_or_default()
            }
            Self::Unix => {
                let stamp = text.parse::<jiff::Timestamp>();
                stamp.map_or(Json::Null, |stamp| stamp.as_second().into())
            }
            Self::Time => {
                let stamp = text.parse::<jiff::Timestamp>();
                stamp.map_or(Json::Null, |stamp| {
                    reader.time(stamp.as_millisecond()).into()
                })
            }
            // What is no number stays as it is.
            Self::Number(decimals) => match (value.as_f64(), decimals) {
                (Some(number), Some(decimals)) => {
                    reader.number(&format!("{number:.decimals$}")).into()
                }
                (Some(_), None) => reader.number(&text).into(),
                (None, _) => value,
            },
        }
    }
}
