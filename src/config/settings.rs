//! Everything that was configured, read at once so that all mistakes are reported at once.
//!
//! Here is the list of rooms; what a key means is known to the file that owns the concept.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use super::{
    agent::{self, Agent, Log},
    env::Env,
    fallback,
    limits::{Alerts, StoreLimits},
    machine::{self, MachineConfig, Profiles},
    policy::{self, Destinations},
    section::{Problems, Section},
    tree::Node,
    when::Known,
};
use crate::{
    alert::plant::Policy,
    clock::Synchronised,
    delivery::{
        attempt::{mistakes, mistakes_of_server},
        calendar::Calendar,
        route::Routes,
    },
    destination::{Carrier, Destination},
    health::heartbeat::Heartbeat,
    rules::{Lost, SourceTags},
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
    /// `[[destination]]`
    pub destinations: Vec<Destination>,
    /// The names of all destinations, of those with mistakes too.
    pub named: Vec<Arc<str>>,
    /// `[[route]]`
    pub routes: Routes,
}

/// What the plant is made of, and nothing else needs.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// `[[machine]]`
    pub machines: Vec<MachineConfig>,
    /// What all sources promise.
    pub tags: Vec<SourceTags>,
    /// What sources with mistakes would have promised.
    pub lost: Lost,
}

impl Settings {
    /// Reads the merged configuration. Mistakes go to the problems of `root`; what is returned is whole either way.
    pub fn read(root: Section<'_>, env: &Env, rules: &BTreeSet<Arc<str>>) -> (Self, Inventory) {
        // The texts were filled in already; `vars` read them.
        root.raw("vars");
        let mut inventory = Inventory {
            machines: machine::machines(&root),
            ..Inventory::default()
        };
        let known = known(&inventory.machines, rules);
        let agent = Agent::read(&root, env);
        let alerts = Alerts::read(&root);
        let parts = parts(&root, &agent, &alerts, &mut inventory, &known);
        let would_notify = |name: &str, new_incident: bool| {
            let mut all = parts.destinations.iter();
            let read = all.find(|destination| &*destination.name == name);
            // One with a mistake is not also called missing.
            let named = || {
                parts
                    .named
                    .iter()
                    .any(|known| &**known == name)
                    .then_some(true)
            };
            read.map(|read| read.abilities().calls_again(new_incident))
                .or_else(named)
        };
        let destinations = Destinations {
            would_notify: &would_notify,
            calls: &|name, severity| parts.routes.calls(&name.into(), severity),
            names: parts.named.iter().map(AsRef::as_ref).collect(),
        };
        let policies = policy::policies(&root, &known, &destinations);
        let heartbeat = Heartbeat::read(&root);
        if let (Some(heartbeat), Some(node)) = (&heartbeat, root.raw("heartbeat")) {
            let (access, sign) = (&heartbeat.access, heartbeat.sign.as_ref());
            report(mistakes(access, sign), "heartbeat", node, root.problems());
        }
        let settings = Self {
            agent,
            log: agent::log(&root),
            heartbeat,
            clock: agent::clock(&root),
            alerts,
            store: StoreLimits::read(&root),
            policies,
            parts,
            rules: root.get("rules", Vec::new()),
        };
        root.finish();
        (settings, inventory)
    }
}

/// The one place where rooms with configurations of their own are called. Their readers take a section, report every mistake
/// to its problems, and finish it.
fn parts<'a>(
    root: &Section<'a>,
    agent: &Agent,
    alerts: &Alerts,
    inventory: &mut Inventory,
    known: &Known,
) -> Parts {
    let profiles = Profiles::find(root);
    let mut parts = Parts::default();
    let problems = root.problems();
    if let Some(source) = root.table("source") {
        let mut ports = BTreeMap::new();
        for (name, section) in source.named("modbus") {
            let before = problems.errors();
            let (node, path) = (section.node(), section.path().to_owned());
            let read = ModbusConfig::read(&name, &section, &profiles, &known.machines);
            section.finish();
            if let Some(config) = read {
                for port in config.link.serial_ports() {
                    if let Some(other) = ports.insert(port.to_owned(), config.name.clone()) {
                        let port = port.display();
                        let told = format!(
                            "{port} is opened by source {other} already; a line has one master, so list all of its units there"
                        );
                        problems.error(Some(&node.place), &format!("{path}.address"), told);
                    }
                }
                inventory.tags.push(SourceTags {
                    name: config.name.clone(),
                    address: config.link.address.to_string().into(),
                    path,
                    place: node.place.clone(),
                    tags: config.tags(),
                });
                parts.modbus.push(config);
            }
            if problems.errors() > before {
                inventory.lost.add(node, &profiles.nodes());
            }
        }
        let ids: Vec<_> = inventory
            .machines
            .iter()
            .map(|of| (of.machine.id.clone(), of.machine.class.clone()))
            .collect();
        let context = mqtt::Context {
            site: &agent.site,
            machines: &ids,
            profiles: &profiles,
        };
        for (name, section) in source.named("mqtt") {
            let before = problems.errors();
            let (node, path) = (section.node(), section.path().to_owned());
            if let Some(config) = MqttConfig::read(&name, section, &context) {
                inventory.tags.push(SourceTags {
                    name: config.name.clone(),
                    address: config.address().into(),
                    path,
                    place: node.place.clone(),
                    tags: config.tags(problems),
                });
                parts.mqtt.push(config);
            }
            if problems.errors() > before {
                inventory.lost.add(node, &profiles.nodes());
            }
        }
        source.finish();
    }
    for (name, section) in root.named("destination") {
        let (node, before) = (section.node(), problems.errors());
        let mut read = Destination::read(&name, section);
        if let Some(destination) = &mut read {
            if node.get("call_every").is_none() {
                destination.terms.call_every = alerts.notify_at_most_every;
            }
            if node.get("timezone").is_none() {
                destination.reader.timezone = agent.timezone.clone();
            }
        }
        if problems.errors() == before
            && let Some(destination) = &read
        {
            let owner = format!("destination.{name}");
            if let Some(access) = destination.access() {
                report(mistakes(access, destination.sign()), &owner, node, problems);
            }
            if !agent.allow_commands && matches!(destination.carrier(), Carrier::Command(_)) {
                let message = "runs a program on this gateway, which is off; `allow_commands = true` under [agent] in the main file allows it";
                report(
                    vec![("command", message.to_owned(), false)],
                    &owner,
                    node,
                    problems,
                );
            }
            if let Some(server) = destination.server() {
                report(mistakes_of_server(server), &owner, node, problems);
            }
        }
        parts.destinations.extend(read);
        parts.named.push(name.into());
    }
    fallback::check(root, &parts.destinations, &parts.named);
    let calendar = Calendar::read(root, agent.timezone.clone());
    parts.routes = Routes::read(root, parts.named.clone(), calendar, known);
    for destination in &parts.destinations {
        parts.routes.limit(destination);
    }
    parts.routes.check_limits(problems);
    parts.routes.check_ends(problems);
    profiles.finish();
    parts
}

/// Reports what would keep every attempt from being made, so that it does not first show when something is wrong.
fn report(
    mistakes: Vec<(&'static str, String, bool)>,
    owner: &str,
    node: &Node,
    problems: &Problems,
) {
    for (key, message, warning) in mistakes {
        let found = key.split('.').try_fold(node, |node, key| node.get(key));
        let place = found.map(|node| &node.place);
        let path = format!("{owner}.{key}");
        match warning {
            true => problems.warn(place, &path, message),
            false => problems.error(place, &path, message),
        }
    }
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
