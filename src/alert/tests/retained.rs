//! What a value does that a broker had kept for who comes later: nobody knows how old it is.

use super::*;
use crate::sample::Retained;

fn kept(tag: u32, value: f64, retained: Retained) -> Input {
    Input::Sample(Sample {
        retained,
        ..Sample::new(TagId(tag), Reading::Good(Value::Number(value)))
    })
}

fn state(tag: u32, value: f64) -> Input {
    kept(tag, value, Retained::State)
}

/// The value of the first tag, whether it was kept, and whether it is bad.
fn shown(story: &Story, at: f64) -> (Option<f64>, bool, bool) {
    let tag = story.engine.tag(TagId(0), now(at)).unwrap();
    let value = tag.value.map(Value::as_number);
    (value, tag.retained, tag.bad.is_some())
}

const NOTHING: [&str; 0] = [];

#[test]
fn one_that_is_used_counts_as_if_it_were_sent_now_and_is_marked() {
    let mut story = Story::of(plant());
    story.at(0.0, kept(0, 97.0, Retained::Used)).until(6.0);
    assert_eq!(
        story.told(),
        ["5.0s A-1 mill-1/overtemp triggered critical hihi"]
    );
    assert_eq!(shown(&story, 6.0), (Some(97.0), true, false));
    story.at(7.0, good(0, 97.0));
    assert_eq!(shown(&story, 7.0), (Some(97.0), false, false));
}

#[test]
fn one_that_tells_how_things_stand_begins_nothing_and_the_next_that_is_sent_does() {
    let mut story = Story::of(plant());
    story.at(0.0, state(0, 97.0)).until(3600.0);
    assert_eq!(story.told(), NOTHING);
    assert_eq!(shown(&story, 3600.0), (Some(97.0), true, false));
    story.at(3600.0, good(0, 97.0)).until(3606.0);
    assert_eq!(
        story.told(),
        ["3605.0s A-1 mill-1/overtemp triggered critical hihi"]
    );
}

#[test]
fn it_ends_an_alert_and_confirms_one_without_an_occurrence_more() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 90.0)).until(31.0);
    story.told();
    // Worse than what is open: that it is worse would be news, and old news are none.
    story.at(40.0, state(0, 97.0)).until(50.0);
    // The condition was gone for a while, and is not: no occurrence.
    story.at(60.0, good(0, 20.0)).at(70.0, state(0, 90.0));
    story.until(3600.0);
    assert_eq!(story.told(), NOTHING);
    let open = story.engine.open_alerts(now(3600.0));
    assert_eq!(
        (open[0].occurrences, open[0].level.as_deref()),
        (1, Some("hi"))
    );
    story.at(3600.0, state(0, 20.0)).until(3631.0);
    assert_eq!(
        story.told(),
        ["3630.0s A-1 mill-1/overtemp resolved warning hi"]
    );
    // Nor does it open again what is over.
    story.at(3640.0, state(0, 97.0)).until(3700.0);
    assert_eq!(story.told(), NOTHING);
}

#[test]
fn a_delay_that_runs_goes_on_with_it_or_ends() {
    for (value, expected) in [
        (90.0, vec!["30.0s A-1 mill-1/overtemp triggered warning hi"]),
        (20.0, vec![]),
    ] {
        let mut story = Story::of(plant());
        story.at(0.0, good(0, 90.0)).at(10.0, state(0, value));
        story.until(100.0);
        assert_eq!(story.told(), expected);
    }
}

#[test]
fn after_a_restart_what_remained_of_a_delay_runs_on() {
    let mut story = Story::of(plant());
    story
        .at(0.0, good(0, 90.0))
        .at(10.0, bad(0, Bad::Unreachable));
    story.at(20.0, state(0, 90.0)).until(100.0);
    assert_eq!(
        story.told(),
        ["40.0s A-1 mill-1/overtemp triggered warning hi"]
    );
    assert_eq!(shown(&story, 100.0), (Some(90.0), true, false));
}

#[test]
fn its_own_time_advances_nothing() {
    let mut story = Story::of(plant());
    let stamped = |second: i64, retained| {
        Input::Sample(Sample {
            stamp: Some(Wall::from_millis(START + second * 1000)),
            retained,
            ..Sample::new(TagId(0), Reading::Good(Value::Number(90.0)))
        })
    };
    story.at(0.0, stamped(0, Retained::No));
    story.at(1.0, stamped(3600, Retained::State));
    story.at(2.0, stamped(2, Retained::No)).until(29.0);
    assert_eq!(story.told(), NOTHING);
}
