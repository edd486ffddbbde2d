//! For which alerts nobody would be told, and at which hours: what `check` warns of before somebody learns it at night.
//!
//! Pure. Every watch is asked about at each of its severities, with blindness of each machine and the agent's own alerts, over
//! the week that comes and over every date that the hours name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    hearing::Hearing,
    route::{Occasion, Routes},
};
use crate::{
    alert::{
        BLIND_RULE,
        event::EventKind,
        plant::{Machine, Plant, Policy, Severity, Traits},
    },
    clock::Wall,
};

/// Alerts that nobody would hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Their severity.
    pub severity: Severity,
    /// Their rule; none for alerts of the agent about itself.
    pub rule: Option<Arc<str>>,
    /// The machines that they would be about.
    pub machines: Vec<Arc<str>>,
    /// From when until when; empty if always.
    pub at: Vec<(Wall, Wall)>,
}

/// A kind of alert that can come.
struct Possible<'a> {
    severity: Severity,
    rule: &'a Arc<str>,
    machine: &'a Machine,
}

/// All of them, in the order of severity, rule and machine. `agent` is what alerts of the agent itself are about.
pub fn silences(
    plant: &Plant,
    routes: &Routes,
    policies: &[Policy],
    agent: &Machine,
    now: Wall,
) -> Vec<Silence> {
    let blind: Arc<str> = BLIND_RULE.into();
    let own: Arc<str> = "andon.".into();
    let times = match routes.routes.iter().all(|route| route.hours.is_empty()) {
        true => vec![(now, now)],
        false => routes.calendar.pieces(now),
    };
    // Most pieces are like others: the same routes are open.
    let mut alike: BTreeMap<Vec<bool>, Vec<(Wall, Wall)>> = BTreeMap::new();
    for piece in &times {
        let listed = routes.routes.iter();
        let open = listed.map(|route| routes.calendar.is_open(&route.hours, piece.0));
        alike.entry(open.collect()).or_default().push(*piece);
    }
    type Same = (std::cmp::Reverse<Severity>, Arc<str>, Vec<(Wall, Wall)>);
    let mut groups: BTreeMap<Same, Vec<Arc<str>>> = BTreeMap::new();
    for possible in possible(plant, agent, &blind, &own) {
        let silent = |times: &&Vec<(Wall, Wall)>| is_silent(&possible, routes, policies, times[0].0);
        let mut at: Vec<(Wall, Wall)> = alike.values().filter(silent).flatten().copied().collect();
        if at.is_empty() {
            continue;
        }
        if at.len() == times.len() {
            at.clear();
        }
        at.sort_unstable();
        let same = (
            std::cmp::Reverse(possible.severity),
            Arc::clone(possible.rule),
            joined(at),
        );
        let machines = groups.entry(same).or_default();
        machines.push(Arc::clone(&possible.machine.id));
    }
    let groups = groups.into_iter();
    groups
        .map(|((severity, rule, at), machines)| Silence {
            severity: severity.0,
            rule: (rule != own).then_some(rule),
            machines,
            at,
        })
        .collect()
}

/// Whether nobody would be told, at once or later.
fn is_silent(possible: &Possible<'_>, routes: &Routes, policies: &[Policy], at: Wall) -> bool {
    let machine = possible.machine;
    let occasion = Occasion {
        alert: Traits {
            severity: possible.severity,
            rule: possible.rule,
            machine: &machine.id,
            class: machine.class.as_deref(),
            labels: &machine.labels,
        },
        kind: EventKind::Triggered,
        at: Some(at),
    };
    Hearing::of(&occasion, routes, policies).told.is_empty()
}

fn possible<'a>(
    plant: &'a Plant,
    agent: &'a Machine,
    blind: &'a Arc<str>,
    own: &'a Arc<str>,
) -> Vec<Possible<'a>> {
    let mut possible = Vec::new();
    let mut worst: BTreeMap<u32, Severity> = BTreeMap::new();
    for watch in &plant.watches {
        let machine = &plant.machines[watch.machine.0 as usize];
        let levels = watch.rule.levels.iter();
        let severities: BTreeSet<Severity> = levels.map(|level| level.severity).collect();
        possible.extend(severities.into_iter().map(|severity| Possible {
            severity,
            rule: &watch.rule.id,
            machine,
        }));
        let known = worst.entry(watch.machine.0).or_insert(Severity::Info);
        *known = watch.rule.worst_severity().max(*known);
    }
    // What is not seen is as bad as the worst that it hides.
    possible.extend(worst.into_iter().map(|(machine, severity)| Possible {
        severity,
        rule: blind,
        machine: &plant.machines[machine as usize],
    }));
    let severities = [Severity::Critical, Severity::Error, Severity::Warning];
    possible.extend(severities.map(|severity| Possible {
        severity,
        rule: own,
        machine: agent,
    }));
    possible
}

