//! Reads `values = { .. }` of a tag: names for its numbers, or numbers for its texts. Every kind of source reads it here.

use std::{collections::BTreeSet, sync::Arc};

use crate::{config::section::Section, sample::Labels};

/// Whole numbers are exact up to here.
const MOST: i64 = 1 << 53;
/// The most characters of a label.
const LONGEST: usize = 64;

/// `values = { 1 = "running", 2 = "stopped" }`: what the numbers of a tag are called. Mistakes are reported.
pub(in crate::source) fn read_numbers(section: &Section<'_>) -> Labels {
    let mut pairs = Vec::new();
    for (key, label) in section.pairs::<Arc<str>>("values") {
        match key.parse::<i64>() {
            Ok(number) if number.abs() <= MOST && number.to_string() == key => {
                pairs.push((number, label));
            }
            _ => section.error(
                "values",
                format!("has \"{key}\", which must be a whole number: values = {{ 1 = \"running\", 2 = \"stopped\" }}"),
            ),
        }
    }
    labels(section, pairs)
}

/// `values = { "RUN" = 1, "STOP" = 2 }`: which number each text of a tag is, and its label. Mistakes are reported.
pub(in crate::source) fn read_texts(section: &Section<'_>) -> Labels {
    let pairs = section.pairs::<i64>("values").into_iter();
    let pairs = pairs.map(|(text, number)| (number, Arc::from(text)));
    labels(section, pairs.collect())
}

fn labels(section: &Section<'_>, pairs: Vec<(i64, Arc<str>)>) -> Labels {
    let (mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new());
    for (number, label) in &pairs {
        let mistake = if number.abs() > MOST {
            format!("has {number}, which is too large: at most 2^53")
        } else if label.trim() != &**label || label.is_empty() {
            format!("has \"{label}\", which must have a character and no space at its ends")
        } else if label.chars().count() > LONGEST {
            format!("has \"{label}\", which is longer than {LONGEST} characters")
        } else if label.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
            format!("has a name for {number} with a character that is not printed")
        } else if !numbers.insert(*number) {
            format!("has {number} twice")
        } else if !names.insert(label) {
            format!("has \"{label}\" twice; a rule could not tell which is meant")
        } else {
            continue;
        };
        section.error("values", mistake);
    }
    if pairs.len() > Labels::MOST {
        let message = format!(
            "has {} entries, at most {} are allowed",
            pairs.len(),
            Labels::MOST
        );
        section.error("values", message);
    }
    let pairs = pairs.into_iter().take(Labels::MOST);
    Labels::new(
        pairs
            .map(|(number, label)| (number as f64, label))
            .collect(),
    )
}
