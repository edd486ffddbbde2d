//! Routes, hours and reasons in words.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    alert::plant::{Policy, When},
    clock::Wall,
    config::section::show_duration,
    delivery::{
        hearing::{Told, Way, Why},
        route::{Route, Routes},
    },
    destination::{Late, Terms},
};

/// Everything that words are made from.
pub(super) struct Words<'a> {
    pub(super) routes: &'a Routes,
    pub(super) policies: &'a [Policy],
    pub(super) at: Option<Wall>,
}

impl Words<'_> {
    /// When somebody hears: `at once`, `after 15m`, `after 15m, then every 1h`.
    pub(super) fn when(told: &Told) -> String {
        let after = match told.after {
            Duration::ZERO => "at once".to_owned(),
            after => format!("after {}", show_duration(after)),
        };
        match told.repeat {
            Some(repeat) => format!("{after}, then every {}", show_duration(repeat)),
            None => after,
        }
    }

    /// Through what.
    pub(super) fn way(&self, way: Way) -> String {
        match way {
            Way::Route(route) => self.route(route),
            Way::Default => "the default route".to_owned(),
            Way::Everyone => "no route: everybody is told".to_owned(),
            Way::Step(policy, step) => format!("policy {}, step {}", self.policies[policy].id, step + 1),
        }
    }

    /// What else there is to know of somebody who hears.
    pub(super) fn terms(&self, told: &Told, terms: Option<&Terms>) -> Vec<String> {
        let mut said = Vec::new();
        if let Way::Route(route) = told.by {
            said.extend(self.open(&self.routes.routes[route]));
        }
        if let Way::Step(..) = told.by {
            said.push("unless somebody acknowledges before".to_owned());
        }
        let Some(terms) = terms else {
            return said;
        };
        if told.by.at_once() && !terms.call_every.is_zero() {
            let every = show_duration(terms.call_every);
            said.push(format!("called at most once in {every}"));
        }
        match terms.late {
            Late::Send => {}
            Late::Collapse => said.push("late after an outage: only the latest state".to_owned()),
            Late::Digest => said.push("late after an outage: in few messages".to_owned()),
        }
        if !terms.fallback.is_empty() {
            let (to, after) = (names(&terms.fallback), show_duration(terms.fallback_after));
            said.push(format!("{to} if it has not accepted in {after}"));
        }
        said
    }

    /// Until when the hours of a route are open that has taken something.
    fn open(&self, route: &Route) -> Option<String> {
        if route.hours.is_empty() {
            return None;
        }
        let hours = names(&route.hours);
        let Some(at) = self.at else {
            return Some(format!("only in {hours}, which nobody knows without a clock"));
        };
        let until = self.routes.calendar.next_change(&route.hours, at);
        let until = until.map(|until| format!(", until {}", self.time(until)));
        Some(format!("only in {hours}{}", until.unwrap_or_default()))
    }

    /// Why somebody does not hear.
    pub(super) fn why(&self, why: &Why) -> String {
        let route = |index: usize| self.route(index);
        match why {
            Why::Decided(later, by) => {
                format!("{} is not asked, as {} decides before it", route(*later), route(*by))
            }
            Why::Misfit(index, key) => {
                let only = listed(&self.routes.routes[*index].when, key);
                format!("{} is for {key} {only}", route(*index))
            }
            Why::Event(index) => {
                let kinds = self.routes.routes[*index].kinds().iter();
                let kinds: Vec<&str> = kinds.map(|kind| kind.word()).collect();
                format!("{} takes alerts only when {}", route(*index), kinds.join(", "))
            }
            Why::Closed(index) => self.closed(*index),
            Why::NotLeft(by) => format!("the default route is not asked, as {} decides", route(*by)),
            Why::NotAtDefault => "the default route does not take alerts at this event".to_owned(),
            Why::OtherPolicy(index, key) => {
                let policy = &self.policies[*index];
                let only = listed(&policy.when, key);
                format!("policy {} is for {key} {only}", policy.id)
            }
            Why::PolicyDecided(later, by) => format!(
                "policy {} is not asked, as {} applies",
                self.policies[*later].id, self.policies[*by].id
            ),
            Why::PolicyLater(index) => {
                let id = &self.policies[*index].id;
                format!("policy {id} begins when an alert is triggered or reopened")
            }
            Why::Milder(min) => format!("its min_severity is {}", min.word()),
            Why::Kind => "its `events` leave this out".to_owned(),
        }
    }

    fn closed(&self, index: usize) -> String {
        let hours = &self.routes.routes[index].hours;
        let opens = self.at.and_then(|at| self.routes.calendar.next_change(hours, at));
        let until = match opens {
            Some(opens) => format!("closed until {}", self.time(opens)),
            None => "never open".to_owned(),
        };
        format!("{} is only for {}, {until}", self.route(index), names(hours))
    }

    fn route(&self, index: usize) -> String {
        let route = &self.routes.routes[index];
        match &route.place {
            Some(place) => format!("route {} ({place})", route.number),
            None => format!("route {}", route.number),
        }
    }

    /// A time in the zone of the site: `Mon 2026-12-24 23:00 CET`.
    pub(super) fn time(&self, at: Wall) -> String {
        match Timestamp::from_millisecond(at.as_millis()) {
            Ok(stamp) => {
                let zoned = stamp.to_zoned(self.routes.calendar.zone.clone());
                zoned.strftime("%a %Y-%m-%d %H:%M %Z").to_string()
            }
            Err(_) => at.to_string(),
        }
    }
}

/// What a route takes.
pub(super) fn takes(route: &Route) -> String {
    let keys = ["severity", "machine", "class", "rule", "category", "label"];
    let keys = keys.into_iter().filter_map(|key| {
        let listed = listed(&route.when, key);
        (!listed.is_empty()).then(|| match key {
            "label" => listed,
            key => format!("{key} {listed}"),
        })
    });
    let mut parts: Vec<String> = keys.collect();
    if !route.event.is_empty() {
        let kinds: Vec<&str> = route.event.iter().map(|kind| kind.word()).collect();
        parts.push(format!("when {}", kinds.join(" or ")));
    }
    if !route.hours.is_empty() {
        parts.push(format!("in {}", route.hours.join(" or ")));
    }
    match parts.is_empty() {
        true => "everything".to_owned(),
        false => parts.join("; "),
    }
}

/// What a key of a `when` lists; nothing where it matches all.
fn listed(when: &When, key: &str) -> String {
    let list = |names: &[Arc<str>]| names.join(" or ");
    let words = |words: Vec<&str>| words.join(" or ");
    match key {
        "severity" => words(when.severity.iter().map(|one| one.word()).collect()),
        "machine" => list(&when.machine),
        "class" => list(&when.class),
        "rule" => list(&when.rule),
        "category" => words(when.category.iter().map(|one| one.word()).collect()),
        _ => {
            let labels = when.label.iter();
            let labels = labels.map(|(name, values)| format!("{name} {}", list(values)));
            labels.collect::<Vec<String>>().join("; ")
        }
    }
}

fn names(names: &[Arc<str>]) -> String {
    names.join(", ")
}
