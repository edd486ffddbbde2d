//! What DESIGN calls how watches and alerts behave, sentence by sentence.

use super::*;
use crate::alert::event::State;

#[test]
fn a_value_that_is_published_once_and_then_stays_silent_still_raises() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 90.0)).until(60.0);
    assert_eq!(
        story.told(),
        ["30.0s A-1 mill-1/overtemp triggered warning hi"]
    );
}

#[test]
fn the_worst_level_sets_the_severity_and_the_alert_resolves_when_the_mildest_falls() {
    let mut story = Story::of(plant());
    story
        .at(0.0, good(0, 97.0))
        .at(10.0, good(0, 90.0))
        .at(50.0, good(0, 80.0))
        .until(100.0);
    assert_eq!(
        story.told(),
        [
            "5.0s A-1 mill-1/overtemp triggered critical hihi",
            "40.0s A-1 mill-1/overtemp updated warning hi",
            "80.0s A-1 mill-1/overtemp resolved warning hi",
        ]
    );
}

#[test]
fn levels_that_fall_together_are_one_resolved_and_no_updated() {
    let mut story = Story::of(plant());
    story
        .at(0.0, good(0, 97.0))
        .at(10.0, good(0, 20.0))
        .until(100.0);
    let told = story.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1], "40.0s A-1 mill-1/overtemp resolved critical hihi");
}

#[test]
fn a_condition_that_comes_back_soon_reopens_and_later_is_a_new_alert() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 97.0)).at(10.0, good(0, 20.0));
    story
        .at(100.0, good(0, 97.0))
        .at(110.0, good(0, 20.0))
        .at(2000.0, good(0, 97.0))
        .until(2010.0);
    assert_eq!(
        story.told(),
        [
            "5.0s A-1 mill-1/overtemp triggered critical hihi",
            "40.0s A-1 mill-1/overtemp resolved critical hihi",
            "105.0s A-1 mill-1/overtemp reopened critical hihi x2",
            "140.0s A-1 mill-1/overtemp resolved critical hihi x2",
            "2005.0s A-2 mill-1/overtemp triggered critical hihi",
        ]
    );
}

#[test]
fn a_condition_that_comes_back_while_the_alert_is_open_is_one_more_occurrence_and_no_event() {
    let mut story = Story::of(plant());
    story
        .at(0.0, good(0, 97.0))
        .at(10.0, good(0, 20.0))
        .at(20.0, good(0, 99.0))
        .until(60.0);
    assert_eq!(story.told().len(), 1);
    let alerts = story.engine.open_alerts(now(60.0));
    assert_eq!(alerts[0].occurrences, 2);
    assert_eq!(
        alerts[0]
            .measured
            .as_ref()
            .and_then(|measured| measured.peak),
        Some(99.0)
    );
}

#[test]
fn bad_quality_neither_raises_nor_clears_and_the_delays_go_on_with_what_remained() {
    let mut story = Story::of(plant());
    story
        .at(0.0, good(0, 90.0))
        .at(20.0, bad(0, Bad::NoAnswer))
        .at(100.0, good(0, 90.0))
        .until(111.0);
    assert_eq!(
        story.told(),
        ["110.0s A-1 mill-1/overtemp triggered warning hi"]
    );
    story
        .at(120.0, good(0, 20.0))
        .at(130.0, bad(0, Bad::NoAnswer))
        .until(200.0);
    assert_eq!(story.told(), [] as [&str; 0]);
    story.at(200.0, good(0, 90.0)).until(210.0);
    assert_eq!(story.told(), [] as [&str; 0]);
    assert_eq!(story.engine.not_watched()[0], [] as [Arc<str>; 0]);
}

#[test]
fn escalation_runs_until_somebody_acknowledges() {
    let mut story = Story::of(Plant {
        policies: vec![policy()],
        ..plant()
    });
    story.at(0.0, good(0, 97.0)).until(6000.0);
    assert_eq!(
        story.told(),
        [
            "5.0s A-1 mill-1/overtemp triggered critical hihi",
            "905.0s A-1 mill-1/overtemp escalated critical hihi step 1 to sms",
            "1805.0s A-1 mill-1/overtemp escalated critical hihi step 2 to boss",
            "5405.0s A-1 mill-1/overtemp escalated critical hihi step 2 to boss",
        ]
    );
    story.at(6000.0, ack(1)).until(30_000.0);
    assert_eq!(
        story.told(),
        ["6000.0s A-1 mill-1/overtemp acknowledged critical hihi"]
    );
}

