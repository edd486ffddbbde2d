//! One `[[rule]]` after the other, strictly.

use std::{sync::Arc, time::Duration};

use super::{RuleConfig, Rules, Target, check};
use crate::{
    alert::plant::{Condition, Level, Rule, Severity},
    config::{
        machine::{AGENT, Limit},
        section::{Id, Section, nearest},
        values::Placed,
    },
};

/// What a message may name.
pub const PLACEHOLDERS: [&str; 6] = ["value", "limit", "unit", "machine", "tag", "level"];

const LONGEST_DELAY: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const CONDITIONS: [&str; 6] = [
    "above",
    "below",
    "outside",
    "inside",
    "equals",
    "not_equals",
];

/// Reads the merged rule files. A rule with a mistake that leaves nothing to compile is left out; the mistake is reported.
pub fn read(root: Section<'_>, off_delay: Duration) -> Rules {
    let mut rules = Rules::default();
    let problems = root.problems();
    for (id, section) in root.named("rule") {
        let before = problems.errors();
        rules.list.extend(rule(&id, section, off_delay));
        if problems.errors() > before {
            rules.faulty.insert(id.into());
        }
    }
    root.finish();
    rules
}

fn rule(id: &str, section: Section<'_>, default_off_delay: Duration) -> Option<RuleConfig> {
    if id.split('.').next() == Some(AGENT) {
        let message = "begins like the agent's own rules; choose another id";
        section
            .problems()
            .error(Some(section.place()), section.path(), message);
    }
    let target = target(&section);
    let tag: Option<Placed<Arc<str>>> = section.required("tag");
    let unit = section.optional("unit");
    let mut deadband = section.get("deadband", 0.0);
    if deadband < 0.0 {
        section.error("deadband", format!("must be 0 or more, not {deadband}"));
        deadband = 0.0;
    }
    let off_delay = section.ranged(
        "off_delay",
        default_off_delay,
        Duration::ZERO..=LONGEST_DELAY,
    );
    let latched = section.get("latched", false);
    let (levels, label) = levels(&section);
    let message = message(&section, &levels);
    let action = section.get("action", Arc::default());
    let runbook = section.optional("runbook");
    check_levels(&section, &levels, deadband);
    if deadband == 0.0 && off_delay.is_zero() {
        let message = "has neither a deadband nor an off_delay; a value that swings around its limit will raise and end it without pause";
        section
            .problems()
            .warn(Some(section.place()), section.path(), message);
    }
    let place = section.place().clone();
    section.finish();
    Some(RuleConfig {
        id: id.into(),
        target: target?,
        tag: tag?,
        unit,
        levels: (!levels.is_empty()).then_some(levels)?,
        label,
        deadband,
        off_delay,
        latched,
        message,
        action,
        runbook,
        place,
    })
}

fn target(section: &Section<'_>) -> Option<Placed<Target>> {
    let class: Option<Placed<Id>> = section.optional("machine_class");
    let machine: Option<Placed<Id>> = section.optional("machine");
    match (class, machine) {
        (Some(class), None) => Some(Placed {
            value: Target::Class(class.value.0),
            place: class.place,
        }),
        (None, Some(machine)) => Some(Placed {
            value: Target::Machine(machine.value.0),
            place: machine.place,
        }),
        (Some(_), Some(_)) => {
            section.error(
                "machine",
                "stands beside `machine_class`; a rule is for one machine or for a class",
            );
            None
        }
        (None, None) => {
            if section.raw("machine_class").is_none() && section.raw("machine").is_none() {
                section.error(
                    "machine_class",
                    "is missing; a rule needs `machine_class` or `machine`",
                );
            }
            None
        }
    }
}

/// The list `levels`, or the one level that is written on the rule itself; and the label that it compares with, if it does.
fn levels(section: &Section<'_>) -> (Vec<Placed<Level>>, Option<Arc<str>>) {
    // Asked for in any case, so that hints know these keys.
    let inline: Vec<&str> = CONDITIONS
        .into_iter()
        .chain(["severity", "on_delay"])
        .filter(|key| section.raw(key).is_some())
        .collect();
    if section.raw("levels").is_none() {
        let (level, label) = level(section, false).unzip();
        return (level.into_iter().collect(), label.flatten());
    }
    if let Some(key) = inline.first() {
        section.error(key, "stands beside `levels`; it belongs into one of them");
    }
    let sections = section.list_of_some("levels", "must have at least one level");
    if sections.len() > Rule::MAX_LEVELS {
        let message = format!(
            "has {} levels, at most {} are allowed",
            sections.len(),
            Rule::MAX_LEVELS
        );
        section.error("levels", message);
    }
    let (mut levels, mut labels) = (Vec::new(), Vec::new());
    for section in sections {
        if let Some((level, label)) = level(&section, true) {
            levels.push(level);
            labels.extend(label);
        }
        section.finish();
    }
    // With more than one level it is a mistake, and reported as such.
    (levels, labels.into_iter().next())
}