/// Pieces that touch, as one.
fn joined(pieces: Vec<(Wall, Wall)>) -> Vec<(Wall, Wall)> {
    let mut joined: Vec<(Wall, Wall)> = Vec::new();
    for (from, until) in pieces {
        match joined.last_mut() {
            Some(last) if last.1 == from => last.1 = until,
            _ => joined.push((from, until)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{
        alert::plant::{Condition, Level, MachineIx, Rule, Watch, When},
        delivery::{
            calendar::{Calendar, Hours},
            route::Route,
        },
        sample::TagId,
    };

    fn names(list: &[&str]) -> Vec<Arc<str>> {
        list.iter().map(|name| Arc::from(*name)).collect()
    }

    fn plant() -> Plant {
        let level = |severity| Level {
            name: "hi".into(),
            condition: Condition::Above(1.0),
            on_delay: std::time::Duration::ZERO,
            severity,
        };
        let rule = Arc::new(Rule {
            id: "overtemp".into(),
            levels: vec![level(Severity::Warning), level(Severity::Critical)],
            deadband: 0.0,
            off_delay: std::time::Duration::ZERO,
            latched: false,
            message: "".into(),
            action: "".into(),
            runbook: None,
        });
        let machine = |id: &str| Machine {
            id: id.into(),
            ..Machine::default()
        };
        let watch = |index| Watch {
            rule: Arc::clone(&rule),
            machine: MachineIx(index),
            tag: TagId(index),
        };
        Plant {
            machines: vec![machine("mill-1"), machine("mill-2")],
            watches: vec![watch(0), watch(1)],
            ..Plant::default()
        }
    }

    fn said(routes: &Routes) -> Vec<String> {
        let agent = Machine {
            id: "andon".into(),
            ..Machine::default()
        };
        // A Wednesday.
        let now = Wall::from_millis("2026-06-10T10:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond());
        let silences = silences(&plant(), routes, &[], &agent, now);
        let shown = silences.into_iter().map(|silence| {
            let at: Vec<String> = silence.at.iter().map(|(from, until)| format!("{from} {until}")).collect();
            format!(
                "{} {} {} {}",
                silence.severity.word(),
                silence.rule.as_deref().unwrap_or("-"),
                silence.machines.join("+"),
                at.join(", ")
            )
        });
        shown.collect()
    }

    fn route(severity: &[Severity], hours: &[&str]) -> Route {
        Route {
            when: When {
                severity: severity.to_vec(),
                ..When::default()
            },
            hours: names(hours),
            to: names(&["ops"]),
            ..Route::default()
        }
    }

    #[test]
    fn what_no_route_names_is_named_with_its_machines() {
        let mut routes = Routes {
            routes: vec![route(&[Severity::Critical, Severity::Error], &[])],
            default: Some(Vec::new()),
            all: names(&["ops"]),
            ..Routes::default()
        };
        assert_eq!(said(&routes), ["warning - andon ", "warning overtemp mill-1+mill-2 "]);
        routes.default = None;
        assert!(said(&routes).is_empty());
    }

    #[test]
    fn hours_at_which_nobody_is_told_are_named_also_those_of_a_holiday() {
        let day = Hours {
            id: "day".into(),
            days: [true; 7],
            from: 360,
            to: 1440,
            dates: BTreeSet::new(),
            holidays: BTreeSet::from([jiff::civil::date(2026, 12, 25)]),
        };
        let routes = Routes {
            routes: vec![
                route(&[Severity::Warning, Severity::Error], &[]),
                route(&[Severity::Critical], &["day"]),
            ],
            default: Some(Vec::new()),
            all: names(&["ops"]),
            calendar: Calendar {
                zone: TimeZone::UTC,
                hours: vec![day],
            },
            ..Routes::default()
        };
        let said = said(&routes);
        assert_eq!(said.len(), 3, "{said:?}");
        let at = said[2].strip_prefix("critical overtemp mill-1+mill-2 ").unwrap();
        let spans: Vec<&str> = at.split(", ").collect();
        assert_eq!(spans[0], "2026-06-11T00:00:00.000Z 2026-06-11T06:00:00.000Z");
        assert_eq!(spans.len(), 8);
        assert_eq!(spans[7], "2026-12-25T00:00:00.000Z 2026-12-26T06:00:00.000Z");
    }
}
