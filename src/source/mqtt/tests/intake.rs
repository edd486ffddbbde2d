//! What a message means.

use proptest::prelude::*;

use super::{
    super::session::{Intake, Remark, Taken},
    good,
};
use crate::{
    clock::Wall,
    config::section::{Id, Problems},
    link::mqtt::{Message, TooLarge, testbed::clock},
    sample::{Bad, Reading, Retained, Sample, TagId, Value},
    source::Who,
};

const TEXT: &str = r#"
url = "mqtt://broker"
[[subscribe]]
topic = "plant/{line}/{machine}"
payload = "json"
stale_after = "30s"
class = "mill"
time = "/ts"
tags = [{ tag = "temperature", path = "/t" }, { tag = "load", path = "/l" }]
[[subscribe]]
topic = "plant/hall/{machine}"
payload = "json"
stale_after = "30s"
retained = "ignore"
tags = [{ tag = "speed", path = "/s" }]
"#;

fn message(topic: &str, payload: &str) -> Message {
    Message {
        at: clock().now(),
        topic: topic.to_owned(),
        payload: Ok(payload.as_bytes().to_vec()),
        retain: false,
        dup: false,
        token: None,
    }
}

fn number(tag: u32, number: f64) -> Sample {
    Sample::new(TagId(tag), Reading::Good(Value::Number(number)))
}

fn intake() -> Intake {
    let (config, ids) = good(TEXT);
    Intake::new(&config, &ids)
}

