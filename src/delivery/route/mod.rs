//! To which destinations an event is owed: decided once, in the deciding transaction, from the event and from who has heard
//! of its alert before. When it is delivered is not decided here.

mod cover;
mod ends;
mod judge;
mod read;
#[cfg(test)]
mod tests;

pub use self::judge::{Occasion, Rest, Verdict, Verdicts};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::calendar::Calendar;
use crate::{
    alert::{
        event::{Event, EventKind, State},
        plant::{Severity, When},
    },
    config::{section::Problems, tree::Place},
    destination::Destination,
};

/// At which events a route takes alerts that does not say: at those that say anew that something is wrong.
pub const CALLS: [EventKind; 4] = [
    EventKind::Triggered,
    EventKind::Updated,
    EventKind::Reopened,
    EventKind::Unshelved,
];

/// All routes of the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    /// In order; the first that matches decides, unless it goes on.
    pub routes: Vec<Route>,
    /// Where events go that no route decides; without it, those that no route takes go to every destination.
    pub default: Option<Vec<Arc<str>>>,
    /// Names of all destinations.
    pub all: Vec<Arc<str>>,
    /// What destinations take, for those that do not take everything.
    pub limits: BTreeMap<Arc<str>, Limits>,
    /// The hours that routes name.
    pub calendar: Calendar,
}

/// One `[[route]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// Which alerts it takes.
    pub when: When,
    /// At which events; at [`CALLS`] if it names none.
    pub event: Vec<EventKind>,
    /// At which hours, by their ids; at all if it names none.
    pub hours: Vec<Arc<str>>,
    /// Names of destinations.
    pub to: Vec<Arc<str>>,
    /// The routes after it are asked too.
    pub goes_on: bool,
    /// As it is counted in messages, over all files.
    pub number: u32,
    /// Where it is written.
    pub place: Option<Place>,
}

/// What a destination does not take, whatever routes and policies say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// It is not called to alerts that are milder.
    pub min_severity: Severity,
    /// The kinds of events that it is told.
    pub kinds: Vec<EventKind>,
}

/// One delivery that is owed. Those of one event are in the order in which they are to become rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The destination's name.
    pub destination: Arc<str>,
    /// It joins late: it is told the alert's current state as a trigger.
    pub as_trigger: bool,
    /// It is withdrawn, if nobody can have heard of it, when the alert is acknowledged or ends (`superseded`).
    pub withdrawable: bool,
}

impl Routes {
    /// Where an event goes. `audience` names the destinations that were owed an earlier event of the same alert, those aside
    /// whose deliveries of it were all withdrawn.
    ///
    /// Who is in the audience hears everything that follows, whatever routes, hours and limits say. Who is new is told the
    /// current state as a trigger first, except by the trigger itself and by the end, after which there is no state. Nobody new
    /// is told while the alert is shelved, except of the shelf itself, where a route asks for it.
    pub fn route(&self, event: &Event, audience: &BTreeSet<Arc<str>>) -> Vec<Owed> {
        let (alert, kind) = (&event.alert, event.kind);
        let mut owed = List::default();
        let is_step = kind == EventKind::Escalated;
        if !is_step {
            for destination in audience {
                owed.push(destination, false, false);
            }
        }
        let step = event.escalation.iter().flat_map(|step| &step.to);
        let over = kind == EventKind::Unshelved && alert.state == State::Resolved;
        let silent = over || alert.shelved && kind != EventKind::Shelved;
        let as_trigger = kind != EventKind::Triggered && !kind.is_end();
        // What changed is in the state that it is told.
        let alone = as_trigger && CALLS.contains(&kind);
        for destination in step.chain(self.targets(&Occasion::of(event))) {
            let new = !audience.contains(destination);
            if new && (silent || !self.calls(destination, alert.severity)) {
                continue;
            }
            if new && as_trigger {
                owed.push(destination, true, is_step);
            }
            if (new && !alone) || is_step {
                owed.push(destination, false, is_step);
            }
        }
        owed.0
    }

    /// Takes over what a destination does not take.
    pub fn limit(&mut self, destination: &Destination) {
        let limits = Limits {
            min_severity: destination.wants.min_severity,
            kinds: destination.kinds(),
        };
        let all = Limits {
            min_severity: Severity::Info,
            kinds: EventKind::ALL.to_vec(),
        };
        if limits != all {
            self.limits.insert(Arc::clone(&destination.name), limits);
        }
    }

    /// Reports whom a route names and never calls, as all that it takes is too mild for them.
    pub fn check_limits(&self, problems: &Problems) {
        for route in &self.routes {
            let severities = &route.when.severity;
            let never = |name: &&Arc<str>| {
                let mut severities = severities.iter();
                severities.len() > 0 && !severities.any(|severity| self.calls(name, *severity))
            };
            for name in route.to.iter().filter(never) {
                let message = format!(
                    "names \"{name}\", whose `min_severity` is above everything that this route takes, so it is never called"
                );
                let path = format!("route.{:04}.to", route.number);
                problems.warn(route.place.as_ref(), &path, message);
            }
        }
    }

    /// Whether a destination is called to alerts of this severity.
    pub fn calls(&self, destination: &Arc<str>, severity: Severity) -> bool {
        let limits = self.limits.get(destination);
        limits.is_none_or(|limits| severity >= limits.min_severity)
    }

    /// Whether what is owed becomes a delivery: some destinations take only some kinds of events. They belong to the audience
    /// all the same, because what they do take must reach them to the end.
    pub fn tells(&self, owed: &Owed, kind: EventKind) -> bool {
        let kind = if owed.as_trigger {
            EventKind::Triggered
        } else {
            kind
        };
        let limits = self.limits.get(&owed.destination);
        limits.is_none_or(|limits| limits.kinds.contains(&kind))
    }

    /// The lists of destinations that the routes can choose, each of which some alert relies on.
    pub fn groups(&self) -> Vec<Vec<Arc<str>>> {
        let default = self.default.as_ref().unwrap_or(&self.all);
        let routes = self.routes.iter().map(|route| &route.to);
        routes.chain([default]).cloned().collect()
    }

    /// The destinations that the routes choose on an occasion, each once.
    pub fn targets(&self, occasion: &Occasion<'_>) -> Vec<&Arc<str>> {
        let verdicts = self.judge(occasion);
        let routes = self.routes.iter().zip(&verdicts.routes);
        let taken = routes.filter(|(_, verdict)| verdict.takes());
        let mut targets: Vec<&Arc<str>> = taken.flat_map(|(route, _)| &route.to).collect();
        match (&self.default, verdicts.rest) {
            (Some(default), Rest::Default) => targets.extend(default),
            (_, Rest::Everyone) => targets.extend(&self.all),
            _ => {}
        }
        let mut seen = BTreeSet::new();
        targets.retain(|destination| seen.insert(*destination));
        targets
    }
}

#[derive(Default)]
struct List(Vec<Owed>);

impl List {
    /// Adds it once: a step may name a destination twice.
    fn push(&mut self, destination: &Arc<str>, as_trigger: bool, withdrawable: bool) {
        let owed = Owed {
            destination: Arc::clone(destination),
            as_trigger,
            withdrawable,
        };
        if !self.0.contains(&owed) {
            self.0.push(owed);
        }
    }
}