fn level(section: &Section<'_>, listed: bool) -> Option<(Placed<Level>, Option<Arc<str>>)> {
    let name: Option<Id> = if listed {
        section.required("name")
    } else {
        None
    };
    let condition = condition(section);
    let severity: Option<Severity> = section.required("severity");
    let on_delay = section.ranged("on_delay", Duration::ZERO, Duration::ZERO..=LONGEST_DELAY);
    let (key, condition, label) = condition?;
    let name = match name {
        Some(name) => name.0,
        None if listed => return None,
        // The level of a rule without a list is called what it does: `oven-hot.above`.
        None => key.into(),
    };
    let level = Placed {
        value: Level {
            name,
            condition,
            on_delay,
            severity: severity?,
        },
        place: section
            .raw(key)
            .map_or(section.place(), |node| &node.place)
            .clone(),
    };
    Some((level, label))
}

fn condition(section: &Section<'_>) -> Option<(&'static str, Condition, Option<Arc<str>>)> {
    let given: Vec<(&'static str, Option<Limit>)> = CONDITIONS
        .into_iter()
        .filter(|key| section.raw(key).is_some())
        .map(|key| (key, section.optional(key)))
        .collect();
    match given.as_slice() {
        [] => {
            let message = format!(
                "has no condition; it needs one of {}",
                CONDITIONS.join(", ")
            );
            section
                .problems()
                .error(Some(section.place()), section.path(), message);
            None
        }
        [(key, limit)] => {
            let limit = limit.as_ref()?;
            let condition = build(key, limit, |_| Ok(0.0));
            if let Err(message) = &condition {
                section.error(key, message.clone());
            }
            let label = match limit {
                Limit::Label(label) => Some(label.clone()),
                _ => None,
            };
            Some((key, condition.ok()?, label))
        }
        [(first, _), (second, _), ..] => {
            section.error(
                second,
                format!("stands beside `{first}`; a level has one condition"),
            );
            None
        }
    }
}

/// The condition that a key and a limit make; `number` says which number a label is. It is also how a machine's own limit replaces
/// the rule's.
pub(super) fn build(
    key: &str,
    limit: &Limit,
    number: impl Fn(&str) -> Result<f64, String>,
) -> Result<Condition, String> {
    let bit = |bit: bool| f64::from(u8::from(bit));
    Ok(match (key, limit) {
        ("above", Limit::One(limit)) => Condition::Above(*limit),
        ("below", Limit::One(limit)) => Condition::Below(*limit),
        ("outside", Limit::Pair(low, high)) => Condition::Outside {
            low: *low,
            high: *high,
        },
        ("inside", Limit::Pair(low, high)) => Condition::Inside {
            low: *low,
            high: *high,
        },
        ("equals", Limit::One(limit)) => Condition::Equals(*limit),
        ("equals", Limit::Bool(limit)) => Condition::Equals(bit(*limit)),
        ("equals", Limit::Label(label)) => Condition::Equals(number(label)?),
        ("not_equals", Limit::One(limit)) => Condition::NotEquals(*limit),
        ("not_equals", Limit::Bool(limit)) => Condition::NotEquals(bit(*limit)),
        ("not_equals", Limit::Label(label)) => Condition::NotEquals(number(label)?),
        ("above" | "below", _) => return Err("must be a number".to_owned()),
        ("outside" | "inside", _) => return Err("must be [low, high]".to_owned()),
        _ => return Err("must be a number, true, false or one of the tag's `values`".to_owned()),
    })
}

/// The key of the configuration that makes this condition.
pub(super) fn key(condition: Condition) -> &'static str {
    match condition {
        Condition::Above(_) => "above",
        Condition::Below(_) => "below",
        Condition::Outside { .. } => "outside",
        Condition::Inside { .. } => "inside",
        Condition::Equals(_) => "equals",
        Condition::NotEquals(_) => "not_equals",
    }
}

fn check_levels(section: &Section<'_>, levels: &[Placed<Level>], deadband: f64) {
    let plain: Vec<Level> = levels.iter().map(|level| level.value.clone()).collect();
    for mistake in check::levels(&plain, deadband) {
        let level = &levels[mistake.level];
        let path = format!("{}.{}", section.path(), level.value.name);
        section
            .problems()
            .error(Some(&level.place), &path, mistake.message);
    }
}

fn message(section: &Section<'_>, levels: &[Placed<Level>]) -> Arc<str> {
    let Some(message) = section.optional::<Arc<str>>("message") else {
        let compares = levels.first().is_none_or(|level| {
            !matches!(
                level.value.condition,
                Condition::Equals(_) | Condition::NotEquals(_)
            )
        });
        let text = if compares {
            "{tag} {value}, limit {limit}"
        } else {
            "{tag} is {value}"
        };
        return text.into();
    };
    let mut rest = message.as_ref();
    while let Some(at) = rest.find('{') {
        let after = &rest[at + 1..];
        let Some(end) = after.find('}') else {
            section.error("message", "has `{` without `}`");
            break;
        };
        let name = &after[..end];
        if !PLACEHOLDERS.contains(&name) {
            let hint = nearest(name, PLACEHOLDERS.into_iter())
                .map(|near| format!("; did you mean {{{near}}}?"));
            let message = format!(
                "names {{{name}}}, which is none of {{{}}}{}",
                PLACEHOLDERS.join("}, {"),
                hint.unwrap_or_default()
            );
            section.error("message", message);
        }
        rest = &after[end + 1..];
    }
    message
}
