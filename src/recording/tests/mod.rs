//! Recordings of random runs, and what becomes of damaged, cut and slow ones.

mod discovery;

use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

use proptest::prelude::*;

use super::{
    csv,
    file::{FileError, RecordingFile},
    line::{At, Begin, Line, VERSION},
    reel::{QUEUE, Reel, Tap, recording},
    replay::{Replay, ReplayError},
    told::Told,
};
use crate::{
    alert::{
        command::{Action, AlertRef, Command},
        discover::Introduction,
        engine::{Engine, Input},
        event::{By, DedupKey},
        plant::{Category, Condition, Found, MouldIx, Plant, Standing, When},
        state::{Durable, SavedLive},
        tests::{
            boot,
            discovery::hall,
            now,
            properties::{Act, busy_plant, history, input},
        },
    },
    clock::Wall,
    sample::{Bad, Labels, Reading, Retained, Sample, TagId, Value},
};

/// A run under way, with whoever listens to it.
struct Run {
    engine: Engine,
    taps: Vec<(Tap, Reel)>,
    told: Vec<Told>,
}

impl Run {
    fn start(durable: &Durable, at: f64) -> Self {
        let seed = [0xab; 16];
        let plant = Arc::new(busy_plant(300));
        let (engine, ends) = Engine::restore(plant, durable, now(at), &boot(), seed);
        let begin = Begin {
            seed: "ab".repeat(16),
            events: ends.iter().map(Told::from).collect(),
            ..begin(&engine, durable.clone(), None)
        };
        Self {
            told: begin.events.clone(),
            taps: vec![recording(begin, QUEUE)],
            engine,
        }
    }

    /// Somebody begins to listen in the middle.
    fn listen(&mut self) {
        let snapshot = self.engine.snapshot(&boot());
        let begin = begin(&self.engine, snapshot.durable, Some(snapshot.live));
        self.taps.push(recording(begin, QUEUE));
    }

    fn step(&mut self, at: f64, input: Input) {
        let decided = self.engine.step(now(at), input.clone());
        self.told.extend(decided.events.iter().map(Told::from));
        for (tap, _) in &mut self.taps {
            tap.hear(now(at), &input, &decided);
        }
    }

    fn end(self) -> (Vec<String>, Vec<Told>) {
        let all = self.taps.into_iter().map(|(mut tap, reel)| {
            assert!(tap.let_go());
            tap.end("the agent stopped");
            text(reel)
        });
        (all.collect(), self.told)
    }
}

fn begin(engine: &Engine, durable: Durable, live: Option<SavedLive>) -> Begin {
    Begin {
        recording: VERSION,
        andon: "0.1.0".to_owned(),
        configuration: "3f2a9c01d2e4".to_owned(),
        at: At::from(engine.now()),
        boot: boot().0,
        seed: String::new(),
        plant: Arc::clone(engine.plant()),
        durable,
        live,
        events: Vec::new(),
    }
}

fn text(mut reel: Reel) -> String {
    std::iter::from_fn(|| reel.next_text()).collect()
}

/// Plays a recording; its events, and what the replay found.
fn play(text: &str) -> Result<(Vec<Told>, Replay), ReplayError> {
    let mut lines = text.lines();
    let (mut replay, mut events) = Replay::begin(lines.next().unwrap_or_default())?;
    for (number, line) in (2..).zip(lines) {
        events.extend(replay.play(number, line)?);
    }
    Ok((events, replay))
}

