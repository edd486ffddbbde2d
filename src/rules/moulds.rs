//! Rules for a class, bound to what machines of it are like that sources may discover. No machine is there yet, so none has limits of
//! its own.

use std::sync::Arc;

use super::{
    RuleConfig, Rules, SourceTags, Target,
    compile::{Binder, built, hint},
};
use crate::{
    alert::plant::{Machine, Mould, Rule},
    config::section::Problems,
};

impl Binder<'_> {
    /// The rules for machines of this mould, each with the place of its tag there.
    pub(super) fn watches_of_mould(&self, mould: &Mould, rules: &Rules) -> Vec<(Arc<Rule>, u32)> {
        // For messages: what every machine of the class is called.
        let machine = Machine {
            id: format!("a discovered {}", mould.class).into(),
            ..Machine::default()
        };
        let all = rules.list.iter().filter(|rule| is_for(rule, mould));
        let watch = |rule: &RuleConfig| {
            let wanted = &rule.tag.value;
            let mut tags = (0..).zip(&mould.tags);
            let Some((place, tag)) = tags.find(|(_, tag)| tag.kind.name == *wanted) else {
                if !self.lost.may_be(wanted) {
                    let known = mould.tags.iter().map(|tag| &*tag.kind.name);
                    let known = known.chain(self.lost.tags());
                    let message = format!(
                        "{} has no tag \"{wanted}\"{}",
                        machine.id,
                        hint(wanted, known)
                    );
                    self.error(&rule.tag.place, rule, ".tag", message);
                }
                return None;
            };
            self.check_unit(&tag.kind, &machine, rule);
            let written = rule.levels.iter().map(|level| level.value.clone());
            let levels = match &rule.label {
                Some(label) => self.named_level(&tag.kind, &machine, rule, label)?,
                None => written.collect(),
            };
            Some((Arc::new(built(rule, levels)), place))
        };
        all.filter_map(watch).collect()
    }
}

/// Warns of classes that are discovered and that no rule is for.
pub(super) fn check(sources: &[SourceTags], rules: &Rules, problems: &Problems) {
    // One with a mistake may be the one that is missing.
    if !rules.faulty.is_empty() {
        return;
    }
    let class = |rule: &RuleConfig| match &rule.target.value {
        Target::Class(class) => Some(Arc::clone(class)),
        Target::Machine(_) => None,
    };
    let known: Vec<Arc<str>> = rules.list.iter().filter_map(class).collect();
    for mould in sources.iter().flat_map(|source| &source.moulds) {
        if known.contains(&mould.class) {
            continue;
        }
        let message = format!(
            "no rule is for the class \"{}\", so machines that are discovered never alert{}",
            mould.class,
            hint(&mould.class, known.iter().map(AsRef::as_ref))
        );
        problems.warn(
            Some(&mould.place),
            &format!("{}.class", mould.path),
            message,
        );
    }
}

fn is_for(rule: &RuleConfig, mould: &Mould) -> bool {
    matches!(&rule.target.value, Target::Class(class) if *class == mould.class)
}
