//! Who would hear of an alert, when, and who would not and why: the decision of the routes and the steps of the policy, as
//! answers for people.
//!
//! Pure, and no second decision: it asks [`Routes::judge`] and [`Routes::tells`], by which events are routed.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::route::{CALLS, Occasion, Owed, Rest, Routes, Verdict, Verdicts};
use crate::alert::{
    event::EventKind,
    plant::{Policy, Severity},
};

/// Who would hear of an alert that nobody has heard of yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hearing {
    /// Who would, in the order in which they would.
    pub told: Vec<Told>,
    /// Who would not, in the order of the configuration.
    pub untold: Vec<Untold>,
}

/// One that would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub destination: Arc<str>,
    /// How long after the event, unless somebody acknowledges before.
    pub after: Duration,
    /// How often again, until somebody acknowledges.
    pub repeat: Option<Duration>,
    /// Through what.
    pub by: Way,
}

/// Through what somebody hears. Routes and policies are indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A route.
    Route(usize),
    /// The route with `default = true`.
    Default,
    /// No route takes it, so everybody does.
    Everyone,
    /// A step of a policy, both counted from 0.
    Step(usize, usize),
}

/// One that would not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// Its name.
    pub destination: Arc<str>,
    /// Every reason; none where no route and no policy names it.
    pub why: Vec<Why>,
}

/// Why somebody does not hear of it. Routes and policies are indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The first route is not asked, because the second has decided.
    Decided(usize, usize),
    /// This key of the route's `when` does not match.
    Misfit(usize, &'static str),
    /// The route takes alerts at other events.
    Event(usize),
    /// The hours of the route are closed.
    Closed(usize),
    /// The default is not asked, because this route has decided.
    NotLeft(usize),
    /// The default takes alerts at other events.
    NotAtDefault,
    /// This key of the policy's `when` does not match.
    OtherPolicy(usize, &'static str),
    /// The first policy is not asked, because the second applies.
    PolicyDecided(usize, usize),
    /// The policy applies, but does not begin with such an event.
    PolicyLater(usize),
    /// It is not called below this severity.
    Milder(Severity),
    /// It takes no such events.
    Kind,
}

/// At which events a policy begins to run.
const BEGINS: [EventKind; 2] = [EventKind::Triggered, EventKind::Reopened];

impl Hearing {
    /// Asks routes and policies.
    pub fn of(occasion: &Occasion<'_>, routes: &Routes, policies: &[Policy]) -> Self {
        let asked = Asked {
            occasion,
            routes,
            policies,
            verdicts: routes.judge(occasion),
            policy: policies
                .iter()
                .position(|policy| policy.when.matches(&occasion.alert)),
        };
        let told = asked.told();
        let heard: BTreeSet<&Arc<str>> = told.iter().map(|told| &told.destination).collect();
        let silent = routes.all.iter().filter(|name| !heard.contains(name));
        let untold = silent.map(|name| Untold {
            destination: Arc::clone(name),
            why: asked.why(name),
        });
        Self {
            untold: untold.collect(),
            told,
        }
    }
}

struct Asked<'a> {
    occasion: &'a Occasion<'a>,
    routes: &'a Routes,
    policies: &'a [Policy],
    verdicts: Verdicts,
    /// The policy that applies.
    policy: Option<usize>,
}

impl Asked<'_> {
    fn told(&self) -> Vec<Told> {
        let mut told: Vec<Told> = Vec::new();
        let mut add = |names: &[Arc<str>], by: Way, after: Duration, repeat| {
            let kind = match by {
                Way::Step(..) => EventKind::Escalated,
                _ => self.occasion.kind,
            };
            for name in names {
                // A second route changes nothing, a later step calls again.
                let known = told.iter().any(|one| {
                    one.destination == *name && !matches!(one.by, Way::Step(..)) && by.at_once()
                });
                if !known && self.hears(name, kind).is_ok() {
                    told.push(Told {
                        destination: Arc::clone(name),
                        after,
                        repeat,
                        by,
                    });
                }
            }
        };
        for (index, verdict) in self.verdicts.routes.iter().enumerate() {
            if verdict.takes() {
                let to = &self.routes.routes[index].to;
                add(to, Way::Route(index), Duration::ZERO, None);
            }
        }
        match (self.verdicts.rest, &self.routes.default) {
            (Rest::Default, Some(to)) => add(to, Way::Default, Duration::ZERO, None),
            (Rest::Everyone, _) => add(&self.routes.all, Way::Everyone, Duration::ZERO, None),
            _ => {}
        }
        if let Some(index) = self.policy.filter(|_| BEGINS.contains(&self.occasion.kind)) {
            let policy = &self.policies[index];
            for (at, step) in policy.steps.iter().enumerate() {
                let repeat = policy.repeat.filter(|_| at + 1 == policy.steps.len());
                add(&step.to, Way::Step(index, at), step.after, repeat);
            }
        }
        told
    }

    /// Whether somebody new hears of such an event, as the state told as a trigger or as itself.
    fn hears(&self, name: &Arc<str>, kind: EventKind) -> Result<(), Why> {
        if !self.routes.calls(name, self.occasion.alert.severity) {
            let limits = self.routes.limits.get(name);
            let min = limits.map_or(Severity::Critical, |limits| limits.min_severity);
            return Err(Why::Milder(min));
        }
        let as_trigger = kind != EventKind::Triggered && !kind.is_end();
        let plainly = !as_trigger || !CALLS.contains(&kind);
        let tells = |as_trigger| {
            let owed = Owed {
                destination: Arc::clone(name),
                as_trigger,
                withdrawable: false,
            };
            self.routes.tells(&owed, kind)
        };
        let told = as_trigger && tells(true) || plainly && tells(false);
        told.then_some(()).ok_or(Why::Kind)
    }

    fn why(&self, name: &Arc<str>) -> Vec<Why> {
        let mut why = Vec::new();
        let mut add = |reason: Why| {
            if !why.contains(&reason) {
                why.push(reason);
            }
        };
        let kind = self.occasion.kind;
        for (index, route) in self.routes.routes.iter().enumerate() {
            if !route.to.contains(name) {
                continue;
            }
            match self.verdicts.routes[index] {
                Verdict::Decided(by) => add(Why::Decided(index, by)),
                Verdict::Misfit(key) => add(Why::Misfit(index, key)),
                Verdict::Event => add(Why::Event(index)),
                Verdict::Closed => add(Why::Closed(index)),
                _ => self.hears(name, kind).err().into_iter().for_each(&mut add),
            }
        }
        let default = self.routes.default.as_ref();
        if default.is_some_and(|default| default.contains(name)) {
            let verdicts = self.verdicts.routes.iter();
            let decided = verdicts.clone().position(|one| *one == Verdict::Decides);
            match (self.verdicts.rest, decided) {
                (Rest::Default, _) => self.hears(name, kind).err().into_iter().for_each(&mut add),
                (_, Some(by)) => add(Why::NotLeft(by)),
                (_, None) => add(Why::NotAtDefault),
            }
        } else if self.verdicts.rest == Rest::Everyone {
            self.hears(name, kind).err().into_iter().for_each(&mut add);
        }
        for (index, policy) in self.policies.iter().enumerate() {
            if !policy.steps.iter().any(|step| step.to.contains(name)) {
                continue;
            }
            match (policy.when.misfit(&self.occasion.alert), self.policy) {
                (Some(key), _) => add(Why::OtherPolicy(index, key)),
                (None, Some(by)) if by != index => add(Why::PolicyDecided(index, by)),
                _ if !BEGINS.contains(&kind) => add(Why::PolicyLater(index)),
                _ => {
                    let heard = self.hears(name, EventKind::Escalated);
                    heard.err().into_iter().for_each(&mut add);
                }
            }
        }
        why
    }
}

