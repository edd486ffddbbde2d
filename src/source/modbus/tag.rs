//! Reads one entry of `tags`: where a tag's value lies and how it is decoded.
//!
//! Every combination that could only give wrong numbers is refused here, with the words to write instead.

use std::{collections::BTreeSet, sync::Arc};

use crate::config::section::{Id, Section};

use super::{
    decode::{Decoder, Form, Order},
    plan::{Kind, Span},
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
        let at = section
            .required::<String>("read")
            .and_then(|text| match read_point(&text) {
                Ok(at) => Some(at),
                Err(message) => {
                    section.error("read", message);
                    None
                }
            });
        let form = section.word("type", &Form::WORDS);
        let order = section.word("order", &Order::WORDS);
        let scale = section.optional::<f64>("scale");
        let offset = section.optional::<f64>("offset");
        let valid = read_valid(section);
        let invalid = section.optional::<Vec<f64>>("invalid");
        let unit = section.get::<Arc<str>>("unit", "".into());
        let decimals = section
            .optional::<i64>("decimals")
            .map(|given| section.ranged("decimals", given, 0..=9));

        let (kind, start) = at?;
        let form = match (kind.is_bits(), form) {
            (true, None | Some(Form::Bool)) => Form::Bool,
            (true, Some(_)) => {
                section.error(
                    "type",
                    format!("a {} is a bit, its type is bool", kind.word()),
                );
                return None;
            }
            (false, Some(Form::Bool)) => {
                section.error("type", "a register is no bool, and single bits of registers are not supported by this version; read it as u16");
                return None;
            }
            (false, form) => form.unwrap_or(Form::U16),
        };
        if order.is_some() && form.width() != 2 {
            section.error("order", "is for the 32-bit types i32, u32 and f32; a single register arrives as the protocol has it");
        }
        if form == Form::Bool {
            let given = [
                ("scale", scale.is_some()),
                ("offset", offset.is_some()),
                ("valid", section.raw("valid").is_some()),
                ("invalid", invalid.is_some()),
            ];
            for (key, _) in given.iter().filter(|(_, given)| *given) {
                section.error(key, "is for numbers, this tag is a bool");
            }
        }
        if scale == Some(0.0) {
            section.error("scale", "must not be 0: every value would be the same");
        }
        let span = Span {
            kind,
            start,
            count: form.width(),
        };
        if span.end() > 65_536 {
            section.error(
                "read",
                format!(
                    "{}:{start} is the last address, and its type takes two",
                    kind.word()
                ),
            );
        }
        let scale = scale.filter(|scale| *scale != 0.0).unwrap_or(1.0);
        let decimals = decimals.and_then(|given| u8::try_from(given).ok());
        Some(Self {
            name: name?.0,
            span,
            unit,
            decimals: decimals.unwrap_or_else(|| usual_decimals(form, scale)),
            decoder: Decoder {
                form,
                order: order.unwrap_or_default(),
                scale,
                offset: offset.unwrap_or(0.0),
                valid,
                invalid: invalid.unwrap_or_default(),
            },
        })
    }
}

/// `holding:100`: the kind and the 0-based address.
fn read_point(text: &str) -> Result<(Kind, u16), String> {
    const RIGHT: &str = "must be like \"holding:100\": holding, input, coil or discrete, and an address from 0 to 65535";
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((word, address)) = text.split_once(':') else {
        let hint = if digits(text) && text.len() >= 5 {
            "; a number like 40101 counts from 1, that one is \"holding:100\""
        } else {
            ""
        };
        return Err(format!("{RIGHT}, not \"{text}\"{hint}"));
    };
    let kind = Kind::WORDS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, kind)| *kind);
    if let Some((register, bit)) = address.split_once('.')
        && digits(register)
        && digits(bit)
    {
        return Err(format!(
            "\"{text}\": single bits of registers are not supported by this version; read \"{word}:{register}\" as u16"
        ));
    }
    let address = Some(address)
        .filter(|text| digits(text))
        .and_then(|text| text.parse().ok());
    kind.zip(address)
        .ok_or_else(|| format!("{RIGHT}, not \"{text}\""))
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

/// As many as the scale has, so that 0.01 shows 85.31; one for a float; none for what counts whole things.
fn usual_decimals(form: Form, scale: f64) -> u8 {
    let written = scale.to_string();
    let places = written
        .split_once('.')
        .map_or(0, |(_, places)| places.len());
    let least = u8::from(form == Form::F32);
    u8::try_from(places.min(3)).unwrap_or(3).max(least)
}
