//! `[[policy]]`: escalation policies, in the order in which they are tried.

use std::{sync::Arc, time::Duration};

use super::{
    section::{Section, nearest},
    when::{self, Known},
};
use crate::alert::plant::{Policy, Severity, Step};

/// The most steps a policy may have.
const MAX_STEPS: usize = 20;

/// What policies need to know of destinations.
pub struct Destinations<'d> {
    /// All names, for hints.
    pub names: Vec<&'d str>,
    /// Whether a destination, told again about an alert that it knows, would call people again: a pager does not page
    /// twice for one incident, an SMS does. It may do so for an incident of its own, which the second argument asks for. `None`
    /// where there is no such destination. Only the room of destinations knows their kinds, so it comes as an argument.
    pub would_notify: &'d dyn Fn(&str, bool) -> Option<bool>,
    /// Whether a destination is called to alerts of this severity.
    pub calls: &'d dyn Fn(&str, Severity) -> bool,
}

/// Reads all policies.
pub fn policies(root: &Section<'_>, known: &Known, destinations: &Destinations<'_>) -> Vec<Policy> {
    let mut policies = Vec::new();
    for (id, section) in root.named("policy") {
        let id: Arc<str> = id.into();
        let minute = Duration::from_secs(60);
        let repeat = section
            .raw("repeat")
            .map(|_| section.ranged("repeat", minute, minute..=1440 * 7 * minute));
        let when = when::read(&section, known, |_| {});
        let policy = Policy {
            name: section.get("name", id.clone()),
            id,
            steps: steps(&section, &when.severity, destinations),
            when,
            repeat,
        };
        section.finish();
        policies.push(policy);
    }
    policies
}

fn steps(
    policy: &Section<'_>,
    severities: &[Severity],
    destinations: &Destinations<'_>,
) -> Vec<Step> {
    let sections = policy.list_of_some(
        "steps",
        "must have at least one step: [{ after = \"15m\", to = [\"..\"] }]",
    );
    if sections.len() > MAX_STEPS {
        policy.error(
            "steps",
            format!(
                "has {} steps, at most {MAX_STEPS} are allowed",
                sections.len()
            ),
        );
    }
    let mut steps: Vec<Step> = Vec::new();
    for section in sections {
        let after: Option<Duration> = section.required("after");
        let to: Option<Vec<Arc<str>>> = section.required("to");
        if to.as_ref().is_some_and(Vec::is_empty) {
            section.error("to", "must name at least one destination");
        }
        let new_incident = section.get("new_incident", false);
        let mut to = to.unwrap_or_default();
        let named = to.len();
        to.retain(|name| check(&section, (name, new_incident), severities, destinations));
        if named > 0 && to.is_empty() {
            section.warn("to", "has nobody left to call, so this step calls nobody");
        }
        if let (Some(after), Some(before)) = (after, steps.last())
            && after <= before.after
        {
            section.error(
                "after",
                "must be later than the step before; both count from the trigger",
            );
        }
        section.finish();
        steps.push(Step {
            after: after.unwrap_or_default(),
            to,
            new_incident,
        });
    }
    steps
}

/// Says what is wrong with a step's destination; false if it is left out, as it is switched off.
fn check(
    section: &Section<'_>,
    (name, new_incident): (&str, bool),
    severities: &[Severity],
    destinations: &Destinations<'_>,
) -> bool {
    match (destinations.would_notify)(name, new_incident) {
        Some(true) => {
            let calls = |severity: &Severity| (destinations.calls)(name, *severity);
            if !severities.is_empty() && !severities.iter().any(calls) {
                section.warn(
                    "to",
                    format!("names \"{name}\", whose `min_severity` is above everything that this policy is for, so it is never called"),
                );
            }
        }
        // It is told as one incident, and one call is all that it makes of that.
        Some(false) if (destinations.would_notify)(name, true) == Some(true) => section.error(
            "to",
            format!("\"{name}\" would not call anybody again about an incident that it knows; write `new_incident = true` to open another one there, or escalate to another destination"),
        ),
        Some(false) => section.error(
            "to",
            format!("\"{name}\" would not call anybody again about an alert that it knows, as its kind never does or its `events` leave out escalated; escalate to another destination"),
        ),
        None => {
            let problems = section.problems();
            if let Some(place) = problems.switched_off(&format!("destination.{name}")) {
                let message =
                    format!("names \"{name}\", which is switched off at {place}: it is not called");
                section.warn("to", message);
                return false;
            }
            let hint = nearest(name, destinations.names.iter().copied())
                .map(|near| format!("; did you mean \"{near}\"?"));
            let message = format!("there is no destination \"{name}\"{}", hint.unwrap_or_default());
            section.error("to", message);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        file::parse,
        names::{CONFIG, Names},
        section::Problems,
    };

    #[test]
    fn a_step_to_a_destination_that_would_not_call_again_is_a_mistake() {
        let text = "[[policy]]\nid = 'p'\nsteps = [{ after = '1m', to = ['sms', 'pager'] },\n\
            { after = '2m', to = ['oncall'] },\n\
            { after = '3m', to = ['oncall'], new_incident = true }]\n";
        let problems = Problems::new();
        let tree = parse(&"a.toml".into(), text).unwrap();
        let tree = Names::new(CONFIG).split(tree, &problems).remove(0);
        let destinations = Destinations {
            names: vec!["sms", "pager", "oncall"],
            would_notify: &|name, new| Some(name == "sms" || name == "oncall" && new),
            calls: &|_, _| true,
        };
        let found = policies(
            &Section::root(&tree, &problems),
            &Known::default(),
            &destinations,
        );
        assert_eq!(found[0].steps[0].after, Duration::from_secs(60));
        let said: Vec<String> = problems
            .into_sorted()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            said,
            [
                "a.toml:3: policy.p.steps[0].to: \"pager\" would not call anybody again about an alert that it knows, as its kind never does or its `events` leave out escalated; escalate to another destination",
                "a.toml:4: policy.p.steps[1].to: \"oncall\" would not call anybody again about an incident that it knows; write `new_incident = true` to open another one there, or escalate to another destination"
            ]
        );
    }
}
