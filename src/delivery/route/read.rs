//! `[[route]]` as a user writes it, and what `check` says about it.

use std::sync::Arc;

use super::{Route, Routes};
use crate::{
    alert::plant::When,
    config::{
        section::{Section, nearest},
        when::{self, Known},
    },
};

impl Routes {
    /// Reads every `[[route]]` of the configuration; `all` names its destinations.
    pub fn read(root: &Section<'_>, all: Vec<Arc<str>>, known: &Known) -> Self {
        let mut routes = Self {
            all,
            ..Self::default()
        };
        let before = root.problems().errors();
        for (_, section) in root.named("route") {
            routes.read_one(&section, known);
            section.finish();
        }
        // What a route with a mistake was meant to take is not known.
        let clear = root.problems().errors() == before;
        let taken = routes.default.is_some() || routes.take_all(true);
        if clear && !routes.routes.is_empty() && !taken {
            root.warn(
                "route",
                "has no default: what no route takes goes to every destination; say so with `default = true`",
            );
        }
        routes
    }

    fn read_one(&mut self, section: &Section<'_>, known: &Known) {
        let before = section.problems().errors();
        let is_default = section.get("default", false);
        let goes_on = section.get("continue", false);
        let has_when = section.raw("when").is_some();
        let when = when::read(section, known);
        let clear = section.problems().errors() == before;
        let to: Option<Vec<Arc<str>>> = section.required("to");
        if let Some(to) = &to {
            self.check_targets(section, to);
        }
        let clear = clear && to.is_some();
        let to = to.unwrap_or_default();
        if is_default {
            if has_when || goes_on {
                section.error(
                    "default",
                    "takes what no other route decides, so it has neither `when` nor `continue`",
                );
            }
            if self.default.is_some() {
                section.error("default", "is set twice; only one route can be the default");
            } else if self.take_all(false) {
                section.warn("default", UNREACHABLE);
            }
            self.default = Some(to);
            return;
        }
        if !clear {
            // Read as if it took everything, it would only make later routes look unreachable.
            return;
        }
        let decided = |earlier: &Route| !earlier.goes_on && covers(&earlier.when, &when);
        if self.routes.iter().any(decided) {
            section.warn("when", UNREACHABLE);
        }
        self.routes.push(Route { when, to, goes_on });
    }

    fn check_targets(&self, section: &Section<'_>, to: &[Arc<str>]) {
        let known = || self.all.iter().map(AsRef::as_ref);
        for name in to.iter().filter(|name| !self.all.contains(name)) {
            let hint = nearest(name, known()).map(|near| format!("; did you mean \"{near}\"?"));
            let hint = hint.unwrap_or_default();
            let message = format!("names \"{name}\", but there is no such destination{hint}");
            section.error("to", message);
        }
        if to.is_empty() {
            section.warn("to", "is empty: nobody is told about what this route takes");
        }
    }

    /// Whether a route takes everything; with `taken`, one that goes on counts too.
    fn take_all(&self, taken: bool) -> bool {
        let takes = |route: &Route| (taken || !route.goes_on) && route.when == When::default();
        self.routes.iter().any(takes)
    }
}

const UNREACHABLE: &str = "is never reached: an earlier route without `continue` takes all of it";

/// Whether everything that `narrow` takes is taken by `wide`.
fn covers(wide: &When, narrow: &When) -> bool {
    fn all_of<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
        wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|item| wide.contains(item)))
    }
    all_of(&wide.severity, &narrow.severity)
        && all_of(&wide.machine, &narrow.machine)
        && all_of(&wide.class, &narrow.class)
        && all_of(&wide.rule, &narrow.rule)
        && wide.label.iter().all(|(name, values)| {
            let narrow = narrow.label.get(name).map_or(&[][..], Vec::as_slice);
            all_of(values, narrow)
        })
}
