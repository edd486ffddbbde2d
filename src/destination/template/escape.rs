//! Making a value harmless where it stands.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use crate::destination::text::shorten;

/// Everything but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The longest value of a header, in characters: some servers refuse a request whose headers have more than 8 KiB.
const HEADER: usize = 200;

/// How a value is made harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::destination) enum Escape {
    /// As JSON: numbers, lists and tables as they are, texts in quotes.
    Json,
    /// Percent-encoded, for URLs and forms.
    Url,
    /// For XML and HTML.
    Xml,
    /// On one line, for headers.
    Line,
    /// Not at all: a plain text, or because the template says so.
    Raw,
}

impl Escape {
    /// What fits a body of this content type.
    pub(in crate::destination) fn of_content_type(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/x-www-form-urlencoded" => Self::Url,
            "text/xml" | "application/xml" | "text/html" => Self::Xml,
            "application/json" | "text/json" => Self::Json,
            _ if essence.ends_with("+json") => Self::Json,
            _ if essence.ends_with("+xml") => Self::Xml,
            _ => Self::Raw,
        }
    }

    /// Adds a value to a text.
    pub(super) fn put(self, out: &mut String, value: &Json) {
        let text = || text_of(value);
        match self {
            Self::Json => out.push_str(&value.to_string()),
            Self::Url => put_in_url(out, &text()),
            Self::Xml => text().chars().for_each(|c| match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                // XML has no way to write these.
                c if c.is_control() => out.push(' '),
                c => out.push(c),
            }),
            Self::Line => out.push_str(&text().replace(char::is_control, " ")),
            Self::Raw => out.push_str(&text()),
        }
    }
}

/// Adds a text inside the quotes of a JSON string.
pub(super) fn put_in_string(out: &mut String, text: &str) {
    let quoted = Json::from(text).to_string();
    out.push_str(&quoted[1..quoted.len() - 1]);
}

/// A part of a path that is only dots would lead elsewhere, encoded or not.
fn put_in_url(out: &mut String, text: &str) {
    if !text.is_empty() && text.bytes().all(|byte| byte == b'.') {
        out.push('_');
    } else {
        out.extend(utf8_percent_encode(text, RESERVED));
    }
}

/// A value as text: nothing where there is none.
pub(super) fn text_of(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A header value that HTTP can carry: what is beyond ASCII goes as RFC 2047 words, which mail and many HTTP services read.
pub(in crate::destination) fn header_value(text: &str) -> String {
    /// With `=?UTF-8?B?` and `?=` a word of so many bytes has 72 characters of the 75 that it may have.
    const WORD: usize = 45;
    let text = shorten(text.replace(char::is_control, " ").trim(), HEADER);
    if text.is_ascii() {
        return text;
    }
    let mut words = vec![String::new()];
    for c in text.chars() {
        let full = |word: &String| word.len() + c.len_utf8() > WORD;
        if words.last().is_none_or(full) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let encoded = words
        .iter()
        .map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
    encoded.collect::<Vec<_>>().join(" ")
}
