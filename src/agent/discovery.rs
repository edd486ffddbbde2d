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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alert::{
            engine::Engine,
            state::Durable,
            tests::{
                boot,
                discovery::{FORCE, forget, hall},
                now,
            },
        },
        sample::Value,
    };

    struct Bench {
        core: Core,
        discovery: Discovery,
        tally: Tally,
        at: f64,
    }

    impl Bench {
        fn new(most: usize) -> Self {
            let plant = Arc::new(hall(1000));
            let discovery = Discovery::new(&plant, "broker", most);
            let nothing = Durable::default();
            let (engine, _) = Engine::restore(plant, &nothing, now(0.0), &boot(), [1; 16]);
            Self {
                core: Core::new(engine),
                discovery,
                tally: Tally::default(),
                at: 0.0,
            }
        }

        /// A force of this press; says which alerts that began.
        fn hear(&mut self, name: &str, line: &str, force: f64) -> Vec<String> {
            self.at += 1.0;
            let tag = TagId(FORCE);
            let reading = Reading::Good(Value::Number(force));
            let heard = Heard {
                before: 0,
                of: Arc::new(Who {
                    class: Some("press".into()),
                    id: name.to_lowercase().into(),
                    name: name.into(),
                    labels: [("line".into(), line.into())].into(),
                }),
                samples: vec![Sample::new(tag, reading)],
            };
            let (at, tally) = (now(self.at), &self.tally);
            let events = self.discovery.hear(at, &heard, &mut self.core, tally);
            let told = |event: &Event| format!("{}/{}", event.alert.machine, event.alert.rule);
            events.iter().map(told).collect()
        }

        fn counted(&self) -> u64 {
            let counted = self.tally.counted();
            counted[Count::UnknownMachine as usize].number
        }
    }

    #[test]
    fn the_sample_that_introduces_a_machine_is_evaluated_and_labels_follow() {
        let mut bench = Bench::new(10);
        assert_eq!(bench.hear("Press-1", "l1", 60.0), ["press-1/overforce"]);
        assert!(bench.hear("Press-1", "l2", 60.0).is_empty());
        let machines = &bench.core.plant().machines;
        let press = machines.iter().find(|of| &*of.id == "press-1");
        let labels = &press.expect("it is there").captured;
        assert_eq!(*labels, [("line".into(), "l2".into())].into());
        assert_eq!(bench.counted(), 0);
    }

    #[test]
    fn as_many_as_allowed_are_watched_and_a_place_that_is_free_is_taken() {
        let mut bench = Bench::new(2);
        for (name, begins) in [
            ("a", true),
            ("b", true),
            ("c", false),
            ("c", false),
            ("d", false),
        ] {
            assert_eq!(!bench.hear(name, "l1", 60.0).is_empty(), begins, "{name}");
        }
        assert_eq!((bench.counted(), bench.discovery.refused.len()), (3, 2));
        assert_eq!(bench.tally.complaints().len(), 1);
        bench.core.step(now(100.0), forget("b"));
        bench.discovery.look(&bench.core, &bench.tally);
        assert!(bench.tally.complaints().is_empty());
        bench.at = 100.0;
        assert_eq!(bench.hear("c", "l1", 60.0), ["c/overforce"]);
        assert_eq!(bench.core.discovered_tags(SourceIx(1)).len(), 4);
    }

    #[test]
    fn what_is_another_machine_by_the_same_name_is_not_mixed_with_it() {
        let mut bench = Bench::new(10);
        bench.hear("Press-1", "l1", 1.0);
        for other in ["PRESS-1", "mill-1"] {
            assert!(bench.hear(other, "l1", 60.0).is_empty(), "{other}");
        }
        assert_eq!(bench.counted(), 2);
        // Of a flood of names only the first are kept.
        let mut full = Bench::new(0);
        for at in 0..500 {
            full.hear(&format!("press-{at}"), "l1", 60.0);
        }
        assert_eq!((full.counted(), full.discovery.refused.len()), (500, NAMED));
    }

    #[test]
    fn all_that_were_discovered_are_blind_with_their_source_and_no_others() {
        let mut bench = Bench::new(10);
        bench.hear("a", "l1", 1.0);
        let (at, core) = (now(50.0), &mut bench.core);
        bench.discovery.all_are(at, Bad::Unreachable, core);
        let bad = |tag| core.tag(TagId(tag), at).and_then(|tag| tag.bad);
        let first = core.discovered_tags(SourceIx(1))[0].0;
        let all: Vec<bool> = (0..first + 2).map(|tag| bad(tag).is_some()).collect();
        assert!(all[..first as usize].iter().all(|bad| !bad), "{all:?}");
        assert!(all[first as usize..].iter().all(|bad| *bad), "{all:?}");
    }
}
