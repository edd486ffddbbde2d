//! What can happen in a history, and the plant in which it happens.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use andon::{
    alert::plant::{
        Condition, Level, Machine, MachineIx, Plant, Policy, Rule, Severity, Source, SourceIx,
        Step, Tag, Times, Unit, UnitIx, Watch, When,
    },
    delivery::{
        route::{Route, Routes},
        schedule::{DestinationPlan, Retry},
    },
    destination::{Late, Rate},
    sample::TagId,
};
use proptest::prelude::*;

pub(super) const DESTINATIONS: [&str; 3] = ["ops", "pager", "boss"];

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Good(u8, f64),
    Bad(u8),
    Ack(u8),
    Close(u8),
    Shelve(u8, u64),
    Unshelve(u8),
    Signal(bool),
    Plant(u8),
    Mode(u8, Mode),
    /// A person drops the n-th of the rows that are owed.
    Drop(u8),
    /// Time passes.
    Wait(u64),
    /// The gateway sleeps: time passes, and nothing runs.
    Sleep(u64),
    /// The agent dies when it next comes to this point, and is started again.
    Crash(Point, Boot, u64),
}

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mode {
    Accept,
    Unreachable,
    /// Says that it failed, and has it or not.
    Fail,
    Refuse,
    /// Blames the payload.
    RefuseForGood,
    /// No answer before the timeout; has it or not.
    Hang,
    /// Asks to be left alone, for a time that it says or does not say.
    Busy,
    /// Another one at each attempt.
    Fickle,
}

impl Mode {
    /// All but the one that changes its mind.
    pub(super) const STEADY: [Self; 7] = [
        Self::Accept,
        Self::Unreachable,
        Self::Fail,
        Self::Refuse,
        Self::RefuseForGood,
        Self::Hang,
        Self::Busy,
    ];
}

/// Where the agent dies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Point {
    Now,
    /// Something was withdrawn for a commit that is not made.
    AfterWithdrawal,
    BeforeCommit,
    /// The commit is made and nobody knows.
    BeforeHandOver,
    /// An attempt came back and is not recorded.
    BeforeSettle,
    AfterSettle,
    /// Others are told in place of somebody, and nobody knows.
    AfterFallBack,
}

/// What the next start knows of the time between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Boot {
    Same,
    OtherSynchronised,
    OtherUnsynchronised,
}

