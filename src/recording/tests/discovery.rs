//! Recordings of runs in which machines come and go.

use std::sync::Arc;

use proptest::prelude::*;

use super::{super::trial::Trial, *};
use crate::alert::{
    plant::MouldIx,
    tests::discovery::{FORCE, TEMP, forget, hall, introduce},
};

fn run() -> Run {
    let (engine, _) = Engine::restore(
        Arc::new(hall(300)),
        &Durable::default(),
        now(0.0),
        &boot(),
        [0xab; 16],
    );
    let begin = Begin {
        seed: "ab".repeat(16),
        ..begin(&engine, Durable::default(), None)
    };
    Run {
        taps: vec![recording(begin, QUEUE)],
        told: Vec::new(),
        engine,
    }
}

impl Run {
    /// A good value of a press, if it is there.
    fn press(&mut self, at: f64, id: &str, tag: u32, value: f64) {
        if let Some(TagId(tag)) = self.engine.tag_of(id, MouldIx(0), tag) {
            self.step(at, good(tag, value));
        }
    }
}

/// What happens, where: 0 to 9.
fn act(run: &mut Run, at: f64, what: u8, press: u8) {
    let id = format!("press-{press}");
    match what {
        0..=2 => run.step(at, introduce(&id, "l1")),
        3 => run.step(at, forget(&id)),
        4 => run.step(at, Input::Plant(Arc::new(hall(300)))),
        5 => run.step(at, introduce(&id, "l2")),
        6 => run.step(at, Input::Tick),
        7 => run.press(at, &id, TEMP, 97.0),
        8 => run.press(at, &id, FORCE, 60.0),
        _ => run.press(at, &id, FORCE, 1.0),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_run_with_discoveries_replays_to_the_same_events(
        acts in prop::collection::vec((0.0..400.0_f64, 0_u8..10, 0_u8..3), 1..60), cut in 0_usize..60
    ) {
        let mut run = run();
        let (mut at, mut so_far) = (0.0, None);
        for (index, (after, what, press)) in acts.iter().enumerate() {
            at += (after * 10.0).round() / 10.0;
            if index == cut {
                so_far = Some(run.told.len());
                run.listen();
            }
            act(&mut run, at, *what, *press);
        }
        run.step(at + 5000.0, Input::Tick);
        let (texts, told) = run.end();
        for (text, told) in texts.iter().zip([Some(&told[..]), so_far.map(|from| &told[from..])]) {
            let (events, replay) = play(text).expect("a recording");
            prop_assert_eq!(&replay.difference, &None);
            prop_assert_eq!(Some(&events[..]), told);
        }
    }
}

/// A run in which one press comes, goes, comes again, and the configuration is read again.
fn story() -> String {
    let mut run = run();
    run.step(1.0, introduce("press-1", "l1"));
    run.step(1.0, introduce("press-2", "l1"));
    run.press(2.0, "press-1", FORCE, 60.0);
    run.press(2.0, "press-2", TEMP, 20.0);
    run.step(3.0, forget("press-1"));
    run.step(4.0, introduce("press-1", "l1"));
    run.press(5.0, "press-1", FORCE, 61.0);
    run.step(6.0, Input::Plant(Arc::new(hall(300))));
    run.listen();
    run.press(7.0, "press-1", TEMP, 97.0);
    run.press(8.0, "press-2", FORCE, 62.0);
    run.step(60.0, Input::Tick);
    run.end().0.concat()
}

#[test]
fn the_samples_of_a_discovered_machine_have_its_name() {
    let mut rows = csv::Rows::default();
    let lines = story();
    let all = lines.lines().map(|line| {
        let line: Line = serde_json::from_str(line).expect("a line");
        rows.of(&line)
    });
    let all: String = all.collect();
    let named: Vec<String> = all
        .lines()
        .map(|row| row.split(',').skip(2).take(3).collect::<Vec<_>>().join(","))
        .collect();
    let last = ["press-1,temp,97", "press-2,force,62"];
    let first = ["press-1,force,60", "press-2,temp,20", "press-1,force,61"];
    // The second recording begins after the configuration was read again.
    assert_eq!(named, [&first[..], &last, &last].concat());
}

/// What the last recording of a run tells of machines under this plant, and the tags that it does not know.
fn tried(run: Run, plant: Plant) -> (Vec<String>, Vec<String>) {
    let texts = run.end().0;
    let mut lines = texts.last().expect("a recording").lines();
    let first = lines.next().expect("a line");
    let mut trial = Trial::begin(first, Arc::new(plant)).expect("a trial");
    let mut told = Vec::new();
    for (number, line) in (2..).zip(lines) {
        told.extend(trial.play(number, line).expect("a line"));
    }
    let told = told.iter();
    let told = told.map(|one| format!("{}/{} {}", one.machine, one.rule, one.kind));
    (told.collect(), trial.unknown.iter().cloned().collect())
}

#[test]
fn what_is_due_when_a_machine_comes_is_told_too() {
    let mut run = run();
    run.step(1.0, introduce("press-1", "l1"));
    run.press(2.0, "press-1", TEMP, 97.0);
    run.step(100.0, introduce("press-2", "l1"));
    let (told, _) = tried(run, hall(300));
    assert_eq!(told, ["press-1/overtemp triggered"]);
}

#[test]
fn a_machine_that_was_forgotten_is_not_missed() {
    let mut run = run();
    run.step(1.0, introduce("press-1", "l1"));
    run.press(2.0, "press-1", FORCE, 60.0);
    run.step(3.0, forget("press-1"));
    // Its place is left when this recording begins.
    run.listen();
    run.step(4.0, introduce("press-2", "l1"));
    run.press(5.0, "press-2", FORCE, 60.0);
    run.step(6.0, forget("press-2"));
    run.step(5000.0, Input::Tick);
    let (told, unknown) = tried(run, hall(300));
    let of_presses = told.iter().filter(|told| !told.starts_with("mill"));
    let expected = ["press-2/overforce triggered", "press-2/overforce closed"];
    assert_eq!(of_presses.collect::<Vec<_>>(), expected);
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn other_rules_judge_machines_that_were_discovered() {
    let lines = story();
    let end = lines.find("\"end\"").expect("the end of the first");
    let (first, second) = lines.split_at(end + lines[end..].find('\n').expect("its end") + 1);
    let mut strict = hall(300);
    // A source of another name that would discover the same class.
    strict.sources[1].name = "other".into();
    let mut none = hall(300);
    none.moulds.clear();
    let force = "press-1/overforce triggered";
    for (text, plant, expected) in [
        (
            first,
            strict.clone(),
            vec![
                force,
                "press-1/overforce closed",
                force,
                "press-2/overforce triggered",
                "press-1/overtemp triggered",
            ],
        ),
        (
            second,
            strict,
            vec!["press-2/overforce triggered", "press-1/overtemp triggered"],
        ),
        (second, none, vec![]),
    ] {
        let knows_none = plant.moulds.is_empty();
        let mut lines = text.lines();
        let mut trial =
            Trial::begin(lines.next().expect("a line"), Arc::new(plant)).expect("a trial");
        let mut told = Vec::new();
        for (number, line) in (2..).zip(lines) {
            told.extend(trial.play(number, line).expect("a line"));
        }
        let told = told
            .iter()
            .map(|one| format!("{}/{} {}", one.machine, one.rule, one.kind));
        let told: Vec<String> = told.collect();
        assert_eq!(told, expected);
        assert_eq!(trial.unknown.is_empty(), !knows_none);
    }
}