#[test]
fn an_acknowledgement_before_the_step_was_due_wins() {
    let mut story = Story::of(Plant {
        policies: vec![policy()],
        ..plant()
    });
    story.at(0.0, good(0, 97.0)).until(800.0);
    story.told();
    // The loop was held up: the acknowledgement arrived at 904 s and is stepped before anything later.
    let decided = story.engine.step(now(904.0), ack(1));
    assert_eq!(decided.events.len(), 1);
    story.until(2000.0);
    assert_eq!(story.told(), [] as [&str; 0]);
}

#[test]
fn what_fell_due_before_an_input_runs_first_and_is_stamped_with_its_due_time() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 97.0));
    let decided = story.engine.step(now(60.0), good(0, 20.0));
    assert_eq!(
        decided.events.iter().map(line).collect::<Vec<_>>(),
        ["5.0s A-1 mill-1/overtemp triggered critical hihi"]
    );
}

#[test]
fn a_severity_above_the_acknowledged_voids_the_acknowledgement_and_starts_the_policy() {
    let mut story = Story::of(Plant {
        policies: vec![policy()],
        ..plant()
    });
    story
        .at(0.0, good(0, 90.0))
        .at(40.0, ack(1))
        .at(50.0, good(0, 97.0))
        .until(1000.0);
    assert_eq!(
        story.told(),
        [
            "30.0s A-1 mill-1/overtemp triggered warning hi",
            "40.0s A-1 mill-1/overtemp acknowledged warning hi",
            "55.0s A-1 mill-1/overtemp updated critical hihi",
            "955.0s A-1 mill-1/overtemp escalated critical hihi step 1 to sms",
        ]
    );
    assert_eq!(
        story.engine.open_alerts(now(1000.0))[0].state,
        State::Active
    );
}

#[test]
fn reopening_resumes_the_escalation_of_an_unacknowledged_alert_and_restarts_that_of_an_acknowledged_one()
 {
    let mut story = Story::of(Plant {
        policies: vec![policy()],
        ..plant()
    });
    story
        .at(0.0, good(0, 97.0))
        .at(100.0, good(0, 20.0))
        .at(200.0, good(0, 97.0))
        .until(1000.0);
    let told = story.told();
    // 125 s had run before the alert resolved at 130 s; it reopened at 205 s.
    assert_eq!(
        told[3], "980.0s A-1 mill-1/overtemp escalated critical hihi step 1 to sms x2",
        "{told:?}"
    );
    story
        .at(1000.0, ack(1))
        .at(1001.0, good(0, 20.0))
        .at(1100.0, good(0, 97.0))
        .until(2100.0);
    let told = story.told();
    assert_eq!(
        told[2],
        "1105.0s A-1 mill-1/overtemp reopened critical hihi x3"
    );
    assert_eq!(
        told[3],
        "2005.0s A-1 mill-1/overtemp escalated critical hihi step 1 to sms x3"
    );
}

#[test]
fn commands_that_cannot_be_are_refused_with_the_reason() {
    let mut story = Story::of(plant());
    assert_eq!(
        story.try_at(0.0, ack(1)),
        Some(Refusal::UnknownAlert("A-1".into()))
    );
    story.at(0.0, good(0, 97.0)).at(10.0, ack(1));
    assert_eq!(
        story.try_at(11.0, ack(1)),
        Some(Refusal::AlreadyAcknowledged {
            number: 1,
            by: "eva".into()
        })
    );
    story.at(20.0, good(0, 20.0)).until(60.0);
    assert_eq!(
        story.try_at(61.0, ack(1)),
        Some(Refusal::Over("A-1".into()))
    );
    let close = command(Action::Close {
        alert: AlertRef::Number(1),
        why: " ".into(),
    });
    assert_eq!(story.try_at(62.0, close), Some(Refusal::NoReason));
    let shelve = |seconds, target| {
        command(Action::Shelve {
            target,
            duration: secs(seconds),
            reason: "repair".into(),
        })
    };
    assert!(matches!(
        story.try_at(63.0, shelve(1, Target::Site)),
        Some(Refusal::BadDuration { .. })
    ));
    let unknown = Target::Machine("mill-9".into());
    assert_eq!(
        story.try_at(64.0, shelve(600, unknown)),
        Some(Refusal::UnknownTarget("mill-9".into()))
    );
    let unshelve = command(Action::Unshelve {
        target: Target::Site,
    });
    assert_eq!(
        story.try_at(65.0, unshelve),
        Some(Refusal::NotShelved("the site".into()))
    );
}