pub(super) fn history() -> impl Strategy<Value = Vec<Act>> {
    let value = prop_oneof![Just(0.0), Just(50.0), Just(90.0), Just(100.0), 80.0..100.0];
    let mode = prop_oneof![
        3 => Just(Mode::Accept), 2 => Just(Mode::Unreachable), 2 => Just(Mode::Fail), 1 => Just(Mode::Refuse),
        1 => Just(Mode::RefuseForGood), 2 => Just(Mode::Hang), 1 => Just(Mode::Busy), 1 => Just(Mode::Fickle),
    ];
    let point = prop_oneof![
        Just(Point::Now),
        Just(Point::AfterWithdrawal),
        Just(Point::BeforeCommit),
        Just(Point::BeforeHandOver),
        Just(Point::BeforeSettle),
        Just(Point::AfterSettle),
        Just(Point::AfterFallBack),
    ];
    let boot = prop_oneof![
        Just(Boot::Same),
        Just(Boot::OtherSynchronised),
        Just(Boot::OtherUnsynchronised),
    ];
    let long = || prop_oneof![4 => 0_u64..30, 3 => 0_u64..400, 1 => 0_u64..4000];
    let act = prop_oneof![
        12 => (0_u8..6, value).prop_map(|(tag, value)| Act::Good(tag, value)),
        2 => (0_u8..6).prop_map(Act::Bad),
        3 => (0_u8..8).prop_map(Act::Ack),
        2 => (0_u8..8).prop_map(Act::Close),
        1 => (0_u8..4, 60_u64..4000).prop_map(|(target, secs)| Act::Shelve(target, secs)),
        1 => (0_u8..4).prop_map(Act::Unshelve),
        1 => any::<bool>().prop_map(Act::Signal),
        1 => (0_u8..3).prop_map(Act::Plant),
        4 => (0_u8..3, mode).prop_map(|(destination, mode)| Act::Mode(destination, mode)),
        1 => (0_u8..8).prop_map(Act::Drop),
        12 => long().prop_map(Act::Wait),
        1 => long().prop_map(Act::Sleep),
        2 => (point, boot, long()).prop_map(|(point, boot, away)| Act::Crash(point, boot, away)),
    ];
    prop::collection::vec(act, 1..80)
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

/// Three mills with two tags each: 0 and 1 are of the first, 2 and 3 of the second. The third goes stale.
/// Variant 1 has lost its second rule, variant 2 has other limits.
pub(super) fn plant(variant: u8) -> Arc<Plant> {
    let shift = if variant == 2 { 3.0 } else { 0.0 };
    let level = |name: &str, condition, on_delay, severity| Level {
        name: name.into(),
        condition,
        on_delay: secs(on_delay),
        severity,
    };
    let rule = |id: &str, levels, off_delay, latched| {
        Arc::new(Rule {
            id: id.into(),
            levels,
            deadband: 2.0,
            off_delay: secs(off_delay),
            latched,
            message: "{value}, limit {limit}".into(),
            action: "Look.".into(),
            runbook: None,
        })
    };
    let temp = rule(
        "temp",
        vec![
            level("hi", Condition::Above(85.0 - shift), 10, Severity::Warning),
            level(
                "hihi",
                Condition::Above(95.0 - shift),
                2,
                Severity::Critical,
            ),
        ],
        20,
        false,
    );
    let pressure = rule(
        "pressure",
        vec![level("low", Condition::Below(20.0), 0, Severity::Error)],
        5,
        true,
    );
    let mut plant = Plant {
        site: "plant-7".into(),
        sources: vec![Source {
            name: "hall".into(),
            address: "10.0.0.1".into(),
        }],
        times: Times {
            reopen_within: secs(120),
            ..Times::default()
        },
        ..Plant::default()
    };
    for index in 0..3 {
        plant.machines.push(Machine {
            id: format!("mill-{index}").into(),
            name: "Mill".into(),
            class: Some("mill".into()),
            labels: BTreeMap::new(),
            may_be_off: false,
        });
        plant.units.push(Unit {
            source: SourceIx(0),
            id: index as u8,
        });
        for name in ["temp", "pressure"] {
            plant.tags.push(Tag {
                name: name.into(),
                machine: MachineIx(index),
                source: SourceIx(0),
                modbus_unit: Some(UnitIx(index)),
                unit: "".into(),
                decimals: 1,
                stale_after: secs(if index == 2 { 600 } else { 10_000_000 }),
            });
        }
        let watch = |rule: &Arc<Rule>, tag| Watch {
            rule: Arc::clone(rule),
            machine: MachineIx(index),
            tag: TagId(index * 2 + tag),
        };
        plant.watches.push(watch(&temp, 0));
        if variant != 1 {
            plant.watches.push(watch(&pressure, 1));
        }
    }
    let policy = |id: &str, severity, steps: &[(u64, &[&str])], repeat: Option<u64>| Policy {
        id: id.into(),
        name: id.into(),
        when: When {
            severity: vec![severity],
            ..When::default()
        },
        steps: steps
            .iter()
            .map(|(after, to)| Step {
                after: secs(*after),
                to: names(to),
                new_incident: false,
            })
            .collect(),
        repeat: repeat.map(secs),
    };
    plant.policies = vec![
        policy(
            "critical",
            Severity::Critical,
            &[(60, &["boss"]), (300, &["boss", "pager"])],
            Some(900),
        ),
        policy("error", Severity::Error, &[(100, &["boss"])], None),
    ];
    Arc::new(plant)
}

/// Critical goes to the pager and on; mills go to ops; what is left goes to the pager. The boss is only escalated to.
pub(super) fn routes() -> Routes {
    let critical = When {
        severity: vec![Severity::Critical],
        ..When::default()
    };
    let mills = When {
        class: names(&["mill"]),
        ..When::default()
    };
    Routes {
        routes: vec![
            Route {
                when: critical,
                to: names(&["pager"]),
                goes_on: true,
                ..Route::default()
            },
            Route {
                when: mills,
                to: names(&["ops"]),
                ..Route::default()
            },
        ],
        default: Some(names(&["pager"])),
        all: names(&DESTINATIONS),
        ..Routes::default()
    }
}

/// Of whom one at least must stay active. The pager is the last of a list, so it always is.
pub(super) fn groups() -> Vec<Vec<Arc<str>>> {
    vec![names(&["ops", "boss"]), names(&["pager"])]
}

/// Who is told in place of whom.
pub(super) fn fallback(of: &str) -> Option<&'static str> {
    match of {
        "pager" => Some("boss"),
        "boss" => Some("ops"),
        _ => None,
    }
}

/// How the three are delivered to: by each late policy, with every limit at one of them.
pub(super) fn plans() -> Vec<DestinationPlan> {
    let ops = DestinationPlan {
        rate: Some(Rate {
            count: 5,
            per: secs(60),
        }),
        deactivate_after: Some(4),
        reactivate_every: secs(600),
        late: Late::Digest,
        late_after: secs(120),
        catch_up: secs(20),
        ..DestinationPlan::new("ops")
    };
    let pager = DestinationPlan {
        expire_after: secs(3600),
        concurrency: 1,
        deactivate_after: Some(3),
        duplicate_window: secs(60),
        late: Late::Collapse,
        late_after: secs(60),
        catch_up: secs(10),
        fallback_after: Some(secs(300)),
        ..DestinationPlan::new("pager")
    };
    let boss = DestinationPlan {
        retry: Retry::List(vec![secs(10), secs(60), secs(300)]),
        call_every: Duration::ZERO,
        deactivate_after: Some(5),
        duplicate_window: secs(300),
        fallback_after: Some(secs(400)),
        ..DestinationPlan::new("boss")
    };
    vec![ops, pager, boss]
}
