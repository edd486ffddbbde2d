//! Rules, machines and tags into the [`Plant`] that the core runs: one watch for each rule and machine.
//!
//! Everything that needs more than the rule itself is checked here: whether its machines exist, have the tag, and measure
//! it in the same unit; and the limits that machines have of their own.

use std::sync::Arc;

use super::{Lost, RuleConfig, Rules, Target, check, moulds, read, tags};
use crate::{
    alert::plant::{Level, Machine, MachineIx, Mould, Plant, Rule, Tag, TagKind, Watch},
    config::{
        Inventory, Settings,
        machine::{Limit, MachineConfig},
        section::{Problems, nearest},
        tree::Place,
        values::Placed,
    },
    sample::TagId,
    source::TagIds,
};

/// So many values are named in one message.
const NAMED: usize = 12;

/// Binds rules to machines and tags: what the core runs. What cannot be bound is reported and left out.
pub fn compile(
    settings: &Settings,
    inventory: &Inventory,
    rules: &Rules,
    problems: &Problems,
) -> Plant {
    let mut plant = Plant {
        site: settings.agent.site.clone(),
        machines: inventory
            .machines
            .iter()
            .map(|config| config.machine.clone())
            .collect(),
        policies: settings.policies.clone(),
        times: settings.alerts.times,
        ..Plant::default()
    };
    let tag_ids = tags::add(&mut plant, &inventory.tags, problems);
    let mut moulds = std::mem::take(&mut plant.moulds);
    let binder = Binder {
        moulds: &moulds,
        machines: &inventory.machines,
        tag_ids: &tag_ids,
        lost: &inventory.lost,
        problems,
    };
    plant.watches = rules
        .list
        .iter()
        .flat_map(|rule| binder.watches_of(&plant.tags, rule))
        .collect();
    plant.watches.shrink_to_fit();
    plant.tags.shrink_to_fit();
    binder.unknown_limits(rules);
    let of_moulds: Vec<_> = moulds
        .iter()
        .map(|mould| binder.watches_of_mould(mould, rules))
        .collect();
    for (mould, watches) in moulds.iter_mut().zip(of_moulds) {
        mould.watches = watches;
    }
    moulds::check(&inventory.tags, rules, problems);
    plant.moulds = moulds;
    plant
}

pub(super) struct Binder<'b> {
    machines: &'b [MachineConfig],
    moulds: &'b [Mould],
    tag_ids: &'b TagIds,
    pub(super) lost: &'b Lost,
    problems: &'b Problems,
}

