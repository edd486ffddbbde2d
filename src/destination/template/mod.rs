//! Texts that the user wrote, with places to be filled in: sentences, and bodies, URLs and headers of requests.
//!
//! The language is one brace: `{text}` or `{alert.machine_id}` is a field of the native payload, `{text|max=160}` a field
//! that goes through filters first. Whatever is filled in is escaped for where it stands, so that no name of a machine can
//! break a body or leave its place in a URL. There are no conditions and no loops: what needs those is the work of a
//! receiver. A general template engine would bring a language that a plant does not need, and would not know whether a
//! place stands inside a JSON string or outside one.

use serde_json::Value as Json;

use self::{
    escape::{Escape, text_of},
    filter::Filter,
};
use crate::destination::{Reader, text::shorten};

pub(super) mod escape;
pub(super) mod example;
mod filter;
mod parse;

/// The longest text of a template, in bytes.
pub(super) const LONGEST: usize = 16 * 1024;
/// The most places that are filled in. With what a field can hold at most, this bounds what is sent.
pub(super) const MOST_PLACES: usize = 100;

/// A text with places to be filled in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Template {
    parts: Vec<Part>,
    escape: Escape,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Place(Place),
}

/// One place that is filled in.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    path: Vec<String>,
    filters: Vec<Filter>,
    /// Instead of what fits where it stands.
    escape: Option<Escape>,
    /// In JSON: it stands inside the quotes of a string.
    in_string: bool,
}

impl Template {
    /// Reads a template. `fields` is an example of what is filled in, with every field that there is.
    ///
    /// # Errors
    /// What is wrong, to be said after the name of its key.
    pub(super) fn parse(text: &str, escape: Escape, fields: &Json) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("is longer than {} KiB", LONGEST / 1024));
        }
        let parts = parse::parts(text, escape, fields)?;
        let places = parts.iter().filter(|part| matches!(part, Part::Place(_)));
        if places.count() > MOST_PLACES {
            return Err(format!("has more than {MOST_PLACES} places to fill in"));
        }
        Ok(Self { parts, escape })
    }

    /// What stands before the first place.
    pub(super) fn beginning(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether nothing is filled in.
    pub(super) fn is_plain(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.all(|part| matches!(part, Part::Text(_)))
    }

    /// The text with everything filled in. JSON stays JSON: where a place that says itself how it is escaped has broken it, it
    /// is filled in as if none did, because an alert that looks odd is better than one that nobody gets.
    pub(super) fn fill(&self, values: &Json, reader: &Reader) -> String {
        let text = self.filled((values, reader), true);
        let broken = self.escape == Escape::Json && serde_json::from_str::<Ignored>(&text).is_err();
        if broken {
            return self.filled((values, reader), false);
        }
        text
    }

    /// Fills in every example, and says what is wrong with what comes out.
    ///
    /// # Errors
    /// When it should be JSON and is not, even if no value is to blame.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.escape != Escape::Json {
            return Ok(());
        }
        for values in example::all() {
            let text = self.filled((&values, &Reader::default()), true);
            if let Err(error) = serde_json::from_str::<Ignored>(&text) {
                return Err(format!(
                    "is no JSON once it is filled in ({error}): {}",
                    shorten(&text, 300)
                ));
            }
        }
        Ok(())
    }

    fn filled(&self, of: (&Json, &Reader), as_asked: bool) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Place(place) => {
                    let asked = place.escape.filter(|_| as_asked);
                    place.fill(&mut out, of, asked.unwrap_or(self.escape));
                }
            }
        }
        out
    }
}

impl Place {
    fn fill(&self, out: &mut String, of: (&Json, &Reader), escape: Escape) {
        let value = self.value(of);
        match escape {
            Escape::Json if self.in_string => escape::put_in_string(out, &text_of(&value)),
            // Whatever it was made for, it has to get through the quotes first.
            Escape::Url | Escape::Xml if self.in_string => {
                let mut text = String::new();
                escape.put(&mut text, &value);
                escape::put_in_string(out, &text);
            }
            _ => escape.put(out, &value),
        }
    }

    fn value(&self, (values, reader): (&Json, &Reader)) -> Json {
        let mut value = values;
        for key in &self.path {
            value = value.get(key).unwrap_or(&Json::Null);
        }
        let filters = self.filters.iter();
        filters.fold(value.clone(), |value, filter| filter.apply(value, reader))
    }
}

type Ignored = serde::de::IgnoredAny;

#[cfg(test)]
mod tests;
