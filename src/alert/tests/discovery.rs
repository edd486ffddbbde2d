//! Machines that come while the core runs, stay over restarts, and go when a person says so.

use proptest::prelude::*;

use super::{restarts::Disk, *};
use crate::{
    alert::{
        discover::Introduction,
        event::EventKind,
        plant::{Mould, MouldIx, Standing},
        signal::Signal,
    },
    clock::{Clock, Synchronised},
};

/// The two mills, and a broker that hears presses with `force` and `temp`; a press is too hot as a mill is, and too strong above 50.
pub(crate) fn hall(stale_after: u64) -> Plant {
    let mut plant = properties::busy_plant(100_000_000);
    plant.sources.push(Source {
        name: "broker".into(),
        address: "10.0.0.2".into(),
    });
    let tag = |name: &str| Tag {
        kind: Arc::new(TagKind {
            name: name.into(),
            stale_after: secs(stale_after),
            ..TagKind::clone(&plant.tags[0].kind)
        }),
        machine: MachineIx(0),
        source: SourceIx(1),
        modbus_unit: None,
    };
    let strong = Rule {
        id: "overforce".into(),
        levels: vec![Level {
            name: "hi".into(),
            condition: Condition::Above(50.0),
            on_delay: secs(0),
            severity: Severity::Critical,
        }],
        ..overtemp()
    };
    plant.moulds = vec![Mould {
        source: SourceIx(1),
        class: "press".into(),
        tags: vec![tag("force"), tag("temp")],
        watches: vec![(Arc::new(overtemp()), 1), (Arc::new(strong), 0)],
    }];
    plant
}

pub(crate) const FORCE: u32 = 0;
pub(crate) const TEMP: u32 = 1;

pub(crate) fn introduce(id: &str, line: &str) -> Input {
    Input::Machine(Box::new(Introduction {
        mould: Some(MouldIx(0)),
        id: id.into(),
        name: id.to_uppercase().into(),
        labels: [("line".into(), line.into())].into(),
    }))
}

pub(crate) fn forget(id: &str) -> Input {
    command(Action::Forget { machine: id.into() })
}

impl Story {
    /// A good value of a press, as its source would say it.
    fn press(&mut self, seconds: f64, id: &str, tag: u32, value: f64) -> &mut Self {
        match self.engine.tag_of(id, MouldIx(0), tag) {
            Some(TagId(tag)) => self.at(seconds, good(tag, value)),
            None => self.until(seconds),
        }
    }

    /// A power cut, and a start with this plant.
    fn restart_with(&mut self, seconds: f64, plant: Plant) -> &mut Self {
        let mut disk = Disk::default();
        self.until(seconds);
        self.engine.step(now(seconds), Input::Tick);
        disk.commit(&mut self.engine);
        let all = self.engine.snapshot(&boot()).durable;
        // What was committed now is only what had changed, so the rest comes from the whole.
        let (engine, events) =
            Engine::restore(Arc::new(plant), &all, now(seconds), &boot(), [9; 16]);
        self.engine = engine;
        self.events.extend(events);
        self
    }
}

fn machine(story: &Story, id: &str) -> Option<Machine> {
    let machines = &story.engine.plant().machines;
    machines.iter().find(|machine| &*machine.id == id).cloned()
}

#[test]
fn a_machine_that_is_introduced_is_watched_from_its_first_sample_on() {
    let mut story = Story::of(hall(1000));
    story
        .at(10.0, introduce("press-1", "l1"))
        .press(10.0, "press-1", FORCE, 60.0)
        .until(20.0);
    assert_eq!(
        story.told(),
        ["10.0s A-1 press-1/overforce triggered critical hi"]
    );
    let press = machine(&story, "press-1").expect("it is there");
    assert_eq!(press.class.as_deref(), Some("press"));
    assert_eq!(
        (&*press.name, press.standing),
        ("PRESS-1", Standing::Discovered)
    );
    let open = story.engine.open_alerts(now(20.0));
    assert_eq!(open[0].labels, [("line".into(), "l1".into())].into());
    // Configured tags are where they were.
    story.at(30.0, good(0, 97.0)).until(36.0);
    assert_eq!(
        story.told(),
        [
            "35.0s A-2 mill-1/overtemp triggered critical hihi",
            "35.0s A-3 mill-1/latched triggered critical hihi"
        ]
    );
}

