//! The samples of a recording alone, as CSV (RFC 4180): for a spreadsheet.

use std::borrow::Cow;

use super::{
    line::{Input, Line, Retained, Sample},
    recorded::Recorded,
};
use crate::{alert::state::SavedValue, clock::Wall};

/// The columns. `mono_s` is the monotonic clock in seconds, for differences that no clock change touches.
pub const HEAD: &str = "time,mono_s,machine,tag,value,unit,quality,stamp,retained\r\n";

/// Makes rows of lines; it remembers which tags there are.
#[derive(Debug, Default)]
pub struct Rows {
    recorded: Option<Recorded>,
}

impl Rows {
    /// The rows of a line; none if it has no samples. A gap is a row whose quality says so.
    pub fn of(&mut self, line: &Line) -> String {
        match line {
            Line::Begin(begin) => self.recorded = Some(Recorded::begin((**begin).clone())),
            Line::Step(step) => match (&step.input, &mut self.recorded) {
                (Input::Samples(samples), Some(recorded)) => {
                    let (time, mono) = (step.at.to_string(), step.at.mono);
                    let rows = samples.iter();
                    return rows
                        .map(|sample| row(recorded, &time, mono, sample))
                        .collect();
                }
                (input, Some(recorded)) => {
                    recorded.hear(step.at, input);
                }
                (_, None) => {}
            },
            Line::Gap(gap) => {
                return format!(
                    "{},{},,,,,gap of {} inputs,,\r\n",
                    gap.from,
                    seconds(gap.from.mono),
                    gap.inputs
                );
            }
            Line::End(_) => {}
        }
        String::new()
    }
}

fn row(recorded: &Recorded, time: &str, mono: i64, sample: &Sample) -> String {
    let plant = recorded.plant();
    let Some(tag) = plant.tags.get(sample.tag as usize) else {
        return String::new();
    };
    let machine = &plant.machines[tag.machine.0 as usize].id;
    let value = match sample.value {
        Some(SavedValue::Bool(bit)) => bit.to_string(),
        Some(SavedValue::Number(number)) => number.to_string(),
        None => String::new(),
    };
    let quality = sample.bad.as_deref().unwrap_or("good");
    let stamp = sample
        .stamp
        .map(|stamp| Wall::from_millis(stamp).to_string());
    format!(
        "{time},{},{},{},{value},{},{},{},{}\r\n",
        seconds(mono),
        cell(machine),
        cell(&tag.kind.name),
        cell(&tag.kind.unit),
        cell(quality),
        stamp.unwrap_or_default(),
        match sample.retained {
            None => "",
            Some(Retained::Used) => "used",
            Some(Retained::State) => "state",
        }
    )
}

fn seconds(nanos: i64) -> String {
    format!(
        "{}.{:09}",
        nanos.div_euclid(1_000_000_000),
        nanos.rem_euclid(1_000_000_000)
    )
}

/// A cell in quotes where it needs them.
fn cell(text: &str) -> Cow<'_, str> {
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")).into(),
        false => text.into(),
    }
}
