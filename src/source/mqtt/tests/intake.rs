//! What a message means.

use super::{
    super::session::{Intake, Remark, Taken},
    good,
};
use crate::{
    clock::Wall,
    link::mqtt::{Message, TooLarge, testbed::clock},
    sample::{Bad, Reading, Retained, Sample, TagId, Value},
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
