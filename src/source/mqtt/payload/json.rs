//! JSON payloads: one document with a value for each tag, or an array of them, or an array of values with names.

use std::{collections::HashMap, sync::Arc};

use super::{
    Contents, Layout, MOST_SAMPLES, MqttTag,
    pick::{Each, Found, Picker},
    stamp,
};
use crate::{
    clock::Wall,
    sample::{Bad, Reading},
};

/// Where the tags of a subscription stand in its payloads.
#[derive(Clone, Debug)]
pub(super) struct JsonReader {
    document: Picker,
    /// The time beside the array, for elements without one, or of a document without an array.
    time: Option<usize>,
    values: Values,
    each: Option<Elements>,
}

#[derive(Clone, Debug)]
struct Elements {
    /// Where the array stands in the document,
    at: usize,
    /// and the slot that says what stands there.
    slot: usize,
    picker: Picker,
    time: Option<usize>,
    named: Option<Named>,
}

#[derive(Clone, Debug)]
struct Named {
    slot: usize,
    tags: HashMap<Arc<str>, Vec<usize>>,
}

/// By tag: the slots of its value and of its quality.
#[derive(Clone, Debug)]
struct Values(Vec<(usize, Option<usize>)>);

impl Values {
    fn new(tags: &[MqttTag], picker: &mut Picker) -> Self {
        let slots = tags.iter().map(|tag| {
            let quality = tag.quality.as_ref();
            let quality = quality.map(|quality| picker.slot(&quality.path));
            (picker.slot(&tag.path), quality)
        });
        Self(slots.collect())
    }

    /// Adds the reading of a tag; none if nothing is said of it.
    fn take(
        &self,
        index: usize,
        tags: &[MqttTag],
        row: &[Found<'_>],
        stamp: Option<Wall>,
        into: &mut Contents,
    ) {
        let (value, quality) = self.0[index];
        let tag = &tags[index];
        if let (Some(quality), Some(slot)) = (&tag.quality, quality)
            && !quality.is_good(&row[slot])
            && (row[slot] != Found::Nothing || row[value] != Found::Nothing)
        {
            into.take(index, (Reading::Bad(Bad::Quality), None), stamp);
        } else if row[value] != Found::Nothing {
            into.take(index, tag.read(&row[value]), stamp);
        }
    }
}

impl JsonReader {
    pub(super) fn new(tags: &[MqttTag], layout: &Layout) -> Self {
        let mut document = Picker::new();
        let time = layout.time.as_ref();
        let document_time = time.map(|time| document.slot(time));
        let Some(each) = &layout.each else {
            return Self {
                values: Values::new(tags, &mut document),
                time: document_time,
                document,
                each: None,
            };
        };
        let mut picker = Picker::new();
        let values = Values::new(tags, &mut picker);
        let named = layout.name.as_ref().map(|name| {
            let mut by_name: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
            for (index, tag) in tags.iter().enumerate() {
                by_name.entry(tag.name.clone()).or_default().push(index);
            }
            Named {
                slot: picker.slot(name),
                tags: by_name,
            }
        });
        let elements = Elements {
            at: document.place(each),
            slot: document.slot(each),
            time: time.map(|time| picker.slot(time)),
            named,
            picker,
        };
        Self {
            document,
            time: document_time,
            values,
            each: Some(elements),
        }
    }

    pub(super) fn read(&self, text: &str, tags: &[MqttTag]) -> Contents {
        let mut contents = Contents::default();
        let mut too_many = false;
        let mut take = |row: &[Found<'_>]| {
            if let Some(elements) = &self.each {
                self.element(elements, row, tags, &mut contents);
            }
            too_many = contents.readings.len() > MOST_SAMPLES;
            if too_many { Err("too many") } else { Ok(()) }
        };
        let each = self.each.as_ref().map(|elements| Each {
            at: elements.at,
            picker: &elements.picker,
            take: &mut take,
        });
        let row = self.document.read(text, each);
        let row = match row {
            _ if too_many => {
                return Contents::malformed(tags, "it has more than 10000 samples");
            }
            Ok(row) => row,
            Err(_) => return Contents::malformed(tags, "it is not JSON"),
        };
        let at = self.time.map_or(Ok(None), |slot| stamp::read(&row[slot]));
        let stamp = at.unwrap_or_else(|why| {
            contents.blame(why);
            None
        });
        let Some(elements) = &self.each else {
            for index in 0..tags.len() {
                self.values.take(index, tags, &row, stamp, &mut contents);
            }
            return contents;
        };
        if matches!(
            row[elements.slot],
            Found::Number(_) | Found::Text(_) | Found::Bool(_)
        ) {
            return Contents::malformed(tags, "there is no array where `each` says");
        }
        for reading in &mut contents.readings {
            reading.stamp = reading.stamp.or(stamp);
        }
        contents.in_order()
    }

    fn element(
        &self,
        elements: &Elements,
        row: &[Found<'_>],
        tags: &[MqttTag],
        contents: &mut Contents,
    ) {
        let at = elements
            .time
            .map_or(Ok(None), |slot| stamp::read(&row[slot]));
        let stamp = at.unwrap_or_else(|why| {
            contents.blame(why);
            None
        });
        let mut take = |index| self.values.take(index, tags, row, stamp, contents);
        match &elements.named {
            None => (0..tags.len()).for_each(take),
            Some(named) => match &row[named.slot] {
                Found::Text(name) => {
                    let known = named.tags.get(name.as_ref());
                    known.into_iter().flatten().for_each(|index| take(*index));
                }
                _ => contents.blame("an element of its array has no name"),
            },
        }
    }
}