impl Binder<'_> {
    fn watches_of(&self, tags: &[Tag], config: &RuleConfig) -> Vec<Watch> {
        let mut watches = Vec::new();
        let written: Vec<Level> = config
            .levels
            .iter()
            .map(|level| level.value.clone())
            .collect();
        let shared = Arc::new(built(config, written.clone()));
        for (ix, machine) in self.machines_of(config) {
            let Some(id) = self.tag_of(&machine.machine, config) else {
                continue;
            };
            let tag = &tags[id.0 as usize].kind;
            self.check_unit(tag, &machine.machine, config);
            let named = match &config.label {
                Some(label) => self.named_level(tag, &machine.machine, config, label),
                None => Some(written.clone()),
            };
            let Some(levels) = named else { continue };
            let rule = match self.own_levels(machine, tag, config, &levels) {
                Some(levels) => Arc::new(built(config, levels)),
                None if config.label.is_some() => Arc::new(built(config, levels)),
                None => shared.clone(),
            };
            watches.push(Watch {
                rule,
                machine: ix,
                tag: id,
            });
        }
        watches
    }

    fn machines_of(&self, config: &RuleConfig) -> Vec<(MachineIx, &MachineConfig)> {
        let all = (0..).map(MachineIx).zip(self.machines);
        match &config.target.value {
            Target::Machine(id) => {
                let found: Vec<_> = all
                    .filter(|(_, machine)| machine.machine.id == *id)
                    .collect();
                if found.is_empty() {
                    let known = self
                        .machines
                        .iter()
                        .map(|machine| machine.machine.id.as_ref());
                    let message = format!("there is no machine \"{id}\"{}", hint(id, known));
                    self.error(&config.target.place, config, ".machine", message);
                }
                found
            }
            Target::Class(class) => {
                let found: Vec<_> = all
                    .filter(|(_, machine)| machine.machine.class.as_ref() == Some(class))
                    .collect();
                if found.is_empty() && self.moulds.iter().all(|mould| mould.class != *class) {
                    let machines = self.machines.iter();
                    let known = machines
                        .filter_map(|machine| machine.machine.class.as_deref())
                        .chain(self.moulds.iter().map(|mould| &*mould.class));
                    let message = format!(
                        "no machine has the class \"{class}\", so this rule watches nothing{}",
                        hint(class, known)
                    );
                    let path = format!("rule.{}.machine_class", config.id);
                    self.problems
                        .warn(Some(&config.target.place), &path, message);
                }
                found
            }
        }
    }

    fn tag_of(&self, machine: &Machine, config: &RuleConfig) -> Option<TagId> {
        let tag = &config.tag.value;
        let found = self.tag_ids.get(&(machine.id.clone(), tag.clone()));
        if found.is_none() && !self.lost.may_be(tag) {
            let known: Vec<&str> = self
                .tag_ids
                .keys()
                .filter(|(owner, _)| *owner == machine.id)
                .map(|(_, tag)| tag.as_ref())
                .chain(self.lost.tags())
                .collect();
            let message = if known.is_empty() {
                format!("no source reads any tag of {}", machine.id)
            } else {
                format!(
                    "{} has no tag \"{tag}\"{}",
                    machine.id,
                    hint(tag, known.into_iter())
                )
            };
            self.error(&config.tag.place, config, ".tag", message);
        }
        found.copied()
    }

    pub(super) fn check_unit(&self, tag: &TagKind, machine: &Machine, config: &RuleConfig) {
        let Some(unit) = config.unit.as_ref().filter(|unit| unit.value != tag.unit) else {
            return;
        };
        let message = if tag.unit.is_empty() {
            format!(
                "is \"{}\", but {}/{} has no unit",
                unit.value, machine.id, tag.name
            )
        } else {
            format!(
                "is \"{}\", but {}/{} is in \"{}\"",
                unit.value, machine.id, tag.name, tag.unit
            )
        };
        self.error(&unit.place, config, ".unit", message);
    }

    /// The one level of a rule that compares with a label, with the number that this tag has for it.
    pub(super) fn named_level(
        &self,
        tag: &TagKind,
        machine: &Machine,
        config: &RuleConfig,
        label: &str,
    ) -> Option<Vec<Level>> {
        let written = config.levels.first()?;
        let mut level = written.value.clone();
        let key = read::key(level.condition);
        let limit = Limit::Label(label.into());
        match read::build(key, &limit, |label| number_of(label, tag, machine)) {
            Ok(condition) => {
                level.condition = condition;
                Some(vec![level])
            }
            Err(message) => {
                self.error(&written.place, config, &format!(".{key}"), message);
                None
            }
        }
    }

    /// The levels with the machine's own limits in them, if it has any for this rule.
    fn own_levels(
        &self,
        machine: &MachineConfig,
        tag: &TagKind,
        config: &RuleConfig,
        levels: &[Level],
    ) -> Option<Vec<Level>> {
        let mut own = levels.to_vec();
        let mut places: Vec<Option<&Place>> = vec![None; own.len()];
        let mut failed = false;
        for (name, limit) in &machine.limits {
            let level = own
                .iter()
                .position(|level| is_limit_of(name, config, level));
            let Some(at) = level else { continue };
            let number = |label: &str| number_of(label, tag, &machine.machine);
            match read::build(read::key(own[at].condition), &limit.value, number) {
                Ok(condition) => own[at].condition = condition,
                Err(message) => {
                    failed = true;
                    self.limit_error(machine, name, limit, message);
                }
            }
            places[at] = Some(&limit.place);
        }
        if failed || places.iter().all(Option::is_none) {
            return None;
        }
        for mistake in check::levels(&own, config.deadband) {
            // The rule's own mistakes were reported with the rule; only a limit of this machine can add one, to its own
            // level or to the next.
            let written: Vec<_> = check::levels(levels, config.deadband);
            if written.contains(&mistake) {
                continue;
            }
            let place = places[mistake.level].or_else(|| places.iter().flatten().next().copied());
            let path = format!("machine.{}.limits", machine.machine.id);
            let level = &own[mistake.level].name;
            let message = format!("with these, {}.{level} {}", config.id, mistake.message);
            self.problems.error(place, &path, message);
        }
        Some(own)
    }

    /// Reports limits of machines that no rule for that machine has.
    fn unknown_limits(&self, rules: &Rules) {
        for machine in self.machines {
            let known: Vec<(&RuleConfig, &Level)> = rules
                .list
                .iter()
                .filter(|rule| is_for(rule, &machine.machine))
                .flat_map(|rule| rule.levels.iter().map(move |level| (rule, &level.value)))
                .collect();
            for (name, limit) in &machine.limits {
                let of_faulty = |id: &Arc<str>| {
                    let rest = name.strip_prefix(id.as_ref());
                    rest.is_some_and(|rest| rest.starts_with('.'))
                };
                if rules.faulty.iter().any(of_faulty)
                    || known
                        .iter()
                        .any(|(rule, level)| is_limit_of(name, rule, level))
                {
                    continue;
                }
                let names: Vec<String> = known
                    .iter()
                    .map(|(rule, level)| format!("{}.{}", rule.id, level.name))
                    .collect();
                let message = format!(
                    "no rule for this machine has such a level{}",
                    hint(name, names.iter().map(String::as_str))
                );
                self.limit_error(machine, name, limit, message);
            }
        }
    }

    fn limit_error(
        &self,
        machine: &MachineConfig,
        name: &str,
        limit: &Placed<Limit>,
        message: String,
    ) {
        let path = format!("machine.{}.limits.{name}", machine.machine.id);
        self.problems.error(Some(&limit.place), &path, message);
    }

    pub(super) fn error(&self, place: &Place, config: &RuleConfig, key: &str, message: String) {
        let path = format!("rule.{}{key}", config.id);
        self.problems.error(Some(place), &path, message);
    }
}

