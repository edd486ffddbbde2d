//! What each route says on one occasion, and why: the decision itself, so that whoever explains it cannot tell another story.

use super::{CALLS, Route, Routes};
use crate::{
    alert::{
        event::{Event, EventKind},
        plant::Traits,
    },
    clock::Wall,
};

/// What routes are asked about.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The alert.
    pub alert: Traits<'a>,
    /// What happened to it.
    pub kind: EventKind,
    /// When; none while the wall clock is not synchronised, as hours then restrict nothing.
    pub at: Option<Wall>,
}

impl<'a> Occasion<'a> {
    /// The occasion that an event is.
    pub fn of(event: &'a Event) -> Self {
        let alert = &event.alert;
        Self {
            alert: Traits {
                severity: alert.severity,
                rule: &alert.rule,
                machine: &alert.machine,
                class: alert.class.as_deref(),
                labels: &alert.labels,
            },
            kind: event.kind,
            at: event.synchronised.then_some(event.at),
        }
    }
}

/// What a route says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes the alert, and routes after it are not asked.
    Decides,
    /// It takes the alert, and routes after it are asked too.
    GoesOn,
    /// It takes the alert as nobody knows whether its hours are open, so routes after it are asked too: who would be told at
    /// any hour is told.
    Assumes,
    /// It is not asked: the route with this index has decided.
    Decided(usize),
    /// This key of its `when` does not match.
    Misfit(&'static str),
    /// It does not take alerts at this kind of event.
    Event,
    /// Its hours are closed.
    Closed,
}

impl Verdict {
    /// Whether its destinations are told.
    pub fn takes(self) -> bool {
        matches!(self, Self::Decides | Self::GoesOn | Self::Assumes)
    }
}

/// Who takes what the routes leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing is left, or this is no event at which anybody joins who did not ask for it.
    Nobody,
    /// The route with `default = true`.
    Default,
    /// There is none, so every destination.
    Everyone,
}

/// What all routes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// One for each route, in order.
    pub routes: Vec<Verdict>,
    /// What becomes of the rest.
    pub rest: Rest,
}

impl Routes {
    /// Asks every route.
    pub fn judge(&self, occasion: &Occasion<'_>) -> Verdicts {
        let mut decided = None;
        let mut taken = false;
        let mut routes = Vec::with_capacity(self.routes.len());
        for (index, route) in self.routes.iter().enumerate() {
            let verdict = match decided {
                Some(earlier) => Verdict::Decided(earlier),
                None => self.ask(route, occasion),
            };
            taken |= matches!(verdict, Verdict::Decides | Verdict::GoesOn);
            if verdict == Verdict::Decides {
                decided = Some(index);
            }
            routes.push(verdict);
        }
        let rest = match &self.default {
            _ if !CALLS.contains(&occasion.kind) => Rest::Nobody,
            // A route that goes on has not decided, so the default is asked too.
            Some(_) if decided.is_none() => Rest::Default,
            None if !taken => Rest::Everyone,
            _ => Rest::Nobody,
        };
        Verdicts { routes, rest }
    }

    fn ask(&self, route: &Route, occasion: &Occasion<'_>) -> Verdict {
        if let Some(key) = route.when.misfit(&occasion.alert) {
            return Verdict::Misfit(key);
        }
        if !route.kinds().contains(&occasion.kind) {
            return Verdict::Event;
        }
        match occasion.at {
            None if !route.hours.is_empty() => Verdict::Assumes,
            Some(at) if !route.hours.is_empty() && !self.calendar.is_open(&route.hours, at) => {
                Verdict::Closed
            }
            _ if route.goes_on => Verdict::GoesOn,
            _ => Verdict::Decides,
        }
    }
}

impl Route {
    /// At which events it takes alerts.
    pub fn kinds(&self) -> &[EventKind] {
        match self.event.is_empty() {
            true => &CALLS,
            false => &self.event,
        }
    }
}
