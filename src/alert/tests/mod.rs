//! Behaviour of the core, told as stories: inputs at seconds go in, event lines come out.

mod behaviour;
pub(crate) mod discovery;
pub(crate) mod properties;
mod restarts;
mod retained;
mod sizes;

use std::{sync::Arc, time::Duration};

use super::{
    command::{Action, AlertRef, Command, Refusal, Target},
    engine::{Decided, Engine, Input},
    event::{By, Event},
    plant::{
        Condition, Level, Machine, MachineIx, Plant, Policy, Rule, Severity, Source, SourceIx,
        Step, Tag, TagKind, Unit, UnitIx, Watch, When,
    },
    state::Durable,
};
use crate::{
    clock::{BootId, Mono, Now, Wall},
    sample::{Bad, Reading, Sample, TagId, Value},
};

/// Wall time of second 0.
const START: i64 = 1_775_298_600_000;
/// Mono time of second 0.
const BOOTED: i64 = 1_000_000_000_000;

pub(crate) fn now(seconds: f64) -> Now {
    let millis = (seconds * 1000.0).round() as i64;
    Now {
        mono: Mono::from_nanos(BOOTED + millis * 1_000_000),
        wall: Wall::from_millis(START + millis),
        synchronised: true,
    }
}

pub(crate) fn boot() -> BootId {
    BootId("boot-1".to_owned())
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A plant of two mills. `mill-1` has unit 1, `mill-2` unit 2 of the same source; both have `temp` and `door`.
fn plant() -> Plant {
    let machine = |id: &str| Machine {
        id: id.into(),
        name: format!("Mill {id}").into(),
        class: Some("mill".into()),
        ..Machine::default()
    };
    let tag = |name: &str, machine: u32| Tag {
        kind: Arc::new(TagKind {
            name: name.into(),
            unit: "°C".into(),
            decimals: 1,
            stale_after: secs(10_000_000),
            ..TagKind::default()
        }),
        machine: MachineIx(machine),
        source: SourceIx(0),
        modbus_unit: Some(UnitIx(machine)),
    };
    Plant {
        site: "plant-7".into(),
        machines: vec![machine("mill-1"), machine("mill-2")],
        sources: vec![Source {
            name: "hall".into(),
            address: "10.0.0.1".into(),
        }],
        units: vec![
            Unit {
                source: SourceIx(0),
                id: 1,
            },
            Unit {
                source: SourceIx(0),
                id: 2,
            },
        ],
        tags: vec![
            tag("temp", 0),
            tag("door", 0),
            tag("temp", 1),
            tag("door", 1),
        ],
        watches: vec![watch(overtemp(), 0, 0), watch(overtemp(), 1, 2)],
        policies: vec![],
        ..Plant::default()
    }
}

fn watch(rule: Rule, machine: u32, tag: u32) -> Watch {
    Watch {
        rule: Arc::new(rule),
        machine: MachineIx(machine),
        tag: TagId(tag),
    }
}

/// `hi` above 85 for 30 s is a warning, `hihi` above 95 for 5 s is critical; deadband 2, off-delay 30 s.
fn overtemp() -> Rule {
    let level = |name: &str, limit, on_delay, severity| Level {
        name: name.into(),
        condition: Condition::Above(limit),
        on_delay: secs(on_delay),
        severity,
    };
    Rule {
        id: "overtemp".into(),
        levels: vec![
            level("hi", 85.0, 30, Severity::Warning),
            level("hihi", 95.0, 5, Severity::Critical),
        ],
        deadband: 2.0,
        off_delay: secs(30),
        latched: false,
        message: "spindle {value}, limit {limit}".into(),
        action: "Reduce feed.".into(),
        runbook: None,
    }
}

/// Critical alerts: to `sms` after 15 min, to `boss` after 30 min, again each hour.
fn policy() -> Policy {
    Policy {
        id: "crit".into(),
        name: "Critical".into(),
        when: When {
            severity: vec![Severity::Critical],
            ..When::default()
        },
        steps: vec![
            Step {
                after: secs(900),
                to: vec!["sms".into()],
                new_incident: false,
            },
            Step {
                after: secs(1800),
                to: vec!["boss".into()],
                new_incident: false,
            },
        ],
        repeat: Some(secs(3600)),
    }
}

fn engine(plant: Plant) -> Engine {
    Engine::restore(
        Arc::new(plant),
        &Durable::default(),
        now(0.0),
        &boot(),
        [7; 16],
    )
    .0
}

fn good(tag: u32, value: f64) -> Input {
    Input::Sample(Sample::new(TagId(tag), Reading::Good(Value::Number(value))))
}

fn bad(tag: u32, why: Bad) -> Input {
    Input::Sample(Sample::new(TagId(tag), Reading::Bad(why)))
}

fn by(name: &str) -> By {
    By {
        name: name.into(),
        claimed: false,
        via: "cli".into(),
    }
}

fn command(action: Action) -> Input {
    Input::Command(Box::new(Command {
        action,
        by: by("eva"),
    }))
}

fn ack(number: u64) -> Input {
    command(Action::Acknowledge {
        alert: AlertRef::Number(number),
        note: None,
    })
}

/// Plays inputs at seconds as the loop would: every deadline that comes first gets its tick.
struct Story {
    engine: Engine,
    events: Vec<Event>,
}

impl Story {
    fn of(plant: Plant) -> Self {
        Self {
            engine: engine(plant),
            events: Vec::new(),
        }
    }

    /// Lets time pass.
    fn until(&mut self, seconds: f64) -> &mut Self {
        let end = now(seconds);
        while let Some(due) = self.engine.next_deadline().filter(|due| *due <= end.mono) {
            let at = Now {
                mono: due,
                wall: end.wall - end.mono.since(due),
                synchronised: true,
            };
            let Decided { events, .. } = self.engine.step(at, Input::Tick);
            self.events.extend(events);
            assert!(
                self.engine
                    .next_deadline()
                    .is_none_or(|next| next > at.mono),
                "a deadline stayed in the past"
            );
        }
        self
    }

    fn at(&mut self, seconds: f64, input: Input) -> &mut Self {
        assert_eq!(self.try_at(seconds, input), None);
        self
    }

    fn try_at(&mut self, seconds: f64, input: Input) -> Option<Refusal> {
        self.until(seconds);
        let decided = self.engine.step(now(seconds), input);
        self.events.extend(decided.events);
        decided.refused
    }

    /// The event lines since the last call.
    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events).iter().map(line).collect()
    }
}

/// `35.0s A-1 mill-1/overtemp triggered critical hihi`
fn line(event: &Event) -> String {
    let alert = &event.alert;
    let seconds = (event.at.as_millis() - START) as f64 / 1000.0;
    let mut line = format!(
        "{seconds:.1}s A-{} {}/{} {} {}",
        alert.number,
        alert.machine,
        alert.rule,
        event.kind.word(),
        alert.severity.word()
    );
    if let Some(level) = &alert.level {
        line += &format!(" {level}");
    }
    if let Some(step) = &event.escalation {
        line += &format!(" step {} to {}", step.step, step.to.join(","));
    }
    if alert.occurrences > 1 {
        line += &format!(" x{}", alert.occurrences);
    }
    if alert.shelved {
        line += " shelved";
    }
    if event.after_unknown_downtime {
        line += " guessed";
    }
    line
}
