//! What a restart or a reload keeps, counts and ends.

use super::*;
use crate::alert::{
    changes::Changes,
    event::DedupKey,
    state::{Mark, SavedWatch},
};

/// Keeps what the store would keep.
#[derive(Default)]
pub(super) struct Disk(pub(super) Durable);

impl Disk {
    pub(super) fn commit(&mut self, engine: &mut Engine) {
        let mark = engine.mark(&boot());
        let Changes {
            watches,
            removed,
            core,
            machines,
            forgotten,
        } = engine.take_changes(&boot());
        let old = &mut self.0.machines;
        old.retain(|old| !forgotten.iter().any(|id| **id == *old.id));
        for saved in machines {
            old.retain(|old| old.id != saved.id);
            old.push(saved);
        }
        for (_, _, saved) in watches {
            self.0
                .watches
                .retain(|old| (&old.rule, &old.subject) != (&saved.rule, &saved.subject));
            self.0.watches.push(saved);
        }
        let is_removed = |saved: &SavedWatch| {
            removed.contains(&DedupKey::new("plant-7", &saved.rule, &saved.subject))
        };
        self.0.watches.retain(|saved| !is_removed(saved));
        self.0.core = core.or(self.0.core.take());
        self.0.mark = mark;
    }
}

/// Stops a story at a second, as a power cut would, and starts it again.
fn restart(story: &mut Story, stop: f64, start: Now, boot: &BootId, plant: Plant) -> Vec<String> {
    let mut disk = Disk::default();
    story.until(stop);
    story.engine.step(now(stop), Input::Tick);
    disk.commit(&mut story.engine);
    let (engine, events) = Engine::restore(Arc::new(plant), &disk.0, start, boot, [9; 16]);
    story.engine = engine;
    events.iter().map(line).collect()
}

fn escalating() -> Plant {
    Plant {
        policies: vec![policy()],
        ..plant()
    }
}

#[test]
fn known_downtime_counts_for_escalation() {
    let mut story = Story::of(escalating());
    story.at(0.0, good(0, 97.0)).until(100.0);
    story.told();
    assert_eq!(
        restart(&mut story, 100.0, now(800.0), &boot(), escalating()),
        [] as [&str; 0]
    );
    story.until(1000.0);
    assert_eq!(
        story.told(),
        ["905.0s A-1 mill-1/overtemp escalated critical hihi step 1 to sms"]
    );
}

#[test]
fn a_step_that_fell_due_while_the_agent_was_away_runs_at_once_with_its_due_time() {
    let mut story = Story::of(escalating());
    story.at(0.0, good(0, 97.0)).until(100.0);
    story.told();
    restart(&mut story, 100.0, now(1000.0), &boot(), escalating());
    let decided = story.engine.step(now(1000.0), Input::Tick);
    assert_eq!(
        decided.events.iter().map(line).collect::<Vec<_>>(),
        ["905.0s A-1 mill-1/overtemp escalated critical hihi step 1 to sms"]
    );
}

#[test]
fn unknown_downtime_goes_on_with_what_remained_says_so_and_is_due_at_once_after_two() {
    let reboot = |number: u32| BootId(format!("boot-{}", 10 + number));
    let unsynchronised = |seconds| Now {
        synchronised: false,
        ..now(seconds)
    };
    let mut story = Story::of(escalating());
    story.at(0.0, good(0, 97.0)).until(100.0);
    story.told();
    let mut once = Story {
        engine: story.engine.clone(),
        events: Vec::new(),
    };
    restart(
        &mut once,
        100.0,
        unsynchronised(5000.0),
        &reboot(1),
        escalating(),
    );
    once.until(5804.0);
    assert_eq!(once.told(), [] as [&str; 0]);
    once.until(5806.0);
    assert_eq!(
        once.told(),
        ["5805.0s A-1 mill-1/overtemp escalated critical hihi step 1 to sms guessed"]
    );

    restart(
        &mut story,
        100.0,
        unsynchronised(5000.0),
        &reboot(1),
        escalating(),
    );
    let mut disk = Disk::default();
    disk.commit(&mut story.engine);
    let (mut engine, _) = Engine::restore(
        Arc::new(escalating()),
        &disk.0,
        unsynchronised(9000.0),
        &reboot(2),
        [9; 16],
    );
    let decided = engine.step(unsynchronised(9000.0), Input::Tick);
    assert_eq!(decided.events.len(), 1);
}

#[test]
fn downtime_never_counts_for_on_and_off_delays() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 90.0));
    restart(&mut story, 10.0, now(500.0), &boot(), plant());
    story.until(519.0);
    assert_eq!(story.told(), [] as [&str; 0]);
    story.until(521.0);
    assert_eq!(
        story.told(),
        ["520.0s A-1 mill-1/overtemp triggered warning hi"]
    );
}

#[test]
fn a_restored_delay_runs_on_until_a_sample_disagrees() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 90.0));
    restart(&mut story, 10.0, now(500.0), &boot(), plant());
    story.at(505.0, good(0, 20.0)).until(600.0);
    assert_eq!(story.told(), [] as [&str; 0]);
}

#[test]
fn reopening_counts_known_downtime() {
    for (away, expected) in [(300.0, "reopened"), (3000.0, "triggered")] {
        let mut story = Story::of(plant());
        story
            .at(0.0, good(0, 97.0))
            .at(10.0, good(0, 20.0))
            .until(50.0);
        story.told();
        restart(&mut story, 50.0, now(50.0 + away), &boot(), plant());
        story.at(51.0 + away, good(0, 97.0)).until(60.0 + away);
        let told = story.told();
        assert!(told[0].contains(expected), "{told:?}");
    }
}