#[test]
fn introduced_again_nothing_changes_but_labels() {
    let mut story = Story::of(hall(1000));
    story
        .at(1.0, introduce("press-1", "l1"))
        .at(2.0, introduce("press-1", "l1"));
    story.engine.take_changes(&boot());
    story.at(3.0, introduce("press-1", "l1"));
    assert!(!story.engine.has_changes());
    let tags = story.engine.plant().tags.len();
    story.at(4.0, introduce("press-1", "l2"));
    assert_eq!(story.engine.plant().tags.len(), tags);
    let changes = story.engine.take_changes(&boot());
    assert_eq!(
        changes.machines[0].labels,
        [("line".to_owned(), "l2".to_owned())]
    );
    assert!(changes.watches.is_empty());
}

#[test]
fn labels_of_a_configured_machine_are_remembered_and_what_is_configured_wins() {
    let mut plant = hall(1000);
    plant.machines[0].labels = [("line".into(), "configured".into())].into();
    let mut story = Story::of(plant.clone());
    let said = |id: &str| {
        Input::Machine(Box::new(Introduction {
            mould: None,
            id: id.into(),
            name: id.into(),
            labels: [("line".into(), "l1".into()), ("cell".into(), "c".into())].into(),
        }))
    };
    story.at(1.0, said("mill-1")).at(1.0, said("nobody"));
    assert!(machine(&story, "nobody").is_none());
    for _ in 0..2 {
        let labels = machine(&story, "mill-1").expect("it is there").all_labels();
        let expected = [
            ("line".into(), "configured".into()),
            ("cell".into(), "c".into()),
        ];
        assert_eq!(labels, expected.into());
        story.restart_with(5.0, plant.clone());
    }
    // No longer configured, it is not remembered either: it never was discovered.
    plant.machines[0].id = "mill-7".into();
    story.restart_with(6.0, plant);
    assert!(machine(&story, "mill-1").is_none());
    assert_eq!(
        story.engine.take_changes(&boot()).forgotten,
        ["mill-1".into()]
    );
}

#[test]
fn a_press_that_is_heard_no_more_is_blind_after_a_restart_too() {
    let mut story = Story::of(hall(10));
    story
        .at(1.0, introduce("press-1", "l1"))
        .press(1.0, "press-1", FORCE, 1.0)
        .restart_with(5.0, hall(10))
        .until(400.0);
    assert_eq!(
        story.told(),
        ["135.0s A-1 andon/andon.blind triggered critical"],
        "the whole broker is silent with it"
    );
    story.at(400.0, introduce("press-2", "l1"));
    story
        .press(400.0, "press-2", FORCE, 1.0)
        .press(400.0, "press-2", TEMP, 1.0);
    for second in 401..700 {
        story.press(f64::from(second), "press-2", FORCE, 1.0);
        story.press(f64::from(second), "press-2", TEMP, 1.0);
    }
    let told = story.told();
    assert!(
        told[0].ends_with("A-1 andon/andon.blind resolved critical"),
        "{told:?}"
    );
    assert!(
        told[1].contains("press-1/andon.blind triggered"),
        "{told:?}"
    );
}

#[test]
fn a_forgotten_machine_ends_its_alerts_and_leaves_nothing_behind() {
    let mut story = Story::of(hall(10));
    story
        .at(1.0, introduce("press-1", "l1"))
        .at(1.0, introduce("press-2", "l1"))
        .press(2.0, "press-1", FORCE, 60.0)
        .press(2.0, "press-2", FORCE, 60.0)
        .until(300.0);
    let shelf = Action::Shelve {
        target: Target::Machine("press-1".into()),
        duration: secs(3600),
        reason: "why".into(),
    };
    story.at(300.0, command(shelf));
    story.told();
    let tag = story
        .engine
        .tag_of("press-1", MouldIx(0), FORCE)
        .expect("it is there");
    story.at(301.0, forget("press-1"));
    assert_eq!(
        story.told(),
        ["301.0s A-1 press-1/overforce closed critical hi shelved"]
    );
    assert!(story.engine.shelves(now(301.0)).is_empty());
    let changes = story.engine.take_changes(&boot());
    assert_eq!(changes.forgotten, ["press-1".into()]);
    assert_eq!(changes.removed.len(), 2);
    // What is still under way to it is nobody's.
    story
        .at(302.0, good(tag.0, 70.0))
        .at(303.0, bad(tag.0, Bad::NoAnswer));
    assert!(machine(&story, "press-1").is_none());
    assert_eq!(story.engine.snapshot(&boot()).durable.machines.len(), 1);
    story.until(1000.0);
    let told = story.told();
    assert!(
        told.iter().all(|line| !line.contains("press-1")),
        "{told:?}"
    );
    // Heard again, it is another one: no alert of the old one comes back.
    story
        .at(1000.0, introduce("press-1", "l1"))
        .press(1000.0, "press-1", FORCE, 60.0);
    let told = story.told();
    assert!(
        told.iter()
            .any(|line| line.contains("press-1/overforce triggered")),
        "{told:?}"
    );
    assert_ne!(story.engine.tag_of("press-1", MouldIx(0), FORCE), Some(tag));
}

