//! `when = { severity = [..], .. }`: which alerts a route or a policy is for.

use std::{collections::BTreeSet, sync::Arc};

use super::section::{Section, nearest};
use crate::alert::plant::{Severity, When};

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

/// Reads the key `when`; without it everything matches.
pub fn read(owner: &Section<'_>, known: &Known) -> When {
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
    for key in ["severity", "machine", "class", "rule"] {
        if section.raw(key).is_some_and(is_empty) {
            section.error(
                key,
                "is an empty list, which would match everything; leave the key out",
            );
        }
    }
    section.finish();
    when
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
