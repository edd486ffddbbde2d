//! Who is told in place of whom: the names exist, and nobody is told in place of itself, also not by way of others.

use std::{collections::BTreeSet, sync::Arc};

use super::section::{Section, nearest};
use crate::destination::Destination;

/// Reports what is wrong with `fallback` of all destinations; `named` are also those that could not be read.
pub(super) fn check(root: &Section<'_>, destinations: &[Destination], named: &[Arc<str>]) {
    let of = |name: &str| {
        let found = destinations.iter().find(|of| *of.name == *name);
        found.map_or(&[][..], |of| &of.terms.fallback)
    };
    for destination in destinations {
        let name = &destination.name;
        let report = |message: String| {
            let node = root.node().get("destination").and_then(|all| all.get(name));
            let place = node.and_then(|node| node.get("fallback"));
            let path = format!("destination.{name}.fallback");
            root.problems()
                .error(place.map(|node| &node.place), &path, message);
        };
        for to in &destination.terms.fallback {
            if !named.contains(to) {
                let near = nearest(to, named.iter().map(|name| &**name));
                let hint =
                    near.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
                report(format!(
                    "names \"{to}\", but there is no such destination{hint}"
                ));
            } else if to == name {
                report("names the destination itself".to_owned());
            } else if leads_to(to, name, &of) {
                report(format!(
                    "leads to \"{to}\" and from there back to \"{name}\""
                ));
            }
        }
    }
}

fn leads_to<'d>(from: &'d str, to: &str, of: &impl Fn(&str) -> &'d [Arc<str>]) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(name) = next.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            next.extend(of(name).iter().map(|name| &**name));
        }
    }
    false
}