#[test]
fn a_message_that_two_topics_match_yields_the_tags_of_both() {
    // mill-1: 0, 1; mill-2: 2, 3; speed of mill-1, mill-2, oven: 4, 5, 6.
    let taken = intake().take(&message("plant/hall/Mill-2", r#"{"t": 1, "l": 2, "s": 3}"#));
    assert_eq!(
        taken.samples,
        [number(2, 1.0), number(3, 2.0), number(5, 3.0)]
    );
    assert_eq!(taken.remarks, []);
}

#[test]
fn a_payload_time_goes_with_the_samples_of_its_topic() {
    let taken = intake().take(&message(
        "plant/x/mill-1",
        r#"{"t": 1, "ts": 1775298605120}"#,
    ));
    let stamp = Some(Wall::from_millis(1_775_298_605_120));
    assert_eq!(
        taken.samples,
        [Sample {
            stamp,
            ..number(0, 1.0)
        }]
    );
}

#[test]
fn a_kept_message_counts_only_where_it_is_wanted() {
    let kept = Message {
        retain: true,
        ..message("plant/hall/mill-1", r#"{"t": 1, "s": 3}"#)
    };
    let used = Sample {
        retained: Retained::Used,
        ..number(0, 1.0)
    };
    assert_eq!(intake().take(&kept).samples, [used]);
}

#[test]
fn a_machine_of_another_class_is_not_unknown_if_another_topic_knows_it() {
    let taken = intake().take(&message("plant/hall/oven", r#"{"s": 3}"#));
    assert_eq!(taken.samples, [number(6, 3.0)]);
    assert_eq!(taken.remarks, []);
}

#[test]
fn an_unknown_machine_is_told_once_and_counted_always() {
    let mut intake = intake();
    let (mut told, mut unknown) = (0, 0);
    for round in 0..2 {
        for machine in 0..150 {
            let payload = format!("{{\"s\": {round}}}");
            let taken = intake.take(&message(&format!("plant/hall/m{machine}"), &payload));
            assert_eq!(taken.samples, []);
            told += taken.remarks.len();
            unknown += usize::from(taken.unknown);
            if (round, machine) == (0, 0) {
                let remark = Remark::UnknownMachine("m0".to_owned());
                assert_eq!(taken.remarks, [remark]);
            }
        }
    }
    assert_eq!((told, unknown), (100, 300));
}

#[test]
fn what_is_not_understood_makes_every_tag_of_its_topic_bad() {
    let mut intake = intake();
    let bad = |tag| Sample::new(TagId(tag), Reading::Bad(Bad::Malformed));
    let taken = intake.take(&message("plant/x/mill-1", "no JSON"));
    assert_eq!(taken.samples, [bad(0), bad(1)]);
    assert!(matches!(
        taken.remarks[..],
        [Remark::Fault { count: 1, .. }]
    ));
    let large = Message {
        payload: Err(TooLarge(1 << 30)),
        ..message("plant/x/mill-1", "")
    };
    let taken = intake.take(&large);
    assert_eq!(taken.samples, [bad(0), bad(1)]);
    assert_eq!(taken.remarks, [], "told at its start only");
    assert_eq!(intake.take(&message("elsewhere", "1")), Taken::default());
}

#[test]
fn every_tag_is_bad_when_the_connection_is_down() {
    let samples = intake().all_bad(Bad::Unreachable);
    let tags: Vec<u32> = samples.iter().map(|sample| sample.tag.0).collect();
    assert_eq!(tags, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_message_that_comes_once_for_each_filter_is_taken_once() {
    let mut intake = intake();
    let text = r#"{"t": 1, "s": 3}"#;
    let topic = "plant/hall/mill-1";
    assert_eq!(
        intake.take(&message(topic, text)).samples,
        [number(0, 1.0), number(4, 3.0)]
    );
    let copy = intake.take(&message(topic, text));
    assert_eq!((copy.samples, copy.copy), (vec![], true));
    assert_eq!(
        intake.take(&message(topic, text)).samples.len(),
        2,
        "two filters, so only one copy"
    );
    let elsewhere = "plant/x/mill-1";
    for _ in 0..2 {
        let taken = intake.take(&message(elsewhere, text));
        assert_eq!((taken.samples.len(), taken.copy), (1, false));
    }
}

#[test]
fn what_was_dropped_or_came_before_an_outage_has_no_copies() {
    let mut intake = intake();
    let topic = "plant/hall/mill-1";
    let samples = |intake: &mut Intake| intake.take(&message(topic, r#"{"t": 1}"#)).samples.len();
    assert_eq!(samples(&mut intake), 1);
    intake.dropped(topic);
    assert_eq!(samples(&mut intake), 1);
    intake.all_bad(Bad::Unreachable);
    assert_eq!(samples(&mut intake), 1);
    assert_eq!(samples(&mut intake), 0);
}

#[test]
fn a_copy_of_what_nobody_knows_or_understands_is_not_counted() {
    let mut intake = intake();
    let mut counted = (0, 0);
    for _ in 0..4 {
        let unknown = intake.take(&message("plant/hall/m1", "{}"));
        let fault = intake.take(&message("plant/hall/oven", "no JSON"));
        counted.0 += usize::from(unknown.unknown);
        counted.1 += usize::from(fault.fault.is_some());
    }
    assert_eq!(counted, (2, 2));
}

const PRESSES: &str = r#"
url = "mqtt://broker"
[[subscribe]]
topic = "plant/{line}/{machine}/force"
payload = "number"
tag = "force"
stale_after = "30s"
class = "press"
discover = true
[[subscribe]]
topic = "plant/{line}/{machine}/state"
payload = "json"
stale_after = "30s"
class = "press"
discover = true
tags = [{ tag = "temp", path = "/t" }, { tag = "oil", path = "/o" }]
[[subscribe]]
topic = "oven/{door}"
machine = "oven"
payload = "number"
tag = "angle"
stale_after = "30s"
"#;

fn presses() -> Intake {
    let (config, ids) = good(PRESSES);
    Intake::new(&config, &ids)
}

#[test]
fn a_machine_that_is_not_configured_is_heard_by_its_name_where_that_is_wanted() {
    let mut intake = presses();
    for _ in 0..2 {
        let taken = intake.take(&message("plant/l1/Press 1/force", "7"));
        assert_eq!((taken.samples.len(), taken.unknown), (0, false));
        assert_eq!(taken.remarks, []);
        let (who, samples) = &taken.heard[0];
        let expected = Who {
            class: Some("press".into()),
            id: "press-1".into(),
            name: "Press 1".into(),
            labels: [("line".into(), "l1".into())].into(),
        };
        assert_eq!((&**who, samples), (&expected, &vec![number(0, 7.0)]));
    }
    // The tags of the second subscription are behind those of the first, as they are in what machines of the class are like.
    let (config, ..) = good(PRESSES);
    let moulds = config.moulds(&Problems::new());
    let names: Vec<&str> = moulds[0].tags.iter().map(|tag| &*tag.tag).collect();
    assert_eq!(names, ["force", "temp", "oil"]);
    let taken = intake.take(&message("plant/l1/Press 1/state", r#"{"t": 1, "o": 2}"#));
    assert_eq!(taken.heard[0].1, [number(1, 1.0), number(2, 2.0)]);
    assert_eq!(taken.heard[0].0.id, "press-1".into());
}

#[test]
fn names_that_no_machine_can_have_are_told_once_and_counted() {
    let mut intake = presses();
    let long = format!("plant/l1/{}/force", "x".repeat(65));
    let names = [
        "plant/l1/__/force",
        "plant/l1//force",
        "plant/l1/ANDON/force",
        &long,
    ];
    for topic in names.into_iter().chain(["plant/l1/\u{1b}[2J1/force"]) {
        for first in [true, false] {
            let taken = intake.take(&message(topic, "7"));
            assert!(taken.unknown && taken.heard.is_empty(), "{topic}");
            assert_eq!(
                taken.remarks.len(),
                usize::from(first),
                "{topic}: {taken:?}"
            );
        }
    }
}

#[test]
fn what_a_topic_says_of_a_machine_that_is_configured_is_told_once() {
    let mut intake = presses();
    let mut labels = |topic: &str| {
        let taken = intake.take(&message(topic, "1"));
        assert_eq!(taken.samples.len(), 1);
        let heard = taken.heard.first().map(|(who, samples)| {
            assert_eq!((&who.class, samples.len()), (&None, 0));
            who.labels
                .values()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        });
        (heard, taken.remarks)
    };
    assert_eq!(labels("oven/left"), (Some(vec!["left".to_owned()]), vec![]));
    assert_eq!(labels("oven/left"), (None, vec![]));
    // A level that tells two topics of one machine apart is no label.
    let (told, remarks) = labels("oven/right");
    assert_eq!(told, None);
    assert!(matches!(&remarks[..], [Remark::Disputed(of)] if *of.capture == *"door"));
    assert_eq!(labels("oven/right"), (None, vec![]));
    // What found no room is told again.
    intake.dropped("oven/left");
    assert_eq!(intake.take(&message("oven/left", "1")).heard.len(), 1);
}

proptest! {
    #[test]
    fn whatever_topics_say_a_machine_has_an_id_and_what_is_kept_is_short(
        topics in prop::collection::vec("(plant|oven)(/(\\PC|[a-c]|\u{1b}|_){0,80}){1,3}(/force)?", 1..20),
    ) {
        let mut intake = presses();
        for topic in topics {
            let taken = intake.take(&message(&topic, "7"));
            for (who, _) in &taken.heard {
                prop_assert!(Id::new(&who.id).is_some() && *who.id != *"andon");
                let said = who.labels.values().chain([&who.name]);
                for text in said {
                    prop_assert!(text.chars().count() <= 64, "{text}");
                    prop_assert!(!text.chars().any(char::is_control), "{text}");
                }
            }
        }
    }
}
