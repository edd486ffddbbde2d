//! The plant in which histories happen, its routes, and how its three destinations are delivered to. It is made once and shared
//! by all histories.

use std::{sync::Arc, time::Duration};

use andon::{
    alert::plant::{
        Condition, Level, Machine, MachineIx, Plant, Policy, Rule, Severity, Source, SourceIx,
        Step, Tag, TagKind, Times, Unit, UnitIx, Watch, When,
    },
    delivery::{
        route::{Route, Routes},
        schedule::{DestinationPlan, Retry},
    },
    destination::{Late, Rate},
    sample::TagId,
};

pub(super) const DESTINATIONS: [&str; 3] = ["ops", "pager", "boss"];

/// What is the same in every history.
#[derive(Debug)]
pub(super) struct Scene {
    /// As it is configured at first, and as it may be reloaded.
    pub(super) plants: [Arc<Plant>; 3],
    pub(super) routes: Routes,
    pub(super) plans: Vec<DestinationPlan>,
    /// Of whom one at least must stay active. The pager is the last of a list, so it always is.
    pub(super) groups: Vec<Vec<Arc<str>>>,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self {
            plants: [0, 1, 2].map(plant),
            routes: routes(),
            plans: plans(),
            groups: vec![names(&["ops", "boss"]), names(&["pager"])],
        }
    }

    pub(super) fn plant(&self, variant: u8) -> Arc<Plant> {
        Arc::clone(&self.plants[usize::from(variant)])
    }
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

/// Three mills with two tags each: 0 and 1 are of the first, 2 and 3 of the second. The third goes stale.
/// Variant 1 has lost its second rule, variant 2 has other limits.
fn plant(variant: u8) -> Arc<Plant> {
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
            ..Machine::default()
        });
        plant.units.push(Unit {
            source: SourceIx(0),
            id: index as u8,
        });
        for name in ["temp", "pressure"] {
            plant.tags.push(Tag {
                kind: Arc::new(TagKind {
                    name: name.into(),
                    decimals: 1,
                    stale_after: secs(if index == 2 { 600 } else { 10_000_000 }),
                    ..TagKind::default()
                }),
                machine: MachineIx(index),
                source: SourceIx(0),
                modbus_unit: Some(UnitIx(index)),
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
fn routes() -> Routes {
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

/// Who is told in place of whom.
pub(super) fn fallback(of: &str) -> Option<&'static str> {
    match of {
        "pager" => Some("boss"),
        "boss" => Some("ops"),
        _ => None,
    }
}

/// How the three are delivered to: by each late policy, with every limit at one of them.
fn plans() -> Vec<DestinationPlan> {
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
