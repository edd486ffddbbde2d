//! To which destinations an event is owed: decided once, in the deciding transaction, from the event and from who has heard
//! of its alert before. When it is delivered is not decided here.

mod read;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::alert::{
    event::{Alert, Event, EventKind, State},
    plant::When,
};

/// All routes of the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    /// In order; the first that matches decides, unless it goes on.
    pub routes: Vec<Route>,
    /// Where events go that no route decides; without it, those that no route takes go to every destination.
    pub default: Option<Vec<Arc<str>>>,
    /// Names of all destinations.
    pub all: Vec<Arc<str>>,
    /// The kinds of events that a destination takes, for those that do not take all.
    pub only: BTreeMap<Arc<str>, Vec<EventKind>>,
}

/// One `[[route]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// Which alerts it takes.
    pub when: When,
    /// Names of destinations.
    pub to: Vec<Arc<str>>,
    /// The routes after it are asked too.
    pub goes_on: bool,
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
    /// Who is in the audience hears everything that follows, whatever the routes say. Who is new is told the current state
    /// as a trigger, except by the trigger itself, and is not told at all while the alert is shelved.
    pub fn route(&self, event: &Event, audience: &BTreeSet<Arc<str>>) -> Vec<Owed> {
        let alert = &event.alert;
        let mut owed = List::default();
        match event.kind {
            EventKind::Triggered | EventKind::Updated | EventKind::Reopened => {
                owed.audience(audience);
                if !alert.shelved {
                    let late = event.kind != EventKind::Triggered;
                    owed.newcomers(audience, self.targets(alert), late);
                }
            }
            EventKind::Acknowledged
            | EventKind::Resolved
            | EventKind::Closed
            | EventKind::Shelved => owed.audience(audience),
            EventKind::Unshelved => {
                owed.audience(audience);
                if alert.state != State::Resolved && !alert.shelved {
                    owed.newcomers(audience, self.targets(alert), true);
                }
            }
            EventKind::Escalated => {
                let to = event.escalation.iter().flat_map(|step| &step.to);
                for destination in to {
                    let new = !audience.contains(destination);
                    if new && !alert.shelved {
                        owed.push(destination, true, true);
                    }
                    if !new || !alert.shelved {
                        owed.push(destination, false, true);
                    }
                }
            }
        }
        owed.0
    }

    /// Whether what is owed becomes a delivery: some destinations take only some kinds of events. They belong to the audience
    /// all the same, because what they do take must reach them to the end.
    pub fn tells(&self, owed: &Owed, kind: EventKind) -> bool {
        let kind = if owed.as_trigger {
            EventKind::Triggered
        } else {
            kind
        };
        let only = self.only.get(&owed.destination);
        only.is_none_or(|kinds| kinds.contains(&kind))
    }

    /// The lists of destinations that the routes can choose, each of which some alert relies on.
    pub fn groups(&self) -> Vec<Vec<Arc<str>>> {
        let default = self.default.as_ref().unwrap_or(&self.all);
        let routes = self.routes.iter().map(|route| &route.to);
        routes.chain([default]).cloned().collect()
    }

    /// The destinations that the routes choose for an alert as it is now, each once.
    pub fn targets(&self, alert: &Alert) -> Vec<&Arc<str>> {
        let mut targets: Vec<&Arc<str>> = Vec::new();
        let (mut taken, mut decided) = (false, false);
        for route in &self.routes {
            let class = alert.class.as_deref();
            let (rule, machine) = (&alert.rule, &alert.machine);
            let when = &route.when;
            if when.matches(alert.severity, rule, machine, class, &alert.labels) {
                targets.extend(&route.to);
                taken = true;
                decided = !route.goes_on;
                if decided {
                    break;
                }
            }
        }
        match &self.default {
            // A route that goes on has not decided, so the default is asked too.
            Some(default) if !decided => targets.extend(default),
            None if !taken => targets.extend(&self.all),
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
    fn audience(&mut self, audience: &BTreeSet<Arc<str>>) {
        for destination in audience {
            self.push(destination, false, false);
        }
    }

    fn newcomers(&mut self, audience: &BTreeSet<Arc<str>>, targets: Vec<&Arc<str>>, late: bool) {
        let new = |destination: &&Arc<str>| !audience.contains(*destination);
        for destination in targets.into_iter().filter(new) {
            self.push(destination, late, false);
        }
    }

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
