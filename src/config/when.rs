//! `when = { severity = [..], .. }`: which alerts a route or a policy is for.

use std::{collections::BTreeSet, sync::Arc};

use super::section::{Section, nearest};
use crate::alert::plant::{Category, Severity, When};

/// The names that a `when` may mean. One that is not known is a warning, since machines can be discovered later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Ids of machines.
    pub machines: BTreeSet<Arc<str>>,
    /// Classes of machines.
    pub classes: BTreeSet<Arc<str>>,
    /// Ids of rules; those of the agent itself, `andon.*`, are known always.
    pub rules: BTreeSet<Arc<str>>,
}

/// Reads the key `when`; without it everything matches. `more` reads what only this owner's `when` has.
pub fn read(owner: &Section<'_>, known: &Known, more: impl FnOnce(&Section<'_>)) -> When {
    let Some(section) = owner.table("when") else {
        return When::default();
    };
    let list = |key| section.optional::<Vec<Arc<str>>>(key).unwrap_or_default();
    let when = When {
        severity: section
            .optional::<Vec<Severity>>("severity")
            .unwrap_or_default(),
        machine: list("machine"),
        class: list("class"),
        rule: list("rule"),
        category: section
            .optional::<Vec<Category>>("category")
            .unwrap_or_default(),
        label: section
            .pairs::<Vec<Arc<str>>>("label")
            .into_iter()
            .map(|(name, values)| (Arc::from(name), values))
            .collect(),
    };
    let own_rule = |name: &Arc<str>| name.starts_with("andon.");
    check(
        &section,
        "machine",
        &when.machine,
        &known.machines,
        |name| name.as_ref() == super::machine::AGENT,
    );
    check(&section, "class", &when.class, &known.classes, |_| false);
    check(&section, "rule", &when.rule, &known.rules, own_rule);
    let other = |rule: &&Arc<str>| !when.category.contains(&Category::of(rule));
    if !when.category.is_empty()
        && !when.rule.is_empty()
        && when.rule.iter().all(|rule| other(&rule))
    {
        section.warn(
            "category",
            "is that of none of the rules in `rule`, so nothing matches both",
        );
    }
    for key in ["severity", "machine", "class", "rule", "category"] {
        refuse_empty(&section, key);
    }
    more(&section);
    section.finish();
    when
}

/// Reports an empty list, which a person would read as nothing and the program as everything.
pub fn refuse_empty(section: &Section<'_>, key: &'static str) {
    if section.raw(key).is_some_and(is_empty) {
        section.error(
            key,
            "is an empty list, which would match everything; leave the key out",
        );
    }
}

fn is_empty(node: &super::tree::Node) -> bool {
    matches!(&node.value, super::tree::Value::List(items) if items.is_empty())
}

fn check(
    section: &Section<'_>,
    key: &str,
    names: &[Arc<str>],
    known: &BTreeSet<Arc<str>>,
    always: impl Fn(&Arc<str>) -> bool,
) {
    let unknown = names
        .iter()
        .filter(|name| !known.contains(*name) && !always(name));
    for name in unknown {
        let hint = nearest(name, known.iter().map(AsRef::as_ref))
            .map(|near| format!("; did you mean \"{near}\"?"));
        let message = format!(
            "no {key} \"{name}\" is configured, so it matches nothing{}",
            hint.unwrap_or_default()
        );
        section.warn(key, message);
    }
}
