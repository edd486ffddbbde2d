//! Reads one entry of `tags`: where a tag's value lies and how it is decoded.
//!
//! Every combination that could only give wrong numbers is refused here, with the words to write instead.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    config::{
        section::{Id, Section},
        tree::Value,
    },
    sample::Labels,
    source::values,
};

use super::{
    decode::{Decoder, Form, Order, Part},
    plan::Span,
    point::Point,
};

/// A tag as a unit's configuration or a profile describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct TagConfig {
    /// `spindle_temp`
    pub name: Arc<str>,
    /// The addresses that hold it.
    pub span: Span,
    /// From those to a value.
    pub decoder: Decoder,
    /// Engineering unit, may be empty.
    pub unit: Arc<str>,
    /// Decimals to show, 0 to 9.
    pub decimals: u8,
}

impl TagConfig {
    /// Where it is read, as it was written: `holding:100.3`.
    pub fn point(&self) -> Point {
        Point {
            kind: self.span.kind,
            start: self.span.start,
            part: self.decoder.part,
        }
    }

    /// Reads the tables of tags that a unit has, of its profile or of its own.
    pub fn read_all(entries: Vec<Section<'_>>) -> Vec<Self> {
        let mut names = BTreeSet::new();
        let mut tags = Vec::new();
        for entry in entries {
            let tag = Self::read(&entry);
            if let Some(tag) = &tag
                && !names.insert(tag.name.clone())
            {
                entry.error("tag", format!("\"{}\" is already in this list", tag.name));
            }
            tags.extend(tag);
            entry.finish();
        }
        tags
    }

    fn read(section: &Section<'_>) -> Option<Self> {
        let name = section.required::<Id>("tag");
        let at = section.required::<String>("read");
        let at = at.and_then(|text| {
            let point = Point::parse(&text);
            point.map_err(|why| section.error("read", why)).ok()
        });
        // One out of range is reported, and then taken as the shortest, so that nothing else is said about it.
        let length = section
            .raw("length")
            .map(|_| section.ranged("length", 1, 1..=125));
        let typed = section.word("type", &Form::WORDS);
        let order = read_order(section);
        let mask = section.optional::<i64>("mask");
        let scale = section.optional::<f64>("scale");
        let offset = section.optional::<f64>("offset");
        let valid = read_valid(section);
        let invalid = section.optional::<Vec<f64>>("invalid");
        let unit = section.get::<Arc<str>>("unit", "".into());
        let decimals = section
            .optional::<i64>("decimals")
            .map(|given| section.ranged("decimals", given, 0..=9));
        let known = section.raw("values").is_some();

        let at = at?;
        let form = read_form(section, at, typed, length)?;
        check_keys(section, form, order);
        let labels = match form {
            _ if !known => Labels::default(),
            Form::Text(_) => values::read_texts(section),
            _ => values::read_numbers(section),
        };
        if form == Form::Bool
            && labels
                .iter()
                .any(|(number, _)| ![0.0, 1.0].contains(&number))
        {
            section.error("values", "is for a bool, which is 0 or 1 and nothing else");
        }
        if scale == Some(0.0) {
            section.error("scale", "must not be 0: every value would be the same");
        }
        let span = Span {
            kind: at.kind,
            start: at.start,
            count: form.width(),
        };
        if span.end() > 65_536 {
            let (start, takes) = (at.start, form.width());
            let message = format!(
                "{}:{start} is too near to the last address, 65535: its type takes {takes}",
                at.kind.word()
            );
            section.error("read", message);
        }
        let scale = scale.filter(|scale| *scale != 0.0).unwrap_or(1.0);
        let decimals = decimals.and_then(|given| u8::try_from(given).ok());
        Some(Self {
            name: name?.0,
            span,
            unit,
            decimals: decimals.unwrap_or_else(|| usual_decimals(form, scale, &labels)),
            decoder: Decoder {
                form,
                order: order.unwrap_or_default(),
                part: at.part,
                mask: mask.and_then(|mask| check_mask(section, form, mask)),
                scale,
                offset: offset.unwrap_or(0.0),
                valid,
                invalid: invalid.unwrap_or_default(),
                labels,
            },
        })
    }
}