#[test]
fn the_blind_alert_of_a_machine_ends_with_it() {
    let mut story = Story::of(hall(10));
    story
        .at(1.0, introduce("press-1", "l1"))
        .at(1.0, introduce("press-2", "l1"));
    for second in 2..200 {
        story.press(f64::from(second), "press-2", FORCE, 1.0);
        story.press(f64::from(second), "press-2", TEMP, 1.0);
    }
    assert_eq!(
        story.told(),
        ["131.0s A-1 press-1/andon.blind triggered critical"]
    );
    story.at(200.0, forget("press-1"));
    assert_eq!(
        story.told(),
        ["200.0s A-1 press-1/andon.blind closed critical"]
    );
    story.engine.take_changes(&boot());
    let saved = story.engine.snapshot(&boot()).durable;
    assert!(saved.watches.iter().all(|watch| watch.subject != "press-1"));
}

#[test]
fn only_what_was_discovered_can_be_forgotten() {
    let mut story = Story::of(hall(10));
    let refused = story.try_at(1.0, forget("mill-1"));
    assert_eq!(refused, Some(Refusal::Configured("mill-1".to_owned())));
    let refused = story.try_at(1.0, forget("press-1"));
    assert_eq!(refused, Some(Refusal::UnknownMachine("press-1".to_owned())));
}

/// The press as somebody would configure it.
fn configured(stale_after: u64) -> Plant {
    let mut plant = hall(stale_after);
    plant.machines.push(Machine {
        id: "press-1".into(),
        name: "The big press".into(),
        class: Some("press".into()),
        ..Machine::default()
    });
    let (machine, first) = (MachineIx(2), plant.tags.len() as u32);
    let tags = plant.moulds[0].tags.clone();
    plant
        .tags
        .extend(tags.into_iter().map(|tag| Tag { machine, ..tag }));
    for (rule, tag) in plant.moulds[0].watches.clone() {
        plant.watches.push(Watch {
            rule,
            machine,
            tag: TagId(first + tag),
        });
    }
    plant
}

#[test]
fn a_discovered_machine_that_is_configured_is_that_machine_and_its_alert_goes_on() {
    let mut story = Story::of(hall(1000));
    story
        .at(1.0, introduce("press-1", "l1"))
        .press(1.0, "press-1", FORCE, 60.0);
    story.told();
    story.at(10.0, Input::Plant(Arc::new(configured(1000))));
    assert_eq!(story.told(), [] as [&str; 0]);
    let press = machine(&story, "press-1").expect("it is there");
    assert_eq!(
        (&*press.name, press.standing),
        ("The big press", Standing::Configured)
    );
    assert_eq!(
        story.engine.tag_of("press-1", MouldIx(0), FORCE),
        None,
        "its source knows its tags"
    );
    story.at(11.0, good(4, 1.0)).until(100.0);
    assert_eq!(
        story.told(),
        ["41.0s A-1 press-1/overforce resolved critical hi"]
    );
    let refused = story.try_at(100.0, forget("press-1"));
    assert_eq!(refused, Some(Refusal::Configured("press-1".to_owned())));
    // Taken out again, it is remembered until it is forgotten.
    story.restart_with(101.0, hall(1000));
    let press = machine(&story, "press-1").expect("it is there");
    assert_eq!(
        (&*press.name, press.standing),
        ("PRESS-1", Standing::Discovered)
    );
}

