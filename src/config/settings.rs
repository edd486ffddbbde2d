//! Everything that was configured, read at once so that all mistakes are reported at once.
//!
//! Here is the list of rooms; what a key means is known to the file that owns the concept.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use super::{
    agent::{self, Agent, Log},
    env::Env,
    limits::{Alerts, StoreLimits},
    machine::{self, MachineConfig, Profiles},
    policy::{self, Destinations},
    section::Section,
    when::Known,
};
use crate::{
    alert::plant::Policy,
    clock::Synchronised,
    delivery::route::Routes,
    destination::Destination,
    health::heartbeat::Heartbeat,
    rules::SourceTags,
    source::{
        modbus::config::ModbusConfig,
        mqtt::config::{self as mqtt, MqttConfig},
    },
};

/// What the program needs of the configuration, rules aside.
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// `[[source.modbus]]`
    pub modbus: Vec<ModbusConfig>,
    /// `[[source.mqtt]]`
    pub mqtt: Vec<MqttConfig>,
    /// What all of them promise, for the plant.
    pub tags: Vec<SourceTags>,
    /// `[[destination]]`
    pub destinations: Vec<Destination>,
    /// `[[route]]`
    pub routes: Routes,
}

impl Settings {
    /// Reads the merged configuration. Mistakes go to the problems of `root`; what is returned is whole either way.
    pub fn read(root: Section<'_>, env: &Env, rules: &BTreeSet<Arc<str>>) -> Self {
        // The texts were filled in already; `vars` read them.
        root.raw("vars");
        let machines = machine::machines(&root);
        let known = known(&machines, rules);
        let agent = Agent::read(&root, env);
        let parts = parts(&root, &agent.site, &machines, &known);
        let would_notify = |name: &str| {
            let mut all = parts.destinations.iter();
            all.find(|destination| &*destination.name == name)
                .map(Destination::notifies_again)
        };
        let destinations = Destinations {
            would_notify: &would_notify,
            names: parts.destinations.iter().map(|of| &*of.name).collect(),
        };
        let policies = policy::policies(&root, &known, &destinations);
        let settings = Self {
            agent,
            log: agent::log(&root),
            heartbeat: Heartbeat::read(&root),
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

/// The one place where rooms with configurations of their own are called. Their readers take a section, report every mistake
/// to its problems, and finish it.
fn parts<'a>(root: &Section<'a>, site: &str, machines: &[MachineConfig], known: &Known) -> Parts {
    let profiles = Profiles::find(root);
    let mut parts = Parts::default();
    if let Some(source) = root.table("source") {
        for (name, section) in source.named("modbus") {
            let read = ModbusConfig::read(&name, &section, &profiles);
            let place = section.place().clone();
            section.finish();
            if let Some(config) = read {
                let address = config.address.to_string().into();
                let (name, tags) = (config.name.clone(), config.tags());
                parts.tags.push(SourceTags {
                    name,
                    address,
                    place,
                    tags,
                });
                parts.modbus.push(config);
            }
        }
        let ids: Vec<_> = machines
            .iter()
            .map(|of| (of.machine.id.clone(), of.machine.class.clone()))
            .collect();
        let context = mqtt::Context {
            site,
            machines: &ids,
            profiles: &profiles,
        };
        for (name, section) in source.named("mqtt") {
            let place = section.place().clone();
            if let Some(config) = MqttConfig::read(&name, section, &context) {
                let address = config.address().into();
                let (name, tags) = (config.name.clone(), config.tags(root.problems()));
                parts.tags.push(SourceTags {
                    name,
                    address,
                    place,
                    tags,
                });
                parts.mqtt.push(config);
            }
        }
        source.finish();
    }
    for (name, section) in root.named("destination") {
        parts.destinations.extend(Destination::read(&name, section));
    }
    let names = parts.destinations.iter().map(|of| of.name.clone());
    parts.routes = Routes::read(root, names.collect(), known);
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