impl Way {
    /// Whether it tells at once.
    pub fn at_once(self) -> bool {
        !matches!(self, Self::Step(..))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        alert::plant::{Step, Traits, When},
        delivery::route::{Limits, Route},
    };

    fn names(list: &[&str]) -> Vec<Arc<str>> {
        list.iter().map(|name| Arc::from(*name)).collect()
    }

    fn route(severity: Severity, to: &[&str]) -> Route {
        Route {
            when: When {
                severity: vec![severity],
                ..When::default()
            },
            to: names(to),
            ..Route::default()
        }
    }

    fn hearing(severity: Severity, kind: EventKind) -> Hearing {
        let limits = Limits {
            min_severity: Severity::Error,
            kinds: EventKind::ALL.to_vec(),
        };
        let routes = Routes {
            routes: vec![
                route(Severity::Critical, &["ops", "pager"]),
                route(Severity::Warning, &["ops", "boss"]),
            ],
            default: Some(names(&["log"])),
            all: names(&["ops", "pager", "boss", "log", "spare"]),
            limits: [(Arc::from("boss"), limits)].into(),
            ..Routes::default()
        };
        let policies = [Policy {
            id: "p".into(),
            name: "p".into(),
            when: When {
                severity: vec![Severity::Critical],
                ..When::default()
            },
            steps: vec![
                Step {
                    after: Duration::from_secs(60),
                    to: names(&["boss"]),
                },
                Step {
                    after: Duration::from_secs(120),
                    to: names(&["boss", "ops"]),
                },
            ],
            repeat: Some(Duration::from_secs(3600)),
        }];
        let labels = BTreeMap::new();
        let occasion = Occasion {
            alert: Traits {
                severity,
                rule: "overtemp",
                machine: "mill-1",
                class: None,
                labels: &labels,
            },
            kind,
            at: None,
        };
        Hearing::of(&occasion, &routes, &policies)
    }

    #[test]
    fn routes_tell_at_once_and_steps_after_their_time() {
        let told = hearing(Severity::Critical, EventKind::Triggered).told;
        let shown: Vec<String> = told
            .iter()
            .map(|told| {
                let (after, again) = (told.after.as_secs(), told.repeat.is_some());
                format!("{} {after} {again} {:?}", told.destination, told.by)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "ops 0 false Route(0)",
                "pager 0 false Route(0)",
                "boss 60 false Step(0, 0)",
                "boss 120 true Step(0, 1)",
                "ops 120 true Step(0, 1)",
            ]
        );
    }

    #[test]
    fn who_hears_nothing_has_every_reason_for_it() {
        let why = |hearing: Hearing, name: &str| {
            let mut untold = hearing.untold.into_iter();
            untold.find(|one| &*one.destination == name).map(|one| one.why)
        };
        let warned = || hearing(Severity::Warning, EventKind::Triggered);
        assert_eq!(why(warned(), "ops"), None);
        assert_eq!(why(warned(), "pager"), Some(vec![Why::Misfit(0, "severity")]));
        let boss = vec![Why::Milder(Severity::Error), Why::OtherPolicy(0, "severity")];
        assert_eq!(why(warned(), "boss"), Some(boss));
        assert_eq!(why(warned(), "log"), Some(vec![Why::NotLeft(1)]));
        assert_eq!(why(warned(), "spare"), Some(Vec::new()));
        let taken = hearing(Severity::Critical, EventKind::Acknowledged);
        assert!(taken.told.is_empty());
        assert_eq!(why(taken, "pager"), Some(vec![Why::Event(0)]));
    }
}