#[test]
fn one_that_knows_only_the_dedup_key_cannot_acknowledge_what_it_has_not_seen() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 97.0)).until(10.0);
    let dedup_key = story.engine.open_alerts(now(10.0))[0].dedup_key;
    let by_key = |seconds| AlertRef::Key {
        dedup_key,
        seen: now(seconds).wall,
    };
    let ack = |alert| command(Action::Acknowledge { alert, note: None });
    assert_eq!(
        story.try_at(20.0, ack(by_key(4.0))),
        Some(Refusal::Newer(1))
    );
    story.at(21.0, ack(by_key(5.0)));
}

#[test]
fn a_shelved_alert_keeps_evaluating_and_its_policy_starts_again_when_the_shelf_ends() {
    let mut story = Story::of(Plant {
        policies: vec![policy()],
        ..plant()
    });
    let shelve = |target| {
        command(Action::Shelve {
            target,
            duration: secs(3600),
            reason: "repair".into(),
        })
    };
    story
        .at(0.0, good(0, 97.0))
        .at(10.0, shelve(Target::Machine("mill-1".into())))
        .at(20.0, good(2, 97.0));
    story.until(5000.0);
    assert_eq!(
        story.told(),
        [
            "5.0s A-1 mill-1/overtemp triggered critical hihi",
            "10.0s A-1 mill-1/overtemp shelved critical hihi shelved",
            "25.0s A-2 mill-2/overtemp triggered critical hihi",
            "925.0s A-2 mill-2/overtemp escalated critical hihi step 1 to sms",
            "1825.0s A-2 mill-2/overtemp escalated critical hihi step 2 to boss",
            "3610.0s A-1 mill-1/overtemp unshelved critical hihi",
            "4510.0s A-1 mill-1/overtemp escalated critical hihi step 1 to sms",
        ]
    );
}

#[test]
fn what_triggers_while_it_is_shelved_says_so() {
    let mut story = Story::of(plant());
    let shelve = command(Action::Shelve {
        target: Target::Site,
        duration: secs(100),
        reason: "test run".into(),
    });
    story.at(0.0, shelve).at(1.0, good(0, 97.0)).until(200.0);
    assert_eq!(
        story.told(),
        [
            "6.0s A-1 mill-1/overtemp triggered critical hihi shelved",
            "100.0s A-1 mill-1/overtemp unshelved critical hihi",
        ]
    );
}

#[test]
fn a_closed_alert_stays_closed_until_its_condition_was_gone_or_gets_worse() {
    let mut story = Story::of(plant());
    let close = || {
        command(Action::Close {
            alert: AlertRef::Number(1),
            why: "sensor replaced".into(),
        })
    };
    story
        .at(0.0, good(0, 90.0))
        .at(40.0, close())
        .at(50.0, good(0, 91.0))
        .until(60.0);
    assert_eq!(
        story.told(),
        [
            "30.0s A-1 mill-1/overtemp triggered warning hi",
            "40.0s A-1 mill-1/overtemp closed warning hi"
        ]
    );
    story.at(60.0, good(0, 97.0)).until(70.0);
    assert_eq!(
        story.told(),
        ["65.0s A-1 mill-1/overtemp reopened critical hihi x2"]
    );
}

#[test]
fn a_latched_alert_resolves_only_after_it_was_acknowledged() {
    let mut plant = plant();
    plant.watches[0] = watch(
        Rule {
            latched: true,
            ..overtemp()
        },
        0,
        0,
    );
    let mut story = Story::of(plant);
    story
        .at(0.0, good(0, 97.0))
        .at(10.0, good(0, 20.0))
        .at(500.0, good(0, 20.0))
        .at(600.0, ack(1));
    assert_eq!(
        story.told(),
        [
            "5.0s A-1 mill-1/overtemp triggered critical hihi",
            "600.0s A-1 mill-1/overtemp acknowledged critical hihi",
            "600.0s A-1 mill-1/overtemp resolved critical hihi",
        ]
    );
}

