//! Machines that one source discovers: which of those that it names are watched, and what is said of the others.
//!
//! The core remembers them; a source knows only their names. Here the two meet, in the loop, so that how many there are is never
//! a question: one that is new is introduced in its turn, before its first sample, and committed with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tracing::{debug, info, warn};

use super::core::Core;
use crate::{
    alert::{
        discover::{Introduction, Place, Taken},
        engine::Input,
        event::Event,
        plant::{MouldIx, Plant, SourceIx},
    },
    clock::Now,
    sample::{Bad, Reading, Sample, TagId},
    source::{
        Heard, Who,
        tally::{Complaint, Count, Tally},
    },
};

/// So many machines are named in the log, of those that are discovered and of those that are not watched; others are counted.
const NAMED: usize = 100;
/// The word for complaining that there are too many.
const TOO_MANY: &str = "machines";

/// What is known about one source and the machines that it names.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    name: Arc<str>,
    source: Option<SourceIx>,
    moulds: BTreeMap<Arc<str>, MouldIx>,
    /// So many at most.
    most: usize,
    /// It was said that there are so many.
    full: bool,
    named: BTreeSet<Arc<str>>,
    refused: BTreeSet<Arc<str>>,
}

impl Discovery {
    /// For a source of this plant.
    pub(super) fn new(plant: &Plant, name: &str, most: usize) -> Self {
        let place = plant.sources.iter().position(|of| *of.name == *name);
        let classes = plant.moulds.iter().map(|mould| &mould.class);
        let mould = |class: &Arc<str>| Some((class.clone(), plant.mould_of(name, class)?));
        Self {
            name: name.into(),
            source: place.map(|place| SourceIx(place as u32)),
            moulds: classes.filter_map(mould).collect(),
            most,
            ..Self::default()
        }
    }

    /// Takes what the source heard of a machine.
    pub(super) fn hear(
        &mut self,
        at: Now,
        heard: &Heard,
        engine: &mut Core,
        tally: &Tally,
    ) -> Vec<Event> {
        let who = &*heard.of;
        let Some(class) = &who.class else {
            return match engine.is_news(&who.id, &who.labels) {
                true => introduce(at, None, who, engine),
                false => Vec::new(),
            };
        };
        let Some(&mould) = self.moulds.get(class) else {
            return Vec::new();
        };
        let place = |engine: &Core| engine.place_of(mould, &who.id, &who.name, &who.labels);
        let mut events = Vec::new();
        let first = match place(engine) {
            Place::Here { first, news } => {
                if news {
                    events = introduce(at, Some(mould), who, engine);
                }
                first
            }
            Place::Free if self.has_room(engine) => {
                events = introduce(at, Some(mould), who, engine);
                self.greet(who, class);
                match place(engine) {
                    Place::Here { first, .. } => first,
                    _ => return events,
                }
            }
            Place::Free => {
                self.complain(tally);
                let why = format!("max_machines = {} are discovered already", self.most);
                self.refuse(at, who, &why, tally);
                return events;
            }
            Place::Taken(taken) => {
                self.refuse(at, who, &words(&taken), tally);
                return events;
            }
        };
        for sample in &heard.samples {
            let tag = TagId(first.0 + sample.tag.0);
            let sample = Sample { tag, ..*sample };
            events.extend(engine.step(at, Input::Sample(sample)).events);
        }
        events
    }

    /// Takes what holds for every tag that was discovered.
    pub(super) fn all_are(&self, at: Now, bad: Bad, engine: &mut Core) -> Vec<Event> {
        let tags = self.source.map(|source| engine.discovered_tags(source));
        let samples = tags.into_iter().flatten();
        let samples = samples.map(|tag| Sample::new(tag, Reading::Bad(bad)));
        let decided = samples.map(|sample| engine.step(at, Input::Sample(sample)).events);
        decided.flatten().collect()
    }

    /// Ends the complaint when machines were forgotten.
    pub(super) fn look(&mut self, engine: &Core, tally: &Tally) {
        if self.full && self.has_room(engine) {
            self.full = false;
            tally.settle(TOO_MANY);
        }
    }

    fn has_room(&self, engine: &Core) -> bool {
        let source = self.source;
        source.is_some_and(|source| engine.discovered_by(source) < self.most)
    }

    fn greet(&mut self, who: &Who, class: &str) {
        let (source, machine) = (&*self.name, &*who.id);
        if self.named.len() < NAMED && self.named.insert(Arc::clone(&who.id)) {
            info!(
                source,
                machine, class, "a machine is discovered, and watched from now on"
            );
        } else {
            debug!(source, machine, class, "a machine is discovered");
        }
    }

    fn complain(&mut self, tally: &Tally) {
        if std::mem::replace(&mut self.full, true) {
            return;
        }
        let message = format!(
            "{} machines are discovered, as many as max_machines allows; others are not watched",
            self.most
        );
        let action =
            "Raise max_machines, or forget machines that are gone: andon machines forget ID.";
        tally.complain(TOO_MANY, Complaint { message, action });
    }

    fn refuse(&mut self, at: Now, who: &Who, why: &str, tally: &Tally) {
        let said = || format!("{}: {why}", who.id);
        tally.trouble(Count::UnknownMachine, at.mono, said);
        if self.refused.len() < NAMED && self.refused.insert(Arc::clone(&who.id)) {
            let (source, machine, name) = (&*self.name, &*who.id, &*who.name);
            warn!(
                source,
                machine, name, why, "a machine is heard and not watched"
            );
        }
    }
}

fn introduce(at: Now, mould: Option<MouldIx>, who: &Who, engine: &mut Core) -> Vec<Event> {
    let introduction = Introduction {
        mould,
        id: Arc::clone(&who.id),
        name: Arc::clone(&who.name),
        labels: who.labels.clone(),
    };
    let input = Input::Machine(Box::new(introduction));
    engine.step(at, input).events
}

fn words(taken: &Taken) -> String {
    match taken {
        Taken::Configured => "it is configured, but not for this topic".to_owned(),
        Taken::Discovered { source, class } => {
            format!(
                "{source} discovered it as a {class}; if it is another one, give it another name"
            )
        }
        Taken::Namesake(name) => format!(
            "\"{name}\" has the same id; if they are one machine, forget it: andon machines forget"
        ),
    }
}
