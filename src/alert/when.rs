//! Which alerts a route or a policy is for.

use std::{collections::BTreeMap, sync::Arc};

use super::plant::{Category, Severity};

/// Which alerts a route or policy is for. Every list that is not empty must match; an empty one matches all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When {
    /// One of these severities.
    pub severity: Vec<Severity>,
    /// One of these machine ids.
    pub machine: Vec<Arc<str>>,
    /// One of these classes.
    pub class: Vec<Arc<str>>,
    /// One of these rule ids.
    pub rule: Vec<Arc<str>>,
    /// One of these categories.
    pub category: Vec<Category>,
    /// Each of these labels with one of its values.
    pub label: BTreeMap<Arc<str>, Vec<Arc<str>>>,
}

/// What of an alert is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Traits<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// Its rule, which also tells its category.
    pub rule: &'a str,
    /// What it is about.
    pub machine: &'a str,
    /// The machine's class.
    pub class: Option<&'a str>,
    /// The machine's labels.
    pub labels: &'a BTreeMap<Arc<str>, Arc<str>>,
}

impl When {
    /// Whether it matches such an alert.
    pub fn matches(&self, alert: &Traits<'_>) -> bool {
        self.misfit(alert).is_none()
    }

    /// The first key that does not match: `severity`, `machine`, `class`, `rule`, `category`, `label`.
    pub fn misfit(&self, alert: &Traits<'_>) -> Option<&'static str> {
        let one_of = |list: &[Arc<str>], word: Option<&str>| {
            list.is_empty()
                || word.is_some_and(|word| list.iter().any(|item| item.as_ref() == word))
        };
        let label = |(name, values): (&Arc<str>, &Vec<Arc<str>>)| {
            one_of(values, alert.labels.get(name).map(AsRef::as_ref))
        };
        let category = Category::of(alert.rule);
        let fits = [
            (
                "severity",
                self.severity.is_empty() || self.severity.contains(&alert.severity),
            ),
            ("machine", one_of(&self.machine, Some(alert.machine))),
            ("class", one_of(&self.class, alert.class)),
            ("rule", one_of(&self.rule, Some(alert.rule))),
            (
                "category",
                self.category.is_empty() || self.category.contains(&category),
            ),
            ("label", self.label.iter().all(label)),
        ];
        let misfit = fits.into_iter().find(|(_, fits)| !fits);
        misfit.map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert<'a>(severity: Severity, labels: &'a BTreeMap<Arc<str>, Arc<str>>) -> Traits<'a> {
        Traits {
            severity,
            rule: "overtemp",
            machine: "mill-1",
            class: Some("mill"),
            labels,
        }
    }

    #[test]
    fn an_empty_when_matches_everything_and_a_list_only_its_members() {
        let labels = BTreeMap::from([("hall".into(), "2".into())]);
        let critical = || When {
            severity: vec![Severity::Critical],
            ..When::default()
        };
        let table = [
            (When::default(), None),
            (critical(), Some("severity")),
            (
                When {
                    machine: vec!["mill-2".into()],
                    ..When::default()
                },
                Some("machine"),
            ),
            (
                When {
                    class: vec!["mill".into(), "oven".into()],
                    ..When::default()
                },
                None,
            ),
            (
                When {
                    category: vec![Category::Blind, Category::Agent],
                    ..When::default()
                },
                Some("category"),
            ),
            (
                When {
                    label: BTreeMap::from([("hall".into(), vec!["2".into()])]),
                    ..When::default()
                },
                None,
            ),
            (
                When {
                    label: BTreeMap::from([("line".into(), vec!["2".into()])]),
                    ..When::default()
                },
                Some("label"),
            ),
        ];
        for (when, misfit) in table {
            assert_eq!(
                when.misfit(&alert(Severity::Info, &labels)),
                misfit,
                "{when:?}"
            );
        }
        assert!(critical().matches(&alert(Severity::Critical, &labels)));
    }
}