pub(super) fn built(config: &RuleConfig, levels: Vec<Level>) -> Rule {
    Rule {
        id: config.id.clone(),
        levels,
        deadband: config.deadband,
        off_delay: config.off_delay,
        latched: config.latched,
        message: config.message.clone(),
        action: config.action.clone(),
        runbook: config.runbook.clone(),
    }
}

/// The number behind a label of a tag.
fn number_of(label: &str, tag: &TagKind, machine: &Machine) -> Result<f64, String> {
    let (machine, name) = (&machine.id, &tag.name);
    tag.labels.number(label).ok_or_else(|| {
        if tag.labels.is_empty() {
            return format!(
                "is \"{label}\", but {machine}/{name} has no `values` that say which number that is"
            );
        }
        let known: Vec<&str> = tag.labels.names().collect();
        let first: Vec<String> = known
            .iter()
            .take(NAMED)
            .map(|known| format!("\"{known}\""))
            .collect();
        let more = if known.len() > NAMED { ", .." } else { "" };
        format!(
            "is \"{label}\", but the values of {machine}/{name} are {}{more}{}",
            first.join(", "),
            hint(label, known.into_iter())
        )
    })
}

fn is_for(rule: &RuleConfig, machine: &Machine) -> bool {
    match &rule.target.value {
        Target::Machine(id) => *id == machine.id,
        Target::Class(class) => machine.class.as_ref() == Some(class),
    }
}

/// Ids may contain dots themselves, so the whole name is compared.
fn is_limit_of(name: &str, rule: &RuleConfig, level: &Level) -> bool {
    let rest = name
        .strip_prefix(rule.id.as_ref())
        .and_then(|rest| rest.strip_prefix('.'));
    rest == Some(level.name.as_ref())
}

pub(super) fn hint<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> String {
    nearest(word, words)
        .map(|near| format!("; did you mean \"{near}\"?"))
        .unwrap_or_default()
}