/// The form of a tag, of its type and of what `read` takes of a register. Mistakes are reported.
fn read_form(
    section: &Section<'_>,
    at: Point,
    typed: Option<Form>,
    length: Option<i64>,
) -> Option<Form> {
    let start = at.start;
    let word = at.kind.word();
    let form = match (at.part, typed) {
        _ if at.kind.is_bits() => match typed {
            None | Some(Form::Bool) => Ok(Form::Bool),
            Some(_) => Err(format!("a {word} is a bit, its type is bool")),
        },
        (Part::Bit(_), None | Some(Form::Bool)) => Ok(Form::Bool),
        (Part::Bit(_), Some(_)) => Err(format!("{at} is a bit, its type is bool")),
        (Part::High | Part::Low, None) => Ok(Form::U8),
        (Part::High | Part::Low, Some(form)) if form.is_byte() => Ok(form),
        (Part::High | Part::Low, Some(_)) => Err(format!("{at} is a byte, its type is u8 or i8")),
        (Part::Whole, Some(Form::Bool)) => Err(format!(
            "a register has 16 bits; say which: read = \"{word}:{start}.0\" (the least significant) to \"{word}:{start}.15\""
        )),
        (Part::Whole, Some(form)) if form.is_byte() => Err(format!(
            "a register has two bytes; say which: read = \"{word}:{start}.hi\" or \"{word}:{start}.lo\""
        )),
        (Part::Whole, form) => Ok(form.unwrap_or(Form::U16)),
    };
    match form {
        Ok(Form::Text(_)) => {
            if length.is_none() {
                section.error("length", "is missing; it says how many registers the string takes, two characters in each");
            }
            u8::try_from(length?).ok().map(Form::Text)
        }
        Ok(form) => Some(form),
        Err(message) => {
            section.error("type", message);
            None
        }
    }
}

/// Reports keys that mean nothing for a tag of this form.
fn check_keys(section: &Section<'_>, form: Form, order: Option<Order>) {
    let given = |key: &'static str| section.raw(key).is_some();
    let is_text = matches!(form, Form::Text(_));
    let refuse = |keys: &[&'static str], why: &str| {
        for key in keys.iter().filter(|key| given(key)) {
            section.error(key, why);
        }
    };
    match form {
        Form::Bool => refuse(
            &["scale", "offset", "valid", "invalid"],
            "is for numbers, this tag is a bool",
        ),
        Form::Text(_) => refuse(
            &["scale", "offset", "valid", "invalid", "decimals"],
            "is for numbers, this tag is a string; `values` says which texts it may be",
        ),
        _ if given("values") => refuse(
            &["scale", "offset"],
            "stands beside `values`, which names the numbers as they are read",
        ),
        _ => {}
    }
    if is_text && !given("values") {
        section.error(
            "values",
            "is missing; it says which number each text is: values = { \"RUN\" = 1, \"STOP\" = 2 }",
        );
    }
    if !is_text {
        refuse(&["length"], "is for type = \"string\"");
    }
    if form.most_masked().is_none() {
        refuse(
            &["mask"],
            "takes bits of u8, u16, u32 and u64; a single bit is read as \"holding:100.3\"",
        );
    }
    let one_register = form.width() == 1 || is_text;
    if matches!(form, Form::Bool) || form.is_byte() {
        refuse(
            &["order"],
            "is for whole registers; a bit or a byte is told by `read`",
        );
    } else if one_register && order.is_some_and(Order::swaps_registers) {
        refuse(
            &["order"],
            "has no registers to swap here: abcd, or badc where the two bytes of each register are swapped",
        );
    }
}

fn read_order(section: &Section<'_>) -> Option<Order> {
    const LONG: [(&str, &str); 4] = [
        ("abcdefgh", "abcd"),
        ("badcfehg", "badc"),
        ("ghefcdab", "cdab"),
        ("hgfedcba", "dcba"),
    ];
    let written = section.raw("order").map(|node| &node.value);
    if let Some(Value::Text(text)) = written
        && let Some((long, short)) = LONG.iter().find(|(long, _)| long == text)
    {
        let message =
            format!("is written by its four-letter word, for 64 bits too: {long} is \"{short}\"");
        section.error("order", message);
        return None;
    }
    section.word("order", &Order::WORDS)
}

/// A mask with a bit in it, and none outside the type. Those that do not fit are reported.
fn check_mask(section: &Section<'_>, form: Form, mask: i64) -> Option<u64> {
    let most = form.most_masked()?;
    let fine = u64::try_from(mask)
        .ok()
        .filter(|mask| (1..=most).contains(mask));
    if fine.is_none() {
        let most = most.min(i64::MAX.cast_unsigned());
        section.error(
            "mask",
            format!("must be 0x1 to {most:#X} for {}", form.word()),
        );
    }
    fine
}

fn read_valid(section: &Section<'_>) -> Option<(f64, f64)> {
    let bounds = section.optional::<Vec<f64>>("valid")?;
    match bounds[..] {
        [least, most] if least < most => Some((least, most)),
        [least, most] => {
            section.error(
                "valid",
                format!("must be [lowest, highest], and {least} is not below {most}"),
            );
            None
        }
        _ => {
            section.error("valid", "must be two numbers, [lowest, highest]");
            None
        }
    }
}

/// As many as the scale has, so that 0.01 shows 85.31; one for a float; none for what counts whole things or has names.
fn usual_decimals(form: Form, scale: f64, labels: &Labels) -> u8 {
    let written = scale.to_string();
    let places = written
        .split_once('.')
        .map_or(0, |(_, places)| places.len());
    let least = u8::from(form.is_float() && labels.is_empty());
    u8::try_from(places.min(3)).unwrap_or(3).max(least)
}