/// Acts one after the other; at one of them the configuration changes, at another one watches of another database are taken up.
fn act(run: &mut Run, acts: &[Act], begin: f64) -> f64 {
    let mut at = begin;
    for (index, act) in acts.iter().enumerate() {
        at += (act.after * 10.0).round() / 10.0;
        run.step(at, input(&act.what));
        if index % 17 == 11 {
            let mut plant = busy_plant(200);
            plant.watches.truncate(2);
            run.step(at, Input::Plant(Arc::new(plant)));
        }
        if index % 17 == 14 {
            let mut saved = run.engine.snapshot(&boot()).durable.watches;
            saved.truncate(1);
            run.step(at, Input::Watches(Box::new((boot(), saved))));
        }
    }
    run.step(at + 5000.0, Input::Tick);
    at + 5000.0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_recorded_run_replays_to_the_same_events_ids_included(
        before in history(), acts in history(), later in history()
    ) {
        // What an earlier run left on disk.
        let mut earlier = Run::start(&Durable::default(), 0.0);
        let at = act(&mut earlier, &before, 0.0);
        let durable = earlier.engine.snapshot(&boot()).durable;

        let mut run = Run::start(&durable, at + 60.0);
        let at = act(&mut run, &acts, at + 60.0);
        let so_far = run.told.len();
        run.listen();
        act(&mut run, &later, at);
        let (texts, told) = run.end();
        for (text, told) in texts.iter().zip([&told[..], &told[so_far..]]) {
            let (events, replay) = play(text).expect("a recording");
            prop_assert_eq!(&replay.difference, &None);
            prop_assert!(replay.is_same() && replay.end.is_some());
            prop_assert_eq!(&events[..], told);
        }
    }

    #[test]
    fn numbers_come_back_bit_by_bit(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let sample = Sample::new(TagId(0), Reading::Good(Value::Number(value)));
        let text = serde_json::to_string(&super::line::Sample::from(sample)).expect("a sample");
        let read: super::line::Sample = serde_json::from_str(&text).expect("a sample");
        let Reading::Good(Value::Number(read)) = read.read().reading else {
            panic!("{text}");
        };
        prop_assert_eq!(read.to_bits(), bits);
    }
}

fn good(tag: u32, value: f64) -> Input {
    Input::Sample(Sample::new(TagId(tag), Reading::Good(Value::Number(value))))
}

/// A recording of one sample, which the agent has ended.
pub(crate) fn short() -> Reel {
    let (mut tap, reel, mut engine) = hot(QUEUE);
    hear(&mut tap, &mut engine, 1.0, good(0, 97.0));
    hear(&mut tap, &mut engine, 7.0, Input::Tick);
    assert!(tap.let_go());
    tap.end("the agent stopped");
    reel
}

/// A run in which the first mill gets too hot, with this much room for a slow reader.
fn hot(room: usize) -> (Tap, Reel, Engine) {
    let (engine, _) = Engine::restore(
        Arc::new(busy_plant(300)),
        &Durable::default(),
        now(0.0),
        &boot(),
        [1; 16],
    );
    let begin = Begin {
        seed: "01".repeat(16),
        ..begin(&engine, Durable::default(), None)
    };
    let (tap, reel) = recording(begin, room);
    (tap, reel, engine)
}

fn hear(tap: &mut Tap, engine: &mut Engine, at: f64, input: Input) {
    let decided = engine.step(now(at), input.clone());
    tap.hear(now(at), &input, &decided);
}

