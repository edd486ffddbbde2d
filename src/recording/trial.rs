//! The samples of a recording judged by other rules: what would have been told. Commands are left out, as they named alerts that are not these.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    line::{Gap, Input, Line},
    replay::{ReplayError, first},
    told::Told,
};
use crate::{
    alert::{
        engine::{self, Engine},
        plant::Plant,
        state::Durable,
    },
    clock::{BootId, Now, Wall},
    sample::{Sample, TagId},
};

/// A trial, and what it has seen so far.
#[derive(Debug)]
pub struct Trial {
    engine: Engine,
    /// The tags of the configuration on trial, by machine and name.
    ids: HashMap<(Arc<str>, Arc<str>), TagId>,
    /// For each tag of the recorded plant which one it is here.
    map: Vec<Option<TagId>>,
    /// The first instant.
    pub began: Wall,
    /// The last one.
    pub until: Wall,
    /// How many samples were judged.
    pub samples: u64,
    /// Tags of the recording that the configuration does not have: `mill-1/temp`.
    pub unknown: BTreeSet<String>,
    /// Where it had to stop.
    pub gap: Option<Gap>,
}

impl Trial {
    /// Begins with the first line of a recording and the plant on trial, in which nothing has happened yet.
    ///
    /// # Errors
    /// When it is not the first line of a recording, or of one that is newer.
    pub fn begin(line: &str, plant: Arc<Plant>) -> Result<Self, ReplayError> {
        let begin = first(line)?;
        let now = Now::from(begin.at);
        let (boot, nothing) = (BootId(begin.boot), Durable::default());
        let ids = (0..).zip(&plant.tags).map(|(at, tag)| {
            let machine = plant.machines[tag.machine.0 as usize].id.clone();
            ((machine, tag.name.clone()), TagId(at))
        });
        let ids = ids.collect();
        let (engine, _) = Engine::restore(plant, &nothing, now, &boot, [0; 16]);
        let mut trial = Self {
            engine,
            ids,
            map: Vec::new(),
            began: now.wall,
            until: now.wall,
            samples: 0,
            unknown: BTreeSet::new(),
            gap: None,
        };
        trial.map_tags(&begin.plant);
        Ok(trial)
    }

    /// Judges the next line, and says what would have been told.
    ///
    /// # Errors
    /// When the line cannot be read.
    pub fn play(&mut self, number: u64, line: &str) -> Result<Vec<Told>, ReplayError> {
        let read = serde_json::from_str(line);
        let line = read.map_err(|source| ReplayError::Line {
            line: number,
            source,
        })?;
        let step = match line {
            Line::Gap(gap) => {
                self.gap.get_or_insert(gap);
                return Ok(Vec::new());
            }
            Line::Step(step) if self.gap.is_none() => step,
            _ => return Ok(Vec::new()),
        };
        let now = Now::from(step.at);
        self.until = now.wall;
        let samples = match step.input {
            Input::Samples(samples) => samples,
            Input::Plant(plant) => {
                self.map_tags(&plant);
                Vec::new()
            }
            _ => Vec::new(),
        };
        let mut told = Vec::new();
        for sample in &samples {
            let sample = sample.read();
            let Some(tag) = self.map.get(sample.tag.0 as usize).copied().flatten() else {
                continue;
            };
            self.samples += 1;
            self.step(
                now,
                engine::Input::Sample(Sample { tag, ..sample }),
                &mut told,
            );
        }
        // Time passes whatever moved the recorded run.
        self.step(now, engine::Input::Tick, &mut told);
        Ok(told)
    }

    fn step(&mut self, now: Now, input: engine::Input, told: &mut Vec<Told>) {
        let decided = self.engine.step(now, input);
        told.extend(decided.events.iter().map(Told::from));
    }

    fn map_tags(&mut self, recorded: &Plant) {
        let mut unknown = Vec::new();
        let id = |tag: &crate::alert::plant::Tag| {
            let machine = &recorded.machines[tag.machine.0 as usize].id;
            let id = self.ids.get(&(machine.clone(), tag.name.clone()));
            if id.is_none() {
                unknown.push(format!("{machine}/{}", tag.name));
            }
            id.copied()
        };
        self.map = recorded.tags.iter().map(id).collect();
        self.unknown.extend(unknown);
    }
}