#[test]
fn a_wholly_blind_source_is_one_alert_and_its_return_resolves_it() {
    let mut story = Story::of(plant());
    for tag in 0..4 {
        story.at(1.0, good(tag, 20.0));
    }
    for tag in 0..4 {
        story.at(10.0, bad(tag, Bad::Unreachable));
    }
    story.until(500.0);
    assert_eq!(
        story.told(),
        ["130.0s A-1 andon/andon.blind triggered critical"]
    );
    let alert = &story.engine.open_alerts(now(500.0))[0];
    assert_eq!(
        &*alert.message,
        "no connection from 10.0.0.1; not watched: mill-1/overtemp, mill-2/overtemp"
    );
    assert_eq!(&*alert.machine_name, "source hall");
    // Reached again, and nothing comes: another cause, the same alert.
    for tag in 0..4 {
        story.at(500.0, bad(tag, Bad::NeverHeard));
    }
    story.until(550.0);
    let alert = &story.engine.open_alerts(now(550.0))[0];
    assert_eq!(
        (&*alert.message, &*alert.action),
        (
            "nothing heard yet from 10.0.0.1; not watched: mill-1/overtemp, mill-2/overtemp",
            "Check that whatever sends it is running."
        )
    );
    assert_eq!(story.told(), [] as [&str; 0]);
    story.at(600.0, good(0, 20.0)).until(601.5);
    assert_eq!(
        story.told(),
        ["601.0s A-1 andon/andon.blind resolved critical"]
    );
    // The other tags return within the two minutes that each has.
    for tag in 1..4 {
        story.at(650.0, good(tag, 20.0));
    }
    story.until(2000.0);
    assert_eq!(story.told(), [] as [&str; 0]);
}

#[test]
fn a_blind_unit_or_tag_is_an_alert_of_its_own_and_an_unwatched_tag_is_none() {
    let mut story = Story::of(plant());
    for tag in 0..4 {
        story.at(1.0, good(tag, 20.0));
    }
    story.at(10.0, bad(1, Bad::SensorFault)).until(300.0);
    assert_eq!(story.told(), [] as [&str; 0]);
    story.at(300.0, bad(2, Bad::SensorFault)).until(600.0);
    assert_eq!(
        story.told(),
        ["420.0s A-1 mill-2/andon.blind triggered critical"]
    );
    story.at(600.0, bad(3, Bad::NoAnswer)).until(800.0);
    // The unit is wholly blind now, so the tag's alert is taken over.
    assert_eq!(
        story.told(),
        [
            "601.0s A-2 andon/andon.blind triggered critical",
            "601.0s A-1 mill-2/andon.blind closed critical"
        ]
    );
}

#[test]
fn silence_of_a_machine_that_may_be_off_is_no_alert_but_its_broken_sensor_is() {
    let mut plant = plant();
    plant.machines[0].may_be_off = true;
    let mut story = Story::of(plant);
    for tag in 0..4 {
        story.at(1.0, good(tag, 20.0));
    }
    story
        .at(10.0, bad(0, Bad::NoAnswer))
        .at(10.0, bad(1, Bad::NoAnswer))
        .until(1000.0);
    assert_eq!(story.told(), [] as [&str; 0]);
    assert_eq!(story.engine.not_watched()[0], ["overtemp".into()]);
    story.at(1000.0, bad(0, Bad::SensorFault)).until(2000.0);
    assert_eq!(
        story.told().len(),
        0,
        "the door is silent, so only a part of the machine is known to be broken"
    );
    story
        .at(2000.0, good(1, 0.0))
        .at(2000.0, good(0, 20.0))
        .at(2001.0, bad(0, Bad::SensorFault))
        .until(2200.0);
    assert_eq!(
        story.told(),
        ["2121.0s A-1 mill-1/andon.blind triggered critical"]
    );
}

#[test]
fn never_heard_counts_from_the_start_and_stale_from_the_last_sample() {
    let mut plant = plant();
    for tag in &mut plant.tags {
        Arc::make_mut(&mut tag.kind).stale_after = secs(30);
    }
    let mut story = Story::of(plant);
    for second in 1..100 {
        story
            .at(f64::from(second), good(2, 20.0))
            .at(f64::from(second), good(3, 0.0));
    }
    story.until(200.0);
    let told = story.told();
    assert_eq!(
        told[0], "150.0s A-1 andon/andon.blind triggered critical",
        "{told:?}"
    );
    assert_eq!(
        story
            .engine
            .tag(TagId(0), now(150.0))
            .and_then(|tag| tag.bad)
            .map(|(why, _)| why),
        Some(Bad::NeverHeard)
    );
    assert_eq!(
        story
            .engine
            .tag(TagId(2), now(150.0))
            .and_then(|tag| tag.bad)
            .map(|(why, _)| why),
        Some(Bad::Stale)
    );
}

