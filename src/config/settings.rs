//! Everything that was configured, read at once so that all mistakes are reported at once.
//!
//! Here is the list of rooms; what a key means is known to the file that owns the concept.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use super::{
    agent::{self, Agent, Heartbeat, Log},
    env::Env,
    limits::{Alerts, StoreLimits},
    machine::{self, MachineConfig, Profiles},
    policy::{self, Destinations},
    section::Section,
    tree::Node,
    when::Known,
};
use crate::{alert::plant::Policy, clock::Synchronised};

/// What the program needs of the configuration, rules aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `[agent]`
    pub agent: Agent,
    /// `[log]`
    pub log: Log,
    /// `[heartbeat]`
    pub heartbeat: Option<Heartbeat>,
    /// `[clock]`
    pub clock: Synchronised,
    /// `[alerts]`
    pub alerts: Alerts,
    /// `[store]`
    pub store: StoreLimits,
    /// `[[machine]]`
    pub machines: Vec<MachineConfig>,
    /// `[[policy]]`
    pub policies: Vec<Policy>,
    /// `[[source.*]]`, `[[destination]]`, `[[route]]`
    pub parts: Parts,
    /// Files and directories of rules, beside the directory `rules`.
    pub rules: Vec<PathBuf>,
}

/// What rooms of their own read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// `[[source.modbus]]` by name.
    pub modbus: Vec<(String, Node)>,
    /// `[[source.mqtt]]` by name.
    pub mqtt: Vec<(String, Node)>,
    /// `[[destination]]` by name.
    pub destinations: Vec<(String, Node)>,
    /// `[[route]]` in the order of their files.
    pub routes: Vec<Node>,
}

impl Settings {
    /// Reads the merged configuration. Mistakes go to the problems of `root`; what is returned is whole either way.
    pub fn read(root: Section<'_>, env: &Env, rules: &BTreeSet<Arc<str>>) -> Self {
        // The texts were filled in already; `vars` read them.
        root.raw("vars");
        let machines = machine::machines(&root);
        let known = known(&machines, rules);
        let parts = parts(&root, &known);
        let names: Vec<&str> = parts
            .destinations
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let destinations = Destinations {
            // Kinds are known to the room of destinations; until it tells, each one that exists would notify.
            would_notify: &|name| names.contains(&name).then_some(true),
            names: names.clone(),
        };
        let policies = policy::policies(&root, &known, &destinations);
        let settings = Self {
            agent: Agent::read(&root, env),
            log: agent::log(&root),
            heartbeat: agent::heartbeat(&root),
            clock: agent::clock(&root),
            alerts: Alerts::read(&root),
            store: StoreLimits::read(&root),
            machines,
            policies,
            parts,
            rules: root.get("rules", Vec::new()),
        };
        root.finish();
        settings
    }
}

/// The one place where rooms with configurations of their own are called: a reader is
/// `fn read(name: &str, section: Section<'_>, ..) -> Option<Config>`, calls [`Section::finish`], and its result takes the
/// place of the node in [`Parts`]. Readers of sources take their tags from [`Profiles::tags`], readers of routes their
/// `when` from [`super::when::read`].
fn parts<'a>(root: &Section<'a>, _known: &Known) -> Parts {
    let profiles = Profiles::find(root);
    let mut parts = Parts::default();
    if let Some(source) = root.table("source") {
        for (name, section) in source.named("modbus") {
            for unit in section.list("units") {
                profiles.tags(&unit);
            }
            parts.modbus.push((name, section.node().clone()));
        }
        for (name, section) in source.named("mqtt") {
            for subscription in section.list("subscribe") {
                profiles.tags(&subscription);
            }
            parts.mqtt.push((name, section.node().clone()));
        }
        source.finish();
    }
    for (name, section) in root.named("destination") {
        parts.destinations.push((name, section.node().clone()));
    }
    for (_, section) in root.named("route") {
        parts.routes.push(section.node().clone());
    }
    profiles.finish();
    parts
}

fn known(machines: &[MachineConfig], rules: &BTreeSet<Arc<str>>) -> Known {
    let machines = machines.iter().map(|config| &config.machine);
    Known {
        machines: machines.clone().map(|machine| machine.id.clone()).collect(),
        classes: machines
            .filter_map(|machine| machine.class.clone())
            .collect(),
        rules: rules.clone(),
    }
}
