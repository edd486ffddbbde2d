//! `[[route]]` as a user writes it, and what `check` says about it.

use std::sync::Arc;

use super::{
    Route, Routes,
    cover::{everything, nothing_left},
};
use crate::{
    alert::event::EventKind,
    config::{
        section::{Read, Section, nearest},
        tree::{Node, Value},
        values::read_word,
        when::{self, Known, refuse_empty},
    },
    delivery::calendar::Calendar,
};

impl Routes {
    /// Reads every `[[route]]` of the configuration; `all` names its destinations, `calendar` holds its hours.
    pub fn read(root: &Section<'_>, all: Vec<Arc<str>>, calendar: Calendar, known: &Known) -> Self {
        let mut routes = Self {
            all,
            calendar,
            ..Self::default()
        };
        let before = root.problems().errors();
        for (number, section) in root.named("route") {
            routes.read_one(number.parse().unwrap_or(0), &section, known);
            section.finish();
        }
        // What a route with a mistake was meant to take is not known.
        let clear = root.problems().errors() == before;
        let taken = routes.default.is_some() || nothing_left(&routes.routes, &everything(), true);
        if clear && !routes.routes.is_empty() && !taken {
            root.warn(
                "route",
                "has no default: what no route takes goes to every destination; say so with `default = true`",
            );
        }
        routes
    }

    fn read_one(&mut self, number: u32, section: &Section<'_>, known: &Known) {
        let before = section.problems().errors();
        let is_default = section.get("default", false);
        let goes_on = section.get("continue", false);
        let has_when = section.raw("when").is_some();
        let mut route = Route {
            goes_on,
            number,
            place: Some(section.place().clone()),
            ..Route::default()
        };
        route.when = when::read(section, known, |section| {
            self.read_occasions(section, &mut route.event, &mut route.hours);
        });
        let clear = section.problems().errors() == before;
        let mut to: Option<Vec<Arc<str>>> = section.required("to");
        if let Some(to) = &mut to {
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
            } else if nothing_left(&self.routes, &everything(), false) {
                section.warn("default", UNREACHABLE);
            }
            self.default = Some(to);
            return;
        }
        if !clear {
            // Read as if it took everything, it would only make later routes look unreachable.
            return;
        }
        if nothing_left(&self.routes, &route, false) {
            section.warn("when", UNREACHABLE);
        }
        route.to = to;
        self.routes.push(route);
    }

    /// What only the `when` of a route has: at which events and hours.
    fn read_occasions(
        &self,
        section: &Section<'_>,
        event: &mut Vec<EventKind>,
        hours: &mut Vec<Arc<str>>,
    ) {
        *event = section.optional("event").unwrap_or_default();
        refuse_empty(section, "event");
        *hours = section
            .optional("hours")
            .map_or_else(Vec::new, |OneOrMore(list)| list);
        refuse_empty(section, "hours");
        let known = || self.calendar.hours.iter().map(|hours| &hours.id);
        for name in hours.iter().filter(|name| !known().any(|id| id == *name)) {
            let near = nearest(name, known().map(AsRef::as_ref));
            let hint = near.map(|near| format!("; did you mean \"{near}\"?"));
            let message = format!(
                "names \"{name}\", but there are no such [[hours]]{}",
                hint.unwrap_or_default()
            );
            section.error("hours", message);
        }
    }

    fn check_targets(&self, section: &Section<'_>, to: &mut Vec<Arc<str>>) {
        let known = || self.all.iter().map(AsRef::as_ref);
        let problems = section.problems();
        to.retain(|name| {
            if self.all.contains(name) {
                return true;
            }
            if let Some(place) = problems.switched_off(&format!("destination.{name}")) {
                let message =
                    format!("names \"{name}\", which is switched off at {place}: it is not told");
                section.warn("to", message);
                return false;
            }
            let hint = nearest(name, known()).map(|near| format!("; did you mean \"{near}\"?"));
            let hint = hint.unwrap_or_default();
            let message = format!("names \"{name}\", but there is no such destination{hint}");
            section.error("to", message);
            true
        });
        if to.is_empty() {
            section.warn("to", "is empty: nobody is told about what this route takes");
        }
    }
}

const UNREACHABLE: &str = "is never reached: an earlier route without `continue` takes all of it";

impl Read for EventKind {
    const EXPECTED: &'static str = "one of triggered, updated, acknowledged, escalated, resolved, reopened, shelved, unshelved, closed";
    fn read(node: &Node) -> Result<Self, String> {
        read_word(node, &Self::ALL, Self::word)
    }
}

/// One name, or a list of them.
struct OneOrMore(Vec<Arc<str>>);

impl Read for OneOrMore {
    const EXPECTED: &'static str = "a text or a list of texts";
    fn read(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Text(name) => Ok(Self(vec![name.as_str().into()])),
            Value::List(_) => Vec::read(node).map(Self),
            _ => Err(Self::mismatch(node)),
        }
    }
}
