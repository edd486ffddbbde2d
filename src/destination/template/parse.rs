//! From a text to what stands in it: a brace with a letter behind it begins a place.

use serde_json::Value as Json;

use super::{
    Part, Place,
    escape::Escape,
    filter::{self, Parsed},
};
use crate::config::section::nearest;

/// Fields below this have names of the user's.
const LABELS: &str = "alert.labels.";

/// Splits a template. `fields` has every field that there is.
pub(super) fn parts(text: &str, escape: Escape, fields: &Json) -> Result<Vec<Part>, String> {
    let (mut parts, mut plain) = (Vec::new(), String::new());
    let mut quotes = Quotes::default();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        let inside = &from[1..];
        if let Some(word) = doubled(inside) {
            return Err(format!(
                "holds `{{{{{word}`: a place has one brace on each side, like `{{text}}`"
            ));
        }
        if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            plain.push('{');
            rest = inside;
            continue;
        }
        let (place, behind) = inside
            .split_once('}')
            .ok_or_else(|| format!("has a place that does not end: `{{{}`", head(inside)))?;
        quotes.read(&plain);
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        let in_string = escape == Escape::Json && quotes.inside;
        parts.push(Part::Place(read_place(place, in_string, fields)?));
        rest = behind;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

/// `{{ text }}` as other languages write it would go out as it is.
fn doubled(inside: &str) -> Option<&str> {
    let word = inside.strip_prefix('{')?.trim_start();
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        .then(|| head(word))
}

/// The beginning of a text for a message.
fn head(text: &str) -> &str {
    let end = text.char_indices().nth(20).map_or(text.len(), |(at, _)| at);
    let end = text
        .find(['\n', '}', '"'])
        .map_or(end, |stop| stop.min(end));
    &text[..end]
}

fn read_place(text: &str, in_string: bool, fields: &Json) -> Result<Place, String> {
    let mut words = text.split('|');
    let name = words.next().unwrap_or_default();
    let (mut filters, mut escape) = (Vec::new(), None);
    for word in words {
        match filter::parse(word) {
            Ok(_) if escape.is_some() => {
                return Err(format!(
                    "holds `{{{text}}}`, where something follows raw, json, url or xml, which must be the last"
                ));
            }
            Ok(Parsed::Filter(filter)) => filters.push(filter),
            Ok(Parsed::Escape(asked)) => escape = Some(asked),
            Err(wrong) => return Err(format!("{wrong}, in `{{{text}}}`")),
        }
    }
    Ok(Place {
        path: path(name, fields)?,
        filters,
        escape,
        in_string,
    })
}

fn path(name: &str, fields: &Json) -> Result<Vec<String>, String> {
    if let Some(label) = name.strip_prefix(LABELS) {
        return Ok(["alert", "labels", label].map(str::to_owned).to_vec());
    }
    let names = names(fields, "");
    if !names.iter().any(|known| known == name) {
        let near = nearest(name, names.iter().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{{{near}}}`?"));
        return Err(format!(
            "holds `{{{name}}}`, which is no field of the native payload{}",
            near.unwrap_or_default()
        ));
    }
    Ok(name.split('.').map(str::to_owned).collect())
}

/// All fields and tables of fields, with dots.
fn names(fields: &Json, before: &str) -> Vec<String> {
    let Json::Object(entries) = fields else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, value) in entries {
        let name = format!("{before}{key}");
        found.extend(names(value, &format!("{name}.")));
        found.push(name);
    }
    found
}

/// Whether a JSON text is inside a string where it breaks off.
#[derive(Default)]
struct Quotes {
    inside: bool,
    escaped: bool,
}

impl Quotes {
    fn read(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' if self.inside => self.escaped = true,
                '"' => self.inside = !self.inside,
                _ => {}
            }
        }
    }
}
