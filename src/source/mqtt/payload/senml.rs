//! Sensor Measurement Lists (RFC 8428): an array of records, which share what the base fields of earlier ones say.

use std::{collections::HashMap, sync::Arc};

use super::{
    Contents, MOST_SAMPLES, MqttTag,
    pick::{Each, Found, Picker},
};
use crate::clock::Wall;

/// Times below are seconds from now, not since 1970 (RFC 8428, 4.5.3).
const RELATIVE: f64 = 268_435_456.0;
/// Times from here on are none (the year 5138).
const NO_TIME: f64 = 1e11;

/// The fields that are read of each record, in the order of their slots.
const FIELDS: [&str; 9] = ["/bn", "/bt", "/bv", "/n", "/t", "/v", "/vs", "/vb", "/vd"];

/// Finds tags by the names of records.
#[derive(Clone, Debug)]
pub(super) struct SenmlReader {
    document: Picker,
    root: usize,
    slot: usize,
    picker: Picker,
    tags: HashMap<Arc<str>, Vec<usize>>,
}

/// What records so far say of those that follow.
#[derive(Default)]
struct Base {
    name: String,
    time: f64,
    value: Option<f64>,
    /// Some record has a time of its own, so those without one have one too: now.
    timed: bool,
}

impl SenmlReader {
    pub(super) fn new(tags: &[MqttTag]) -> Self {
        let (mut document, mut picker) = (Picker::new(), Picker::new());
        for field in FIELDS {
            picker.slot(field);
        }
        let mut by_name: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
        for (index, tag) in tags.iter().enumerate() {
            by_name.entry(tag.name.clone()).or_default().push(index);
        }
        Self {
            root: document.place(""),
            slot: document.slot(""),
            document,
            picker,
            tags: by_name,
        }
    }

    pub(super) fn read(&self, text: &str, tags: &[MqttTag], now: Wall) -> Contents {
        let mut contents = Contents::default();
        let mut base = Base::default();
        let mut too_many = false;
        let mut take = |row: &[Found<'_>]| {
            self.record(row, tags, now, &mut base, &mut contents);
            too_many = contents.readings.len() > MOST_SAMPLES;
            if too_many { Err("too many") } else { Ok(()) }
        };
        let each = Each {
            at: self.root,
            picker: &self.picker,
            take: &mut take,
        };
        let row = self.document.read(text, Some(each));
        match row {
            _ if too_many => Contents::malformed(tags, "it has more than 10000 samples"),
            Ok(row) if row[self.slot] == Found::Nested => {
                if !base.timed {
                    // All are of now, which is when they arrive.
                    contents.readings.iter_mut().for_each(|it| it.stamp = None);
                }
                contents.in_order()
            }
            Ok(_) => Contents::malformed(tags, "it is no SenML, which is an array of records"),
            Err(_) => Contents::malformed(tags, "it is not JSON"),
        }
    }

    fn record(
        &self,
        row: &[Found<'_>],
        tags: &[MqttTag],
        now: Wall,
        base: &mut Base,
        contents: &mut Contents,
    ) {
        let [bn, bt, bv, n, t, v, vs, vb, vd] = row else {
            return;
        };
        if let Found::Text(name) = bn {
            base.name = name.to_string();
        }
        if let Found::Number(time) = bt {
            base.time = *time;
        }
        if let Found::Number(value) = bv {
            base.value = Some(*value);
        }
        let own = match n {
            Found::Text(name) => name.as_ref(),
            _ => "",
        };
        let seconds = match t {
            Found::Number(time) => base.time + time,
            _ => base.time,
        };
        let full = format!("{}{own}", base.name);
        // The whole name first: it is what says most.
        let known = self.tags.get(full.as_str());
        let known = known
            .or_else(|| self.tags.get(own))
            .filter(|_| !full.is_empty());
        let Some(known) = known else {
            return;
        };
        let stamp = match seconds {
            _ if seconds.abs() >= NO_TIME => {
                contents.blame("its time is none");
                None
            }
            _ if seconds >= RELATIVE => Some(Wall::from_millis((seconds * 1e3).round() as i64)),
            _ => Some(Wall::from_millis(
                now.as_millis()
                    .saturating_add((seconds * 1e3).round() as i64),
            )),
        };
        base.timed |= seconds != 0.0;
        let sum;
        let value = match (v, base.value) {
            (Found::Number(value), Some(more)) => {
                sum = Found::Number(value + more);
                &sum
            }
            _ => {
                let all = [v, vs, vb, vd].into_iter();
                let mut there = all.filter(|found| **found != Found::Nothing);
                match there.next() {
                    Some(value) => value,
                    // A record of base fields alone, or with a sum instead of a value.
                    None => return,
                }
            }
        };
        for index in known {
            contents.take(*index, tags[*index].read(value), stamp);
        }
    }
}