#[test]
fn a_shelf_survives_and_ends_when_its_time_is_over_downtime_included() {
    let mut story = Story::of(plant());
    let shelve = command(Action::Shelve {
        target: Target::Site,
        duration: secs(600),
        reason: "x".into(),
    });
    story.at(0.0, good(0, 97.0)).at(10.0, shelve);
    story.told();
    restart(&mut story, 20.0, now(300.0), &boot(), plant());
    story.until(700.0);
    assert_eq!(
        story.told(),
        ["610.0s A-1 mill-1/overtemp unshelved critical hihi"]
    );
}

#[test]
fn an_alert_whose_rule_is_gone_ends_and_is_not_said_to_be_normal() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 97.0)).until(50.0);
    story.told();
    let mut without = plant();
    without.watches.remove(0);
    story.at(60.0, Input::Plant(Arc::new(without)));
    assert_eq!(
        story.events[0].why.as_deref(),
        Some("rule removed, not measured as normal")
    );
    assert_eq!(
        story.told(),
        ["60.0s A-1 mill-1/overtemp closed critical hihi"]
    );
    assert!(story.engine.open_alerts(now(60.0)).is_empty());
}

#[test]
fn the_row_of_a_watch_without_a_rule_leaves_once_its_alert_is_long_over() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 97.0)).until(50.0);
    let mut without = plant();
    without.watches.remove(0);
    story.at(60.0, Input::Plant(Arc::new(without.clone())));
    let mut disk = Disk::default();
    disk.commit(&mut story.engine);
    // Within the time in which it would be opened again, and after it.
    for (start, stays) in [(100.0, true), (5000.0, false)] {
        let plant = Arc::new(without.clone());
        let (mut engine, _) = Engine::restore(plant, &disk.0, now(start), &boot(), [9; 16]);
        disk.commit(&mut engine);
        let is_it = |saved: &SavedWatch| (&*saved.rule, &*saved.subject) == ("overtemp", "mill-1");
        assert_eq!(disk.0.watches.iter().any(is_it), stays, "{start}");
    }
}

#[test]
fn changed_limits_are_judged_at_the_next_good_sample_and_the_alert_stays_until_then() {
    let mut story = Story::of(escalating());
    story.at(0.0, good(0, 97.0)).until(50.0);
    story.told();
    let mut wider = escalating();
    let mut rule = overtemp();
    rule.levels[0].condition = Condition::Above(185.0);
    rule.levels[1].condition = Condition::Above(195.0);
    wider.watches[0] = watch(rule, 0, 0);
    story.at(60.0, Input::Plant(Arc::new(wider))).until(100.0);
    assert_eq!(story.told(), [] as [&str; 0]);
    assert_eq!(story.engine.open_alerts(now(100.0)).len(), 1);
    story.at(100.0, good(0, 97.0)).until(200.0);
    assert_eq!(
        story.told(),
        ["130.0s A-1 mill-1/overtemp resolved critical hihi"]
    );
}

#[test]
fn a_level_that_is_gone_keeps_the_alert_until_the_next_good_sample() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 97.0)).until(50.0);
    story.told();
    let mut other = plant();
    let mut rule = overtemp();
    rule.levels.truncate(1);
    rule.levels[0].name = "other".into();
    other.watches[0] = watch(rule, 0, 0);
    story.at(60.0, Input::Plant(Arc::new(other))).until(70.0);
    assert_eq!(story.told(), [] as [&str; 0]);
    story.at(70.0, good(0, 20.0));
    assert_eq!(
        story.told(),
        ["70.0s A-1 mill-1/overtemp resolved critical hihi"]
    );
}

#[test]
fn a_rule_that_returns_after_a_reload_describes_its_watch_again() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 97.0)).until(10.0);
    let mut without = plant();
    without.watches.remove(0);
    story.at(20.0, Input::Plant(Arc::new(without)));
    story.at(30.0, Input::Plant(Arc::new(plant())));
    story.events.clear();
    story.at(40.0, good(0, 97.0)).until(50.0);
    let alert = &story.events[0].alert;
    assert_eq!(alert.class.as_deref(), Some("mill"));
    assert_eq!(&*alert.message, "spindle {value}, limit {limit}");
    assert!(alert.measured.is_some());
}

#[test]
fn an_open_blind_alert_survives_a_restart_and_ends_when_something_is_seen() {
    let mut story = Story::of(plant());
    for tag in 0..4 {
        story.at(10.0, bad(tag, Bad::Unreachable));
    }
    story.until(200.0);
    assert_eq!(story.told().len(), 1);
    restart(&mut story, 200.0, now(300.0), &boot(), plant());
    story.until(400.0);
    assert_eq!(story.told(), [] as [&str; 0]);
    story.at(400.0, good(0, 20.0)).until(410.0);
    assert_eq!(
        story.told(),
        ["401.0s A-1 andon/andon.blind resolved critical"]
    );
}

#[test]
fn numbers_and_ids_go_on_after_a_restart() {
    let mut story = Story::of(plant());
    story.at(0.0, good(0, 97.0)).until(10.0);
    let first = story.events[0].id;
    restart(&mut story, 10.0, now(20.0), &boot(), plant());
    story.events.clear();
    story.at(30.0, good(2, 97.0)).until(40.0);
    assert_eq!(story.events[0].alert.number, 2);
    assert_ne!(story.events[0].id, first);
}

#[test]
fn a_mark_of_another_boot_and_an_untrusted_clock_say_nothing_about_downtime() {
    let mark = Mark {
        boot: "other".into(),
        mono: 0,
        wall: START,
        synchronised: false,
    };
    let durable = Durable {
        mark,
        ..Durable::default()
    };
    let (engine, events) = Engine::restore(Arc::new(plant()), &durable, now(5.0), &boot(), [1; 16]);
    assert!(events.is_empty());
    assert!(!engine.time_matters());
}