#[test]
fn stamps_of_the_payload_advance_delays_by_what_passed_at_the_source() {
    let stamped = |value, second: i64| {
        let stamp = Some(Wall::from_millis(START + second * 1000));
        Input::Sample(Sample {
            stamp,
            ..Sample::new(TagId(0), Reading::Good(Value::Number(value)))
        })
    };
    let mut story = Story::of(plant());
    story
        .at(0.0, stamped(90.0, 0))
        .at(0.1, stamped(90.0, 20))
        .at(0.2, stamped(90.0, 29))
        .until(0.3);
    assert_eq!(story.told(), [] as [&str; 0]);
    story.at(0.4, stamped(90.0, 31));
    assert_eq!(
        story.told(),
        ["0.4s A-1 mill-1/overtemp triggered warning hi"]
    );
    // A stamp that is not newer takes no time, and its value still counts.
    story.at(0.5, stamped(97.0, 5)).until(6.0);
    assert_eq!(
        story.told(),
        ["5.5s A-1 mill-1/overtemp updated critical hihi"]
    );
    assert_eq!(
        story.engine.tag(TagId(0), now(6.0)).map(|tag| tag.late),
        Some(1)
    );
}

#[test]
fn a_wall_clock_that_jumps_fires_nothing_and_hides_nothing() {
    let mut story = Story::of(Plant {
        policies: vec![policy()],
        ..plant()
    });
    story.at(0.0, good(0, 97.0)).until(6.0);
    assert_eq!(story.told().len(), 1);
    let far = Wall::from_millis(START + 10 * 365 * 86_400_000);
    let decided = story.engine.step(
        Now {
            wall: far,
            ..now(7.0)
        },
        Input::Tick,
    );
    assert!(decided.events.is_empty());
    let back = Wall::from_millis(0);
    let decided = story.engine.step(
        Now {
            wall: back,
            ..now(904.0)
        },
        Input::Tick,
    );
    assert!(decided.events.is_empty());
    assert_eq!(
        story
            .engine
            .step(
                Now {
                    wall: back,
                    ..now(905.0)
                },
                Input::Tick
            )
            .events
            .len(),
        1
    );
}

#[test]
fn an_input_from_before_the_last_one_counts_as_the_last() {
    let mut story = Story::of(plant());
    story.at(100.0, good(0, 20.0));
    let decided = story.engine.step(now(50.0), good(0, 97.0));
    assert!(decided.events.is_empty());
    story.until(106.0);
    assert_eq!(
        story.told(),
        ["105.0s A-1 mill-1/overtemp triggered critical hihi"]
    );
}

#[test]
fn a_signal_opens_changes_and_ends_an_alert_about_the_agent() {
    use crate::alert::signal::Signal;
    let disk = |severity| {
        Signal::raised(
            "andon.disk",
            "andon",
            severity,
            "disk is full".into(),
            "Make room.",
        )
    };
    let mut story = Story::of(plant());
    let signal = |signal| Input::Signal(Box::new(signal));
    story
        .at(1.0, signal(disk(Severity::Warning)))
        .at(2.0, signal(disk(Severity::Warning)));
    story.at(3.0, signal(disk(Severity::Critical)));
    story.at(
        4.0,
        signal(Signal {
            remind: true,
            ..disk(Severity::Critical)
        }),
    );
    story
        .at(5.0, signal(Signal::gone("andon.disk", "andon")))
        .at(6.0, signal(Signal::gone("andon.disk", "andon")));
    assert_eq!(
        story.told(),
        [
            "1.0s A-1 andon/andon.disk triggered warning",
            "3.0s A-1 andon/andon.disk updated critical",
            "4.0s A-1 andon/andon.disk updated critical",
            "5.0s A-1 andon/andon.disk resolved critical",
        ]
    );
}