#[test]
fn samples_of_one_instant_share_a_line_and_the_lines_are_as_documented() {
    let (mut tap, reel, mut engine) = hot(QUEUE);
    hear(&mut tap, &mut engine, 1.0, good(0, 20.0));
    let bad = Sample::new(TagId(1), Reading::Bad(Bad::Exception(2)));
    hear(&mut tap, &mut engine, 1.0, Input::Sample(bad));
    let door = Sample {
        stamp: Some(Wall::from_millis(1_775_298_600_000)),
        retained: Retained::State,
        ..Sample::new(TagId(1), Reading::Good(Value::Bool(false)))
    };
    hear(&mut tap, &mut engine, 2.0, Input::Sample(door));
    let by = By {
        name: "maria".into(),
        claimed: false,
        via: "cli".into(),
    };
    let action = Action::Acknowledge {
        alert: AlertRef::Number(7),
        note: None,
    };
    let command = Input::Command(Box::new(Command { action, by }));
    hear(&mut tap, &mut engine, 3.0, command);
    assert!(tap.let_go());
    tap.end("as long as was asked for");
    let text = text(reel);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with(r#"{"begin":{"recording":1,"andon":"0.1.0","#));
    let expected = [
        r#"{"step":{"at":{"mono":1001000000000,"wall":1775298601000},"input":{"samples":[{"tag":0,"value":20.0},{"tag":1,"bad":"exception_2"}]}}}"#,
        r#"{"step":{"at":{"mono":1002000000000,"wall":1775298602000},"input":{"samples":[{"tag":1,"value":false,"stamp":1775298600000,"retained":"state"}]}}}"#,
        r#"{"step":{"at":{"mono":1003000000000,"wall":1775298603000},"input":{"command":{"action":{"acknowledge":{"alert":{"number":7},"note":null}},"by":{"name":"maria","claimed":false,"via":"cli"}}},"refused":"there is no alert A-7; `andon alerts` lists them"}}"#,
        r#"{"end":"as long as was asked for"}"#,
    ];
    assert_eq!(lines[1..], expected);

    let mut rows = csv::Rows::default();
    let sheet: String = lines
        .iter()
        .map(|line| rows.of(&serde_json::from_str(line).expect("a line")))
        .collect();
    assert_eq!(
        sheet,
        "2026-04-04T10:30:01.000Z,1001.000000000,mill-1,temp,20,°C,good,,\r\n\
         2026-04-04T10:30:01.000Z,1001.000000000,mill-1,door,,°C,exception_2,,\r\n\
         2026-04-04T10:30:02.000Z,1002.000000000,mill-1,door,false,°C,good,2026-04-04T10:30:00.000Z,state\r\n"
    );
}

#[test]
fn a_slow_reader_costs_a_gap_that_says_how_large_it_is_and_nothing_after_it_is_played() {
    let (mut tap, mut reel, mut engine) = hot(4);
    for at in 1..=10 {
        hear(&mut tap, &mut engine, f64::from(at), good(0, 20.0));
    }
    // What was heard is not committed yet: nothing leaves, and nothing is lost.
    assert!(tap.let_go());
    let first = reel.next_text().expect("what had room");
    assert_eq!(first.lines().count(), 4, "{first}");
    hear(&mut tap, &mut engine, 11.0, good(0, 97.0));
    hear(&mut tap, &mut engine, 20.0, Input::Tick);
    assert!(tap.let_go());
    tap.end("the agent stopped");
    let rest = text(reel);
    assert!(
        rest.starts_with(r#"{"gap":{"inputs":7,"from":{"mono":1004000000000,"#),
        "{rest}"
    );
    let (events, replay) = play(&(first + &rest)).expect("a recording");
    assert_eq!((events.len(), replay.inputs), (0, 3));
    assert!(!replay.is_same());
    assert_eq!(replay.gap.map(|gap| gap.inputs), Some(7));
    assert_eq!(replay.end.as_deref(), Some("the agent stopped"));
}

#[test]
fn a_reader_that_went_away_ends_the_recording_at_the_next_step() {
    let (mut tap, reel, mut engine) = hot(QUEUE);
    drop(reel);
    hear(&mut tap, &mut engine, 1.0, good(0, 20.0));
    assert!(!tap.let_go());
}

#[test]
fn a_recording_that_was_changed_shows_where_the_replay_went_another_way() {
    let text = text(short());
    let (events, replay) = play(&text).expect("a recording");
    assert_eq!(events.len(), 2, "{events:#?}");
    assert!(replay.is_same());
    let changed = text.replace(r#"{"tag":0,"value":97.0}"#, r#"{"tag":0,"value":20.0}"#);
    let (events, replay) = play(&changed).expect("a recording");
    let difference = replay.difference.expect("a difference");
    assert_eq!((events.len(), difference.line), (0, 3));
    assert_eq!(
        (difference.recorded.len(), difference.replayed.len()),
        (2, 0)
    );
}

#[test]
fn what_is_no_recording_or_of_a_newer_version_is_refused() {
    for strange in ["", "{}", "[1]", r#"{"end":"x"}"#] {
        assert!(
            matches!(play(strange), Err(ReplayError::NoBegin)),
            "{strange}"
        );
    }
    let newer = r#"{"begin":{"recording":7,"what":"is not known"}}"#;
    assert!(matches!(play(newer), Err(ReplayError::Newer(7))));
    let (tap, reel, _) = hot(QUEUE);
    tap.end("x");
    let whole = text(reel);
    let broken = format!("{whole}{{\"step\":\n");
    assert!(matches!(
        play(&broken),
        Err(ReplayError::Line { line: 3, .. })
    ));
    let twice = format!("{whole}{whole}");
    assert!(matches!(play(&twice), Err(ReplayError::SecondBegin(3))));
}

#[test]
fn every_part_of_a_plant_and_of_a_command_comes_back() {
    let mut plant = hall(300);
    plant.machines[0].labels = [("hall".into(), "2".into())].into();
    plant.machines[0].captured = [("line".into(), "l1".into())].into();
    plant.machines[0].found = Some(Box::new(Found {
        source: "broker".into(),
        class: "press".into(),
        name: "Press 1".into(),
        since: Wall::from_millis(5),
        number: 7,
        mould: Some(MouldIx(0)),
        first_tag: TagId(3),
    }));
    plant.machines[1].standing = Standing::Forgotten;
    plant.tags[1].modbus_unit = None;
    Arc::make_mut(&mut plant.tags[1].kind).labels =
        Labels::new(vec![(1.0, "open".into()), (0.0, "shut".into())]);
    plant.policies[0].when = When {
        category: Category::ALL.to_vec(),
        label: [("hall".into(), vec!["2".into()])].into(),
        ..plant.policies[0].when.clone()
    };
    let mut rule = (*plant.watches[0].rule).clone();
    let conditions = [
        Condition::Below(-0.1),
        Condition::Inside {
            low: 0.0,
            high: 0.1,
        },
        Condition::Equals(1.0),
        Condition::NotEquals(0.3),
    ];
    for condition in conditions {
        let mut level = rule.levels[0].clone();
        level.condition = condition;
        rule.levels.push(level);
    }
    rule.runbook = Some("https://wiki.plant.local/hot".into());
    plant.watches[0].rule = Arc::new(rule);
    let plant = Arc::new(plant);
    let key = DedupKey::new("plant-7", "hot", "mill-1");
    let action = Action::Acknowledge {
        alert: AlertRef::Key {
            dedup_key: key,
            seen: Wall::from_millis(5),
        },
        note: Some("on my way".into()),
    };
    let by = By {
        name: "maria".into(),
        claimed: true,
        via: "cli".into(),
    };
    let forget = Action::Forget {
        machine: "press-1".into(),
    };
    let said = Introduction {
        mould: Some(MouldIx(0)),
        id: "press-1".into(),
        name: "Press 1".into(),
        labels: [("line".into(), "l1".into())].into(),
    };
    let command = |action, by| Input::Command(Box::new(Command { action, by }));
    for input in [
        Input::Plant(Arc::clone(&plant)),
        command(action, by.clone()),
        command(forget, by),
        Input::Machine(Box::new(said.clone())),
        Input::Machine(Box::new(Introduction {
            mould: None,
            ..said
        })),
    ] {
        let text = serde_json::to_string(&super::line::Input::from(input.clone())).expect("JSON");
        let read: super::line::Input = serde_json::from_str(&text).expect("an input");
        assert_eq!(read.read(), [input]);
    }
    assert_ne!(*plant, Plant::default());
}

#[test]
fn the_file_is_its_owners_alone_replaces_nothing_and_grows_no_further_than_it_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.jsonl");
    let mut file = RecordingFile::create(&path, 10).expect("a file");
    let mode = path.metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(
        RecordingFile::create(&path, 10),
        Err(FileError::Exists(_))
    ));
    file.put("12345\n").expect("room");
    assert!(matches!(file.put("67890\n"), Err(FileError::Full { .. })));
    file.put("678\n").expect("room for less");
    file.end(Some("it is full")).expect("an end");
    let text = std::fs::read_to_string(&path).expect("a text");
    assert_eq!(text, "12345\n678\n{\"end\":\"it is full\"}\n");
    let last: Line = serde_json::from_str(text.lines().last().expect("a line")).expect("a line");
    assert!(matches!(last, Line::End(_)));
}