#[test]
fn without_its_subscription_a_machine_is_orphaned_and_one_that_hears_it_again_takes_it() {
    let mut story = Story::of(hall(1000));
    story
        .at(1.0, introduce("press-1", "l1"))
        .press(1.0, "press-1", FORCE, 60.0);
    story.told();
    let mut plant = hall(1000);
    plant.moulds.clear();
    story.at(10.0, Input::Plant(Arc::new(plant)));
    assert_eq!(
        story.told(),
        ["10.0s A-1 press-1/overforce closed critical hi"]
    );
    let press = machine(&story, "press-1").expect("it is remembered");
    assert_eq!(press.found.expect("it was discovered").mould, None);
    // Another subscription of another name makes it anew, without a restart.
    let mut renamed = hall(1000);
    renamed.sources[1].name = "cell".into();
    story.at(20.0, Input::Plant(Arc::new(renamed)));
    assert_eq!(story.engine.tag_of("press-1", MouldIx(0), FORCE), None);
    story
        .at(30.0, introduce("press-1", "l1"))
        .press(30.0, "press-1", FORCE, 60.0);
    let told = story.told();
    assert_eq!(
        told,
        ["30.0s A-1 press-1/overforce reopened critical hi x2"]
    );
    let found = machine(&story, "press-1").and_then(|press| press.found);
    assert_eq!(&*found.expect("it was discovered").source, "cell");
}

#[test]
fn ten_thousand_machines_come_at_once_in_no_time() {
    let mut story = Story::of(hall(1000));
    let clock = Clock::system(Synchronised::Assume);
    let began = clock.now().mono;
    for at in 0..10_000 {
        let id = format!("press-{at}");
        story
            .at(1.0, introduce(&id, "l1"))
            .press(1.0, &id, FORCE, 1.0);
    }
    // It is some 0.1 s; were each discovery to look at all others, it would be minutes.
    let took = clock.now().mono.since(began);
    assert!(took < secs(30), "{took:?}");
    assert_eq!(story.engine.take_changes(&boot()).machines.len(), 10_000);
}

#[derive(Clone, Debug)]
enum What {
    Introduce(u8),
    Press(u8, u32, f64),
    PressBad(u8, u32),
    Forget(u8),
    Mill(u32, f64),
    MillBad(u32),
    Signal(bool),
    Tick,
}

fn history() -> impl Strategy<Value = Vec<(f64, What)>> {
    let value = || prop_oneof![Just(20.0), Just(60.0), Just(90.0), Just(97.0)];
    let what = prop_oneof![
        3 => (0_u8..4).prop_map(What::Introduce),
        8 => (0_u8..4, 0_u32..2, value()).prop_map(|(press, tag, value)| What::Press(press, tag, value)),
        1 => (0_u8..4, 0_u32..2).prop_map(|(press, tag)| What::PressBad(press, tag)),
        1 => (0_u8..4).prop_map(What::Forget),
        8 => (0_u32..4, value()).prop_map(|(tag, value)| What::Mill(tag, value)),
        1 => (0_u32..4).prop_map(What::MillBad),
        1 => any::<bool>().prop_map(What::Signal),
        1 => Just(What::Tick),
    ];
    let after = prop_oneof![4 => 0.0..20.0, 2 => 0.0..200.0, 1 => 0.0..4000.0];
    prop::collection::vec((after, what), 1..60)
}

/// Plays a history; `between` may do something to the engine before each act.
fn play(
    acts: &[(f64, What)],
    stale_after: u64,
    mut between: impl FnMut(usize, f64, &mut Story),
) -> Vec<Event> {
    let mut story = Story::of(hall(stale_after));
    let mut at = 0.0;
    for (index, (after, what)) in acts.iter().enumerate() {
        let before = at;
        at += (after * 10.0).round() / 10.0;
        story.until(before);
        between(index, before, &mut story);
        let press = |press: u8| format!("press-{press}");
        let tag = |story: &Story, of: u8, tag| story.engine.tag_of(&press(of), MouldIx(0), tag);
        let input = match *what {
            What::Introduce(of) => introduce(&press(of), "l1"),
            What::Press(of, which, value) => match tag(&story, of, which) {
                Some(TagId(tag)) => good(tag, value),
                None => Input::Tick,
            },
            What::PressBad(of, which) => match tag(&story, of, which) {
                Some(TagId(tag)) => bad(tag, Bad::Malformed),
                None => Input::Tick,
            },
            What::Forget(of) => forget(&press(of)),
            What::Mill(tag, value) => good(tag, value),
            What::MillBad(tag) => bad(tag, Bad::NoAnswer),
            What::Signal(true) => Input::Signal(Box::new(Signal::raised(
                "andon.disk",
                "andon",
                Severity::Critical,
                "disk is full".into(),
                "",
            ))),
            What::Signal(false) => Input::Signal(Box::new(Signal::gone("andon.disk", "andon"))),
            What::Tick => Input::Tick,
        };
        story.try_at(at, input);
    }
    story.until(at + 10_000.0);
    story.events
}

