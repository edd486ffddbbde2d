//! The samples of a recording judged by other rules: what would have been told. Commands are left out, as they named alerts that are not these.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    line::{Gap, Input, Line},
    recorded::Recorded,
    replay::{ReplayError, first},
    told::Told,
};
use crate::{
    alert::{
        discover::Introduction,
        engine::{self, Engine},
        plant::{Machine, MouldIx, Plant},
        state::Durable,
    },
    clock::{BootId, Now, Wall},
    sample::{Sample, TagId},
};

/// A trial, and what it has seen so far.
#[derive(Debug)]
pub struct Trial {
    engine: Engine,
    recorded: Recorded,
    /// The tags of the configuration on trial, by machine and name.
    ids: HashMap<(Arc<str>, Arc<str>), TagId>,
    /// So many of them are in there.
    listed: usize,
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
        let (boot, nothing) = (BootId(begin.boot.clone()), Durable::default());
        let (engine, _) = Engine::restore(plant, &nothing, now, &boot, [0; 16]);
        let mut trial = Self {
            engine,
            recorded: Recorded::begin(begin),
            ids: HashMap::new(),
            listed: 0,
            map: Vec::new(),
            began: now.wall,
            until: now.wall,
            samples: 0,
            unknown: BTreeSet::new(),
            gap: None,
        };
        let found = trial.recorded.plant().machines.iter();
        for machine in found.cloned().collect::<Vec<_>>() {
            trial.introduce(now, &machine, &mut Vec::new());
        }
        trial.map_tags();
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
        let mut told = Vec::new();
        let samples = match step.input {
            Input::Samples(samples) => samples,
            input => {
                if self.recorded.hear(step.at, &input) {
                    self.follow(now, &input, &mut told);
                }
                Vec::new()
            }
        };
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

    /// The recorded plant is another one now.
    fn follow(&mut self, now: Now, input: &Input, told: &mut Vec<Told>) {
        match input {
            Input::Machine(said) => {
                let machines = &self.recorded.plant().machines;
                let known = machines.iter().rev().find(|machine| machine.id == said.id);
                if let Some(machine) = known.cloned() {
                    self.introduce(now, &machine, told);
                }
            }
            // Tags are counted anew.
            Input::Plant(_) => self.map.clear(),
            // A machine is forgotten.
            Input::Command(command) => {
                let command = engine::Input::Command(Box::new(command.clone()));
                self.step(now, command, told);
            }
            _ => {}
        }
        self.map_tags();
    }

    /// A machine that was discovered in the recorded run is so here, where the configuration would discover it.
    fn introduce(&mut self, now: Now, machine: &Machine, told: &mut Vec<Told>) {
        let Some(found) = &machine.found else { return };
        let plant = self.engine.plant();
        let moulds = (0..).map(MouldIx).zip(&plant.moulds).map(|(ix, mould)| {
            let source = &plant.sources[mould.source.0 as usize].name;
            (ix, &**source, &*mould.class)
        });
        let mut moulds: Vec<_> = moulds
            .filter(|(.., class)| *class == &*found.class)
            .collect();
        moulds.sort_by_key(|(_, source, _)| *source != &*found.source);
        let said = Introduction {
            mould: moulds.first().map(|(ix, ..)| *ix),
            id: machine.id.clone(),
            name: found.name.clone(),
            labels: machine.captured.clone(),
        };
        self.step(now, engine::Input::Machine(Box::new(said)), told);
    }

    /// Finds the tags of the recorded plant that are new in the plant on trial.
    fn map_tags(&mut self) {
        let plant = self.engine.plant();
        for (at, tag) in (self.listed as u32..).zip(&plant.tags[self.listed..]) {
            let machine = plant.machines[tag.machine.0 as usize].id.clone();
            self.ids.insert((machine, tag.kind.name.clone()), TagId(at));
        }
        self.listed = plant.tags.len();
        let recorded = self.recorded.plant();
        for tag in &recorded.tags[self.map.len()..] {
            let machine = &recorded.machines[tag.machine.0 as usize];
            let id = self.ids.get(&(machine.id.clone(), tag.kind.name.clone()));
            if id.is_none() && !machine.is_gone() {
                self.unknown
                    .insert(format!("{}/{}", machine.id, tag.kind.name));
            }
            self.map.push(id.copied());
        }
    }
}