#[test]
fn booleans_are_compared_as_zero_and_one() {
    let mut plant = plant();
    let open_door = Rule {
        id: "door-open".into(),
        levels: vec![Level {
            name: "open".into(),
            condition: Condition::Equals(1.0),
            on_delay: secs(0),
            severity: Severity::Info,
        }],
        deadband: 0.0,
        off_delay: secs(0),
        ..overtemp()
    };
    plant.watches.push(watch(open_door, 0, 1));
    let mut story = Story::of(plant);
    let door = |open| Input::Sample(Sample::new(TagId(1), Reading::Good(Value::Bool(open))));
    story
        .at(1.0, door(false))
        .at(2.0, door(true))
        .at(3.0, door(false));
    assert_eq!(
        story.told(),
        [
            "2.0s A-1 mill-1/door-open triggered info open",
            "3.0s A-1 mill-1/door-open resolved info open"
        ]
    );
}

#[test]
fn of_a_state_that_is_wrong_there_is_no_worst_value() {
    let mut plant = plant();
    let mut fault = overtemp();
    fault.levels.truncate(1);
    fault.levels[0].condition = Condition::Equals(4.0);
    fault.levels[0].on_delay = secs(0);
    plant.watches[0] = watch(fault, 0, 0);
    let mut story = Story::of(plant);
    story.at(1.0, good(0, 4.0));
    let measured = story.events[0].alert.measured.clone().unwrap();
    assert_eq!((measured.peak, measured.limit), (None, Some(4.0)));
}

#[test]
fn what_signals_are_raised_about_is_known_after_a_restart_until_they_are_gone() {
    use crate::alert::signal::Signal;
    let about = |name: &str| {
        Signal::raised(
            "andon.source",
            name,
            Severity::Error,
            "failed".into(),
            "Look.",
        )
    };
    let mut engine = Engine::restore(
        Arc::new(plant()),
        &Durable::default(),
        now(0.0),
        &boot(),
        [7; 16],
    )
    .0;
    let signal = |signal| Input::Signal(Box::new(signal));
    engine.step(now(1.0), signal(about("hall-1")));
    engine.step(now(1.0), signal(about("hall-2")));
    engine.step(now(2.0), signal(Signal::gone("andon.source", "hall-1")));
    let saved = engine.snapshot(&boot()).durable;
    let (engine, _) = Engine::restore(Arc::new(plant()), &saved, now(3.0), &boot(), [7; 16]);
    let names: Vec<String> = engine
        .raised_subjects("andon.source")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["hall-2"]);
    assert!(engine.raised_subjects("andon.disk").is_empty());
}

#[test]
fn the_last_good_value_of_a_bad_tag_is_kept_with_its_age_and_the_reason_with_its_own() {
    let mut story = Story::of(Plant {
        tags: plant()
            .tags
            .into_iter()
            .map(|mut tag| {
                Arc::make_mut(&mut tag.kind).stale_after = secs(60);
                tag
            })
            .collect(),
        ..plant()
    });
    let seen = |story: &Story, tag: u32, at: f64| {
        let view = story.engine.tag(TagId(tag), now(at)).expect("a tag");
        let bad = view
            .bad
            .map(|(why, since)| (why, since.as_millis() - START));
        (view.value.map(Value::as_number), view.good, bad)
    };
    story.at(10.0, good(0, 71.2)).at(10.0, good(1, 1.0));
    assert_eq!(seen(&story, 0, 15.0), (Some(71.2), Some(secs(5)), None));
    assert_eq!(seen(&story, 2, 15.0), (None, None, None));
    story.at(20.0, bad(0, Bad::NoAnswer));
    // Told again, and for another reason: neither the value nor its age is another one.
    story
        .at(30.0, bad(0, Bad::NoAnswer))
        .at(40.0, bad(0, Bad::Unreachable));
    story.at(40.0, bad(2, Bad::Exception(2)));
    assert_eq!(
        seen(&story, 0, 50.0),
        (Some(71.2), Some(secs(40)), Some((Bad::Unreachable, 20_000)))
    );
    assert_eq!(
        seen(&story, 2, 50.0),
        (None, None, Some((Bad::Exception(2), 40_000)))
    );
    // Silence is bad from when it began, not from when it was noticed.
    story.until(100.0);
    assert_eq!(
        seen(&story, 1, 100.0),
        (Some(1.0), Some(secs(90)), Some((Bad::Stale, 10_000)))
    );
    story.at(110.0, good(0, 20.0));
    assert_eq!(seen(&story, 0, 112.0), (Some(20.0), Some(secs(2)), None));
}