/// What happened to machines of this kind, whatever numbers their alerts have.
fn facts(events: &[Event], kind: &str) -> Vec<(Wall, EventKind, Arc<str>, Arc<str>)> {
    let of_kind = events.iter().filter(|event| {
        event.alert.machine.starts_with(kind) && &*event.alert.rule != "andon.blind"
    });
    let fact = |event: &Event| {
        let alert = &event.alert;
        (
            event.at,
            event.kind,
            alert.machine.clone(),
            alert.rule.clone(),
        )
    };
    of_kind.map(fact).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_replay_decides_the_same_ids_included(acts in history()) {
        prop_assert_eq!(play(&acts, 300, |_, _, _| {}), play(&acts, 300, |_, _, _| {}));
    }

    #[test]
    fn discoveries_change_nothing_for_others(acts in history()) {
        let of_mills = |(_, what): &(f64, What)| {
            matches!(what, What::Mill(..) | What::MillBad(_) | What::Signal(_) | What::Tick)
        };
        // What is left out still takes its time.
        let without: Vec<(f64, What)> = acts
            .iter()
            .map(|act| if of_mills(act) { act.clone() } else { (act.0, What::Tick) })
            .collect();
        let (with, without) = (play(&acts, 300, |_, _, _| {}), play(&without, 300, |_, _, _| {}));
        prop_assert_eq!(facts(&with, "mill"), facts(&without, "mill"));
    }

    #[test]
    fn the_order_of_discoveries_changes_nothing(acts in history(), turn in 1_u8..4) {
        // Every press is another one, introduced in another order before anything else.
        let first = |order: [u8; 4]| {
            let mut all: Vec<(f64, What)> = order.into_iter().map(|of| (0.0, What::Introduce(of))).collect();
            all.extend(acts.iter().filter(|(_, what)| !matches!(what, What::Forget(_))).cloned());
            play(&all, 300, |_, _, _| {})
        };
        let once = first([0, 1, 2, 3]);
        let other = first([turn, (turn + 1) % 4, (turn + 2) % 4, (turn + 3) % 4]);
        for of in 0..4 {
            let press = format!("press-{of}");
            prop_assert_eq!(facts(&once, &press), facts(&other, &press));
        }
    }

    #[test]
    fn a_reload_at_any_time_changes_nothing_ids_included(acts in history(), every in 1_usize..4) {
        let once = play(&acts, 300, |_, _, _| {});
        let reloaded = play(&acts, 300, |index, at, story| {
            if index % every == 0 {
                story.at(at, Input::Plant(Arc::new(hall(300))));
            }
        });
        prop_assert_eq!(once, reloaded);
    }

    #[test]
    fn a_recording_may_begin_anywhere(acts in history(), every in 1_usize..4) {
        let once = play(&acts, 300, |_, _, _| {});
        let cut = play(&acts, 300, |index, at, story| {
            if index % every == 0 {
                let snapshot = story.engine.snapshot(&boot());
                let plant = Arc::clone(story.engine.plant());
                story.engine = Engine::resume(plant, &snapshot, now(at), &boot()).0;
            }
        });
        prop_assert_eq!(once, cut);
    }

    /// With durable state alone the last values are gone; rules decide as before.
    #[test]
    fn restored_after_discoveries_is_as_never_restarted(acts in history(), every in 1_usize..4) {
        let once = play(&acts, 100_000_000, |_, _, _| {});
        let mut disk = Disk::default();
        let restarted = play(&acts, 100_000_000, |index, at, story| {
            story.engine.step(now(at), Input::Tick);
            disk.commit(&mut story.engine);
            if index % every == 0 {
                let plant = Arc::new(hall(100_000_000));
                let (engine, ends) = Engine::restore(plant, &disk.0, now(at), &boot(), [1; 16]);
                assert!(ends.is_empty());
                story.engine = engine;
            }
        });
        for kind in ["mill", "press"] {
            prop_assert_eq!(facts(&once, kind), facts(&restarted, kind));
        }
    }
}
